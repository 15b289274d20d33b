// SPDX-License-Identifier: Apache-2.0
// `prevent:` of policy.yaml: what is taken, and with which reason the rest is not; and the tables that agents
// get.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { LoadedPolicy } from "../../../host/engine/policy.js";
import type { PreventRow } from "../../../host/engine/prevent-row.js";
import { rowsFor, type WireRow } from "../../../host/engine/prevention.js";
import { PolicyRunner } from "../../../host/engine/runner.js";
import type { Scope } from "../../../host/engine/scope.js";
import type { VedetteError } from "../../../host/errors.js";
import { openBundle } from "../../../host/policy/bundle.js";
import { loadPolicy } from "../../../host/policy/load.js";
import { readPolicyFile } from "../../../host/policy/policy-file.js";
import { preventRowsOf } from "../../../host/policy/prevent.js";
import { type Guarded, Prevention } from "../../../host/policy/prevention.js";
import { openBatch } from "../../../host/wire/batch.js";
import { BatchBuilder } from "../../../host/wire/builder.js";
import type { ContainerFacts } from "../../../host/wire/container.js";
import { faultOf } from "./shared.js";

const folder = mkdtempSync(join(tmpdir(), "vedette-prevent-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

function rowsOf(...lines: string[]): PreventRow[] {
  writeFileSync(join(folder, "policy.yaml"), `name: p\nprevent:\n${lines.map((line) => `  - ${line}\n`).join("")}`);
  const file = readPolicyFile(openBundle(folder));
  return preventRowsOf(file.value.prevent, file);
}

test("rows are read with their defaults", () => {
  const [exec, connect] = rowsOf(
    "{name: a, deny: exec, except: {files: [/app/*]}}",
    "{name: b, deny: connect, to: [10.0.0.0/8, 'fd00::/8', 1.2.3.4], ports: [443], except: {programs: [/srv/x]}, action: kill, mode: monitor, priority: Error, tags: [T1]}",
  );
  const none = { networks: [], ports: [], files: [], programs: [], tags: [], priority: null };
  assert.equal(exec, { ...none, name: "a", deny: "exec", action: "eperm", mode: "enforce", files: ["/app/*"] });
  assert.equal(connect, {
    ...{ name: "b", deny: "connect", action: "kill", mode: "monitor", priority: "Error", tags: ["T1"], files: [] },
    ...{ networks: ["10.0.0.0/8", "fd00::/8", "1.2.3.4"], ports: [443], programs: ["/srv/x"] },
  });
});

/** What cannot be decided so that no thread can change it in between. */
const REFUSED: [line: string, what: string, reason: RegExp, column: number][] = [
  ["{name: a, deny: open}", "open", /looks a name up after us/, 15],
  ["{name: a, deny: sendto}", "sendto", /keeps an address from other threads/, 15],
  ["{name: a, deny: read}", "read", /never stops for an answer/, 15],
  ["{name: a, deny: exec, args: [-c]}", "args", /arguments lie in memory/, 27],
  ["{name: a, deny: exec, scripts: true}", "scripts", /opens its script again/, 27],
  ["{name: a, deny: connect, to: [1.2.3.4], datagrams: true}", "datagrams", /never stop for an answer/, 45],
  ["{name: a, deny: exec, except: {programs: [/x]}}", "exec by some programs only", /who executed it is gone/, 36],
  [
    "{name: a, deny: connect, to: [evil.example]}",
    "connecting to the name evil.example",
    /hears of addresses only/,
    35,
  ],
  ["{name: a, deny: connect, to: [/run/docker.sock]}", "connecting to the socket /run/docker.sock", /rename/, 35],
];

for (const [line, what, reason, column] of REFUSED) {
  test(`${line} is refused with the reason, at its place`, () => {
    const error = faultOf(() => rowsOf("{name: first, deny: mount}", line));
    assert.is(error.code, "VEDETTE_PREVENT_REFUSED");
    assert.match(error.message, reason);
    assert.ok(error.message.includes(`policy.yaml:4:${column}: ${what} cannot be prevented: `), error.message);
  });
}

const WRONG: [line: string, reason: RegExp][] = [
  ["{name: a, deny: fly}", /"fly" is none of exec, memfd-exec, connect, ptrace, mount/],
  ["{name: a, deny: connect}", /connect needs `to`/],
  ["{name: a, deny: connect, to: [10.0.0.0/40]}", /"10.0.0.0\/40" is no address/],
  ["{name: a, deny: mount, to: [10.0.0.0/8]}", /to means nothing for mount/],
  ["{name: a, deny: exec, ports: [80]}", /ports means nothing for exec/],
  ["{name: a, deny: connect, to: [1.2.3.4], except: {files: [/x]}}", /except.files means nothing for connect/],
  ["{name: a, deny: connect, to: [1.2.3.4], ports: [70000]}", /ports/],
  ["{name: a, deny: exec, action: warn}", /action/],
  ["{name: a, deny: exec, nonsense: 1}", /"nonsense" is not known here/],
  ["{deny: exec}", /name/],
];

for (const [line, reason] of WRONG) {
  test(`${line} is wrong, at its place`, () => {
    const error = faultOf(() => rowsOf(line));
    assert.is(error.code, "VEDETTE_POLICY_YAML");
    assert.match(error.message, reason);
    assert.match(error.message, /policy.yaml:3:\d+: /);
  });
}

test("two rows of one name are wrong", () => {
  const error = faultOf(() => rowsOf("{name: a, deny: exec}", "{name: a, deny: mount}"));
  assert.match(error.message, /policy.yaml:4:.*two rows have the name "a"/);
});

const ROW: PreventRow = {
  ...{ name: "r", deny: "connect", action: "kill", mode: "monitor", priority: null, tags: ["T1"] },
  ...{ networks: ["10.0.0.0/8"], ports: [1], files: [], programs: ["/x"] },
};
const NOBODY: Scope = { containers: [], images: [], families: [], uids: [], executables: [] };

function policy(name: string, scope: Partial<Scope> | null, prevent: readonly PreventRow[] = [ROW]): LoadedPolicy {
  const tenancy =
    scope === null ? null : { tenant: "t", scope: { ...NOBODY, ...scope }, alerts: { burst: 10, perMinute: 10 } };
  return { name, version: "1", place: name, parameters: {}, rules: [], tenancy, prevent } as unknown as LoadedPolicy;
}

const WEB = { id: "1", name: "web", image: "repo/web:1", taskFamily: "shop" } as ContainerFacts;

test("an agent gets the rows of whoever may speak for its container", () => {
  const of = (scope: Partial<Scope> | null, facts: ContainerFacts | null = WEB): WireRow[] =>
    rowsFor([policy("p", scope)], facts);
  const row: WireRow = ["t/p", "r", 2, 1, 1, ["10.0.0.0/8"], [1], [], ["/x"], [], []];
  assert.equal(of(null), [["p", ...row.slice(1)]]);
  assert.equal(of({}), [row]);
  assert.equal(of({ containers: ["we*"] }), [row]);
  assert.equal(of({ containers: ["db"] }), []);
  assert.equal(of({ containers: ["*"] }, null), []);
  assert.equal(of({ images: ["*/web:*"], families: ["shop"] }), [row]);
  assert.equal(of({ families: ["other"] }), []);
  assert.equal(of({ uids: [1000], executables: ["/srv/*"] }), [[...row.slice(0, 9), [1000], ["/srv/*"]]]);
});

const web: Guarded = { name: "web", facts: WEB };
const db: Guarded = { name: "db", facts: { ...WEB, name: "db" } };

test("agents hear of a new table when theirs has changed, and only then", () => {
  const sent: [agent: Guarded, version: number, policies: string[]][] = [];
  const faults: string[] = [];
  const prevention = new Prevention<Guarded>([policy("own", null)], {
    send: (agent, version, rows) => sent.push([agent, version, rows.map(([name]) => name)]) > 0,
    watch: () => true,
    onFault: (error) => faults.push(error.message),
  });
  const theirs = policy("theirs", { containers: ["web"] });
  assert.ok(prevention.greet(web));
  assert.ok(prevention.greet(db));
  prevention.setPolicies([policy("own", null), theirs]);
  prevention.setPolicies([policy("own", null), theirs]);
  prevention.setPolicies([theirs]);
  assert.equal(sent, [
    [web, 1, ["own"]],
    [db, 2, ["own"]],
    [web, 3, ["own", "t/theirs"]],
    [web, 4, ["t/theirs"]],
    [db, 5, []],
  ]);
  prevention.onAnswer(web, "");
  prevention.onAnswer(web, "no System V memory");
  prevention.leave(db);
  prevention.setPolicies([]);
  assert.equal(sent.slice(5), [[web, 6, []]]);
  assert.equal(faults, [
    "The rows by which policies deny calls cannot be held by the agent of web: no System V memory.",
  ]);
});

test("agents hear which files policies call sensitive, when that has changed, and of no other container's", () => {
  const sent: [agent: Guarded, files: readonly string[]][] = [];
  const prevention = new Prevention<Guarded>([], {
    send: () => true,
    watch: (agent, files) => sent.push([agent, files]) > 0,
    onFault: (error) => {
      throw error;
    },
  });
  const own = { ...policy("own", null), sensitive: ["/etc/shadow", "relative", "/home/*/.ssh"] };
  const theirs = { ...policy("theirs", { containers: ["web"] }), sensitive: ["/etc/shadow", "/srv/key"] };
  assert.ok(prevention.greet(web));
  assert.ok(prevention.greet(db));
  prevention.setPolicies([own]);
  prevention.setPolicies([own, theirs]);
  prevention.setPolicies([own, theirs]);
  prevention.setPolicies([]);
  const files = ["/etc/shadow", "/home/*/.ssh"];
  assert.equal(sent, [
    [web, files],
    [db, files],
    [web, [...files, "/srv/key"]],
    [web, []],
    [db, []],
  ]);
});

test("a table larger than a word is not sent, and its agent is not told that all is ready", () => {
  const faults: VedetteError[] = [];
  const many = Array.from({ length: 200 }, (_, i) => ({ ...ROW, name: `r${i}`, programs: ["/x".repeat(150)] }));
  const prevention = new Prevention<Guarded>([policy("p", null, many)], {
    send: () => {
      throw new Error("it was sent");
    },
    watch: () => true,
    onFault: (error) => faults.push(error),
  });
  assert.not.ok(prevention.greet(web));
  assert.equal(
    faults.map(({ code }) => code),
    ["VEDETTE_PREVENT_TABLE"],
  );
});

test("what an agent denied becomes the policy's own alert; what others denied does not", async () => {
  writeFileSync(
    join(folder, "policy.yaml"),
    "name: p\nprevent:\n  - {name: r, deny: exec, priority: Error, tags: [T1204]}\n  - {name: m, deny: mount, mode: monitor}\n",
  );
  const runner = new PolicyRunner(await loadPolicy(openBundle(folder))); // without code of its own
  const builder = new BatchBuilder({ first: 1 });
  const process = builder.process({ pid: 7, name: "sh" });
  const add = (policy: string, rule: string, mode: string): void => {
    const params = { policy, rule, call: "execve", subject: "/tmp/x", action: "eperm", mode };
    builder.record("vedette.prevented", { process, result: 0, params });
  };
  add("p", "r", "enforce");
  add("other", "r", "enforce");
  add("p", "m", "monitor");
  add("p", "gone with an older version", "enforce");
  const { alerts, prevented } = runner.judge(openBatch(builder.bytes()));
  assert.equal(prevented, { denied: 2, monitored: 1 });
  assert.equal(
    alerts.map(({ rule, priority, tags, policy: name }) => [rule, priority, tags, name]),
    [
      ["r", "Error", ["T1204"], "p"],
      ["m", "Warning", [], "p"],
      ["gone with an older version", "Critical", [], "p"],
    ],
  );
  assert.match(alerts[0]?.output ?? "", /^A call was denied \| call=execve subject=\/tmp\/x action=eperm process=sh /);
  assert.match(alerts[1]?.output ?? "", /^A call would have been denied \| /);
});

test.run();
