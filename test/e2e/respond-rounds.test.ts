// SPDX-License-Identifier: Apache-2.0
//
// Responses again and again, and as under Linux 5.10: many processes at once open what a rule is about. Each
// appends to a file of its own, which says whether it runs, whatever the agent says of it.
// VEDETTE_RESPOND_ROUNDS=200 has 200 of them.
// Time limit: 900 s.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { until } from "../until.js";
import { scratch } from "./programs.js";
import { type Alert, responded, statusOf, TREE } from "./responding.js";

const ROUNDS = Number(process.env.VEDETTE_RESPOND_ROUNDS ?? 8);
const UNLIMITED = { limit: { per_minute: 1_000 } };
const KERNELS: Record<string, Record<string, string>> = {
  "": {},
  ", as under Linux 5.10": { VEDETTE_ASSUME_KERNEL: "5.10" },
};
/** How long a freeze holds, s: longer than it takes to freeze all and to look at them. */
const FREEZE_S = 20 + Math.ceil(ROUNDS / 4);
/** How exact files' times are. */
const CLOCK_MS = 20;
const SLOW = { ms: 300_000, everyMs: 100 };

/** Many at once, until `over` is there; then each is killed, and the shell says that it lives. */
const MANY =
  `i=0; while [ $i -lt ${ROUNDS} ]; do ${TREE} beat TRIGGER beat.$i & i=$((i+1)); done; ` +
  `n=0; until [ -e over ] || [ $n -gt 1500 ]; do n=$((n+1)); sleep 0.2; done; pkill -KILL -f "^${TREE}"; wait; echo lives`;

/** One run whose row is answered for each of the processes, and what to ask of it meanwhile. */
function many(row: Record<string, unknown>, env: Record<string, string>) {
  const folder = scratch();
  const ended = responded(row, MANY, { folder, env, limitMs: 500_000 });
  const sizes = (): number[] =>
    Array.from({ length: ROUNDS }, (_, i) => {
      const path = join(folder, `beat.${i}`);
      return existsSync(path) ? statSync(path).size : 0;
    });
  const steps = (status: string): Alert[] => {
    const path = join(folder, "alerts.json");
    const lines = existsSync(path) ? readFileSync(path, "utf8").split("\n").slice(0, -1) : [];
    const alerts = lines.map((line) => JSON.parse(line) as Alert);
    return alerts.filter((alert) => alert.rule === "Response" && statusOf(alert) === status);
  };
  const told = (status: string, count: number): Promise<unknown> =>
    until(`${count} times ${status}`, () => steps(status).length >= count, {
      ...SLOW,
      tell: () => `but ${steps(status).length}`,
    });
  const over = async (): Promise<Awaited<typeof ended>> => {
    writeFileSync(join(folder, "over"), "");
    return ended;
  };
  /** Looks at the files again and again from now on; gives how long each had not grown, when it did, ms. */
  const watch = (): (() => number[]) => {
    const times = (): number[] => sizes().map((_, i) => statSync(join(folder, `beat.${i}`)).mtimeMs);
    const [held, begun] = [sizes(), times()];
    const found = new Map<number, number>();
    const look = (): void => {
      const [now, at] = [sizes(), times()];
      for (const i of grown(held, now)) if (!found.has(i)) found.set(i, at[i]! - begun[i]!);
    };
    const timer = setInterval(look, 50);
    return () => {
      clearInterval(timer);
      return [...found.values()];
    };
  };
  /** Of the names that these processes have (responding.ts). */
  const wake = (): unknown => execFileSync("pkill", ["-CONT", "-f", `^${join(folder, "tree")}`]);
  return { sizes, steps, told, over, wake, watch };
}

const grown = (before: readonly number[], after: readonly number[]): number[] =>
  [...before.keys()].filter((i) => after[i]! > before[i]!);

for (const [how, env] of Object.entries(KERNELS)) {
  test(`${ROUNDS} processes are frozen, hold against SIGCONT, and go on when their time is over${how}`, async () => {
    const { sizes, steps, told, over, wake, watch } = many(
      { action: "freeze", for: `${FREEZE_S}s`, ...UNLIMITED },
      env,
    );
    await told("done", ROUNDS);
    const held = sizes();
    for (let i = 0; i < 5; i++) {
      wake();
      await sleep(200); // two beats
    }
    // None may have gone on before we had looked.
    const later = sizes();
    const pauses = watch();
    assert.is(steps("ended").length, 0, "the machine is too slow for this freeze");
    assert.equal(grown(held, later), []);
    await told("ended", ROUNDS);
    // From its last beat before the freeze to one after it: the kernel's times, whenever we hear of them.
    await until("all go on", () => grown(later, sizes()).length === ROUNDS, SLOW);
    const { run, statuses } = await over();
    assert.ok(Math.min(...pauses()) >= FREEZE_S * 1000 - CLOCK_MS, `held for ${Math.min(...pauses())} ms`);
    assert.is(run.stdout, "lives\n", run.stderr);
    assert.equal([...new Set(statuses)].sort(), ["done", "ended", "requested"]);
  });

  test(`a dry run says of ${ROUNDS} processes what it would do, and all of them go on${how}`, async () => {
    const { sizes, told, over } = many({ action: "kill-tree", mode: "dry-run", ...UNLIMITED }, env);
    await told("done", ROUNDS);
    const before = sizes();
    await until("all go on", () => grown(before, sizes()).length === ROUNDS, SLOW);
    const { run, steps, statuses } = await over();
    assert.is(run.stdout, "lives\n", run.stderr);
    assert.equal([...new Set(statuses)].sort(), ["done", "requested"]);
    assert.ok(steps.every(({ output_fields: fields }) => fields["response.mode"] === "dry-run"));
  });

  test(`of ${ROUNDS} processes a limit of 3 lets 3 be killed, and the others go on${how}`, async () => {
    const { sizes, told, over } = many({ action: "kill", limit: { per_minute: 3 } }, env);
    await told("done", 3);
    await told("limited", 1);
    await until("all have begun", () => sizes().filter((size) => size > 0).length >= ROUNDS - 3, SLOW);
    const before = sizes();
    await until("the others go on", () => grown(before, sizes()).length === ROUNDS - 3, SLOW);
    const { run, statuses } = await over();
    assert.is(run.stdout, "lives\n", run.stderr);
    assert.equal(statuses.filter((one) => one !== "requested").sort(), ["done", "done", "done", "limited"]);
  });

  test(`the workload's first process is refused ${ROUNDS} times, and lives${how}`, async () => {
    const refused = `$(grep -c '"response.status":"refused"' alerts.json)`;
    const script =
      `i=0; while [ $i -lt ${ROUNDS} ]; do : <TRIGGER; ` +
      `until [ ${refused} -gt $i ]; do sleep 0.05; done; i=$((i+1)); done; echo lives`;
    const { run, statuses } = await responded({ action: "kill-tree", ...UNLIMITED }, script, { env, limitMs: 400_000 });
    assert.is(run.stdout, "lives\n", run.stderr);
    assert.equal([...new Set(statuses)].sort(), ["refused", "requested"]);
    assert.is(statuses.filter((one) => one === "refused").length, ROUNDS);
  });
}

test.run();
