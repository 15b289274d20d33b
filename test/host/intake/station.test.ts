// SPDX-License-Identifier: Apache-2.0
//
// The parts of `vedette serve` without an agent: who is let in, what ECS's answer becomes, what is
// acknowledged and when, the secret's file, what the monitor says.
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Hello } from "../../../host/capture/hello.js";
import { RingReader } from "../../../host/capture/ring.js";
import { imageFacts, readTask, TaskMetadata } from "../../../host/ecs/metadata.js";
import { Feed } from "../../../host/engine/feed.js";
import type { LoadedPolicy } from "../../../host/engine/policy.js";
import { suppressedAlert } from "../../../host/engine/suppressed.js";
import { VedetteError } from "../../../host/errors.js";
import { QuotaByContainer } from "../../../host/intake/doubts.js";
import { Guests } from "../../../host/intake/guests.js";
import { Ledger } from "../../../host/intake/ledger.js";
import { Secret, Secrets } from "../../../host/intake/secret.js";
import { Monitor } from "../../../host/sensor/monitor.js";
import { Health, parseAddress } from "../../../host/sensor/sensor.js";
import { openBatch } from "../../../host/wire/batch.js";
import { BatchBuilder } from "../../../host/wire/builder.js";
import { until } from "../../until.js";
import { ALERT } from "../output/shared.js";

const folder = mkdtempSync(join(tmpdir(), "station-"));
test.after(() => rmSync(folder, { recursive: true }));

function hello(stream: number, more: Partial<Hello> = {}): Hello {
  const known = {
    pid: 7,
    hostname: "h",
    command: ["app"],
    agent: "1",
    kernel: "6",
    arch: "x86_64",
    tiers: [],
    integrity: "normal",
    snaplen: 80,
  };
  return { stream, source: new Uint8Array(16).fill(stream), ...known, container: null, secret: null, ...more };
}

const code = (attempt: () => unknown): string => {
  try {
    attempt();
    return "";
  } catch (error) {
    return error instanceof VedetteError ? error.code : String(error);
  }
};

test("a guest must know the secret", () => {
  const guests = new Guests(new Secrets(new Secret("right")));
  assert.is(
    code(() => guests.admit(hello(1))),
    "VEDETTE_SECRET_WRONG",
  );
  assert.is(
    code(() => guests.admit(hello(1, { secret: "wrong" }))),
    "VEDETTE_SECRET_WRONG",
  );
  assert.is(
    code(() => guests.admit(hello(1, { secret: "right" }))),
    "",
  );
});

test("a second agent of a container comes in as the first one's rival; one that comes back is no rival of itself", () => {
  const guests = new Guests(new Secrets(null));
  const app = { container: { name: "app" } };
  const source = new Uint8Array(16).fill(1);
  const first = guests.admit(hello(1, { ...app, source }));
  assert.is(guests.rivalOf(first), undefined);
  assert.is(guests.rivalOf(guests.admit(hello(3, { ...app, source }))), undefined);
  const second = guests.admit(hello(2, { ...app, source: new Uint8Array(16).fill(2) }));
  assert.is(guests.rivalOf(second), first);
  guests.leave(1);
  guests.leave(3);
  assert.is(guests.rivalOf(second), undefined);
  assert.is(guests.admit(hello(4, { container: { name: "x".repeat(300), id: "c-1" } })).name, "c-1");
});

test("who has left is still the author of what it had sent, for a while", () => {
  const guests = new Guests(new Secrets(null));
  const guest = guests.admit(hello(1, { container: { name: "app" } }));
  guest.facts = guests.factsOf(guest, hello(1, { container: { name: "app" } }), null);
  guests.leave(1);
  assert.is(guests.get(1), undefined);
  assert.is(guests.author(1), guest);
  assert.is(guests.ofContainer("app"), guest);
  assert.is(guests.ofContainer("other"), undefined);
  assert.equal(guests.forgetLeft(), []);
  assert.equal(guests.forgetLeft(performance.now() + 61_000), [1]);
  assert.is(guests.author(1), undefined);
  for (let stream = 2; stream < 1030; stream++) {
    guests.admit(hello(stream));
    guests.leave(stream);
  }
  assert.equal(guests.forgetLeft(), [2, 3, 4, 5], "no more than a bound are kept");
});

test("a container with a secret of its own is spoken for by who knows that secret, and by nobody else", () => {
  const own: [string, Secret][] = [
    ["app", new Secret("app's")],
    ["web", new Secret("web's")],
    ["web", new Secret("web's in the other branch")],
  ];
  const answer = (guests: Guests, more: Partial<Hello>) => code(() => guests.admit(hello(1, more)));
  const strict = new Guests(new Secrets(null, own));
  const mixed = new Guests(new Secrets(new Secret("task's"), own));
  for (const guests of [strict, mixed]) {
    for (const [name, secret] of [
      ["app", "app's"],
      ["web", "web's"],
      ["web", "web's in the other branch"],
    ] as const)
      assert.is(answer(guests, { container: { name }, secret }), "");
    for (const secret of ["task's", "web's", null])
      assert.is(answer(guests, { container: { name: "app" }, secret }), "VEDETTE_NAME_UNPROVEN", String(secret));
    // What stands in for a name that is not said proves nothing either.
    assert.is(answer(guests, { hostname: "app", secret: "task's" }), "VEDETTE_NAME_UNPROVEN");
    assert.is(answer(guests, { container: { name: "", id: "app" }, secret: "task's" }), "VEDETTE_NAME_UNPROVEN");
  }
  assert.is(answer(mixed, { container: { name: "other" }, secret: "task's" }), "");
  assert.is(answer(mixed, { container: { name: "other" }, secret: "app's" }), "VEDETTE_SECRET_WRONG");
  assert.is(answer(strict, { container: { name: "other" }, secret: "app's" }), "VEDETTE_NAME_UNPROVEN");
});

test("where names are proven, an id is no way to another container's facts", () => {
  const guests = new Guests(new Secrets(new Secret("task's"), [["app", new Secret("app's")]]));
  const [app] = readTask({ Containers: [{ DockerId: "t-1", Name: "app", Image: "app:1" }] })!;
  const [other] = readTask({ Containers: [{ DockerId: "t-2", Name: "other", Image: "other:1" }] })!;
  const enter = (stream: number, name: string, id: string, secret: string) => {
    const said = hello(stream, { container: { name, id }, secret });
    return { said, guest: guests.admit(said) };
  };
  const thief = enter(1, "other", "t-1", "task's");
  assert.equal(guests.clueOf(thief.guest, thief.said), { id: "t-1", name: "other" });
  assert.equal(guests.factsOf(thief.guest, thief.said, app!)?.id, "other");
  assert.equal(guests.factsOf(thief.guest, thief.said, null)?.id, "other");
  assert.equal(guests.factsOf(thief.guest, thief.said, other!)?.id, "t-2");
  const insider = enter(2, "app", "t-2", "app's");
  assert.equal(guests.clueOf(insider.guest, insider.said), { id: null, name: "app" });
  assert.equal(guests.factsOf(insider.guest, insider.said, app!)?.id, "t-1");
  assert.equal(guests.factsOf(insider.guest, insider.said, null)?.id, "app");
});

test("a secret is made once, and readable by the task's users", () => {
  const path = join(folder, "secret");
  const made = Secret.atPath(path);
  const text = readFileSync(path, "utf8").trim();
  assert.match(text, /^[0-9a-f]{32}$/);
  assert.is(statSync(path).mode & 0o777, 0o444);
  assert.ok(made.matches(text) && Secret.atPath(path).matches(text) && !made.matches(null));
  writeFileSync(join(folder, "short"), "x");
  Secret.atPath(join(folder, "short"));
  assert.match(readFileSync(join(folder, "short"), "utf8"), /^[0-9a-f]{32}\n$/);
  assert.is(
    code(() => Secret.atPath(join(folder, "none", "secret"))),
    "VEDETTE_SECRET_UNUSABLE",
  );
});

test("images are taken apart as they are written", () => {
  const cases: [string, string | null, string | null, string | null][] = [
    ["nginx", "nginx", null, null],
    ["nginx:1.27", "nginx", "1.27", null],
    ["registry:5000/team/app", "registry:5000/team/app", null, null],
    ["registry:5000/team/app:2@sha256:ab", "registry:5000/team/app", "2", "sha256:ab"],
  ];
  for (const [image, repository, tag, digest] of cases) {
    const facts = imageFacts(image, null);
    assert.equal([facts.imageRepository, facts.imageTag, facts.imageDigest], [repository, tag, digest], image);
  }
  assert.is(imageFacts("a", "sha256:cd").imageDigest, "sha256:cd");
  assert.is(imageFacts(null, null).imageRepository, null);
});

test("labels are told by name, but not those that could not be told apart; the address is the first", () => {
  const Labels = { "b.c": "", a: "1", "no=name": "x", nul: "\0" };
  const Networks = [{ NetworkMode: "awsvpc" }, { IPv4Addresses: ["10.0.0.61", "10.0.0.62"] }];
  const [facts] = readTask({ Containers: [{ DockerId: "a-1", Name: "app", Labels, Networks }] })!;
  assert.equal(Object.entries(facts!.labels!), [
    ["a", "1"],
    ["b.c", ""],
  ]);
  assert.is(facts!.ip, "10.0.0.61");
});

test("an answer that does not hold costs only what does not hold", () => {
  assert.is(readTask("no"), null);
  const [facts] = readTask({
    TaskARN: 7,
    Family: "f",
    Containers: [{ DockerId: "a-1", Name: "app" }, { Name: 3 }, null],
  })!;
  assert.equal([facts!.labels, facts!.ip], [null, null]);
  assert.equal([facts!.id, facts!.taskArn, facts!.taskFamily, facts!.image], ["a-1", null, "f", null]);
  assert.equal(readTask({ Containers: "none" }), []);
});

test("a container is found by id, by name, and asked for again when it comes later", async () => {
  let asked = 0;
  const containers = [{ DockerId: "t-1", Name: "app", Image: "app:1" }];
  const server = createServer((_, response) => {
    asked++;
    response.end(JSON.stringify({ TaskARN: "arn", Containers: containers }));
  }).listen(0);
  let now = 10_000;
  const metadata = new TaskMetadata(`http://127.0.0.1:${(server.address() as AddressInfo).port}/v4/x`, () => now);
  assert.is((await metadata.find({ id: "t-1", name: null }))?.name, "app");
  assert.is((await metadata.find({ id: "other", name: "app" }))?.taskArn, "arn");
  assert.is(asked, 1);
  containers.push({ DockerId: "t-2", Name: "late", Image: "late:1" });
  assert.is(await metadata.find({ id: null, name: "late" }), null, "not more often than once a second");
  now += 1_000;
  assert.is((await metadata.find({ id: null, name: "late" }))?.id, "t-2");
  server.close();
  assert.is(await new TaskMetadata(null).find({ id: "t-1", name: "app" }), null);
  assert.is(await new TaskMetadata("http://127.0.0.1:1/v4/x").find({ id: "t-1", name: "app" }), null);
});

test("an answer of ECS that does not say how long it is, and is longer than 1 MiB, is not read whole", async () => {
  const block = Buffer.alloc(1 << 16, " ");
  const ends = { sent: 0, closed: false, asked: [] as string[] };
  const server = createServer(async ({ url = "" }, response) => {
    ends.asked.push(url);
    if (url === "/elsewhere/task") return response.writeHead(302, { location: "/v4/x/task" }).end();
    response.once("close", () => {
      ends.closed = true;
    });
    for (; !response.destroyed; ends.sent += block.length)
      if (!response.write(block)) await new Promise((more) => response.once("drain", more).once("close", more));
  }).listen(0);
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  assert.is(await new TaskMetadata(`${address}/v4/x`).task(), null);
  await until("the connection is closed", () => ends.closed);
  assert.ok(ends.sent < 16 << 20, `${ends.sent}`);
  assert.is(await new TaskMetadata(`${address}/elsewhere`).task(), null);
  assert.equal(ends.asked, ["/v4/x/task", "/elsewhere/task"], "no redirect is followed");
  server.close();
});

test("a container that ECS does not list yet is asked for again while its agent is there", async () => {
  let [asked, now, paused] = [0, 0, 0];
  const app = { DockerId: "t-1", Name: "app", Image: "app:1" };
  const server = createServer((_, response) => {
    response.end(JSON.stringify({ Containers: ++asked < 4 ? [] : [app] }));
  }).listen(0);
  const pause = async (ms: number) => {
    now += ms;
    paused++;
  };
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v4/x`;
  const metadata = new TaskMetadata(address, () => now, pause);
  const clue = { id: null, name: "app" };
  assert.is(await metadata.findLater(clue, () => paused < 2), null, "its agent has left");
  assert.is(asked, 1);
  assert.is((await metadata.findLater(clue, () => true))?.id, "t-1");
  assert.is(asked, 4);
  assert.is(await metadata.findLater({ id: null, name: "none" }, () => true), null);
  assert.ok(asked <= 34 && paused <= 40, "it gives up");
  server.close();
  assert.is(await new TaskMetadata(null, () => now, pause).findLater(clue, () => true), null, "outside ECS");
});

test("what a stranger says of itself is no line of the log", () => {
  const guests = new Guests(new Secrets(null, [["app", new Secret("app's")]]));
  const said = { hostname: "h\nvedette: all is well", container: { name: `app\n${"x".repeat(200)}` } };
  try {
    guests.admit(hello(1, said));
    assert.unreachable();
  } catch (error) {
    assert.instance(error, VedetteError);
    const { message } = error as VedetteError;
    assert.match(message, /on h\?vedette: all is well was refused: .* the container app\?x{60} and /);
    assert.not.match(message, /\n/);
  }
});

test("a batch is acknowledged a turn after the last worker has gone past it", () => {
  const feed = new Feed(1 << 20);
  const [worker, slow, own] = [feed.reader(), feed.reader(), feed.reader()];
  const told: [number, number][] = [];
  const ledger = new Ledger(feed.ring, own, [worker, slow], {
    isKept: () => true,
    onBatch: () => {},
    acknowledge: (...what) => told.push(what),
  });
  const readers = [new RingReader(feed.ring, worker), new RingReader(feed.ring, slow)];
  feed.offer(openBatch(new BatchBuilder({ clock: 1n }).bytes()), 5);
  ledger.turn();
  readers[0]!.next(0);
  readers[0]!.release();
  ledger.turn();
  ledger.turn();
  assert.equal(told, [], "the slow worker has not judged it");
  readers[1]!.next(0);
  readers[1]!.release();
  ledger.turn();
  assert.equal(told, [], "its alerts are on their way");
  ledger.turn();
  assert.is(told.length, 1);
  assert.is(told[0]![0], 5);
  ledger.end(5, 2);
  ledger.turn();
  ledger.turn();
  assert.equal(told[1], [5, 2]);
  assert.ok(ledger.isIdle);
  ledger.close();
});

test("the monitor says whether it is ready, and counts what agents lost once", async () => {
  const health = new Health();
  const monitor = new Monitor(health);
  const port = await monitor.listen("127.0.0.1:0");
  const ask = (path: string) => fetch(`http://127.0.0.1:${port}${path}`);
  assert.is((await ask("/healthz")).status, 503);
  health.begin();
  assert.is(await (await ask("/healthz")).text(), "ok\n");
  monitor.onLost("app", "s1", [3, 0]);
  monitor.onLost("app", "s1", [5, 0]);
  monitor.onLost("app", "s2", [1, 0]);
  const text = await (await ask("/metrics")).text();
  assert.match(text, /vedette_lost_events_total\{container="app",reason="spool"\} 6\n/);
  assert.is((await ask("/other")).status, 404);
  monitor.close();
});

test("what policies that are gone have raised shows no more, and of all others it stays", async () => {
  const monitor = new Monitor(new Health());
  const policyOf = (name: string, tenant?: string): LoadedPolicy => {
    const rules = [{ name: `rule of ${name}`, priority: "Critical", enabled: true }];
    const tenancy = tenant === undefined ? {} : { tenancy: { tenant } };
    return { name, rules, admitted: { metadata: {} }, ...tenancy } as unknown as LoadedPolicy;
  };
  const [own, same, gone] = [policyOf("own"), policyOf("own", "payments"), policyOf("gone", "payments")];
  monitor.onPolicies([own, same, gone]);
  const { policy: _policy, ...bare } = ALERT;
  monitor.onAlert({ ...bare, rule: "of nobody" });
  const series = async (): Promise<string[]> =>
    [
      ...(await monitor.metrics()).matchAll(/^vedette_(?:alerts|suppressed_alerts)_total\{rule="([^"]+)".*? \d+$/gm),
    ].map(([, rule = ""]) => rule);
  const suppressed = ["rule of own", "rule of gone"];
  assert.equal(await series(), ["rule of own", "rule of own", "rule of gone", "of nobody", ...suppressed]);
  monitor.keepPolicies([own, same]);
  assert.equal(await series(), ["rule of own", "rule of own", "of nobody", "rule of own"]);
  monitor.keepPolicies([own]);
  assert.equal(await series(), ["rule of own", "of nobody", "rule of own"]);
});

test("an agent that is gone again and again does not use up what may be told of one that is silent", () => {
  const quotas = new QuotaByContainer();
  const taken = Array.from({ length: 20 }, () => quotas.take("Agent gone without a word", "app"));
  assert.is(taken.filter((untold) => untold !== null).length, 10);
  assert.is(quotas.take("Agent silent", "app"), 0);
  assert.is(quotas.take("Agent gone without a word", "other"), 0);
});

test("P13, A1: counters are there before the first hit, with build and state, and nothing of Node's own", async () => {
  const health = new Health();
  const monitor = new Monitor(health);
  const rule = { name: "R", priority: "Critical", enabled: true } as unknown as LoadedPolicy["rules"][number];
  monitor.onPolicies([{ name: "p", rules: [rule] } as unknown as LoadedPolicy]);
  monitor.onLost("app", "s1", []);
  health.watch({ workers: () => ({ count: 2, stuck: 1 }), policies: () => ["judging", "refused"] });
  const line = (text: string, start: string) => text.split("\n").find((one) => one.startsWith(start)) ?? "(none)";
  const text = await monitor.metrics();
  for (const expected of [
    'vedette_alerts_total{rule="R",priority="Critical",policy="p",tenant=""} 0',
    'vedette_lost_events_total{container="app",reason="spool"} 0',
    'vedette_agents_silent_total{container="app"} 0',
    'vedette_agents_gone_total{container="app",cause="closed"} 0',
    'vedette_suppressed_alerts_total{rule="R"} 0',
    'vedette_refusals_total{code="VEDETTE_SECRET_WRONG"} 0',
    'vedette_faults_total{code="VEDETTE_POLICY_TRAPPED"} 0',
    'vedette_faults_total{code="VEDETTE_HTTP_OUTPUT"} 0',
    "vedette_judging 0",
    "vedette_workers 2",
    "vedette_workers_stuck 1",
    'vedette_policies{state="judging"} 1',
    'vedette_policies{state="refused"} 1',
  ])
    assert.is(line(text, expected.replace(/\d$/, "")), expected);
  assert.match(text, /vedette_build_info\{version="\d[^"]*",node="v\d[^"]*"\} 1/);
  assert.not.match(text, /nodejs_/);
  assert.match(text, /process_resident_memory_bytes \d/);
  const policy = { name: "p" } as LoadedPolicy;
  monitor.onAlert({ ...suppressedAlert(policy, "R", { rule: 0, container: "", count: 7 }, 0n) });
  assert.is(
    line(await monitor.metrics(), "vedette_suppressed_alerts_total{"),
    'vedette_suppressed_alerts_total{rule="R"} 7',
  );
});

test("an address of the monitor is an address and a port", () => {
  assert.equal(parseAddress("127.0.0.1:80"), ["127.0.0.1", 80]);
  assert.equal(parseAddress("[::1]:80"), ["::1", 80]);
  for (const bad of ["80", "localhost:80", "1.2.3.4:99999", ""])
    assert.is(
      code(() => parseAddress(bad)),
      "VEDETTE_HTTP_REFUSED",
    );
});

test.run();
