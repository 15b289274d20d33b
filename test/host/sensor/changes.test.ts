// SPDX-License-Identifier: Apache-2.0
// Files that change while a command runs: each way in which a file is replaced is seen, once, when it is
// whole; and policies are exchanged all or none.
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { LoadedPolicy } from "../../../host/engine/policy.js";
import { Changes, type Outcome } from "../../../host/sensor/changes.js";
import { exchange, type Seats } from "../../../host/sensor/exchange.js";
import { until } from "../../until.js";

const root = mkdtempSync(join(tmpdir(), "vedette-changes-"));
test.after(() => rmSync(root, { recursive: true }));
const LOOK_MS = 5;

/** Takes all that it is told of. */
const takes =
  (told: string[][]) =>
  async (paths: readonly string[]): Promise<Outcome> => {
    told.push([...paths]);
    return "taken";
  };

test("a file that is written, replaced, made or removed is told of, and so is one in a folder or behind a link", async () => {
  const folder = join(root, "ways");
  mkdirSync(join(folder, "one"), { recursive: true });
  mkdirSync(join(folder, "two"));
  const path = (name: string): string => join(folder, name);
  for (const name of ["one/rules", "two/rules", "plain", "other"]) writeFileSync(path(name), name);
  symlinkSync("one", path("data"));
  const files = [path("plain"), path("data/rules"), path("late"), path("two")];
  const told: string[][] = [];
  const changes = await Changes.open({ files: async () => files, isWatching: true, onChange: takes(told) }, LOOK_MS);
  changes.begin();
  const next = async (path: string, change: () => void): Promise<void> => {
    const before = told.length;
    change();
    await until(`${path} is told of`, () => told.length > before);
    assert.equal(told.slice(before), [[path]]);
  };
  await next(path("plain"), () => writeFileSync(path("plain"), "PLAIN")); // of the same length
  await next(path("plain"), () => renameSync(path("other"), path("plain")));
  await next(path("late"), () => writeFileSync(path("late"), ""));
  await next(path("late"), () => unlinkSync(path("late")));
  await next(path("two"), () => writeFileSync(path("two/more"), ""));
  await next(path("data/rules"), () => {
    symlinkSync("two", path("data.new"));
    renameSync(path("data.new"), path("data")); // as Kubernetes does it
  });
  await changes.close();
});

test("a file that is being written is taken when it is whole, and what changes meanwhile is taken next", async () => {
  const path = join(root, "long");
  writeFileSync(path, "");
  const told: number[] = [];
  let length = 0;
  let isWriting = true;
  let go = (): void => undefined;
  const changes = await Changes.open(
    {
      files: async () => [path],
      isWatching: true,
      onChange: async () => {
        told.push(length);
        if (told.length === 1) await new Promise<void>((done) => (go = done));
        return "taken";
      },
    },
    50,
  );
  changes.begin();
  const write = (): void => writeFileSync(path, "x".repeat(++length));
  for (const end = performance.now() + 500; isWriting; await sleep(1)) {
    write();
    isWriting = performance.now() < end;
  }
  await until("it is told of", () => told.length === 1);
  assert.is(told[0], length, "not before it was whole");
  write();
  go();
  await until("and once more", () => told.length === 2);
  assert.equal(told, [length - 1, length]);
  await changes.close();
});

test("without watching, SIGHUP alone asks; and nothing is told where nothing changed", async () => {
  const path = join(root, "asked");
  writeFileSync(path, "a");
  let files = [path];
  const told: string[][] = [];
  const changes = await Changes.open({
    files: async () => files,
    isWatching: false,
    onChange: async (paths) => {
      told.push([...paths]);
      files = [path, join(root, "named since")];
      return "taken";
    },
  });
  changes.begin();
  await changes.hangUp();
  assert.equal(told, []);
  writeFileSync(path, "b");
  await changes.hangUp();
  await changes.hangUp();
  assert.equal(told, [[path]]);
  writeFileSync(join(root, "named since"), "");
  await changes.hangUp();
  assert.equal(told[1], [join(root, "named since")]);
  await changes.close();
});

test("what changed since it was read is told of at the beginning, and nothing is before", async () => {
  const path = join(root, "early");
  const watch = async (isWatching: boolean) => {
    const told: string[][] = [];
    const onChange = takes(told);
    return { told, changes: await Changes.open({ files: async () => [path], isWatching, onChange }, LOOK_MS) };
  };
  writeFileSync(path, "");
  const [begun, watching, asked] = await Promise.all([watch(true), watch(true), watch(false)]);
  begun.changes.begin();
  writeFileSync(path, "after it was read");
  const answer = asked.changes.hangUp();
  await until("whoever has begun is told", () => begun.told.length > 0);
  assert.equal([watching.told, asked.told], [[], []]);
  for (const { changes } of [watching, asked]) changes.begin();
  await answer;
  assert.equal(asked.told, [[path]]);
  await until("whoever watches is told", () => watching.told.length > 0);
  assert.equal(watching.told, [[path]]);
  for (const { changes } of [begun, watching, asked]) await changes.close();
});

test("what was refused is told of again when something else changes, and when SIGHUP asks", async () => {
  const [first, second] = [join(root, "refused"), join(root, "mended")];
  writeFileSync(first, "");
  writeFileSync(second, "");
  const outcomes: Outcome[] = ["refused", "refused", "refused", "taken"];
  const told: string[][] = [];
  const changes = await Changes.open({
    files: async () => [first, second],
    isWatching: false,
    onChange: async (paths) => {
      told.push([...paths]);
      return outcomes[told.length - 1] ?? "taken";
    },
  });
  changes.begin();
  writeFileSync(first, "a");
  await changes.hangUp();
  await changes.hangUp();
  writeFileSync(second, "b");
  await changes.hangUp();
  await changes.hangUp();
  await changes.hangUp();
  assert.equal(told, [[first], [first], [first, second], [first, second]]);
  await changes.close();
});

test("where one watches, what was refused waits for a change", async () => {
  const [path, named] = [join(root, "names"), join(root, "named wrongly")];
  writeFileSync(path, "");
  let files = [path];
  let looks = 0;
  const told: string[][] = [];
  const changes = await Changes.open(
    {
      files: async () => {
        looks++;
        return files;
      },
      isWatching: true,
      onChange: async (paths) => {
        files = [path, named];
        told.push([...paths]);
        return told.length === 1 ? "refused" : "taken";
      },
    },
    LOOK_MS,
  );
  changes.begin();
  writeFileSync(path, "names another file");
  await until("it is refused", () => told.length === 1);
  const seen = looks;
  await until("it is looked at for a while", () => looks > seen + 10);
  assert.equal(told, [[path]]);
  writeFileSync(named, "mended");
  await until("the file that it named is mended", () => told.length === 2);
  assert.equal(told[1], [path, named]);
  await changes.close();
});

test("a file that is named since, and changes while it is read, is told of", async () => {
  const [path, named] = [join(root, "naming"), join(root, "read")];
  writeFileSync(path, "");
  writeFileSync(named, "");
  let files = [path];
  const told: string[][] = [];
  const changes = await Changes.open({
    files: async () => files,
    isWatching: false,
    onChange: async (paths, onNamed) => {
      told.push([...paths]);
      files = [path, named];
      await onNamed();
      if (told.length === 1) writeFileSync(named, "after it was read");
      return "taken";
    },
  });
  changes.begin();
  writeFileSync(path, "names another file");
  await changes.hangUp();
  await changes.hangUp();
  assert.equal(told, [[path], [named]]);
  await changes.close();
});

test("what never began is closed", async () => {
  const changes = await Changes.open({
    files: async () => [join(root, "never")],
    isWatching: true,
    onChange: async () => {
      throw new Error("it never began");
    },
  });
  writeFileSync(join(root, "never"), "");
  const answer = changes.hangUp();
  await changes.close();
  await answer;
});

const policy = (name: string, bytes: string, version = "1"): LoadedPolicy =>
  ({ name, version, place: name, rules: [], parameters: {}, admitted: { bytes: Buffer.from(bytes) } }) as never;

/** An engine that holds policies, and does not start those whose bytes are `bad`. */
function seats(policies: readonly LoadedPolicy[]) {
  const all = new Map(policies.map((one, id) => [id, one]));
  let next = all.size;
  const steps: string[] = [];
  const seat = (one: LoadedPolicy): number => {
    if (one.admitted.bytes.toString() === "bad") throw new Error("it does not start");
    all.set(next, one);
    return next++;
  };
  const engine: Seats = {
    status: () => [...all].map(([id, one]) => ({ id, policy: one })) as never,
    add: async (one) => {
      const id = seat(one);
      steps.push(`add ${one.name}`);
      return id;
    },
    replace: async (id, one) => {
      const now = seat(one);
      all.delete(id);
      steps.push(`replace ${one.name}`);
      return now;
    },
    remove: async (id) => {
      steps.push(`remove ${all.get(id)?.name}`);
      all.delete(id);
    },
  };
  const judging = (): string[] => [...all.values()].map(({ name, admitted }) => `${name}:${admitted.bytes}`).sort();
  return { engine, steps, judging };
}

test("policies that stay are left alone; others come, change and go", async () => {
  const before = [policy("a", "1"), policy("b", "1"), policy("c", "1")];
  const { engine, steps, judging } = seats(before);
  const now = await exchange(engine, before, [policy("a", "1"), policy("b", "2"), policy("d", "1")]);
  assert.equal(steps, ["replace b", "add d", "remove c"]);
  assert.equal(judging(), ["a:1", "b:2", "d:1"]);
  assert.is(now[0], before[0], "the one that judges, to be found again");
  await exchange(engine, now, [policy("a", "1", "2")]);
  assert.equal(steps.slice(3), ["replace a", "remove b", "remove d"], "what it says of itself counts, too");
});

test("where one does not start, all are as they were", async () => {
  const before = [policy("a", "1"), policy("b", "1"), policy("c", "1")];
  const { engine, judging } = seats(before);
  const after = [policy("a", "2"), policy("d", "1"), policy("b", "bad")];
  await exchange(engine, before, after).then(
    () => assert.unreachable(),
    (error: Error) => assert.is(error.message, "it does not start"),
  );
  assert.equal(judging(), ["a:1", "b:1", "c:1"]);
});

test.run();
