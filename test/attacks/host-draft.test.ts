// SPDX-License-Identifier: Apache-2.0
//
// Drafts of policies in the hands of those who mean harm (H48): tenants whose text does not end, takes
// memory, has errors without end, or imports what is another's; who ask for what is not theirs, again and
// again; and pages of the web. The honest controls are an operator whose draft is tried, and an agent whose
// alerts come.
import { spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Answer, ask, tell, ticketOf } from "../ask.js";
import { until } from "../until.js";
import { HandAgent, Host, stillJudges } from "./host.js";
import { largeRecording } from "./large-recording.js";

const POLICY = "sensitive-file-read";
const FOLDER = `policies/credential-access/${POLICY}`;
const SOURCE = readFileSync(join(FOLDER, "index.ts"), "utf8");
const CACHE = "build/policies/cache";
const PATH = "/api/v1/policies/draft";
const OWN = process.getuid?.() ?? 0;
const folder = mkdtempSync(join(tmpdir(), "draft-"));
const operator = join(folder, "control.sock");
const watched = join(folder, "d");
const TENANTS = `tenants:\n  team: {owner: ${OWN}, scope: {executables: [/srv/*]}}\n  other: {owner: ${OWN}}\n`;
writeFileSync(join(folder, "tenants.yaml"), TENANTS);
for (const tenant of ["team", "other"]) {
  cpSync(FOLDER, join(watched, tenant, POLICY), { recursive: true });
  mkdirSync(join(watched, tenant, "lib"));
  writeFileSync(join(watched, tenant, "lib", "names.ts"), `export const NAMES = "of ${tenant} alone";\n`);
}
const flags = ["--console", "--control-tcp", "127.0.0.1:0", "--control", operator];
const host = await Host.start(folder, [
  ...flags,
  ...["--tenants", join(folder, "tenants.yaml"), "--policies-d", watched],
]);
const honest = await HandAgent.honest(host.socket);
test.after(async () => {
  await host.stop();
  rmSync(folder, { recursive: true });
});

const team = `${operator}.team`;
const draft = (text: string, socket = team, tenant = "team", policy = POLICY): Promise<Answer> =>
  tell(socket, PATH, { tenant, policy, text });

/** As a person does: where the machine was too busy to answer in time, it is asked again. */
async function tried(text: string, socket = team, tenant = "team"): Promise<Answer["json"]> {
  return until(
    "the draft is tried",
    async () => {
      const { status, json } = await draft(text, socket, tenant);
      assert.ok([200, 429, 503].includes(status), JSON.stringify(json));
      return status === 200 ? json : null;
    },
    { ms: 120_000, everyMs: 500 },
  );
}

interface Row {
  readonly rule: string;
  readonly draft: number;
  readonly loaded: number;
}

const problems = (json: Answer["json"]): string => json.problems.map(({ text }: { text: string }) => text).join("\n");
const rule = (body: string, before = ""): string => `import { Openat, Priority, rule } from "vedette";
${before}
@rule({ name: "Sensitive file read", priority: Priority.Notice, output: "draft of %fd.name" })
export function draft(e: Openat): bool {
${body}
}
`;

/** Processes of the host in which something is tried or compiled. */
function trying(): number {
  const { stdout } = spawnSync("ps", ["-o", "args=", "--ppid", String(host.child.pid)], { encoding: "utf8" });
  return stdout.split("\n").filter((line) => /trial-child|compile-child/.test(line)).length;
}

const loadedNow = async (): Promise<string> => {
  const rows = (await ask(operator, "/api/v1/policies")).json as { tenant: string; version: string; state: string }[];
  return rows.map(({ tenant, version, state }) => `${tenant} ${version} ${state}`).join();
};
const filesNow = (): string[] => readdirSync(watched, { recursive: true }).map(String).sort();
/** Modules of what was loaded stay, also of what tests beside this one load; none is of a draft. */
const keptOf = (word: string): string[] =>
  (existsSync(CACHE) ? readdirSync(CACHE) : []).filter((name) =>
    ["utf8", "utf16le"].some((encoding) =>
      readFileSync(join(CACHE, name)).includes(Buffer.from(word, encoding as BufferEncoding)),
    ),
  );

test("H48: control: the operator's draft raises what the loaded version does not, and none of it is loaded or written", async () => {
  await until("the tenants' policies are loaded", async () => {
    const loaded = await loadedNow();
    return ["team", "other"].every((tenant) => loaded.includes(`${tenant} 1.1.1 judging`));
  });
  honest.write(honest.shadow("tried", { count: 3 }));
  await until("it is judged", () => host.alertsOf("tried").length > 0);
  const before = { loaded: await loadedNow(), files: filesNow() };
  const any = `@rule({ name: "Any open of a draft", priority: Priority.Notice })
export function any(e: AnyOpen): bool { return e.proc.name == "tried"; }`;
  const text = SOURCE.replace("@rule({", `${any}\n\n@rule({`);
  const json = await tried(text, operator, "other");
  assert.equal(json.problems, []);
  assert.equal([json.tests.passed > 0, json.tests.failed], [true, 0]);
  assert.match(json.tests.missing.join(), "Any open of a draft");
  assert.ok(json.events > 0);
  const countsOf = (name: string): number[] =>
    json.rules.flatMap((row: Row) => (row.rule === name ? [row.draft, row.loaded] : []));
  const [ofAny = 0, ...none] = countsOf("Any open of a draft");
  assert.ok(ofAny > 0);
  assert.equal(none, [0]);
  assert.is(new Set(countsOf("Sensitive file read")).size, 1, "the other rule says what it said");
  assert.equal([...new Set(json.samples.map(({ by }: { by: string }) => by))], ["draft", "both"]);
  await stillJudges(host, honest);
  const after = { loaded: await loadedNow(), files: filesNow() };
  assert.equal(after, before);
  assert.equal(keptOf("Any open of a draft"), []);
  assert.is(host.alerts.filter(({ rule }) => rule === "Any open of a draft").length, 0);
});

test("H48: what does not compile is told with its place, and errors without end are bounded and cost the host little", async () => {
  const line = "  if (e.failed retrun false;";
  const [first] = (await tried(rule(`${line}\n  return true;`))).problems;
  assert.equal([first.file, first.line, first.isError], ["index.ts", 5, true]);
  assert.match(first.hint, line);
  const asked = tried(rule("  return true;", "a;\n".repeat(20_000)));
  await stillJudges(host, honest);
  const many = await asked;
  assert.equal([many.problems.length, many.draft, many.tests], [50, null, null]);
});

test("H48: a draft finds no file of another tenant, and none of the machine", async () => {
  const paths = ["../../other/lib/names", join(watched, "other/lib/names"), "/etc/passwd", "../../../../../etc/passwd"];
  const imports = paths.map((path, nth) => `import { NAMES as n${nth} } from ${JSON.stringify(path)};`);
  const json = await tried(rule("  return n0.length > 0;", imports.join("\n")));
  const said = problems(json);
  for (const path of paths) assert.match(said, new RegExp(`File .*${path.split("/").at(-1)}.* not found`), said);
  assert.not.match(JSON.stringify(json), /of other alone|root:/);
  const text = rule('  return NAMES == "of team alone";', 'import { NAMES } from "../lib/names";');
  assert.equal((await tried(text)).problems, [], "its own shared code is there");
});

test("H48: a draft that does not end, or takes memory without end, fails alone, and is told to", async () => {
  for (const text of [
    rule("  while (true) {}\n  return false;"),
    rule("  return false;", "while (true) {}"),
    rule("  for (;;) new ArrayBuffer(1 << 20);\n  return false;"),
  ]) {
    const { draft: own, loaded } = await tried(text, `${operator}.other`, "other");
    assert.type(own.fault, "string");
    assert.equal([loaded.fault, loaded.alerts > 0], [null, true]);
    await stillJudges(host, honest);
  }
  await until("its processes have ended", () => trying() === 0);
});

test("H48: a tenant's draft is shown what is in its scope, and others' policies are none of its", async () => {
  const json = await tried(rule("  return true;"));
  assert.equal([json.problems, json.events, json.samples, json.draft.fault], [[], 0, [], null]);
  for (const tenant of ["", "other", "../other"])
    assert.is((await draft(SOURCE, team, tenant)).status, 404, JSON.stringify(tenant));
  assert.is((await draft(SOURCE, team, "team", "no-such")).status, 404);
});

test("H48: strangers, other pages and viewers get nothing, and a text that is too long is refused", async () => {
  const port = Number(new URL((await ticketOf(operator)).console).port);
  const body = { tenant: "", policy: POLICY, text: SOURCE };
  assert.is((await tell(port, PATH, body)).status, 401);
  const { ticket } = await ticketOf(operator);
  const { key } = (await tell(port, "/api/v1/session", { ticket })).json;
  const as = { authorization: `Bearer ${key}` };
  for (const [headers, status] of [
    [{ origin: "https://evil.example" }, 403],
    [{ "sec-fetch-site": "cross-site" }, 403],
    [{ "content-type": "text/plain" }, 415],
    [{ host: "evil.example" }, 421],
  ] as const)
    assert.is((await tell(port, PATH, body, { ...as, ...headers })).status, status, JSON.stringify(headers));
  assert.is((await draft("a".repeat(65_537))).status, 400);
  assert.is((await draft("\u20ac".repeat(100_000))).status, 413);
  const long = await tell(team, "/api/v1/policies/test", { tenant: "team", policy: "p".repeat(20_000) });
  assert.is(long.status, 413, "other acts take as little as before");
});

test("H48: drafts without end are one at a time, and the operator's does not wait for them", async () => {
  const asked = Array.from({ length: 20 }, (_, nth) => draft(rule(`  return e.tid == ${nth};`)));
  const own = tried(SOURCE, operator, "other");
  const statuses = (await Promise.all(asked)).map(({ status }) => status);
  assert.is(statuses.filter((status) => status !== 429).length, 1, statuses.join());
  assert.ok((await own).draft !== null);
  await stillJudges(host, honest);
});

const own = join(watched, "team", POLICY);

/** Tries a draft beside these files in the tenant's folder, which are then as they were. */
async function beside(files: Readonly<Record<string, string | Uint8Array>>): Promise<Answer["json"]> {
  const before = new Map(readdirSync(own).map((name) => [name, readFileSync(join(own, name))]));
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(own, name), bytes);
  try {
    return await tried(SOURCE);
  } finally {
    for (const name of Object.keys(files)) rmSync(join(own, name));
    for (const [name, bytes] of before) writeFileSync(join(own, name), bytes);
  }
}

test("H48: a tenant's tests of a draft are read and run in the jail, recordings too, whatever they stand for", async () => {
  const test = (name: number): string => `  - {name: t${name}, recording: a.rec, alerts: []}\n`;
  const one = await beside({ "a.rec": largeRecording(folder, 1), "tests.yaml": `tests:\n${test(1)}` });
  assert.equal([one.tests.problem, one.tests.passed, one.tests.failed], [null, 1, 0]);
  const before = host.ownMib;
  let most = before;
  const look = setInterval(() => (most = Math.max(most, host.ownMib)), 20);
  const all = Array.from({ length: 100 }, (_, name) => test(name)).join("");
  const many = await beside({ "a.rec": largeRecording(folder, 30), "tests.yaml": `tests:\n${all}` });
  clearInterval(look);
  assert.match(many.tests.problem, /needed more than|took longer than|it ended/);
  assert.type(many.draft.alerts, "number", "what it says is told all the same");
  assert.ok(most - before < 200, `${most - before} MiB more`);
  await stillJudges(host, honest);
});

test("H48: what a draft's failing tests say is bounded", async () => {
  const failing = (nth: number): string =>
    `  - {name: ${"n".repeat(9_000)}${nth}, events: [openat: {name: /x}], alerts: [${"Sensitive file read,".repeat(20)}]}\n`;
  const all = Array.from({ length: 80 }, (_, nth) => failing(nth)).join("");
  const { tests } = await beside({ "tests.yaml": `tests:\n${all}` });
  assert.equal([tests.passed, tests.failed, tests.failures.length <= 50], [0, 80, true]);
  const [first] = tests.failures;
  assert.equal([first.name.length, first.differences.length], [1_000, 10]);
});

test("H48: a policy.yaml that takes long to read is not read for a draft either", async () => {
  const keys = Array.from({ length: 20_000 }, (_, nth) => `  a${nth}: {}`).join("\n");
  const { problems: all } = await beside({ "policy.yaml": `name: ${POLICY}\nrules:\n${keys}\n` });
  assert.equal(
    all.map(({ code }: { code: string }) => code),
    ["VEDETTE_POLICY_UNREADABLE"],
  );
  assert.match(all[0].text, "at most 65536 are read");
});

/** Begins a draft as a tenant by a key of the console, and gives the key when it is being compiled. */
async function begun(tenant: string, text: string) {
  const port = Number(new URL((await ticketOf(operator)).console).port);
  const { key } = (await tell(port, "/api/v1/session", { ticket: (await ticketOf(`${operator}.${tenant}`)).ticket }))
    .json;
  const as = { authorization: `Bearer ${key}` };
  const answer = tell(port, PATH, { tenant, policy: POLICY, text }, as);
  await until("it is compiled", () => trying() > 0);
  return { port, as, answer };
}

test("H48: a draft shows nothing to a session that ended meanwhile, and of events what the scope is by then", async () => {
  await until("no draft is under way", () => trying() === 0, { ms: 60_000 });
  const { port, as, answer } = await begun("other", rule("  return e.tid == 1;"));
  const left = await fetch(`http://127.0.0.1:${port}/api/v1/session`, { method: "DELETE", headers: as });
  assert.is(left.status, 204);
  assert.is((await answer).status, 401);
  await until("no draft is under way", () => trying() === 0, { ms: 60_000 });
  const next = await begun("other", rule("  return e.tid == 2;"));
  const narrow = TENANTS.replace(`other: {owner: ${OWN}}`, `other: {owner: ${OWN}, scope: {executables: [/srv/*]}}`);
  writeFileSync(join(folder, "tenants.yaml"), narrow);
  host.child.kill("SIGHUP");
  const { status, json } = await next.answer;
  assert.ok([200, 404].includes(status), JSON.stringify(json));
  if (status === 200) assert.is(json.events, 0);
  await stillJudges(host, honest);
});

test("H48: a folder that has become a link to another tenant's is not read", async () => {
  rmSync(own, { recursive: true });
  symlinkSync(join(watched, "other", POLICY), own);
  writeFileSync(join(watched, "other", POLICY, "tests.yaml"), "tests: [of other alone");
  const { status, text } = await draft(SOURCE);
  assert.ok(status !== 200 || !text.includes("of other alone"), text);
  assert.not.match(text, "of other alone");
  await stillJudges(host, honest);
});

test.run();
