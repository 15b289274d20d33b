// SPDX-License-Identifier: Apache-2.0
// Findings into a stream of NATS JetStream, with Debian's nats-server: what it has afterwards is asked of the
// server itself. It is well, without the stream, away, killed under a load, frozen, about to leave, full, and
// refuses; and a server that lies.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { nkeys } from "@nats-io/transport-node";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { VedetteError } from "../../../host/errors.js";
import { findingId } from "../../../host/finding/finding.js";
import { NatsCarrier, type NatsSettings } from "../../../host/output/nats.js";
import { NatsClient } from "../../../host/output/nats-client.js";
import { parseNatsUrl } from "../../../host/output/nats-url.js";
import { type NamedOutput, outputsOf } from "../../../host/output/registry.js";
import { until } from "../../until.js";
import { makeCertificates } from "./certificates.js";
import { liar } from "./lying-server.js";
import { missing, NatsServer } from "./nats-server.js";
import { CONNECT, FINDING, NEWS, unlessStuck } from "./shared.js";

if (missing !== null) throw new Error(`it needs ${missing}`);

const SUBJECTS = ["vd.a.*"];
const idOf = (tid: number): string => findingId({ ...FINDING, tid });
const all = (count: number): string[] => Array.from({ length: count }, (_, i) => idOf(i)).sort();
const NEVER = new AbortController().signal;

type Nats = Extract<NamedOutput, { kind: "nats" }>;

async function queueTo(url: string, more: Partial<NatsSettings> = {}, output: Partial<Nats> = {}) {
  const faults: string[] = [];
  const settings = { url, subject: "vd.a.{tenant}", capacity: 10_000, ...more };
  const named: NamedOutput[] = [{ name: "bus", kind: "nats", settings, ...output }];
  const [queue] = await outputsOf({ targets: [], named }, { onFault: unlessStuck((said) => faults.push(said)) });
  if (queue === undefined) throw new Error("no output was made");
  queue.start();
  const send = (from: number, to: number, of: Partial<typeof FINDING> = {}): void => {
    for (let i = from; i < to; i++) queue.write({ ...CONNECT, finding: { ...FINDING, tid: i, ...of } });
  };
  return { queue, faults, send };
}

/** What a client is told of one message. */
async function endOn(server: NatsServer | string, more: Partial<NatsSettings>, subject = "vd.a.x", body = "{}") {
  const client = new NatsClient({ url: typeof server === "string" ? server : server.url, ...more }, 5_000);
  try {
    const [end] = await client.publish([{ subject, id: "1", body }], more.stream, NEVER);
    return end?.kind === "taken" ? "taken" : `${end?.kind}: ${end?.reason}`;
  } catch (error) {
    return `none: ${(error as Error).message}`;
  } finally {
    await client.close();
  }
}

test("each finding is one message, on its tenant's subject, by its own id, as Falco's JSON", async () => {
  const server = await NatsServer.start();
  await server.stream("VA", SUBJECTS);
  const { queue, faults, send } = await queueTo(server.url, { stream: "VA" });
  send(0, 600);
  await until("all are sent", () => queue.stats().sent === 600);
  queue.write({ ...CONNECT, tenant: "a.b *>\n", finding: { ...FINDING, tid: 600 } });
  await until("and another", () => queue.stats().sent === 601);
  await queue.close();
  const stored = await server.stored("VA");
  await server.end();
  assert.equal(faults, []);
  assert.equal(stored.map(({ id }) => id).sort(), all(601));
  assert.equal([...new Set(stored.map(({ subject }) => subject))], ["vd.a.payments", "vd.a.a%2Eb%20%2A%3E%0A"]);
  assert.is(JSON.parse(stored[0]?.body ?? "").rule, "Task credentials requested");
});

test("what is sent twice is kept once; and OCSF's incidents and updates have ids of their own", async () => {
  const server = await NatsServer.start();
  await server.stream("VA", SUBJECTS);
  const lines = { form: "ocsf", version: "1.5.0", hasIncidents: true } as const;
  const { queue, send } = await queueTo(server.url, {}, { lines });
  for (const _ of [1, 2]) {
    send(0, 3);
    queue.tell(NEWS);
    queue.tell({ ...NEWS, activity: "closed" });
    queue.update({ ...CONNECT, finding: { ...FINDING, tid: 0 } });
  }
  await until("all are sent", () => queue.stats().sent === 12);
  await queue.close();
  const stored = await server.stored("VA");
  await server.end();
  const classes = stored.map(({ body }) => JSON.parse(body).class_uid);
  assert.equal(classes.sort(), [2004, 2004, 2004, 2004, 2005, 2005]);
  assert.is(new Set(stored.map(({ id }) => id)).size, 6);
});

for (const disk of [false, true])
  test(`a server that is killed under a load and comes back has all that was taken, ${disk ? "from a disk" : "from memory"}`, async () => {
    const server = await NatsServer.start();
    await server.stream("VA", SUBJECTS);
    const where = disk ? { disk: { folder: join(server.folder, "queue"), bytes: 16 << 20 } } : {};
    const { queue, faults, send } = await queueTo(server.url, {}, where);
    let came = 0;
    for (let kills = 0; kills < 4; kills++) {
      const before = queue.stats().sent;
      while (queue.stats().sent < before + 300) {
        send(came, came + 50);
        came += 50;
        await new Promise((done) => setTimeout(done, 2));
      }
      await server.kill(); // with messages that it has, and has not said so
      send(came, came + 50);
      came += 50;
      await until("it is told", () => queue.health() !== null);
      await server.resume();
    }
    await until("all are sent", () => queue.stats().sent === came, { tell: () => JSON.stringify(queue.stats()) });
    const { dropped } = queue.stats();
    await queue.close();
    const stored = await server.stored("VA");
    await server.end();
    assert.equal(dropped, { full: 0, refused: 0, closed: 0, damaged: 0 });
    assert.equal([...new Set(stored.map(({ id }) => id))].sort(), all(came));
    assert.match(
      faults[0] ?? "",
      /^Alerts cannot be published at nats:\/\/127\.0\.0\.1:\d+: .*\[VEDETTE_NATS_OUTPUT\]$/,
    );
  });

test("without a stream alerts wait, and go there when somebody makes it", async () => {
  const server = await NatsServer.start();
  const { queue, faults, send } = await queueTo(server.url);
  send(0, 3);
  await until("it is told", () => faults.length > 0);
  assert.match(faults[0] ?? "", /: no stream takes this subject\. \[VEDETTE_NATS_OUTPUT\]$/);
  assert.is(queue.stats().state, "retrying");
  await server.stream("VA", SUBJECTS);
  await until("all are sent", () => queue.stats().sent === 3);
  assert.is(queue.health(), null);
  await queue.close();
  assert.is(await server.count("VA"), 3);
  await server.end();
});

test("a wrong password makes alerts wait, and nothing that is told has it", async () => {
  const users = `authorization: {users: [{user: vedette, password: right}]}`;
  const server = await NatsServer.start(users, { user: "vedette", pass: "right" });
  await server.stream("VA", SUBJECTS);
  const { queue, faults, send } = await queueTo(server.url, { user: "vedette", password: "wr0ng-secret" });
  send(0, 1);
  await until("it is told", () => faults.length > 0);
  assert.match(faults[0] ?? "", /: Authorization Violation\. /);
  assert.not.match(JSON.stringify([faults, queue.stats()]), "wr0ng");
  await queue.close();
  assert.is(await endOn(server, { user: "vedette", password: "right" }), "taken");
  await server.end();
});

test("what is too large for the server, or for the stream, is dropped and counted, and the others go", async () => {
  const server = await NatsServer.start("max_payload: 20000\n");
  await server.stream("VA", SUBJECTS, { max_msg_size: 10_000 });
  const { queue, faults, send } = await queueTo(server.url);
  send(0, 2);
  for (const size of [15_000, 12_000, 15_001, 9_000 + 20_000].map((one) => Math.min(one, 15_500)))
    queue.write({ ...CONNECT, output: "x".repeat(size), finding: { ...FINDING, tid: 10_000 + size } });
  queue.write({ ...CONNECT, outputFields: Array.from({ length: 8 }, (_, i) => [`f${i}`, "y".repeat(8_000)]) as never });
  send(2, 4);
  await until("the rest are sent", () => queue.stats().sent === 4 && queue.stats().queued === 0);
  assert.is(queue.stats().dropped.refused, 5);
  assert.match(faults.join("\n"), /message size exceeds maximum allowed/);
  await queue.close();
  assert.equal((await server.stored("VA")).map(({ id }) => id).sort(), all(4));
  await server.end();
  const small = await NatsServer.start("max_payload: 2000\n");
  await small.stream("VA", SUBJECTS);
  assert.match(
    await endOn(small, {}, "vd.a.x", "x".repeat(2_000)),
    /^large: it has 2065 bytes, and the server takes 2000$/,
  );
  await small.end();
});

test("a server that is frozen is told as one that does not answer, and has all when it goes on", async () => {
  const server = await NatsServer.start();
  await server.stream("VA", SUBJECTS);
  const carrier = new NatsCarrier({ url: server.url, subject: "vd.a.{tenant}", capacity: 10 }, 300);
  const line = (i: number): string => `vd.a.x ${idOf(i)} {}`;
  assert.equal(await carrier.send([line(0)], NEVER), { outcome: "done" });
  await server.freeze();
  const late = await carrier.send([line(1), line(2)], NEVER);
  assert.equal(
    [late.outcome, (late as { error?: Error }).error?.message],
    ["again", `Alerts cannot be published at ${server.url}: it does not answer.`],
  );
  server.signal("SIGCONT");
  await until("it takes them", async () => (await carrier.send([line(1), line(2)], NEVER)).outcome === "done");
  await carrier.close();
  assert.equal((await server.stored("VA")).map(({ id }) => id).sort(), all(3));
  await server.end();
});

test("who gives up is heard at once, by a server that is frozen too", async () => {
  const server = await NatsServer.start();
  await server.stream("VA", SUBJECTS);
  const carrier = new NatsCarrier({ url: server.url, subject: "vd.a.{tenant}", capacity: 10 });
  await carrier.send([`vd.a.x ${idOf(0)} {}`], NEVER);
  await server.freeze();
  const stop = new AbortController();
  const sent = carrier.send([`vd.a.x ${idOf(1)} {}`], stop.signal);
  setImmediate(() => stop.abort());
  assert.is((await sent).outcome, "again");
  await carrier.close();
  await server.end();
});

test("a server that is about to leave is left for another one of those that are named", async () => {
  const lame = 'lame_duck_duration: "120s"\nlame_duck_grace_period: "60s"\n';
  const [one, other] = [await NatsServer.start(lame), await NatsServer.start()];
  for (const server of [one, other]) await server.stream("VA", SUBJECTS);
  const { queue, send } = await queueTo(`${one.url},${other.url}`);
  send(0, 5);
  await until("the first has them", () => queue.stats().sent === 5);
  assert.is(await one.count("VA"), 5);
  one.signal("SIGUSR2");
  await until("it is about to leave", () => one.log.includes("Entering lame duck mode"));
  let came = 5;
  await until("the other one has some", async () => {
    send(came, ++came);
    return (await other.count("VA")) > 0;
  });
  await until("all are sent", () => queue.stats().sent === came);
  await queue.close();
  assert.equal(queue.stats().dropped, { full: 0, refused: 0, closed: 0, damaged: 0 });
  await one.end();
  await other.end();
});

test("a stream that is full makes alerts wait", async () => {
  const server = await NatsServer.start();
  await server.stream("VA", SUBJECTS, { max_msgs: 3, discard: "new" as never });
  const { queue, faults, send } = await queueTo(server.url);
  send(0, 5);
  await until("it is told", () => faults.length > 0);
  assert.match(faults[0] ?? "", /maximum messages exceeded/);
  assert.equal([queue.stats().sent, queue.stats().queued], [3, 2]);
  await server.removeStream("VA");
  await server.stream("VA", SUBJECTS);
  await until("the rest are sent", () => queue.stats().sent === 5);
  await queue.close();
  await server.end();
});

test("H55: a container whose subject nobody takes, or that is flooded, does not keep others' findings for ever", async () => {
  const user =
    '{user: vedette, password: p, permissions: {publish: ["vd.a.payments.*", "vd.a.others.*", "vd.a.full.*"]}}';
  const server = await NatsServer.start(`authorization: {users: [{user: admin, password: p}, ${user}]}`, {
    ...{ user: "admin", pass: "p" },
  });
  const bound = { max_msgs_per_subject: 20, discard: "new" as never, discard_new_per_subject: true };
  await server.stream("VA", ["vd.a.payments.*"], bound);
  const place = { url: server.url, subject: "", capacity: 10, user: "vedette", password: "p" };
  const carrier = new NatsCarrier(place, 5_000, 0);
  // Its name is chosen so that no permission, or no stream, covers the subject.
  const hostile = [`vd.a.evil.x ${idOf(0)} {}`, `vd.a.others.x ${idOf(1)} {}`];
  const honest = Array.from({ length: 4 }, (_, i) => `vd.a.payments.web ${idOf(2 + i)} {}`);
  let lines = [...hostile, ...honest];
  const refused: string[] = [];
  await until("all are settled", async () => {
    const sent = await carrier.send(lines, NEVER);
    if (sent.outcome === "done") lines = [];
    else if (sent.outcome === "refused") {
      refused.push(sent.error.message);
      lines = lines.slice(sent.taken + 1);
    } else lines = lines.slice("taken" in sent ? sent.taken : 0);
    return lines.length === 0;
  });
  assert.equal(
    refused.map((said) => said.replace(/.*: /, "")),
    ["we may not publish on this subject.", "no stream takes this subject."],
  );
  assert.equal((await server.stored("VA")).map(({ id }) => id).sort(), [2, 3, 4, 5].map(idOf).sort());
  // Alone, it waits: the operator may have to mend a permission.
  const patient = new NatsCarrier(place, 5_000, 0);
  for (const _ of [1, 2]) assert.is((await patient.send(hostile.slice(0, 1), NEVER)).outcome, "again");
  // A flood of one container fills its own subject, and not the stream.
  const flood = Array.from({ length: 60 }, (_, i) => `vd.a.payments.flood ${idOf(100 + i)} {}`);
  let waiting = [...flood, `vd.a.payments.web ${idOf(500)} {}`];
  for (let i = 0; i < 100 && waiting.length > 0; i++) {
    const sent = await carrier.send(waiting, NEVER);
    if (sent.outcome === "done") waiting = [];
    else waiting = waiting.slice((sent as { taken: number }).taken + (sent.outcome === "refused" ? 1 : 0));
  }
  assert.equal(waiting, []);
  const subjects = (await server.stored("VA")).map(({ subject }) => subject);
  const count = (name: string): number => subjects.filter((one) => one === `vd.a.payments.${name}`).length;
  assert.equal([count("flood"), count("web")], [20, 5]);
  await Promise.all([carrier.close(), patient.close()]);
  await server.end();
});

/** A server that answers each message so. */
function answering(answer: string, info: object = {}) {
  return liar(info, (line, socket) => {
    const [, reply] = /^HPUB \S+ (\S+) /.exec(line) ?? [];
    if (reply !== undefined) socket.write(`MSG ${reply} 1 ${answer.length}\r\n${answer}\r\n`);
  });
}

test("H56: a server that lies is believed nothing that it cannot know, and makes us speak with no other", async () => {
  const told: [answer: string, end: RegExp][] = [
    ['{"stream":"VA","seq":7}', /^taken$/],
    ['{"stream":"ANOTHER","seq":7}', /^failed: another stream than/],
    ['{"stream":"VA","seq":0,"duplicate":true}', /^failed: it knows the message, and does not have it yet$/],
    ['{"stream":"","seq":1}', /^failed: /],
    ["{}", /^failed: /],
    ["[", /^failed: /],
    [
      '{"error":{"code":400,"err_code":1,"description":"\\u001b[2J\\u202e' + "x".repeat(9_000) + '"}}',
      /^failed: \\x1b\[2J\\u202ex{1,200}$/,
    ],
  ];
  for (const [answer, end] of told) {
    const server = await answering(answer);
    const said = await endOn(server.url, { stream: "VA" });
    assert.match(said, end, answer.slice(0, 80));
    assert.ok(said.length < 300, `${said.length} characters`);
    await server.close();
  }
  // It names another server, and asks to be left for it.
  let visits = 0;
  const other = await liar({}, () => undefined);
  const first = await answering('{"stream":"VA","seq":7}', {
    connect_urls: [other.url.slice("nats://".length)],
    ldm: true,
  });
  for (const _ of [1, 2]) assert.is(await endOn(first.url, { stream: "VA" }), "taken");
  visits += other.sockets.length;
  assert.is(visits, 0);
  await Promise.all([first.close(), other.close()]);
});

test("H57: credentials leave in no clear text where TLS is asked for, and none for whoever has no certificate", async () => {
  // It says that it has no TLS, to get the password.
  const heard: string[] = [];
  const thief = await liar({ auth_required: true }, (line) => heard.push(line));
  const port = thief.url.split(":").pop();
  assert.match(await endOn(`tls://127.0.0.1:${port}`, { user: "u", password: "s3cret" }), /does not support 'tls'/);
  assert.equal(heard.join("").includes("s3cret"), false, heard.join(""));
  await thief.close();
  const tls =
    'tls: {cert_file: "FOLDER/server.pem", key_file: "FOLDER/server.key", ca_file: "FOLDER/ca.pem", verify: VERIFY}\n';
  for (const isMutual of [false, true]) {
    const server = await NatsServer.startIn(
      (folder) => makeCertificates(folder, ["server", "client"]),
      tls.replace("VERIFY", String(isMutual)),
    );
    const place = `tls://127.0.0.1:${server.port}`;
    const [ca, certificate, key] = ["ca.pem", "client.pem", "client.key"].map((name) => join(server.folder, name));
    const ours = { ca: ca as string, certificate: certificate as string, key: key as string };
    assert.match(await endOn(place, ours), /^subject: no stream/);
    assert.match(await endOn(place, {}), /self-signed certificate|unable to verify/);
    assert.match(await endOn(`tls://localhost:${server.port}`, ours), /does not match|ECONNREFUSED|refused/);
    if (isMutual) assert.match(await endOn(place, { ca: ours.ca }), /^none: /);
    else assert.match(await endOn(place, { isInsecure: true }), /^subject: no stream/);
    await server.end();
  }
});

/** A token of NATS: a JWT that an nkey has signed (docs.nats.io, "JWTs deep dive"). */
function jwtOf(signer: nkeys.KeyPair, subject: nkeys.KeyPair, name: string, nats: object): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const claims = { jti: name, iat: 1, iss: signer.getPublicKey(), sub: subject.getPublicKey(), name };
  const text = `${part({ typ: "JWT", alg: "ed25519-nkey" })}.${part({ ...claims, nats: { version: 2, ...nats } })}`;
  return `${text}.${Buffer.from(signer.sign(Buffer.from(text))).toString("base64url")}`;
}

test("each way in is taken by the server: a user, a token, an nkey, and a file of credentials or its text", async () => {
  const key = nkeys.createUser();
  const seed = Buffer.from(key.getSeed()).toString();
  const ways: [config: string, right: Partial<NatsSettings>, wrong: Partial<NatsSettings>][] = [
    ["authorization: {user: u, password: p}", { user: "u", password: "p" }, { user: "u", password: "q" }],
    ["authorization: {token: t0ken}", { token: "t0ken" }, { token: "other" }],
    [
      `authorization: {users: [{nkey: ${key.getPublicKey()}}]}`,
      { nkey: seed },
      { nkey: Buffer.from(nkeys.createUser().getSeed()).toString() },
    ],
  ];
  const [operator, account, user] = [nkeys.createOperator(), nkeys.createAccount(), nkeys.createUser()];
  const system = nkeys.createAccount();
  const limits = { subs: -1, conn: -1, leaf: -1, imports: -1, exports: -1, data: -1, payload: -1, wildcards: true };
  const storage = { mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 };
  const ofAccount = jwtOf(operator, account, "A", { type: "account", limits: { ...limits, ...storage } });
  const credsOf = (one: nkeys.KeyPair): string =>
    `-----BEGIN NATS USER JWT-----\n${jwtOf(account, one, "U", { type: "user", subs: -1, data: -1, payload: -1 })}\n` +
    `------END NATS USER JWT------\n\n-----BEGIN USER NKEY SEED-----\n${Buffer.from(one.getSeed())}\n------END USER NKEY SEED------\n`;
  const stranger = credsOf(user).replace(Buffer.from(user.getSeed()).toString(), seed);
  ways.push([
    `operator: ${jwtOf(operator, operator, "O", { type: "operator" })}\nresolver: MEMORY\n` +
      `system_account: ${system.getPublicKey()}\nresolver_preload: {${account.getPublicKey()}: ${ofAccount}, ` +
      `${system.getPublicKey()}: ${jwtOf(operator, system, "S", { type: "account", limits })}}`,
    { creds: credsOf(user) },
    { creds: stranger },
  ]);
  for (const [config, right, wrong] of ways) {
    const server = await NatsServer.start(`${config}\n`);
    const way = Object.keys(right).join();
    assert.match(await endOn(server, right), /^subject: no stream takes/, way);
    assert.match(await endOn(server, wrong), /^none: Authorization Violation/i, way);
    assert.match(await endOn(server, {}), /^none: Authorization Violation/i, way);
    if (right.creds !== undefined) {
      const file = join(server.folder, "user.creds");
      writeFileSync(file, right.creds);
      assert.match(await endOn(server, { creds: file }), /^subject: no stream takes/);
    }
    await server.end();
  }
  for (const creds of ["/nowhere/user.creds", "-----BEGIN NATS USER JWT-----\nx\n", "/"])
    try {
      new NatsClient({ url: "nats://127.0.0.1", creds });
      assert.unreachable(creds);
    } catch (error) {
      assert.is((error as VedetteError).code, "VEDETTE_NATS_CREDENTIALS", creds);
    }
});

test("an address names servers, each with its port, and holds no password", () => {
  assert.equal(parseNatsUrl("nats://a, tls://b.example:4443,nats://[::1]:5"), [
    { host: "a", port: 4222, isSecure: false },
    { host: "b.example", port: 4443, isSecure: true },
    { host: "::1", port: 5, isSecure: false },
  ]);
  for (const bad of [
    "",
    "a:4222",
    "http://a",
    "nats://u:p@a",
    "nats://a:0",
    "nats://a:70000",
    "nats://a,",
    "nats://a/x",
    "nats://a b",
  ])
    assert.is(parseNatsUrl(bad), null, bad);
});

test.run();
