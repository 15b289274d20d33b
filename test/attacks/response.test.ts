// SPDX-License-Identifier: Apache-2.0
//
// Attacks on responses (docs/threat-model.md, A1 to A9): who has somebody else killed, who gets away, and who
// lies about what was done.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Packr } from "msgpackr";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { stringify } from "yaml";
import { Capture, type ResponseAnswer } from "../../host/capture/agent.js";
import { readResponded } from "../../host/capture/hello.js";
import { ScopedViews } from "../../host/engine/scope.js";
import { VedetteError } from "../../host/errors.js";
import { PolicyService } from "../../host/policy/service.js";
import { openBatch } from "../../host/wire/batch.js";
import { BatchBuilder } from "../../host/wire/builder.js";
import type { ContainerFacts } from "../../host/wire/container.js";
import { scratch } from "../e2e/programs.js";
import { responded, TREE } from "../e2e/responding.js";
import { alertOf } from "../host/incident/shared.js";
import { answer, rowOf, stage } from "../host/response/stage.js";

const FREEZE = rowOf({ action: "freeze" });

/** More of them: VEDETTE_RESPOND_ROUNDS=200. */
const ROUNDS = Number(process.env.VEDETTE_RESPOND_ROUNDS ?? 1);

test("A1: an alert is answered at its own agent, whatever container it says that it is of", () => {
  const { responder, sent, web } = stage([rowOf({})]);
  responder.onAlert(alertOf({ pid: 1, container: "db" }, { hostname: "db" }), web);
  assert.equal(
    sent.map(({ peer }) => peer.name),
    ["web"],
  );
});

test("A1: a limit that one container uses up disarms no row in another", () => {
  const { responder, sent, told, web, db } = stage([rowOf({ limit: { perMinute: 1, after: "off" } })]);
  for (let pid = 1; pid < 50; pid++) responder.onAlert(alertOf({ pid, container: "db" }), web);
  responder.onAnswer(web, answer(1, "done"));
  responder.onAlert(alertOf({ pid: 1 }), db);
  assert.equal(
    sent.map(({ peer }) => peer.name),
    ["web", "db"],
  );
  assert.equal(told(), ["requested by host", "done by agent", "limited by host", "requested by host"]);
});

test("A2: a tenant's rule of the same name triggers nothing", () => {
  const { responder, sent, told, web } = stage([rowOf({})]);
  responder.onAlert(alertOf({ pid: 1, tenant: "acme" }), web);
  const { tenant: _hidden, ...unsigned } = alertOf({ pid: 1, tenant: "acme" });
  responder.onAlert(unsigned, web);
  assert.equal([sent.length, told()], [0, []]);
});

/** A service with a tenants.yaml in which acme may kill in its own containers, and rival nowhere. */
function tenancy(extra: object = {}) {
  const file = join(scratch(), "tenants.yaml");
  const respond = [{ rules: ["Rule"], action: "kill-tree", mode: "enforce" }];
  const acme = { scope: { containers: ["acme-*"] }, respond, ...extra };
  writeFileSync(file, stringify({ tenants: { acme, rival: { scope: { containers: ["*"] } } } }));
  return new PolicyService({ tenants: file }, () => undefined);
}

const named = (name: string) => ({ id: name, name }) as ContainerFacts;

test("A9: a tenant acts in its own containers only, by its own rules, and where tenants.yaml lets it", () => {
  const service = tenancy();
  const { responder, sent, told, web, db } = stage([], {
    acme: (container) => service.responsesOf("acme", named(container === "web" ? "acme-web" : container)),
    rival: (container) => service.responsesOf("rival", named(container)),
  });
  // Whatever container an alert names: its agent is another's.
  responder.onAlert(alertOf({ pid: 1, tenant: "acme", container: "acme-web" }, { hostname: "acme-web" }), db);
  responder.onAlert(alertOf({ pid: 1, tenant: "rival" }), web);
  responder.onAlert(alertOf({ pid: 1, tenant: "nobody" }), web);
  responder.onAlert(alertOf({ pid: 1 }), web); // of the operator's rule of that name
  responder.onAlert(alertOf({ pid: 1, tenant: "acme", rule: "Another" }), web);
  responder.onAlert({ ...alertOf({ pid: 1, tenant: "rival" }), tenant: "acme" }, web);
  assert.equal([sent.length, told()], [0, []]);
  responder.onAlert(alertOf({ pid: 7, tenant: "acme" }), web);
  assert.equal(
    sent.map(({ peer, request }) => [peer.name, request.action, request.pid]),
    [["web", "kill-tree", 7]],
  );
  assert.equal(service.responsesOf("acme", null), []); // nobody knows yet whose container it is
});

test("A9: a tenant whose scope names an image sees nobody of a neighbour container that its agent tells of, too", () => {
  const facts = { id: "acme-id", name: "app", image: "acme/app:1", imageRepository: "acme/app" } as ContainerFacts;
  const builder = new BatchBuilder();
  for (const container_id of ["neighbour-id", "acme-id"])
    builder.record("close", { process: builder.process({ pid: 7, name: container_id, container_id }) });
  const batch = openBatch(builder.bytes());
  batch.container = facts;
  const scope = { images: ["acme/*"] };
  assert.is(tenancy({ scope }).responsesOf("acme", facts).length, 1);
  const none = { containers: [], families: [], uids: [], executables: [] };
  const seen = new ScopedViews(batch).view({ ...none, ...scope })!;
  assert.is(seen.count, 1);
  assert.not(Buffer.from(seen.bytes).includes("neighbour-id"));
});

test("A9: a tenant's responses use up no limit of the operator's, nor of another tenant's", () => {
  const row = rowOf({ limit: { perMinute: 1, after: "off" } });
  const { responder, sent, web } = stage([row], { acme: () => [row], rival: () => [row] });
  for (let pid = 1; pid < 20; pid++) responder.onAlert(alertOf({ pid, tenant: "acme" }), web);
  responder.onAlert(alertOf({ pid: 50 }), web);
  responder.onAlert(alertOf({ pid: 51, tenant: "rival" }), web);
  assert.equal(
    sent.map(({ request }) => request.pid),
    [1, 50, 51],
  );
});

test("A9: tenants.yaml gives no tenant what would reach beyond its scope", () => {
  const wrong: [extra: object, says: RegExp][] = [
    [{ scope: {} }, /names no containers/],
    [{ scope: { uids: [1000] } }, /names no containers/],
    [{ scope: { containers: ["acme-*"], uids: [1000] } }, /kill-tree reaches others; use kill/],
    [{ scope: { containers: ["acme-*"], executables: ["/srv/*"] } }, /kill-tree reaches others/],
    [{ respond: [{ rules: ["Rule"], action: "capture" }] }, /more than a tenant may see/],
    [{ respond: [{ rules: ["Rule"], action: "reboot" }] }, /action/],
  ];
  for (const [extra, says] of wrong) {
    try {
      tenancy(extra);
      assert.unreachable(JSON.stringify(extra));
    } catch (error) {
      assert.ok(error instanceof VedetteError && error.code === "VEDETTE_TENANTS_YAML", String(error));
      assert.match((error as Error).message, says);
    }
  }
  tenancy({ scope: { containers: ["acme-*"], uids: [1000] }, respond: [{ rules: ["Rule"], action: "kill" }] });
});

test("A3: an agent's answer to what it was not asked, or was asked of another, is not believed", () => {
  const { responder, told, web, db } = stage([rowOf({}), { ...FREEZE, rules: ["Held"] }]);
  for (const id of [0, 1, 2, -1, Number.NaN]) assert.is(responder.onAnswer(web, answer(id, "done")), "unasked");
  responder.onAlert(alertOf({ pid: 1 }), web);
  assert.is(responder.onAnswer(db, answer(1, "done")), "unasked");
  assert.is(responder.onAnswer(web, answer(1, "done", { step: "ended" })), "unasked");
  assert.is(responder.onAnswer(web, answer(1, "done")), "heard");
  assert.is(responder.onAnswer(web, answer(1, "done")), "unasked");
  assert.equal(told(), ["requested by host", "done by agent"]);
});

test("A3: a frame with a step or a status that is none ends its stream", () => {
  const frame = (...words: unknown[]): Uint8Array => new Packr({ useRecords: false }).pack(["responded", ...words]);
  assert.is(readResponded(frame(1, 0, 0, 2, "x".repeat(9000))).why.length, 400);
  for (const words of [
    [1, 9, 0, 1, ""],
    [1, 0, 77, 1, ""],
    [1, 0, "done", 1, ""],
    [1, 0],
  ]) {
    try {
      readResponded(frame(...words));
      assert.unreachable(JSON.stringify(words));
    } catch (error) {
      assert.ok(error instanceof VedetteError && error.code === "VEDETTE_FRAME_UNEXPECTED", String(error));
    }
  }
});

test("A4: a process that an agent says it has killed, and that acts on, is told of", () => {
  const { responder, told, news, web } = stage([rowOf({})]);
  responder.onAlert(alertOf({ pid: 1, at: 0 }), web);
  responder.onAnswer(web, answer(1, "done"));
  responder.onAlert(alertOf({ pid: 1, at: 0.5 }), web); // it was on its way
  assert.equal(told(), ["requested by host", "done by agent"]);
  responder.onAlert(alertOf({ pid: 1, at: 5 }), web);
  assert.equal(told().slice(2), ["failed by host", "requested by host"]);
  assert.match(news[2]!.why, /still acts/);
});

test("A4: a child that acts after its whole tree was said to be killed is told of, too", () => {
  const { responder, told, news, web } = stage([rowOf({ action: "kill-tree" })]);
  responder.onAlert(alertOf({ pid: 7, at: 0 }), web);
  responder.onAnswer(web, answer(1, "done"));
  responder.onAlert(alertOf({ pid: 20, above: [7, 1], at: 5 }), web);
  assert.equal(told().slice(2), ["failed by host", "requested by host"]);
  assert.match(news[2]!.why, /killed the tree of this process, which still acts/);
});

test("A4: a process that an agent says it holds, and that acts on, is told of once, and asked about anew", () => {
  const { responder, told, news, web } = stage([FREEZE]);
  responder.onAlert(alertOf({ pid: 1, at: 0 }), web);
  responder.onAnswer(web, answer(1, "done"));
  responder.onAlert(alertOf({ pid: 1, at: 5 }), web);
  responder.onAnswer(web, answer(2, "gone"));
  responder.onAlert(alertOf({ pid: 2, above: [1], at: 6 }), web);
  assert.equal(told(), [
    ...["requested by host", "done by agent", "failed by host", "requested by host", "gone by agent"],
    "requested by host",
  ]);
  assert.match(news[2]!.why, /holds this process, which still acts/);
});

test("A5: a chain of forks that begins before the kill and ends at once leaves nobody (CLONE_PARENT)", async () => {
  const script = `${TREE} hop TRIGGER & i=0; n=0; while [ $n -lt 5 ] && [ $i -lt 500 ]; do if pgrep -f "^${TREE}" >/dev/null; then n=0; else n=$((n+1)); fi; i=$((i+1)); sleep 0.1; done; [ $i -lt 500 ] && echo none-left`;
  const { run, statuses } = await responded({ action: "kill-tree" }, script);
  assert.match(run.stdout, /none-left/, run.stderr);
  assert.equal(statuses, ["requested", "done"]);
});

/**
 * Writes 300 times and says how often the kernel has switched away from it meanwhile: at each call of a
 * process that is stopped at each call, and hardly ever of one that is not. Then so do a child and a program
 * that it executes.
 */
const SWITCHES = `
look() { while read -r key value; do [ "$key" = voluntary_ctxt_switches: ] && now=$value; done < /proc/$BASHPID/status; }
write() { n=0; while [ $n -lt $1 ]; do echo x >&5; n=$((n+1)); done; }
writes() { exec 5>>out; write 100; look; before=$now; write 300; look; echo "$1 $((now-before))"; }
if [ "$1" != "\${1%.trigger}" ]; then
  writes before
  : < "$1"
  i=0; until grep -q '"response.status":"done"' alerts.json || [ $i -gt 300 ]; do i=$((i+1)); sleep 0.2; done
  writes after
  ( writes child )
  exec bash ./switches.sh program
fi
writes "$1"
`;

for (const kernel of [null, "5.10"]) {
  const how = kernel === null ? "" : `, as under Linux ${kernel}`;
  test(`A8: from a tree that is tightened neither fork nor exec gets away; a neighbour keeps its speed${how}`, async () => {
    const env = kernel === null ? {} : { VEDETTE_ASSUME_KERNEL: kernel };
    for (const mode of ["enforce", "dry-run"]) {
      const folder = scratch();
      writeFileSync(join(folder, "switches.sh"), SWITCHES);
      const script = "bash ./switches.sh TRIGGER; bash ./switches.sh neighbour; wc -l < out";
      const { run, statuses } = await responded({ action: "tighten", mode }, script, { folder, env });
      const switches = Object.fromEntries(run.stdout.split("\n").map((line) => line.split(" ")));
      const isClose = (name: string): boolean => Number(switches[name]) >= 300;
      const close = ["before", "after", "child", "program", "neighbour"].filter(isClose);
      assert.equal(close, mode === "enforce" ? ["after", "child", "program"] : [], run.stdout + run.stderr);
      assert.match(run.stdout, /^2000$/m); // and nothing that it wrote is missing
      assert.equal(statuses, ["requested", "done"]);
    }
  });
}

test("A6: a copy of a program of `except` is not left alone", async () => {
  const script = 'cp "$(command -v tail)" ./tail; ./tail -f TRIGGER; echo "ended $?"';
  const { run } = await responded({ action: "kill", except: { programs: ["/*/tail"] } }, script);
  assert.match(run.stdout, /ended 137/, run.stderr);
});

/** A process that says back what it hears: while it does, nobody has killed it. */
function bystander() {
  const child = spawn("cat", { stdio: ["pipe", "pipe", "ignore"] });
  const isAlive = async (): Promise<boolean> => {
    const echo = once(child.stdout, "data").then(() => true);
    const end = once(child, "exit").then(() => false);
    child.stdin.write("?\n");
    return Promise.race([echo, end]);
  };
  return { pid: child.pid!, isAlive, end: () => child.kill("SIGKILL") };
}

/** What an agent answers to its host's request about `pidOf`; null: nothing. Then its workload is ended. */
async function asked(
  options: string[],
  pidOf: (agent: number) => number,
  environment = process.env,
): Promise<ResponseAnswer | null> {
  let said: ResponseAnswer | null = null;
  await new Promise<void>((ended) => {
    const capture = new Capture({
      onHello: ({ stream, pid }) => {
        const whom = { pid: pidOf(pid), started: 1n };
        const request = { isDry: false, namesFirst: true, seconds: 1, programs: [], rows: [], ...whom };
        capture.respond(stream, { id: 1, action: "kill-tree", ...request });
      },
      onResponded: (_stream, answer) => {
        said = answer;
        capture.signal("SIGTERM");
      },
      onExit: () => {
        capture.close();
        ended();
      },
    });
    capture.start({ command: ["sleep", "60"], options, environment });
  });
  return said;
}

test("A7: an agent that was not started with --respond refuses whatever its host asks", async () => {
  const victim = bystander();
  for (const pidOf of [() => victim.pid, (agent: number) => agent]) {
    const said = await asked([], pidOf);
    assert.equal([said?.status, said?.processes], ["refused", 0]);
    assert.match(said!.why, /--respond/);
  }
  assert.ok(await victim.isAlive());
  victim.end();
});

test("A7: an agent kills neither itself nor who is no process of its workload", async () => {
  for (let round = 0; round < ROUNDS; round++)
    for (const kernel of [{}, { VEDETTE_ASSUME_KERNEL: "5.10" }]) {
      const said = await asked(["--respond"], (agent) => agent, { ...process.env, ...kernel });
      assert.match(said!.why, /it is the agent/, `round ${round}`);
    }
  const victim = bystander();
  const said = await asked(["--respond"], () => victim.pid);
  assert.is(said?.status, "gone");
  assert.ok(await victim.isAlive());
  victim.end();
});

test.run();
