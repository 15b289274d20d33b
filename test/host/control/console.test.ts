// SPDX-License-Identifier: Apache-2.0
// The console's doors: who is given its pages, who comes in, and what is refused.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { openConsole } from "../../../host/cli/console.js";
import { askControl, Control, type ControlFlags } from "../../../host/control/control.js";
import type { VedetteError } from "../../../host/errors.js";
import { readTenants, type Tenant } from "../../../host/policy/tenants.js";
import { type Answer, ask as askAt, ticketOf } from "../../ask.js";

const scratch = mkdtempSync(join(tmpdir(), "vedette-console-"));
const OWN = process.getuid?.() ?? 0;
const open: Control[] = [];
test.after.each(async () => {
  for (const one of open.splice(0)) await one.close();
});
test.after(() => rmSync(scratch, { recursive: true, force: true }));

let paths = 0;
async function opened(flags: ControlFlags, tenants: Iterable<Tenant> = []): Promise<Control> {
  const sources = {
    health: () => ({ isWell: true, json: '{"status":"ok","judging":null}\n' }),
    metrics: async () => "",
    policies: () => [],
    incidents: () => [],
    sensors: () => [],
    from: "sensor" as const,
    onFault: () => undefined,
    ring: null,
    containerOf: () => null,
  };
  const control = await Control.open(flags, sources, tenants);
  open.push(control);
  return control;
}

/** A console, and the Unix socket that gives tickets for it. */
async function shown(tenants: Iterable<Tenant> = []): Promise<{ control: Control; socket: string; port: number }> {
  const socket = join(scratch, `${paths++}.sock`);
  const control = await opened({ control: socket, controlTcp: "127.0.0.1:0", console: true }, tenants);
  return { control, socket, port: control.port };
}

interface Asking {
  readonly port: number;
  readonly path: string;
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

const ask = ({ port, path, body, ...options }: Asking): Promise<Answer> => askAt(port, path, options, body);

const JSON_HEADERS = { "content-type": "application/json" };
const enter = (port: number, ticket: string): Promise<Answer> =>
  ask({ port, path: "/api/v1/session", method: "POST", headers: JSON_HEADERS, body: JSON.stringify({ ticket }) });
const bearer = (key: string): Record<string, string> => ({ authorization: `Bearer ${key}` });

async function ticketFrom(socket: string): Promise<string> {
  const { ticket } = await ticketOf(socket);
  return ticket;
}

test("the pages are given to anybody, and allow a browser nothing but our own", async () => {
  const { port } = await shown();
  for (const [path, type] of [
    ["/", "text/html; charset=utf-8"],
    ["/console.js", "text/javascript; charset=utf-8"],
    ["/console.css", "text/css; charset=utf-8"],
  ] as const) {
    const { status, headers } = await ask({ port, path });
    assert.is(status, 200, path);
    assert.is(headers["content-type"], type);
    const allowed = String(headers["content-security-policy"]);
    assert.match(allowed, /^default-src 'none'; script-src 'self'; /);
    assert.match(allowed, /frame-ancestors 'none'; require-trusted-types-for 'script'$/);
    assert.is(headers["x-content-type-options"], "nosniff");
    assert.is(headers["access-control-allow-origin"], undefined);
  }
  for (const path of ["/index.html", "/../package.json", "/%2e%2e/package.json", "/console.js.map"])
    assert.is((await ask({ port, path })).status, 401, path);
});

test("a ticket from the Unix socket is given for a key, once; the key asks, until it leaves", async () => {
  const { socket, port } = await shown();
  const ticket = await ticketFrom(socket);
  const entered = await enter(port, ticket);
  assert.is(entered.status, 200);
  const { key, tenant } = JSON.parse(entered.text) as { key: string; tenant: string | null };
  assert.is(tenant, null);
  const self = { port, path: "/api/v1/self", headers: bearer(key) };
  assert.is((await ask(self)).text, '{"tenant":null,"mayAct":true,"from":"sensor"}\n');
  assert.is((await enter(port, ticket)).status, 401);
  assert.is((await ask({ port, path: "/api/v1/session", method: "DELETE", headers: bearer(key) })).status, 204);
  assert.is((await ask(self)).status, 401);
});

test("a tenant's socket gives tickets of the tenant, and they end with it", async () => {
  const file = join(scratch, "tenants.yaml");
  writeFileSync(file, `tenants:\n  a: {owner: ${OWN}}\n`);
  const { control, socket, port } = await shown(readTenants(file).values());
  const { key } = JSON.parse((await enter(port, await ticketFrom(`${socket}.a`))).text) as { key: string };
  const asked = (path: string) => ask({ port, path, headers: bearer(key) });
  assert.is((await asked("/api/v1/self")).text, '{"tenant":"a","mayAct":true,"from":"sensor"}\n');
  assert.is((await asked("/api/v1/metrics")).status, 403);
  await control.setTenants([]);
  assert.is((await asked("/api/v1/self")).status, 401);
});

test("what is not ours, not JSON, too large or without a ticket does not come in", async () => {
  const { socket, port } = await shown();
  const body = JSON.stringify({ ticket: await ticketFrom(socket) });
  const entry = { port, path: "/api/v1/session", method: "POST", body };
  const statuses = {
    "by another name": (await ask({ ...entry, headers: { ...JSON_HEADERS, host: "evil.example" } })).status,
    "a page by another name": (await ask({ port, path: "/", headers: { host: "evil.example:7411" } })).status,
    "as a form": (await ask({ ...entry, headers: { "content-type": "text/plain" } })).status,
    "without a type": (await ask(entry)).status,
    "no JSON": (await ask({ ...entry, headers: JSON_HEADERS, body: "{" })).status,
    "no ticket": (await ask({ ...entry, headers: JSON_HEADERS, body: "{}" })).status,
    "too large": (await ask({ ...entry, headers: JSON_HEADERS, body: `"${"x".repeat(17 << 10)}"` })).status,
    "a made-up ticket": (await enter(port, "A".repeat(43))).status,
    "a ticket over TCP": (await ask({ port, path: "/api/v1/tickets", method: "POST" })).status,
    "an answer without a key": (await ask({ port, path: "/api/v1/incidents" })).status,
  };
  assert.equal(statuses, {
    "by another name": 421,
    "a page by another name": 421,
    "as a form": 415,
    "without a type": 415,
    "no JSON": 400,
    "no ticket": 400,
    "too large": 413,
    "a made-up ticket": 401,
    "a ticket over TCP": 401,
    "an answer without a key": 401,
  });
  assert.is(
    (await enter(port, (JSON.parse(body) as { ticket: string }).ticket)).status,
    200,
    "none of it used the ticket",
  );
});

test("a browser that says another page asks is refused, and a program that says nothing is not", async () => {
  const { socket, port } = await shown();
  const body = JSON.stringify({ ticket: await ticketFrom(socket) });
  const entry = { port, path: "/api/v1/session", method: "POST", body };
  const own = { "sec-fetch-site": "same-origin", origin: `http://127.0.0.1:${port}` };
  const refused: readonly Record<string, string>[] = [
    { "sec-fetch-site": "cross-site" },
    { "sec-fetch-site": "same-site" },
    { "sec-fetch-site": "none" },
    { "sec-fetch-site": "" },
    { origin: "https://evil.example" },
    { origin: "null" },
    { origin: `http://127.0.0.1:${port + 1}` },
    { origin: `http://localhost:${port}` },
    { ...own, origin: "http://127.0.0.1" },
    { ...own, "sec-fetch-site": "same-site" },
  ];
  for (const headers of refused) {
    const { status, text } = await ask({ ...entry, headers: { ...JSON_HEADERS, ...headers } });
    assert.equal([status, text.includes("Another page")], [403, true], JSON.stringify(headers));
  }
  const { key } = JSON.parse((await ask({ ...entry, headers: { ...JSON_HEADERS, ...own } })).text) as { key: string };
  const look = (headers: Record<string, string>) =>
    ask({ port, path: "/api/v1/incidents", headers: { ...bearer(key), ...headers } });
  for (const headers of [{}, own, { "sec-fetch-site": "none" }, { host: `localhost:${port}` }])
    assert.is((await look(headers)).status, 200, JSON.stringify(headers));
  for (const headers of refused.filter(({ "sec-fetch-site": site }) => site !== "none"))
    assert.is((await look(headers)).status, 403, JSON.stringify(headers));
  const linked = await ask({ port, path: "/", headers: { "sec-fetch-site": "cross-site" } });
  assert.is(linked.status, 200, "a link from elsewhere leads to the empty page");
});

test("a console that nobody could come into is refused, and one that is off says so", async () => {
  try {
    await opened({ controlTcp: "127.0.0.1:0", console: true });
    assert.unreachable("it was opened");
  } catch (error) {
    assert.is((error as VedetteError).code, "VEDETTE_CONTROL_REFUSED");
    assert.match((error as VedetteError).message, /nobody could come in; give --control PATH/);
  }
  const socket = join(scratch, `${paths++}.sock`);
  await opened({ control: socket });
  assert.is(((await askControl(socket, "/api/v1/tickets", "POST")) as { console: unknown }).console, null);
  try {
    await openConsole(socket);
    assert.unreachable("it gave an address");
  } catch (error) {
    assert.is((error as VedetteError).code, "VEDETTE_CONSOLE_OFF");
  }
});

test.run();
