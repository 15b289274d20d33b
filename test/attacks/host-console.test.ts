// SPDX-License-Identifier: Apache-2.0
//
// As a program that shares 127.0.0.1 with the host (a workload in the same task), and as a page of the web in
// the operator's browser: what they get of the console, and that the operator still gets in.
import { mkdtempSync, rmSync } from "node:fs";
import type { RequestOptions } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Sessions } from "../../host/control/sessions.js";
import { ask as askAt, tell, ticketOf } from "../ask.js";
import { Host } from "./host.js";

const GUESSES = 500;
const folder = mkdtempSync(join(tmpdir(), "vedette-console-attack-"));
const socket = join(folder, "control.sock");
const host = await Host.start(folder, ["--console", "--control-tcp", "127.0.0.1:0", "--control", socket]);
test.after(async () => {
  await host.stop();
  rmSync(folder, { recursive: true });
});

const port = Number(new URL((await ticketOf(socket)).console).port);

const ask = (path: string, options: RequestOptions = {}) => askAt(port, path, options);
const enter = (ticket: string, headers: object = {}) => tell(port, "/api/v1/session", { ticket }, headers);

async function operatorComesIn(): Promise<void> {
  const { status, json } = await enter((await ticketOf(socket)).ticket);
  assert.is(status, 200);
  const { key } = json as { key: string };
  const self = await ask("/api/v1/self", { headers: { authorization: `Bearer ${key}` } });
  assert.is(self.text, '{"tenant":null,"mayAct":true,"from":"sensor"}\n');
}

test("H24: who shares 127.0.0.1 and guesses gets the empty page and nothing of what it shows", async () => {
  for (const path of ["incidents", "findings", "events", "processes", "policies", "health", "metrics", "self"])
    assert.is((await ask(`/api/v1/${path}`)).status, 401, path);
  assert.is((await ask("/api/v1/tickets", { method: "POST" })).status, 401);
  for (let i = 0; i < GUESSES; i++) assert.is((await enter(String(i).padStart(43, "A"))).status, 401);
  await operatorComesIn();
});

test("H24: a ticket that was seen is worth nothing once it was used, and a key is sent to no other port", async () => {
  const { ticket } = await ticketOf(socket);
  const entered = await enter(ticket);
  assert.is(entered.status, 200);
  assert.not.ok("set-cookie" in entered.headers, "a cookie would go to every port of 127.0.0.1");
  assert.is((await enter(ticket)).status, 401);
  assert.not.match(host.stderr, ticket);
});

test("H24: a page of the web can neither ask nor enter: not by a name of its own, not by a form", async () => {
  const { ticket } = await ticketOf(socket);
  assert.is((await enter(ticket, { host: `evil.example:${port}` })).status, 421);
  assert.is((await ask("/", { headers: { host: "evil.example" } })).status, 421);
  assert.is((await enter(ticket, { "content-type": "text/plain" })).status, 415);
  for (const from of [{ origin: "https://evil.example" }, { "sec-fetch-site": "same-site" }])
    assert.is((await enter(ticket, from)).status, 403, JSON.stringify(from));
  const preflight = { origin: "https://evil.example", "access-control-request-method": "POST" };
  const asked = await ask("/api/v1/session", { method: "OPTIONS", headers: preflight });
  assert.ok(asked.status >= 400);
  assert.not.ok(Object.keys(asked.headers).some((name) => name.startsWith("access-control")));
  assert.is((await enter(ticket)).status, 200, "none of it used the ticket");
});

test("H24: who takes all connections keeps the page away, and no Unix socket; it loads once they are gone", async () => {
  const many = Array.from({ length: 200 }, () => connect(port, "127.0.0.1").on("error", () => undefined));
  await ticketOf(socket);
  for (const one of many) one.destroy();
  await operatorComesIn();
});

test("H24: a tenant that asks for tickets and enters with them without end logs nobody else out", () => {
  const sessions = new Sessions();
  const [waiting, entered] = [sessions.ticket(null), sessions.ticket(null)];
  const key = sessions.enter(entered.secret)!.secret;
  const first = sessions.ticket("team").secret;
  for (let i = 0; i < 1_000; i++) sessions.enter(sessions.ticket("team").secret);
  const many = Array.from({ length: 300 }, () => sessions.ticket("team"));
  assert.is(sessions.holder(key), null);
  assert.is(sessions.enter(waiting.secret)?.tenant, null);
  assert.is(sessions.enter(first), null, "the control: the tenant's own oldest gave way");
  assert.is(sessions.enter(many.at(-1)!.secret)?.tenant, "team");
});

test("H24: control: the operator comes in", operatorComesIn);

test.run();
