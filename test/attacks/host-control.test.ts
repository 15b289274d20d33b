// SPDX-License-Identifier: Apache-2.0
//
// Peers that mean harm to the control API (H19): who says a byte and leaves, who says it slowly, who comes
// five hundred times, who asks for all events and reads none, and who asks too often. The honest controls are
// an agent whose alerts come, and an operator who asks.
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { askControl } from "../../host/control/control.js";
import { ask, type Place } from "../ask.js";
import { freePort } from "../e2e/free-port.js";
import { until } from "../until.js";
import { HandAgent, Host, stillJudges } from "./host.js";

const folder = mkdtempSync(join(tmpdir(), "control-"));
const operator = join(folder, "control.sock");
const tenants = join(folder, "tenants.yaml");
const rows = ["team", "second", "third"].map((name) => `  ${name}: {owner: ${process.getuid?.() ?? 0}}\n`);
writeFileSync(tenants, `tenants:\n${rows.join("")}`);
const TOKEN = "7".repeat(64);
const tokens = join(folder, "tokens");
writeFileSync(tokens, `${createHash("sha256").update(TOKEN).digest("hex")} viewer\n`, { mode: 0o600 });
const port = await freePort();
const tcp = ["--control-tcp", `127.0.0.1:${port}`, "--control-tokens", tokens];
const host = await Host.start(folder, ["--control", operator, "--tenants", tenants, ...tcp]);
const honest = await HandAgent.honest(host.socket);
test.after(async () => {
  await host.stop();
  rmSync(folder, { recursive: true });
});

const TEAM = `${operator}.team`;
/** Beside what it had: a connection that is being closed, and one of ours. */
const SPARE = 4;
const GROWTH_MIB_MAX = 60;

const comes = (): Socket => connect(TEAM).on("error", () => undefined);

async function operatorIsAnswered(): Promise<void> {
  const begun = performance.now();
  const policies = (await askControl(operator, "/api/v1/policies")) as unknown[];
  assert.ok(policies.length > 0, "the operator is shown the policies");
  assert.ok(performance.now() - begun < 30_000, "within 30 s, beside whatever else runs here");
}

async function costsNothingThatLasts(before: { descriptors: number; ownMib: number }): Promise<void> {
  await until("descriptors are given back", () => host.descriptors <= before.descriptors + SPARE);
  assert.ok(host.ownMib < before.ownMib + GROWTH_MIB_MAX, `the host has ${host.ownMib - before.ownMib} MiB more`);
  await operatorIsAnswered();
  await stillJudges(host, honest);
}

const now = (): { descriptors: number; ownMib: number } => ({ descriptors: host.descriptors, ownMib: host.ownMib });

test("H19: a thousand peers that say a byte and leave cost nothing that lasts", async () => {
  await operatorIsAnswered();
  const before = now();
  for (let i = 0; i < 20; i++) {
    const peers = Array.from({ length: 50 }, comes);
    for (const peer of peers) peer.end("G");
    await until("they have come", () => peers.every(({ connecting }) => !connecting));
    for (const peer of peers) peer.destroy();
  }
  await costsNothingThatLasts(before);
});

test("H19: five hundred connections have 32 places, for 5 s, and the operator another door", async () => {
  const before = now();
  const peers = Array.from({ length: 500 }, comes);
  await operatorIsAnswered();
  await until("most are closed", () => host.descriptors <= before.descriptors + 32 + SPARE);
  await operatorIsAnswered();
  await costsNothingThatLasts(before);
  for (const peer of peers) peer.destroy();
});

test("H19: a request that comes a byte at a time, and an answer that nobody reads, end after 5 s", async () => {
  const before = now();
  const slow = Array.from({ length: 20 }, comes);
  const words = `GET /api/v1/policies HTTP/1.1\r\nhost: x\r\nx-long: ${"x".repeat(4000)}`;
  let said = 0;
  const drip = setInterval(() => {
    for (const peer of slow) if (peer.writable) peer.write(words[said % words.length]!);
    said++;
  }, 100);
  const deaf = Array.from({ length: 10 }, () => comes().pause());
  for (const peer of deaf) peer.write("GET /api/v1/policies HTTP/1.1\r\nhost: x\r\n\r\n".repeat(50));
  await costsNothingThatLasts(before);
  clearInterval(drip);
  for (const peer of [...slow, ...deaf]) peer.destroy();
});

test("H19: streams of all events that nobody reads are bounded, keep nobody waiting, and end", async () => {
  const before = now();
  const deaf = Array.from({ length: 20 }, () => comes().pause());
  for (const peer of deaf) peer.write("GET /api/v1/events HTTP/1.1\r\nhost: x\r\n\r\n");
  for (let i = 0; i < 200; i++) {
    honest.write(honest.bulk());
    await until("the agent is not held up", () => !honest.isBlocked);
  }
  await stillJudges(host, honest);
  assert.ok(host.ownMib < before.ownMib + GROWTH_MIB_MAX, `the host has ${host.ownMib - before.ownMib} MiB more`);
  await operatorIsAnswered();
  for (const peer of deaf) peer.destroy();
  await costsNothingThatLasts(before);
});

test("H19: tenants and viewers that take all streams leave the operator two, and each other tenant one", async () => {
  const deaf: Socket[] = [];
  const opens = async (place: Place, headers: object = {}): Promise<string> => {
    const peer = (typeof place === "string" ? connect(place) : connect(place, "127.0.0.1")).on(
      "error",
      () => undefined,
    );
    deaf.push(peer);
    const lines = Object.entries({ host: "127.0.0.1", ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
    peer.write(`GET /api/v1/events HTTP/1.1\r\n${lines.join("")}\r\n`);
    const [said] = (await once(peer, "data")) as [Buffer];
    peer.pause();
    return /^HTTP\/1.1 (\d+)/.exec(said.toString())![1]!;
  };
  const looks = { authorization: `Bearer ${TOKEN}` };
  for (let i = 0; i < 4; i++) assert.is(await opens(port, looks), "200", "a viewer");
  assert.is(await opens(port, looks), "503", "of viewers there are four");
  for (const name of ["team", "second"])
    for (const status of ["200", "200", "503"]) assert.is(await opens(`${operator}.${name}`), status, name);
  for (const status of ["200", "503"]) assert.is(await opens(`${operator}.third`), status, "another tenant");
  for (const status of ["200", "200", "503"]) assert.is(await opens(operator), status, "the operator");
  await stillJudges(host, honest);
  for (const peer of deaf) peer.destroy();
});

test("H19: whoever asks without end is told to wait, and the operator is not", async () => {
  const statuses = new Set<number>();
  const asks = async (): Promise<void> => {
    for (let i = 0; i < 500 && !statuses.has(429); i++) statuses.add((await ask(TEAM, "/api/v1/processes")).status);
  };
  await Promise.all(Array.from({ length: 16 }, asks)); // one after another, a slow machine asks no more than it may
  assert.equal([...statuses].sort(), [200, 429]);
  await operatorIsAnswered();
  await stillJudges(host, honest);
});

test.run();
