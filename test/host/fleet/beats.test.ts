// SPDX-License-Identifier: Apache-2.0
// Sensors say on the bus that they live, `vedette fleet sensors` lists them, and nobody's words steer that
// list. With Debian's nats-server.
// Time limit: 300 s.
import { writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { BEAT_BYTES_MAX, BEATS, type Beat, encodeBeat, readBeat } from "../../../host/fleet/beat.js";
import { Heart } from "../../../host/fleet/heart.js";
import { NatsBus } from "../../../host/fleet/nats-bus.js";
import { expectedIn, Roll, readRoll } from "../../../host/fleet/roll.js";
import { subjectOfBeats } from "../../../host/fleet/subject.js";
import { AGENT, run, scratch } from "../../e2e/programs.js";
import { serve } from "../../e2e/serving.js";
import { until } from "../../until.js";
import { typed } from "../cli/typed.js";
import { missing, NatsServer } from "../output/nats-server.js";

if (missing !== null) throw new Error(`it needs ${missing}`);

const NEVER = new AbortController().signal;
const NOW = 1_700_000_000_000;
const BEAT: Beat = {
  ...{ tenant: "shop", task: "arn:aws:ecs:eu-west-1:1:task/prod/aaaa", state: "running", version: "1.0.0" },
  ...{ host: "h", kernel: "6.1.0", arch: "x64", started: NOW, clock: NOW, period: 30, problem: null },
  agents: { count: 1, tiers: { trace: 1, inline: 1 }, integrity: { adaptive: 1 }, versions: { "1.0.0": 1 } },
  policies: [{ tenant: "", name: "pack", version: "1", digest: "ab".repeat(32), state: "judging" }],
  ...{ unlisted: 0, rules: ["rules.yaml"] },
  counters: { events: 10, lost: 1, alerts: 2, unsent: 0, forwarded: 5, forwardLost: 1 },
  ...{ spool: { blocks: 0, bytes: 0 }, acked: { stream: "VB_3", seq: 9, at: NOW } },
};
const subjectOf = ({ tenant, task }: Beat): string => subjectOfBeats(tenant, task);
const messageOf = (beat: Beat, time: number, subject = subjectOf(beat)) => ({
  ...{ subject, body: encodeBeat(beat), seq: 1, time, pending: 0 },
});

test("a beat is read as it was said; one with too many policies says how many it leaves out", () => {
  assert.equal(readBeat(subjectOf(BEAT), encodeBeat(BEAT)), BEAT);
  const name = (at: number): string => `${at}`.padStart(200, "x");
  const policies = Array.from({ length: 900 }, (_, at) => ({ ...BEAT.policies[0]!, name: name(at) }));
  const rules = Array.from({ length: 50 }, (_, at) => name(at));
  for (const beat of [
    { ...BEAT, policies, rules },
    { ...BEAT, rules: rules.map(() => "\x01".repeat(256)), problem: "p".repeat(10_000) },
  ]) {
    const message = encodeBeat(beat);
    assert.ok(message.length <= BEAT_BYTES_MAX);
    const read = readBeat(subjectOf(BEAT), message) as Beat;
    assert.is(read.policies.length + read.unlisted, beat.policies.length);
    assert.is(read.task, BEAT.task);
  }
});

test("a sensor is silent after two minutes by the server's clock, ended when it says so, missing when it never came", () => {
  const roll = new Roll(expectedIn("# tasks\n\na\nshop b # of the shop\nother b\nc"));
  roll.take(messageOf({ ...BEAT, task: "a", clock: NOW + 3_600_000 }, NOW - 119_000));
  roll.take(messageOf({ ...BEAT, task: "b" }, NOW - 121_000));
  roll.take(messageOf({ ...BEAT, task: "c", state: "ended" }, NOW - 500_000));
  roll.take(messageOf({ ...BEAT, task: "d", state: "ended" }, NOW));
  roll.take(messageOf({ ...BEAT, task: "e", problem: "2 policy workers do not move" }, NOW));
  const seen = roll.sensors(NOW);
  assert.equal(
    seen.map(({ tenant, task, state }) => [tenant, task, state]),
    [
      ["other", "b", "missing"],
      ["shop", "b", "silent"],
      ["shop", "e", "unwell"],
      ["shop", "c", "ended"],
      ["shop", "d", "ended"],
      ["shop", "a", "live"],
    ],
  );
  assert.is(seen.at(-1)?.ahead, 3719);
  assert.equal(
    roll.unwell(seen).map(({ task }) => task),
    ["b", "b", "e", "c"],
    "an end is wrong where the task is expected",
  );
});

test("H61: a beat that says another task or tenant than its subject is refused and counted", () => {
  const roll = new Roll([]);
  roll.take(messageOf(BEAT, NOW));
  roll.take(messageOf({ ...BEAT, task: "another" }, NOW, subjectOf(BEAT)));
  roll.take(messageOf({ ...BEAT, tenant: "another" }, NOW, subjectOf(BEAT)));
  roll.take(messageOf(BEAT, NOW, `${subjectOf(BEAT)}.more`));
  assert.is(roll.refused, 3);
  assert.is(roll.sensors(NOW).length, 1);
  assert.equal([...roll.reasons.keys()], ["it is of another task than its subject"]);
});

test("H61: a task that another tenant claims is live only if its own sensor is, too", () => {
  const roll = new Roll(expectedIn("a"));
  roll.take(messageOf({ ...BEAT, task: "a" }, NOW - 200_000));
  roll.take(messageOf({ ...BEAT, task: "a", tenant: "thief" }, NOW));
  assert.equal(
    roll.unwell(roll.sensors(NOW)).map(({ tenant, state }) => [tenant, state]),
    [["shop", "silent"]],
  );
});

test("H61: a server refuses a beat that a task's credentials do not cover", async () => {
  const user = `{user: mine, password: p, permissions: {publish: ["vd.hb.shop.mine"], subscribe: ["_INBOX.>"]}}`;
  const nats = await NatsServer.start(`authorization: {users: [{user: admin, password: p}, ${user}]}\n`, {
    user: "admin",
    pass: "p",
  });
  const bus = new NatsBus({ url: nats.url, user: "mine", password: "p" }, { answerMs: 1_000 });
  const admin = new NatsBus({ url: nats.url, user: "admin", password: "p" });
  const said: string[] = [];
  try {
    await admin.ensure(BEATS, NEVER);
    for (const task of ["theirs", "mine"]) {
      const heart = new Heart({ bus, beat: (state) => ({ ...BEAT, task, state }), say: (line) => said.push(line) });
      heart.begin();
      if (task === "theirs") await until("the refusal is told", () => said.length === 1);
      await heart.close();
    }
    assert.match(said.join(), /^the bus takes no beats: we may not publish on this subject/);
    const roll = await readRoll(admin, [], NEVER);
    assert.equal(
      roll.sensors(Date.now()).map(({ task }) => task),
      ["mine"],
    );
  } finally {
    await bus.close();
    await admin.close();
    await nats.end();
  }
});

test("H62: a message that is no beat is refused, whatever it is; what a beat says moves no terminal", async () => {
  const roll = new Roll([]);
  const said = JSON.parse(encodeBeat(BEAT).toString()) as Record<string, unknown>;
  const bodies = [
    Buffer.from("{"),
    Buffer.from([0xff, 0xfe]),
    Buffer.from("[".repeat(BEAT_BYTES_MAX)),
    Buffer.alloc(BEAT_BYTES_MAX + 1, 32),
    ...[
      { v: 2 },
      { clock: -1 },
      { clock: 1e300 },
      { policies: Array(513).fill(0) },
      { policies: [{ digest: "../.." }] },
      { agents: { count: 1, tiers: Object.fromEntries(Array.from({ length: 9 }, (_, i) => [i, 1])) } },
      { state: "live" },
      { counters: null },
      { task: "x".repeat(3_000) },
    ].map((more) => Buffer.from(JSON.stringify({ ...said, ...more }))),
  ];
  for (const body of bodies) roll.take({ subject: subjectOf(BEAT), body, seq: 1, time: NOW, pending: 0 });
  assert.is(roll.refused, bodies.length);
  assert.is(roll.sensors(NOW).length, 0);

  const nats = await NatsServer.start();
  const bus = new NatsBus({ url: nats.url });
  try {
    const evil = "\x1b[2J\u202eevil\n\tlive";
    const policies = [{ ...BEAT.policies[0]!, name: evil }];
    const beat = { ...BEAT, tenant: evil, version: evil, problem: evil, policies };
    await bus.ensure(BEATS, NEVER);
    await bus.publish(subjectOf(beat), encodeBeat(beat), NEVER);
    await bus.publish("vd.hb.a.\u202eb", Buffer.from("{"), NEVER);
    for (const more of [[], ["--json"]]) {
      const { status, stdout, stderr } = await typed("fleet", "sensors", "--bus", nats.url, ...more);
      assert.is(status, 1);
      assert.not.match(`${stdout}${stderr}`, /[\x1b\u202e]/);
      assert.match(stdout, /evil/);
      assert.match(stderr, /a beat is refused: vd\.hb\.a\.\\u202eb: it has another form/);
    }
  } finally {
    await bus.close();
    await nats.end();
  }
});

test("H65: beats of tasks without end are bounded, and leave room for those that are expected", () => {
  const roll = new Roll(expectedIn("victim\nshop other"));
  const message = (tenant: string, task: string) => messageOf({ ...BEAT, tenant, task, policies: [] }, NOW);
  for (let at = 0; at < 100_100; at++) roll.take(message("flood", `t${at}`));
  assert.is(roll.unlisted, 100);
  for (let at = 0; at < 20; at++) roll.take(message(`flood${at}`, "victim"));
  assert.is(roll.unlisted, 104);
  roll.take(message("shop", "other"));
  assert.is(roll.unlisted, 104);
  assert.is(roll.sensors(NOW).length, 100_017);
  const { maxBytes, maxMessages, maxMessageBytes } = BEATS;
  assert.equal([maxBytes, maxMessages, maxMessageBytes], [128 << 20, 1, 16 << 10]);
});

test("a bus that was away, and has forgotten the stream, gets beats again; what is said is said once", async () => {
  const nats = await NatsServer.start();
  const bus = new NatsBus({ url: nats.url }, { answerMs: 1_000 });
  const said: string[] = [];
  let beats = 0;
  const heart = new Heart({
    bus,
    beat: (state) => ({ ...BEAT, state, counters: { ...BEAT.counters, events: ++beats } }),
    say: (line) => said.push(line),
    periodMs: 50,
  });
  try {
    heart.begin();
    await until("it beats", async () => (await nats.count("HB").catch(() => 0)) === 1);
    await nats.kill();
    await until("that is told", () => said.length === 1);
    const before = beats;
    await until("it goes on", () => beats > before + 2);
    await nats.resume();
    await until("beats come again", () => said.length === 2);
    await heart.close();
    assert.match(said[0]!, /^the bus takes no beats: /);
    assert.is(said[1], "the bus takes beats again");
    const [sensor, more] = (await readRoll(bus, [], NEVER)).sensors(Date.now());
    assert.equal([sensor?.state, sensor?.beat?.counters.events, more], ["ended", beats, undefined]);
  } finally {
    await bus.close();
    await nats.end();
  }
});

test("H75, H76: a host beats from its start to its end; one that is killed is silent; no beat tells what its workload was told", async () => {
  const nats = await NatsServer.start();
  const folder = scratch();
  const expect = join(folder, "tasks");
  const over = join(folder, "over");
  writeFileSync(expect, `shop ${hostname()}\n`);
  const listed = async () => {
    const { status, stdout } = await typed("fleet", "sensors", "--bus", nats.url, "--expect", expect, "--json");
    return { status, text: stdout, sensors: JSON.parse(stdout).sensors as { state: string; beat: Beat | null }[] };
  };
  const live = () => until("it is live", async () => (await listed()).sensors[0]?.state === "live");
  try {
    assert.equal((await listed()).sensors[0]?.state, "missing");
    const options = ["--bus", nats.url, "--bus-tenant", "shop", "--policy", "pack", "--alerts", join(folder, "alerts")];
    const env = { HIDDEN_TOKEN: "hidden-in-the-environment" };
    const first = await serve(folder, options, { env });
    await live();
    const words = [
      "--host",
      `unix:${folder}/host.sock`,
      "--",
      "sh",
      "-c",
      `cat /nonesuch/hidden; until test -e ${over}; do sleep 0.2; done`,
    ];
    const watched = run([AGENT, ...words], { env: { HIDDEN_TOKEN: "hidden-in-the-environment" } });
    const busy = await until(
      "the beat tells of the agent",
      async () => {
        const one = await listed();
        return (one.sensors[0]?.beat?.agents.count ?? 0) > 0 && one;
      },
      { everyMs: 500 },
    );
    const { agents, policies, kernel, problem } = busy.sensors[0]!.beat!;
    assert.equal(agents.tiers.trace, 1);
    assert.equal(agents.integrity, { adaptive: 1 });
    assert.ok(
      policies.length > 20 && policies.every(({ digest, state }) => digest.length === 64 && state === "judging"),
    );
    assert.ok(kernel.length > 0);
    assert.is(problem, null);
    assert.not.match(busy.text, /hidden/);
    writeFileSync(over, "");
    await watched;
    assert.is((await first.end()).status, 0);
    const ended = await listed();
    assert.equal([ended.status, ended.sensors[0]?.state], [1, "ended"]);
    assert.ok(ended.sensors[0]!.beat!.counters.events > 0);
    assert.ok(ended.sensors[0]!.beat!.policies.length > 20);
    assert.not.match(ended.text, /hidden/);
    const second = await serve(folder, options, { env });
    await live();
    second.child.kill("SIGKILL");
    await second.ended;
    const bus = new NatsBus({ url: nats.url });
    const [sensor] = (await readRoll(bus, [], NEVER)).sensors(Date.now() + 121_000);
    await bus.close();
    assert.is(sensor?.state, "silent");
  } finally {
    await nats.end();
  }
});

test("what fleet sensors is told wrongly, and a bus that is away, are told", async () => {
  const wrong = await typed("fleet", "sensors", "--bus", "http://x");
  assert.equal([wrong.status, /--bus must be nats:/.test(wrong.stderr)], [2, true]);
  const none = await typed("fleet", "sensors", "--bus", "nats://127.0.0.1:1", "--expect", "/nonesuch");
  assert.equal([none.status, /--expect: \/nonesuch: no such file/.test(none.stderr)], [2, true]);
  const away = await typed("fleet", "sensors", "--bus", "nats://127.0.0.1:1");
  assert.match(away.stderr, /connection refused.*VEDETTE_BUS_AWAY/);
  assert.is(away.status, 1);
});

test.run();
