// SPDX-License-Identifier: Apache-2.0
// Falco's syscall_event_drops: when it acts, how often, and what it does.
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { VedetteError } from "../../../host/errors.js";
import type { Alert } from "../../../host/output/alert.js";
import { DROP_RULE, type DropSettings, Drops } from "../../../host/output/drops.js";

const USUAL: DropSettings = { actions: ["log"], threshold: 0.1, rate: 0.5, burst: 2 };

/** One whose clock and counts the test turns. */
function watched(settings: Partial<DropSettings>) {
  const told = { lines: [] as string[], alerts: [] as Alert[], ends: [] as VedetteError[] };
  let [ms, arrived, lost] = [0, 0, 0];
  const drops = new Drops({
    settings: { ...USUAL, ...settings },
    totals: () => ({ arrived, lost }),
    hostname: "web-1",
    onAlert: (alert) => told.alerts.push(alert),
    say: (line) => told.lines.push(line),
    onExit: (error) => told.ends.push(error),
    now: () => ms,
  });
  const second = (more: number, missing: number): void => {
    ms += 1_000;
    arrived += more;
    lost += missing;
    drops.look();
  };
  return { told, second, close: () => drops.close() };
}

test("it acts on a greater share than the threshold, of the last second alone", () => {
  const { told, second, close } = watched({ burst: 100 });
  second(90, 10);
  assert.is(told.lines.length, 0, "a tenth is not more than a tenth");
  second(89, 11);
  second(1_000, 0);
  second(0, 5);
  close();
  assert.equal(told.lines, [
    `vedette: ${DROP_RULE}. 11 system calls dropped in last second.`,
    `vedette: ${DROP_RULE}. 5 system calls dropped in last second.`,
  ]);
});

test("it acts `max_burst` times at once, and `rate` times a second in the long run", () => {
  const { told, second, close } = watched({});
  const acts = Array.from({ length: 12 }, () => {
    const before = told.lines.length;
    second(0, 10);
    return told.lines.length - before;
  });
  close();
  assert.equal(acts, [1, 1, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0]);
});

test("the alert has Falco's name and numbers as texts, and the end comes once", () => {
  const { told, second, close } = watched({ actions: ["alert", "exit"], burst: 9 });
  second(5, 15);
  second(5, 15);
  close();
  assert.is(told.lines.length, 0);
  assert.is(told.alerts.length, 2);
  const [{ rule, priority, source, outputFields, hostname } = {} as Alert] = told.alerts;
  assert.equal([rule, priority, source, hostname], [DROP_RULE, "Debug", "internal", "web-1"]);
  assert.equal(outputFields, [
    ["n_drops", "15"],
    ["n_evts", "20"],
  ]);
  assert.equal(
    told.ends.map(({ code, exit }) => [code, exit]),
    [["VEDETTE_FALCO_DROPS", 1]],
  );
});

test.run();
