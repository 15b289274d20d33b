// SPDX-License-Identifier: Apache-2.0
//
// In a task as Fargate runs it: every kind of image, as root and as another user, with and without
// SYS_PTRACE, under a read-only root. The workload behaves as without Vedette, its events arrive at the
// sidecar, and the alert names task, container, image.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { KINDS, type Kind, makeRootfs, missingFor, type Rootfs } from "../lab/rootfs.js";
import {
  agentWords,
  alertsOf,
  buildWorkload,
  fillVolume,
  isListening,
  metric,
  SIDECAR,
  startSidecar,
  volume,
} from "../lab/sidecar.js";
import { type Container, missingForTasks, Task, until, within } from "../lab/task.js";

const missing = missingForTasks();
const DIGEST = `sha256:${"ab".repeat(32)}`;
const RUN_MS_MAX = 90_000;

interface Row {
  readonly kind: Kind;
  readonly user: number;
  readonly added: readonly string[];
  readonly name: string;
}

const ROWS: Row[] = KINDS.flatMap((kind) =>
  [0, 1000].flatMap((user) =>
    [[], ["SYS_PTRACE"]].map((added) => ({
      kind,
      user,
      added,
      name: [kind, user, added.length > 0 ? "ptrace" : "plain"].join("-"),
    })),
  ),
);

const task = new Task([
  SIDECAR,
  ...ROWS.map(({ name }) => ({ name, image: `registry.example/team/${name}:1.2`, digest: DIGEST })),
]);
const roots = new Map<Kind, Rootfs>();
let sidecar: Container;

function run(row: Row, words: readonly string[], own: readonly string[] = ["/srv/workload", "own argument"]) {
  const root = roots.get(row.kind)!;
  const container = task.start({
    name: row.name,
    rootfs: root.path,
    mounts: [...root.mounts, volume(task, true)],
    user: row.user,
    readOnlyRoot: true,
    addCapabilities: row.added,
    memoryBytes: 512 << 20,
    environment: { VEDETTE_CONTAINER: row.name },
    args: [...words, ...own],
  });
  return within(container.ended, RUN_MS_MAX, `${row.name} did not end`);
}

if (missing === null) {
  test.before(async () => {
    await task.open();
    fillVolume(task);
    for (const kind of KINDS.filter((one) => missingFor(one) === null)) {
      const folder = join(task.folder, kind);
      mkdirSync(folder);
      roots.set(
        kind,
        makeRootfs(kind, folder, { "srv/workload": buildWorkload(kind, join(task.folder, `workload-${kind}`)) }),
      );
    }
    sidecar = startSidecar(task);
    await isListening(sidecar);
  });
  test.after(() => task.close());

  for (const row of ROWS) {
    const lacking = missingFor(row.kind);
    if (lacking !== null) {
      console.log(`skip: ${row.name}: ${lacking} is missing`);
      continue;
    }
    for (const start of ["availability", "security"]) {
      test(`${row.name}, ${start}: the workload behaves as without Vedette and is seen`, async () => {
        const plain = await run(row, []);
        assert.is(plain.status, 3, plain.stderr);
        const before = alertsOf(sidecar).length;
        const watched = await run(row, agentWords("--start", start));
        assert.equal([watched.stdout, watched.stderr, watched.status], [plain.stdout, plain.stderr, plain.status]);
        await until(
          () => alertsOf(sidecar).length > before,
          "no alert came",
          () => sidecar.stderr,
        );
        const { rule, output_fields: fields } = alertsOf(sidecar).at(-1)!;
        assert.match(rule, /credentials/i);
        assert.is(fields["container.name"], row.name);
        assert.is(fields["container.image"], `registry.example/team/${row.name}:1.2`);
        assert.is(fields["container.image.digest"], DIGEST);
        assert.is(fields["ecs.task.arn"], task.arn);
        assert.equal(
          ["ecs.task.family", "ecs.task.revision", "ecs.availability_zone"].map((name) => fields[name]),
          ["lab", "7", "eu-west-1b"],
        );
        assert.match(fields["ecs.cluster"], /^arn:.*:cluster\/lab$/);
        assert.ok(String(fields["container.id"]).length > 0);
        assert.is(metric(task, "vedette_lost_events_total", row.name), 0);
      });
    }
  }

  for (const row of ROWS.filter(({ kind, user }) => kind === "debian" && user === 0)) {
    test(`${row.name}: what is told of a program that has changed its user`, async () => {
      const before = alertsOf(sidecar).length;
      const change = "setpriv --reuid 1000 --regid 1000 --clear-groups cat /vedette/secret";
      const { status } = await run(row, agentWords("--start", "security"), ["/bin/sh", "-c", change]);
      assert.is(status, 0, "agents of any user read the secret");
      await until(
        () => alertsOf(sidecar).length > before,
        "no alert came",
        () => sidecar.stderr,
      );
      const { rule, output_fields: fields } = alertsOf(sidecar).at(-1)!;
      assert.is(rule, "Vedette's files touched");
      const told = ["fd.name", "evt.res", "proc.name", "proc.cmdline", "proc.pname"].map((name) => fields[name]);
      assert.equal(told, ["/vedette/secret", "SUCCESS", "cat", "cat /vedette/secret", "sh"]);
      const isKnown = row.added.length > 0;
      assert.is(fields["proc.exepath"] === "/usr/bin/cat", isKnown, `${fields["proc.exepath"]}`);
      assert.is(fields["user.name"] === "app", isKnown, `${fields["user.name"]}`);
    });
  }

  test("every container's events arrived, and nothing was refused", () => {
    for (const row of ROWS.filter(({ kind }) => roots.has(kind)))
      assert.ok(metric(task, "vedette_events_total", `"${row.name}"`) > 20, row.name);
    assert.is(metric(task, "vedette_refusals_total"), 0);
  });

  test("SIGTERM ends the sidecar in time, with status 0", async () => {
    sidecar.kill("TERM");
    const { status, stderr } = await within(sidecar.ended, RUN_MS_MAX, "the sidecar did not end");
    assert.is(status, 0, stderr);
  });
} else console.log(`skip: containers of a task: ${missing} is missing`);

test.run();
