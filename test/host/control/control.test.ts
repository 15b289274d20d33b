// SPDX-License-Identifier: Apache-2.0
// The control API: who may ask, what each is shown, and that docs/openapi.json says so.
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { type ClientRequest, type IncomingMessage, request } from "node:http";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { askControl, Control, type ControlFlags } from "../../../host/control/control.js";
import { openapi } from "../../../host/control/openapi.js";
import { ROUTES } from "../../../host/control/routes.js";
import type { VedetteError } from "../../../host/errors.js";
import { Grouping } from "../../../host/incident/incident.js";
import type { Alert } from "../../../host/output/alert.js";
import { ShortEvents } from "../../../host/policy/short-event.js";
import type { PolicyStatus } from "../../../host/policy/status.js";
import { readTenants, type Tenant } from "../../../host/policy/tenants.js";
import { type Batch, openBatch } from "../../../host/wire/batch.js";
import { alertOf } from "../incident/shared.js";

const scratch = mkdtempSync(join(tmpdir(), "vedette-control-"));
const row = (tenant: string): PolicyStatus => ({
  tenant,
  policy: "p",
  version: "1",
  state: "judging",
  rules: 1,
  events: 5,
  alerts: 1,
  suppressed: 0,
  nsPerEvent: 12.5,
  memoryBytes: 65536,
  traps: 0,
  denied: 0,
  monitored: 0,
  lastError: null,
});
/** A double holds none of these. */
const NOW = BigInt(Date.now()) * 1_000_000n - 60_000_000_000n;
let told = 1_397;
const alert = (rule: string, tenant?: string): Alert => ({
  rule,
  priority: "Warning",
  tags: [],
  source: "syscall",
  time: NOW + BigInt(told++),
  output: `an output, the ${told}th`,
  outputFields: [["proc.name", "cat"]],
  hostname: "web-1",
  policy: "p",
  ...(tenant === undefined ? {} : { tenant }),
});

const HEALTH = '{"status":"red","judging":"the worker of payments is gone","outputs":[]}\n';
/** An incident of the operator's, and one of each tenant. */
const grouping = new Grouping();
for (const tenant of [null, "a", "b"]) grouping.take(alertOf({ tenant, file: 7 }));
const open: Control[] = [];
async function opened(flags: ControlFlags, tenants: Iterable<Tenant> = []): Promise<Control> {
  const sources = {
    health: () => ({ isWell: false, json: HEALTH }),
    metrics: async () => "# HELP vedette_agents agents\n",
    policies: () => [row(""), row("a"), row("b")],
    incidents: () => grouping.open(),
    sensors: () => [],
    from: "sensor" as const,
    // A machine that is busy may take longer than an output should.
    onFault: ({ code, message }: VedetteError) => assert.is(code, "VEDETTE_OUTPUT_STUCK", message),
    ring: null,
    containerOf: () => null,
  };
  const control = await Control.open(flags, sources, tenants);
  open.push(control);
  return control;
}
test.after.each(async () => {
  for (const one of open.splice(0)) await one.close();
});
test.after(() => rmSync(scratch, { recursive: true, force: true }));

/** Tenants by whose owner we are: sockets of theirs are ours to open. */
function tenantsOf(text: string): Tenant[] {
  writeFileSync(join(scratch, "tenants.yaml"), text);
  return [...readTenants(join(scratch, "tenants.yaml")).values()];
}
const OWN = process.getuid?.() ?? 0;
const TENANTS = `tenants:\n  a: {owner: ${OWN}, scope: {executables: [/srv/*]}}\n  b: {owner: ${OWN}}\n`;

let paths = 0;
const newPath = (): string => join(scratch, `${paths++}.sock`);

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: a test reaches into answers of any shape, and fails where it errs.
  readonly json: any;
}

function ask(socketPath: string, path: string, options: object = {}, body = ""): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path, ...options }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (part) => {
        text += part;
      });
      response.on("end", () => {
        const json = /json/.test(response.headers["content-type"] ?? "") ? JSON.parse(text) : undefined;
        resolve({ status: response.statusCode!, headers: response.headers, text, json });
      });
    });
    asked.on("error", reject).end(body);
  });
}

/** Collects what a stream says until it said enough. */
function listen(
  socketPath: string,
  path: string,
): { asked: ClientRequest; said: () => string; begun: Promise<number> } {
  let text = "";
  let begin: (status: number) => void;
  const begun = new Promise<number>((resolve) => {
    begin = resolve;
  });
  const asked = request({ socketPath, path }, (response) => {
    begin(response.statusCode!);
    response.setEncoding("utf8").on("data", (part) => {
      text += part;
    });
    response.on("error", () => undefined);
  });
  asked.on("error", () => begin(0)).end();
  return { asked, said: () => text, begun };
}

async function until(what: string, is: () => boolean): Promise<void> {
  for (const end = performance.now() + 60_000; !is(); await new Promise((resolve) => setTimeout(resolve, 5)))
    if (performance.now() > end) throw new Error(`expected: ${what}; again: npm test -- host/control`);
}

function batchOf(...opens: readonly { exe: string; name: string; pid?: number }[]): Batch {
  const events = new ShortEvents();
  for (const { exe, name, pid = 7 } of opens)
    events.add("openat", { proc: { name: exe.split("/").at(-1), exepath: exe, pid }, name });
  return openBatch(events.bytes());
}

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

/** An incident's of which there is one. */
const pathOf = (path: string): string => path.replace("{id}", grouping.open()[0]!.view.id);
/** What was told is stored a moment later. */
const stored = (control: Control): Promise<void> => until("the store has it", () => control.outputs()[0]!.queued === 0);

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

test("findings come the newest first, page by page, and a tenant has its own", async () => {
  const path = newPath();
  const control = await opened({ control: path }, tenantsOf(TENANTS));
  for (const tenant of [undefined, "a", "b", "a"]) control.onAlert(alert(`of ${tenant ?? "us"}`, tenant));
  await stored(control);
  const rules = async (socket: string, query = "") => {
    const { items, next } = (await ask(socket, `/api/v1/findings${query}`)).json;
    return [items.map((one: { alert: { rule: string } }) => one.alert.rule), next];
  };
  assert.equal(await rules(path), [["of a", "of b", "of a", "of us"], null]);
  assert.equal(await rules(`${path}.a`), [["of a", "of a"], null]);
  const [first, next] = await rules(path, "?limit=3");
  assert.equal(first, ["of a", "of b", "of a"]);
  assert.equal(await rules(path, `?limit=3&before=${next}`), [["of us"], null]);
  assert.equal(await rules(path, "?tenant=b"), [["of b"], null]);
  assert.equal(await rules(path, `?rule=${encodeURIComponent("of us")}&text=output&priority=Warning`), [
    ["of us"],
    null,
  ]);
  assert.equal(await rules(path, "?until=2020-01-01T00:00:00Z"), [[], null]);
});

test("incidents come the newest first, page by page, and a tenant has its own", async () => {
  const path = newPath();
  await opened({ control: path }, tenantsOf(TENANTS));
  const tenants = async (socket: string, query = "") => {
    const { items, next } = (await ask(socket, `/api/v1/incidents${query}`)).json;
    return [items.map(({ tenant }: { tenant: string | null }) => tenant), next];
  };
  assert.equal((await tenants(path))[0].toSorted(), ["a", "b", null]);
  assert.equal(await tenants(`${path}.a`), [["a"], null]);
  const [first, next] = await tenants(path, "?limit=2");
  const [rest, none] = await tenants(path, `?limit=2&before=${next}`);
  assert.equal([[...first, ...rest].toSorted(), none], [["a", "b", null], null]);
});

test("a person closes an incident, which is written down; a tenant has no hand in another's", async () => {
  const path = newPath();
  await opened({ control: path }, tenantsOf(TENANTS));
  const idOf = async (tenant: string | null): Promise<string> =>
    (await ask(path, "/api/v1/incidents")).json.items.find((one: { tenant: unknown }) => one.tenant === tenant).id;
  const [ours, as, bs] = [await idOf(null), await idOf("a"), await idOf("b")];
  const decide = async (socket: string, id: string, body: unknown): Promise<number> => {
    const text = JSON.stringify(body);
    const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(text) };
    return (await ask(socket, `/api/v1/incidents/${id}`, { method: "POST", headers }, text)).status;
  };
  const closed = { state: "closed", verdict: "false_positive", note: "<b>a test</b>" };
  assert.is(await decide(path, ours, closed), 204);
  assert.is(await decide(`${path}.a`, as, { note: "mine" }), 204);
  for (const id of [ours, bs, "none", "%27"]) assert.is(await decide(`${path}.a`, id, closed), 404, id);
  for (const body of [
    {},
    { state: "gone" },
    { verdict: 1 },
    { note: "x".repeat(2_001) },
    { exception: true },
    [],
    null,
    "x",
  ])
    assert.is(await decide(path, ours, body), 400, JSON.stringify(body));
  const { case: decided, history, rows } = (await ask(path, `/api/v1/incidents/${ours}`)).json;
  assert.equal(
    [decided.state, decided.verdict, decided.note, decided.by],
    ["closed", "false_positive", "<b>a test</b>", "operator"],
  );
  assert.equal(
    history.map(({ who, detail }: { who: string; detail: object }) => [who, detail]),
    [["operator", { verdict: "false_positive", note: "<b>a test</b>", case: "closed" }]],
  );
  assert.ok(rows.length > 0);
  assert.is((await ask(`${path}.a`, `/api/v1/incidents/${ours}`)).status, 404);
  assert.is((await ask(`${path}.a`, `/api/v1/incidents/${bs}`)).status, 404);
  assert.equal(
    (await ask(`${path}.a`, "/api/v1/audit")).json.items.map(({ who }: { who: string }) => who),
    ["a"],
  );
  assert.equal((await ask(path, "/api/v1/incidents?case=open")).json.items.length, 2);
  const { open: left } = (await ask(path, "/api/v1/overview")).json;
  assert.equal(left, { Warning: 2 });
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

test("a stream has the events that its condition matches, of its viewer's processes alone", async () => {
  const path = newPath();
  const control = await opened({ control: path }, tenantsOf(TENANTS));
  const all = listen(path, `/api/v1/events?filter=${encodeURIComponent("fd.name startswith /etc")}`);
  const own = listen(`${path}.a`, "/api/v1/events");
  assert.equal(await Promise.all([all.begun, own.begun]), [200, 200]);
  control.onBatch(
    batchOf(
      { exe: "/bin/cat", name: "/etc/shadow" },
      { exe: "/srv/app", name: "/srv/data" },
      { exe: "/bin/cat", name: "/x" },
    ),
  );
  await until("both have theirs", () => /\/etc\/shadow/.test(all.said()) && /\/srv\/data/.test(own.said()));
  const events = (text: string) =>
    [...text.matchAll(/^event: event\ndata: (.*)$/gm)].map(([, json]) => JSON.parse(json!));
  assert.equal(
    events(all.said()).map((event) => event["evt.arg.name"]),
    ["/etc/shadow"],
  );
  assert.equal(
    events(own.said()).map((event) => event["proc.exepath"]),
    ["/srv/app"],
  );
  assert.type(events(own.said())[0]["evt.time"], "string");
  all.asked.destroy();
  own.asked.destroy();
});

test("whoever reads slowly is told how much he missed", async () => {
  const path = newPath();
  const control = await opened({ control: path });
  const slow = listen(path, "/api/v1/events");
  await slow.begun;
  const many = Array.from({ length: 2_000 }, () => ({ exe: "/bin/cat", name: "/x" }));
  control.onBatch(batchOf(...many));
  await until("a gap", () => slow.said().includes("event: gap"));
  const missed = [...slow.said().matchAll(/"missed":(\d+)/g)].reduce((sum, [, count]) => sum + Number(count), 0);
  assert.is(missed + slow.said().split("event: event").length - 1, 2_000);
  slow.asked.destroy();
});

test("streams are bounded, all of them and each tenant's, and a wrong condition is told with its place", async () => {
  const path = newPath();
  await opened({ control: path }, tenantsOf(TENANTS));
  const wrong = await ask(path, `/api/v1/events?filter=${encodeURIComponent("proc.name = ")}`);
  assert.is(wrong.status, 400);
  assert.is(wrong.json.code, "VEDETTE_FALCO_CONDITION");
  assert.match(wrong.json.title, /column \d+/);
  const mine = [1, 2].map(() => listen(`${path}.a`, "/api/v1/events"));
  assert.equal(await Promise.all(mine.map(({ begun }) => begun)), [200, 200]);
  assert.is((await ask(`${path}.a`, "/api/v1/events")).status, 503);
  const others = Array.from({ length: 6 }, () => listen(path, "/api/v1/events"));
  assert.equal(await Promise.all(others.map(({ begun }) => begun)), [200, 200, 200, 200, 200, 200]);
  assert.is((await ask(path, "/api/v1/events")).status, 503);
  for (const { asked } of [...mine, ...others]) asked.destroy();
  for (let status = 503, tries = 0; status !== 200; tries++) {
    assert.ok(tries < 200, "whoever leaves makes room");
    const again = listen(path, "/api/v1/events");
    status = await again.begun;
    again.asked.destroy();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
});

test("processes are those that live, and a tenant's are those of its scope", async () => {
  const path = newPath();
  const control = await opened({ control: path }, tenantsOf(TENANTS));
  control.onBatch(batchOf({ exe: "/bin/cat", name: "/x", pid: 8 }, { exe: "/srv/app", name: "/y", pid: 9 }));
  const shown = async (socket: string, query = "") => (await ask(socket, `/api/v1/processes${query}`)).json;
  const names = ({ items }: { items: { exepath: string }[] }) => items.map(({ exepath }) => exepath).sort();
  assert.equal(names(await shown(path)), ["/bin/cat", "/srv/app"]);
  const own = await shown(`${path}.a`);
  assert.equal(names(own), ["/srv/app"]);
  assert.is(own.items[0].ppid, null, "of a parent out of scope nothing is told");
  const first = await shown(path, "?limit=1");
  assert.equal(names(await shown(path, `?limit=1&after=${encodeURIComponent(first.next)}`)).length, 1);
  const gone = new ShortEvents();
  gone.add("procexit", { proc: { name: "cat", exepath: "/bin/cat", pid: 8 } });
  control.onBatch(openBatch(gone.bytes()));
  assert.equal(names(await shown(path)), ["/srv/app"]);
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
  const { headers } = await get("all", { origin: "http://evil.example" });
  assert.not.ok(Object.keys(headers).some((name) => name.startsWith("access-control")));
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
