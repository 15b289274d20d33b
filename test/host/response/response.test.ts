// SPDX-License-Identifier: Apache-2.0
//
// Which alerts are answered, and what is said of it: by fakes, with a clock of the tests.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { stringify } from "yaml";
import type { DenyRow } from "../../../host/engine/prevent-row.js";
import { VedetteError } from "../../../host/errors.js";
import { readResponseRows } from "../../../host/policy/respond.js";
import { HostDeeds } from "../../../host/response/host-deeds.js";
import type { ResponseRow } from "../../../host/response/response.js";
import { scratch } from "../../e2e/programs.js";
import { until } from "../../until.js";
import { alertOf, START } from "../incident/shared.js";
import { answer, rowOf, stage } from "./stage.js";

test("an alert of a rule is answered once, and each step is told", () => {
  const { responder, told, sent, web } = stage([rowOf({ action: "kill-tree" })]);
  responder.onAlert(alertOf({ pid: 7 }), web);
  responder.onAlert(alertOf({ pid: 7 }), web);
  responder.onAlert(alertOf({ pid: 7, rule: "Another" }), web);
  assert.is(sent.length, 1);
  assert.equal({ ...sent[0]!.request, started: 0n }, { ...sent[0]!.request, action: "kill-tree", pid: 7, started: 0n });
  assert.is(responder.onAnswer(web, answer(1, "done", { processes: 3 })), "heard");
  assert.equal(told(), ["requested by host", "done by agent"]);
});

test("alerts of one process are answered again when the first answer was no success", () => {
  const { responder, told, web } = stage([rowOf({})]);
  for (const id of [1, 2]) {
    responder.onAlert(alertOf({ pid: 7 }), web);
    responder.onAnswer(web, answer(id, "refused"));
  }
  assert.equal(told(), ["requested by host", "refused by agent", "requested by host", "refused by agent"]);
});

test("an alert whose process nobody knows, or without an agent, asks for nothing", () => {
  const { responder, told, sent, web } = stage([rowOf({})]);
  const alert = alertOf({ pid: 7 });
  responder.onAlert(alert, null);
  responder.onAlert({ ...alert, finding: { ...alert.finding!, process: null } }, web);
  const { finding: _none, ...bare } = alert;
  responder.onAlert(bare, web);
  assert.is(sent.length, 0);
  assert.equal(told(), ["failed by host"]);
});

test("a limit holds for one row and one container", () => {
  const { responder, told, sent, web, db, clock } = stage([rowOf({ limit: { perMinute: 2, after: "off" } })]);
  for (let pid = 10; pid < 15; pid++) responder.onAlert(alertOf({ pid }), web);
  assert.equal(told(), ["requested by host", "requested by host"]); // whether that was too many depends on what comes
  for (const id of [1, 2]) responder.onAnswer(web, answer(id, "done"));
  const answered = ["requested by host", "requested by host", "done by agent", "done by agent"];
  assert.equal(told(), [...answered, "limited by host"]);
  responder.onAlert(alertOf({ pid: 10 }), db);
  assert.is(sent.length, 3);
  clock.now += 600_000_000_000n;
  responder.onAlert(alertOf({ pid: 99 }), web);
  assert.is(sent.length, 3, "it is off until the agent connects anew");
  responder.onLeft(web);
  responder.onAlert(alertOf({ pid: 99 }), web);
  assert.is(sent.length, 4);
});

test("a limit that pauses goes on a minute later", () => {
  const { responder, sent, told, web, clock } = stage([rowOf({ limit: { perMinute: 1, after: "pause" } })]);
  responder.onAlert(alertOf({ pid: 1 }), web);
  responder.onAnswer(web, answer(1, "done"));
  responder.onAlert(alertOf({ pid: 2 }), web);
  responder.onAlert(alertOf({ pid: 3 }), web);
  clock.now += 61_000_000_000n;
  responder.onAlert(alertOf({ pid: 4 }), web);
  assert.is(sent.length, 2);
  assert.equal(told(), ["requested by host", "done by agent", "limited by host", "requested by host"]);
});

test("a burst whose first answers find nobody disarms nothing: what came meanwhile is asked for", () => {
  const { responder, told, sent, web } = stage([rowOf({ limit: { perMinute: 2, after: "off" } })]);
  for (let pid = 10; pid < 18; pid++) responder.onAlert(alertOf({ pid }), web);
  for (let id = 1; id <= 6; id++) responder.onAnswer(web, answer(id, "gone"));
  assert.equal(
    sent.map(({ request }) => request.pid),
    [10, 11, 12, 13, 14, 15, 16, 17],
  );
  assert.not(told().includes("limited by host"));
  for (const id of [7, 8]) responder.onAnswer(web, answer(id, "done"));
  responder.onAlert(alertOf({ pid: 30 }), web);
  responder.onAlert(alertOf({ pid: 31 }), web);
  assert.equal(told().slice(-3), ["done by agent", "done by agent", "limited by host"]);
});

test("what waits is asked for once, and no more of it waits than there is room for", () => {
  const { responder, told, sent, web } = stage([rowOf({ limit: { perMinute: 1, after: "off" } })]);
  responder.onAlert(alertOf({ pid: 1 }), web);
  for (let i = 0; i < 100; i++) responder.onAlert(alertOf({ pid: 2 }), web);
  responder.onAnswer(web, answer(1, "gone"));
  assert.equal(
    sent.map(({ request }) => request.pid),
    [1, 2],
  );
  for (let pid = 100; pid < 200; pid++) responder.onAlert(alertOf({ pid }), web);
  assert.equal(told().filter((one) => one.startsWith("limited")).length, 1);
  responder.onAnswer(web, answer(2, "done"));
  assert.is(sent.length, 2);
});

test("other rows are taken: they answer from then on, and what waits for one that is gone is not asked for", () => {
  const [first, second] = [rowOf({ limit: { perMinute: 1, after: "off" } }), rowOf({ action: "kill-tree" })];
  const { responder, news, told, sent, web } = stage([first]);
  for (const pid of [1, 2]) responder.onAlert(alertOf({ pid }), web);
  responder.take([second]);
  assert.equal(told(), ["requested by host", "refused by host"]);
  assert.match(news.at(-1)!.why, /its row is not there any more/);
  responder.onAnswer(web, answer(1, "done"));
  responder.onAlert(alertOf({ pid: 3 }), web);
  assert.equal(
    sent.map(({ request }) => [request.action, request.pid]),
    [
      ["kill", 1],
      ["kill-tree", 3],
    ],
  );
  responder.take([]);
  assert.is(responder.hasRows, false);
  responder.onAlert(alertOf({ pid: 4 }), web);
  assert.is(sent.length, 2);
});

test("a row that is taken again goes on with its limit", () => {
  const limited = () => rowOf({ limit: { perMinute: 1, after: "off" } });
  const { responder, told, sent, web } = stage([limited()]);
  responder.onAlert(alertOf({ pid: 1 }), web);
  responder.onAlert(alertOf({ pid: 2 }), web);
  responder.take([limited(), rowOf({ rules: ["Another"] })]);
  responder.onAnswer(web, answer(1, "done"));
  assert.equal(told(), ["requested by host", "done by agent", "limited by host"]);
  responder.take([]);
  responder.take([limited()]);
  responder.onAlert(alertOf({ pid: 3 }), web);
  assert.is(sent.length, 1, "nobody arms it again by writing the file");
});

test("what waits for others' answers is told of when its agent leaves, and at the end", () => {
  const { responder, news, sent, web, db } = stage([rowOf({ limit: { perMinute: 1, after: "off" } })]);
  for (const peer of [web, db]) for (const pid of [1, 2, 3]) responder.onAlert(alertOf({ pid }), peer);
  const last = (count: number) =>
    news.slice(-count).map(({ status, container, finding }) => [status, container, finding.process!.pid]);
  responder.onLeft(web);
  assert.equal(last(3), [
    ["failed", "web", 1],
    ["failed", "web", 2],
    ["failed", "web", 3],
  ]);
  assert.match(news.at(-1)!.why, /gone before the limit let it be asked/);
  responder.end();
  assert.equal(last(3), [
    ["gone", "db", 1],
    ["gone", "db", 2],
    ["gone", "db", 3],
  ]);
  assert.equal([sent.length, news.length], [2, 8]);
});

test("who acts on while its tree is held is asked about anew: a spared process's child, without a reproach", () => {
  const { responder, told, sent, web } = stage([
    rowOf({
      action: "freeze",
      except: { programs: ["/usr/sbin/sshd"], addresses: [] },
      limit: { perMinute: 9, after: "off" },
    }),
  ]);
  responder.onAlert(alertOf({ pid: 7 }), web);
  responder.onAnswer(web, answer(1, "partial"));
  responder.onAlert(alertOf({ pid: 20, above: [9, 7, 1], at: 0.5 }), web); // it was on its way
  assert.is(sent.length, 1);
  responder.onAlert(alertOf({ pid: 21, above: [9, 7, 1], at: 5 }), web);
  assert.is(sent.at(-1)!.request.pid, 21);
  assert.equal(told(), ["requested by host", "partial by agent", "requested by host"]);
});

test("a freeze that has no end told yet covers nothing that happened after its time", () => {
  const { responder, told, web } = stage([rowOf({ action: "freeze", for: 60 })]);
  responder.onAlert(alertOf({ pid: 7 }), web);
  responder.onAnswer(web, answer(1, "done"));
  responder.onAlert(alertOf({ pid: 7, at: 61 }), web);
  assert.equal(told(), ["requested by host", "done by agent", "requested by host"]);
});

test("an agent that is gone, or does not answer, is a failure that is told", () => {
  const { responder, told, web, db, clock } = stage([rowOf({})]);
  responder.onAlert(alertOf({ pid: 1 }), web);
  responder.onAlert(alertOf({ pid: 2 }), db);
  responder.onLeft(web);
  clock.now += 11_000_000_000n;
  responder.tick(clock.now);
  assert.equal(told(), ["requested by host", "requested by host", "failed by host", "failed by host"]);
});

test("of a freeze whose agent is not heard any more, what is known is said", () => {
  const { responder, told, news, web, clock } = stage([rowOf({ action: "freeze", for: 60 })]);
  responder.onAlert(alertOf({ pid: 1 }), web);
  responder.onAnswer(web, answer(1, "done"));
  clock.now += 20_000_000_000n;
  responder.onLeft(web);
  assert.equal(told(), ["requested by host", "done by agent", "unknown by host"]);
  assert.match(news[2]!.why, /stands still for 40 s more; if it has ended, the kernel has killed the tree/);
});

test("a freeze whose end the agent does not tell is not told as failed", () => {
  const { responder, told, web, clock } = stage([rowOf({ action: "freeze", for: 60 })]);
  responder.onAlert(alertOf({ pid: 1 }), web);
  responder.onAnswer(web, answer(1, "partial"));
  clock.now += 69_000_000_000n;
  responder.tick(clock.now);
  assert.is(told().length, 2);
  clock.now += 2_000_000_000n;
  responder.tick(clock.now);
  assert.equal(told()[2], "unknown by host");
});

test("an alert about what descends from a tree that is being killed asks for nothing, and uses up no limit", () => {
  const { responder, told, sent, web } = stage([rowOf({ action: "kill-tree", limit: { perMinute: 2, after: "off" } })]);
  responder.onAlert(alertOf({ pid: 7 }), web);
  for (let pid = 20; pid < 40; pid++) responder.onAlert(alertOf({ pid, above: [pid - 1, 7, 1] }), web);
  responder.onAnswer(web, answer(1, "done"));
  for (let pid = 40; pid < 60; pid++) responder.onAlert(alertOf({ pid, above: [7, 1], at: 0.9 }), web); // stragglers
  assert.equal([sent.length, told()], [1, ["requested by host", "done by agent"]]);
  responder.onAlert(alertOf({ pid: 8, above: [1] }), web); // a neighbour
  assert.is(sent.length, 2);
});

test("a child of a process that is killed alone is answered for itself", () => {
  const { responder, sent, web } = stage([rowOf({ action: "kill" })]);
  responder.onAlert(alertOf({ pid: 7 }), web);
  responder.onAnswer(web, answer(1, "done"));
  responder.onAlert(alertOf({ pid: 20, above: [7, 1] }), web);
  assert.is(sent.length, 2);
});

test("a response that found nobody does not count towards the limit", () => {
  const { responder, told, web } = stage([rowOf({ limit: { perMinute: 1, after: "off" } })]);
  for (const id of [1, 2]) {
    responder.onAlert(alertOf({ pid: id }), web);
    responder.onAnswer(web, answer(id, "gone"));
  }
  responder.onAlert(alertOf({ pid: 3 }), web);
  responder.onAnswer(web, answer(3, "done"));
  responder.onAlert(alertOf({ pid: 4 }), web);
  assert.equal(told().slice(4), ["requested by host", "done by agent", "limited by host"]);
});

test("a freeze is over when the agent says so", () => {
  const { responder, told, web } = stage([rowOf({ action: "freeze" })]);
  responder.onAlert(alertOf({ pid: 1 }), web);
  assert.is(responder.onAnswer(web, answer(1, "done", { step: "ended" })), "unasked");
  responder.onAnswer(web, answer(1, "done"));
  responder.onAlert(alertOf({ pid: 1 }), web);
  assert.is(responder.onAnswer(web, answer(1, "done", { step: "ended" })), "heard");
  assert.equal(told(), ["requested by host", "done by agent", "ended by agent"]);
});

test("what holds for good is asked for once, for a whole tree; a dry run of it is no such thing", () => {
  for (const mode of ["enforce", "dry-run"] as const) {
    const { responder, sent, web, db } = stage([rowOf({ action: "tighten", mode })]);
    responder.onAlert(alertOf({ pid: 7 }), web);
    responder.onAnswer(web, answer(1, "done"));
    responder.onAlert(alertOf({ pid: 7, at: 100 }), web);
    responder.onAlert(alertOf({ pid: 20, above: [7, 1], at: 100 }), web);
    responder.onAlert(alertOf({ pid: 7 }), db);
    assert.is(sent.length, mode === "enforce" ? 2 : 3, mode);
  }
});

test("a row that changes is another row: what an earlier one did, or does, covers nothing of it", () => {
  let rows = [rowOf({ action: "tighten" })];
  const { responder, sent, web } = stage([], { acme: () => rows });
  const alert = () => responder.onAlert(alertOf({ pid: 7, tenant: "acme", at: 100 }), web);
  alert();
  rows = [rowOf({ action: "tighten", mode: "dry-run" })];
  alert(); // while the first one is not answered
  responder.onAnswer(web, answer(1, "done"));
  responder.onAnswer(web, answer(2, "done"));
  rows = [rowOf({ action: "kill-tree" })];
  alert();
  assert.equal(
    sent.map(({ request }) => [request.action, request.isDry]),
    [
      ["tighten", false],
      ["tighten", true],
      ["kill-tree", false],
    ],
  );
  rows = [rowOf({ rules: ["Another"] }), rowOf({ action: "tighten" })];
  alert(); // it holds, and says the same at another place
  assert.is(sent.length, 3);
});

test("a row that is read again and says the same is as disarmed as it was", () => {
  const { responder, sent, told, web } = stage([], { acme: () => [rowOf({ limit: { perMinute: 1, after: "off" } })] });
  for (let pid = 1; pid < 5; pid++) {
    responder.onAlert(alertOf({ pid, tenant: "acme" }), web);
    responder.onAnswer(web, answer(pid, "done"));
  }
  assert.is(sent.length, 1);
  assert.equal(told(), ["requested by host", "done by agent", "limited by host"]);
});

test("evidence is kept by the host, which asks no agent; where none can be had, that is said", () => {
  const { responder, sent, told, news, web, db } = stage([rowOf({ action: "capture" })]);
  responder.onAlert(alertOf({ pid: 7 }), web);
  responder.onAlert(alertOf({ pid: 7 }), db);
  assert.equal([sent.length, told()], [0, ["done by host", "failed by host"]]);
  assert.match(news[0]!.why, /goes into web\.vedette/);
  const dry = stage([rowOf({ action: "capture", mode: "dry-run" })]);
  dry.responder.onAlert(alertOf({ pid: 7 }), dry.web);
  dry.responder.onAlert(alertOf({ pid: 7 }), dry.db);
  assert.equal(dry.told(), ["done by host", "failed by host"]);
  assert.match(dry.news[1]!.why, "a dry run: no evidence is kept here");
});

const stopRow = rowOf({ action: "stop-task" });

test("the host has the task stopped: it is asked for, answered later, and then asked for no more", async () => {
  const { responder, sent, told, news, stops, web, db } = stage([stopRow]);
  responder.onAlert(alertOf({ pid: 7 }), web);
  responder.onAlert(alertOf({ pid: 8 }), web);
  responder.onAlert(alertOf({ pid: 9 }), db); // of another container of the same task
  assert.equal([sent.length, stops.length, told()], [0, 1, ["requested by host"]]);
  assert.is(stops[0]!.order.isDry, false);
  stops[0]!.answer({ status: "done", why: "ECS stops it" });
  await until("answered", () => told().length === 2);
  responder.onAlert(alertOf({ pid: 10, at: 60 }), db);
  assert.equal([stops.length, told()], [1, ["requested by host", "done by host"]]);
  assert.equal(
    news.map(({ id, why, finding }) => [id, why, finding.process!.pid]),
    [
      [1, "", 7],
      [1, "ECS stops it", 7],
    ],
  );
});

test("a stop that failed is asked for again by the next alert, within the row's limit", async () => {
  const { responder, told, stops, web } = stage([
    rowOf({ action: "stop-task", limit: { perMinute: 2, after: "off" } }),
  ]);
  for (let i = 0; i < 4; i++) {
    responder.onAlert(alertOf({ pid: i }), web);
    stops[i]?.answer({ status: "failed", why: "AccessDeniedException" });
    await until("answered", () => told().filter((one) => one.startsWith("failed")).length === Math.min(i + 1, 2));
  }
  assert.is(stops.length, 2);
  assert.equal(told(), [
    ...["requested by host", "failed by host"],
    ...["requested by host", "failed by host"],
    "limited by host",
  ]);
});

test("a dry run of a stop stands in the way of no other row", async () => {
  const { responder, told, stops, web } = stage([{ ...stopRow, mode: "dry-run" }, stopRow]);
  responder.onAlert(alertOf({ pid: 7 }), web);
  assert.equal(
    stops.map(({ order }) => order.isDry),
    [true, false],
  );
  for (const { answer } of stops) answer({ status: "done", why: "" });
  await until("answered", () => told().length === 4);
  responder.onAlert(alertOf({ pid: 8 }), web);
  assert.equal(
    stops.map(({ order }) => order.isDry),
    [true, false, true],
  );
});

test("an alert about a program of `except` has no task stopped, unless the program is not the image's", () => {
  const { responder, told, stops, web } = stage([
    { ...stopRow, except: { programs: ["/bin/p*"], addresses: [] }, limit: { perMinute: 1, after: "off" } },
  ]);
  const alert = alertOf({ pid: 7 });
  for (let i = 0; i < 3; i++) responder.onAlert(alert, web); // which uses up no limit
  const written = { ...alert.finding!.executable!, isOfImage: false };
  responder.onAlert({ ...alert, finding: { ...alert.finding!, executable: written } }, web);
  assert.equal([stops.length, told()], [1, [...new Array<string>(3).fill("refused by host"), "requested by host"]]);
});

test("a host that ends tells of a stop that nobody has answered, and hears no answer any more", async () => {
  const { responder, told, stops, web } = stage([stopRow]);
  responder.onAlert(alertOf({ pid: 7 }), web);
  responder.onLeft(web);
  responder.tick(START + 3_600_000_000_000n);
  assert.is(stops[0]!.over.aborted, false, "it is no agent's");
  responder.end();
  assert.ok(stops[0]!.over.aborted);
  stops[0]!.answer({ status: "done", why: "too late" });
  await new Promise(setImmediate);
  assert.equal(told(), ["requested by host", "gone by host"]);
});

test("a deed of the host that breaks is told of", async () => {
  const deed = async (): Promise<never> => {
    throw new Error("it broke");
  };
  const deeds = new HostDeeds<null>({ capture: deed, "stop-task": deed });
  const order = { alert: alertOf(), finding: alertOf().finding!, peer: null, isDry: false };
  const said = await new Promise((onAnswer) => deeds.begin("stop-task", "task", order, onAnswer));
  assert.equal([said, deeds.isUnderWay("task")], [{ status: "failed", why: "it broke" }, false]);
});

function rowsIn(respond: unknown): readonly ResponseRow[] {
  const file = join(scratch(), "respond.yaml");
  writeFileSync(file, stringify({ respond }));
  return readResponseRows(file);
}

test("a row is a dry run with a limit, unless it says otherwise", () => {
  assert.equal(rowsIn([{ rules: ["R"], action: "freeze", for: "2h" }]), [
    rowOf({ rules: ["R"], action: "freeze", mode: "dry-run", for: 7200 }),
  ]);
});

test("a row that is wrong is refused with its place", () => {
  const wrong: [row: object, says: RegExp][] = [
    [{ rules: ["R"], action: "terminate" }, /kill-tree/],
    [{ rules: [], action: "kill" }, /rules/],
    [{ rules: ["R"], action: "kill", for: "25h" }, /at most 24h/],
    [{ rules: ["R"], action: "kill", limit: { per_minute: 0 } }, /per_minute/],
    [{ rules: ["R"], action: "kill", except: { programs: ["ssh"] } }, /programs/],
    [{ rules: ["R"], action: "kill", force: true }, /force/],
  ];
  for (const [row, says] of wrong) {
    try {
      rowsIn([row]);
      assert.unreachable(JSON.stringify(row));
    } catch (error) {
      assert.ok(error instanceof VedetteError && error.code === "VEDETTE_RESPOND_FILE", String(error));
      assert.match((error as Error).message, says);
    }
  }
});

const DENIES_EXEC: DenyRow = {
  ...{ name: "A response denies exec", deny: "exec", action: "eperm", mode: "enforce", priority: null, tags: [] },
  ...{ networks: [], ports: [], files: [], programs: [] },
};

test("what is denied is asked for in the policy's name, with rows as of a table, and once for a tree", () => {
  const { responder, told, sent, web } = stage([rowOf({ action: "isolate", calls: [DENIES_EXEC], for: 0 })]);
  responder.onAlert(alertOf({ pid: 7 }), web);
  const { action, rows, seconds } = sent[0]!.request;
  assert.equal([action, seconds], ["deny", 0]);
  assert.equal(rows, [["policy", "A response denies exec", 0, 0, 0, [], [], [], [], [], []]]);
  responder.onAnswer(web, answer(1, "partial")); // some were spared
  responder.onAlert(alertOf({ pid: 7, at: 50 }), web);
  responder.onAlert(alertOf({ pid: 20, above: [9, 7, 1], at: 60 }), web);
  assert.equal(told(), ["requested by host", "partial by agent"]);
});

test("a tree that is denied calls for a time acts on without a reproach, and is asked about anew after its end", () => {
  const { responder, told, clock, news, web } = stage([rowOf({ action: "deny", calls: [DENIES_EXEC], for: 60 })]);
  responder.onAlert(alertOf({ pid: 7 }), web);
  responder.onAnswer(web, answer(1, "done"));
  responder.onAlert(alertOf({ pid: 7, at: 30 }), web);
  assert.equal(told(), ["requested by host", "done by agent"]);
  clock.now += 60_000_000_000n;
  responder.onAnswer(web, answer(1, "done", { step: "ended" }));
  responder.onAlert(alertOf({ pid: 7, at: 70 }), web);
  assert.equal(told().slice(2), ["ended by agent", "requested by host"]);
  responder.onAnswer(web, answer(2, "done"));
  responder.onLeft(web);
  assert.match(news.at(-1)!.why, /the tree's calls are denied for 60 s more/);
});

test("a row says how long in `for`: a freeze ten minutes without it, what is denied until the tree ends", () => {
  const file = join(scratch(), "respond.yaml");
  const seconds = (row: object): number => {
    writeFileSync(file, stringify({ respond: [{ rules: ["Rule"], ...row }] }));
    return readResponseRows(file)[0]!.for;
  };
  const deny = { action: "deny", calls: [{ deny: "exec" }] };
  assert.equal(
    [{ action: "freeze" }, { action: "freeze", for: "30s" }, deny, { ...deny, for: "1h" }, { action: "isolate" }].map(
      seconds,
    ),
    [600, 30, 0, 3600, 0],
  );
});

test.run();
