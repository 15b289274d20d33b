// SPDX-License-Identifier: Apache-2.0
// The control API: who may ask, what each is shown, and that docs/openapi.json says so.
import { createHash } from "node:crypto";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { ACTS } from "../../../host/control/acts.js";
import { askControl, type ControlFlags } from "../../../host/control/control.js";
import { openapi } from "../../../host/control/openapi.js";
import { ROUTES } from "../../../host/control/routes.js";
import type { VedetteError } from "../../../host/errors.js";
import type { OutputAsked } from "../../../host/output/try-one.js";
import type { PolicyStatus } from "../../../host/policy/status.js";
import { ask } from "../../ask.js";
import {
  alert,
  batchOf,
  closeAll,
  HEALTH,
  newPath,
  OWN,
  opened,
  pathOf,
  row,
  scratch,
  stored,
  TENANTS,
  tenantsOf,
} from "./door.js";

test.after.each(closeAll);

test("the operator sees all, a tenant's owner what is the tenant's", async () => {
  const tenants = tenantsOf("tenants:\n  a: {owner: 1234}\n  b: {owner: 4321}\n  c: {}\n");
  if (process.getuid?.() !== 0) return; // chown is root's
  const path = newPath();
  const control = await opened({ control: path }, tenants);
  const policies = async (socket: string) => (await askControl(socket, "/api/v1/policies")) as PolicyStatus[];
  assert.equal(
    (await policies(path)).map((one) => one.tenant),
    ["", "a", "b"],
  );
  assert.equal(await policies(`${path}.a`), [row("a")]);
  assert.equal(await policies(`${path}.b`), [row("b")]);
  const mode = (name: string) => [statSync(name).mode & 0o777, statSync(name).uid];
  assert.equal(mode(path), [0o600, 0]);
  assert.equal(mode(`${path}.a`), [0o600, 1234]);
  await control.close();
  assert.throws(() => statSync(path));
});

test("nobody there, and an answer that is cut off, are told", async () => {
  const refusal = async (path: string): Promise<VedetteError> =>
    askControl(path, "/api/v1/policies").then(
      () => assert.unreachable(),
      (error) => error,
    ) as Promise<VedetteError>;
  assert.is((await refusal(join(scratch, "nothing.sock"))).code, "VEDETTE_CONTROL_UNANSWERED");
  const path = join(scratch, "half.sock");
  const server = createServer((socket) => socket.end('HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n[{"tenant":'));
  await new Promise<void>((resolve) => server.listen(path, resolve));
  assert.match((await refusal(path)).message, /cut off/);
  server.close();
});

test("a place where no socket can be is told", async () => {
  try {
    await opened({ control: join(scratch, "no/such/control.sock") });
    assert.unreachable();
  } catch (error) {
    assert.is((error as VedetteError).code, "VEDETTE_CONTROL_REFUSED");
  }
});

test("docs/openapi.json is the table of routes, and each route answers what it says", async () => {
  const written = JSON.parse(readFileSync("docs/openapi.json", "utf8"));
  assert.equal(
    written,
    JSON.parse(JSON.stringify(openapi())),
    "run: npx tsx host/control/openapi.ts > docs/openapi.json",
  );
  const path = newPath();
  const control = await opened({ control: path });
  control.onAlert(alert("r"));
  await stored(control);
  control.onBatch(batchOf({ exe: "/bin/cat", name: "/x" }));
  for (const route of ROUTES.filter(({ of }) => of !== "stream")) {
    const { status, headers, text, json } = await ask(path, pathOf(route.path));
    assert.ok(status === 200 || route.path.endsWith("/health"), `${route.path} answers ${status}: ${text}`);
    assert.ok(headers["content-type"]!.startsWith(route.type), `${route.path} is ${headers["content-type"]}`);
    if (route.answer !== null) route.answer.parse(json);
    assert.is(headers["cache-control"], "no-store");
  }
});

test("no answer has a number that a double cannot hold", async () => {
  const path = newPath();
  const control = await opened({ control: path });
  const one = alert("r");
  control.onAlert({ ...one, output: 'has "1470327477881781397" in it' });
  await stored(control);
  control.onBatch(batchOf({ exe: "/bin/cat", name: "/x" }));
  for (const route of ROUTES.filter(({ of }) => of !== "stream")) {
    const bare = (await ask(path, pathOf(route.path))).text.replace(/"(?:[^"\\]|\\.)*"/g, '""');
    for (const [number] of bare.matchAll(/\d{16,}/g)) assert.ok(Number.isSafeInteger(Number(number)), route.path);
  }
  const [found] = (await ask(path, "/api/v1/findings")).json.items;
  assert.is(found.alert.output_fields["evt.time"], String(one.time));
  assert.match(found.alert.output, 'has "1470327477881781397" in it');
});

test("a tenant sees itself among tenants, and no sensors and outputs", async () => {
  const path = newPath();
  await opened({ control: path }, tenantsOf(TENANTS));
  const names = async (socket: string) =>
    (await ask(socket, "/api/v1/tenants")).json.map(({ name }: { name: string }) => name);
  assert.equal(await names(path), ["a", "b"]);
  assert.equal(await names(`${path}.b`), ["b"]);
  for (const what of ["sensors", "outputs", "metrics"])
    assert.is((await ask(`${path}.a`, `/api/v1/${what}`)).status, 403, what);
});

test("a tenant is not told why we do not judge, nor our metrics", async () => {
  const path = newPath();
  await opened({ control: path }, tenantsOf(TENANTS));
  assert.equal((await ask(path, "/api/v1/health")).text, HEALTH);
  const { status, json } = await ask(`${path}.a`, "/api/v1/health");
  assert.equal([status, json], [503, { status: "red", judging: "it does not judge" }]);
  assert.is((await ask(`${path}.a`, "/api/v1/metrics")).status, 403);
});

test("what is not asked rightly is told in a sentence", async () => {
  const path = newPath();
  await opened({ control: path });
  for (const [asked, method, status, title] of [
    ["/api/v1/polices", "GET", 404, /there is nothing of that name/i],
    ["/api/v1/policies", "POST", 405, /Only GET/],
    ["/api/v1/findings?limit=0", "GET", 400, /limit/],
    ["/api/v1/findings?limit=1&limit=2", "GET", 400, /"limit" is given twice/],
    ["/api/v1/policies?tenant=a", "GET", 400, /tenant/],
    ["/api/v1/events?filter=", "GET", 400, /filter/],
    ["/api/v1/../../etc/passwd", "GET", 404, /nothing/],
    ["/api/v1/findings?before=%00", "GET", 400, /before/],
    ["/api/v1/findings?priority=High", "GET", 400, /priority/],
    ["/api/v1/findings?since=yesterday", "GET", 400, /since/],
    ["/api/v1/findings?since=2026-99-99T00:00:00Z", "GET", 400, /no time/],
    ["/api/v1/incidents/none", "GET", 404, /no such incident/],
    ["/api/v1/incidents/none?id=other", "GET", 400, /"id" is given twice/],
    ["/api/v1/incidents/%27%20OR%201", "GET", 400, /id/],
    ["/api/v1/overview?hours=100000", "GET", 400, /hours/],
  ] as const) {
    const { status: got, json, headers } = await ask(path, asked, { method });
    assert.is(got, status, `${method} ${asked}`);
    assert.match(json.title, title);
    assert.is(headers["content-type"], "application/problem+json");
  }
});

test("over TCP a token says who asks, and no page of the web can", async () => {
  const sha256 = (token: string) => createHash("sha256").update(token).digest("hex");
  const file = join(scratch, "tokens");
  writeFileSync(
    file,
    `# ours\n${sha256("all")} operator\n${sha256("mine")} tenant:a\n${sha256("old")} operator 2020-01-01T00:00:00Z\n${sha256("none")} tenant:nobody\n`,
  );
  const control = await opened({ controlTcp: "127.0.0.1:0", controlTokens: file }, tenantsOf(TENANTS));
  const get = (token: string | null, headers: object = {}) =>
    ask(undefined as never, "/api/v1/policies", {
      host: "127.0.0.1",
      port: control.port,
      headers: { ...(token === null ? {} : { authorization: `Bearer ${token}` }), ...headers },
    });
  assert.is((await get("all")).json.length, 3);
  assert.equal((await get("mine")).json, [row("a")]);
  for (const token of [null, "wrong", "old", "none", sha256("all")]) {
    const { status, headers } = await get(token);
    assert.equal([status, headers["www-authenticate"]], [401, "Bearer"], String(token));
  }
  assert.is((await get("all", { host: `evil.example:${control.port}` })).status, 421);
  assert.is((await get("all", { host: `localhost:${control.port}` })).status, 200);
  const { status, headers } = await get("all", { origin: "http://evil.example" });
  assert.is(status, 403);
  assert.not.ok(Object.keys(headers).some((name) => name.startsWith("access-control")));
});

test("a viewer's token sees what the operator sees, and changes nothing", async () => {
  const file = join(scratch, "viewers");
  const digest = createHash("sha256").update("looks").digest("hex");
  writeFileSync(file, `${digest} viewer\n`);
  const control = await opened({ controlTcp: "127.0.0.1:0", controlTokens: file }, tenantsOf(TENANTS));
  control.onAlert(alert("R", "a"));
  await stored(control);
  const at = { host: "127.0.0.1", port: control.port };
  const headers = { authorization: "Bearer looks", "content-type": "application/json" };
  const asked = (path: string, method = "GET", body = "") =>
    ask(undefined as never, `/api/v1/${path}`, { ...at, method, headers }, body);
  assert.equal((await asked("self")).json, { tenant: null, mayAct: false, from: "sensor" });
  for (const path of ["metrics", "outputs", "sensors"]) assert.is((await asked(path)).status, 200, path);
  assert.is((await asked("findings")).json.items.length, 1);
  const [{ id }] = (await asked("incidents")).json.items;
  for (const act of ACTS.filter((one) => ["actors", "operator"].includes(one.for) && one.door !== "socket")) {
    const { status, json } = await asked(act.path.replace("/api/v1/", "").replace("{id}", id), act.method, "{}");
    assert.equal([status, json.title], [403, "Who asks may not do this."], act.path);
  }
  assert.equal((await asked(`incidents/${id}`)).json.history, []);
  assert.is((await asked("session", "DELETE")).status, 204, "who may only look may leave");
});

test("one policy is shown to whose it is, with what it is where it runs", async () => {
  const path = newPath();
  const detail = { place: "p", parameters: [], rules: [], prevents: [], files: null, more: false };
  const asked: string[] = [];
  const policy = (tenant: string, name: string) => {
    asked.push(`${tenant}/${name}`);
    return tenant === "b" ? null : detail;
  };
  await opened({ control: path }, tenantsOf(TENANTS), { policy });
  const of = (socket: string, query: string) => ask(socket, `/api/v1/policy?${query}`);
  assert.equal((await of(path, "policy=p")).json, { ...row(""), detail });
  assert.equal((await of(path, "policy=p&tenant=b")).json, { ...row("b"), detail: null });
  assert.equal((await of(`${path}.a`, "policy=p&tenant=a")).json, { ...row("a"), detail });
  asked.length = 0;
  for (const query of ["policy=p", "policy=p&tenant=b", "policy=q&tenant=a", "policy=p&tenant="])
    assert.is((await of(`${path}.a`, query)).status, 404, query);
  assert.equal(asked, [], "nobody looked");
});

test("a test of an output whose name several have is refused, and not sent to any one of them", async () => {
  const path = newPath();
  const tried: OutputAsked[] = [];
  const tryOutput = (asked: OutputAsked) => {
    tried.push(asked);
    if (asked.kind === undefined) return "several" as const;
    return Promise.resolve({ end: "taken" as const, ms: 1, error: null });
  };
  await opened({ control: path }, [], { tryOutput });
  const headers = { "content-type": "application/json" };
  const asked = (body: object) => ask(path, "/api/v1/outputs/test", { method: "POST", headers }, JSON.stringify(body));
  const refused = await asked({ name: "siem" });
  assert.equal([refused.status, /Several outputs have this name/.test(refused.json.title)], [409, true]);
  assert.equal((await asked({ name: "siem", kind: "http" })).json, { end: "taken", ms: 1, error: null });
  assert.equal(tried, [{ name: "siem" }, { name: "siem", kind: "http" }]);
});

test("tokens and addresses that cannot be used are told", async () => {
  const file = join(scratch, "wrong-tokens");
  const code = async (flags: ControlFlags): Promise<string> => {
    try {
      await opened(flags);
      return "opened";
    } catch (error) {
      return `${(error as VedetteError).code}: ${(error as VedetteError).message}`;
    }
  };
  for (const text of ["", "all operator\n", `${"0".repeat(64)} admin\n`, `${"0".repeat(64)} operator soon\n`]) {
    writeFileSync(file, text);
    assert.match(await code({ controlTcp: "127.0.0.1:0", controlTokens: file }), /^VEDETTE_CONTROL_TOKENS/);
  }
  assert.match(await code({ controlTcp: "127.0.0.1:0" }), /^VEDETTE_CONTROL_REFUSED.*--control-tokens/);
  for (const address of ["0.0.0.0:7411", "10.0.0.1:7411", "7411", "localhost:7411", "127.0.0.1:99999"])
    assert.match(await code({ controlTcp: address, controlTokens: file }), /^VEDETTE_CONTROL_REFUSED/);
});

test("another tenants.yaml closes the doors of those who are no longer in it", async () => {
  const path = newPath();
  const control = await opened({ control: path }, tenantsOf(TENANTS));
  assert.is((await ask(`${path}.b`, "/api/v1/policies")).status, 200);
  await control.setTenants(tenantsOf(`tenants:\n  a: {owner: ${OWN}}\n`));
  assert.throws(() => statSync(`${path}.b`));
  assert.is((await ask(`${path}.a`, "/api/v1/policies")).status, 200);
});

test.run();
