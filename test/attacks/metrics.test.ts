// SPDX-License-Identifier: Apache-2.0
//
// What policies measure, against whoever chooses the names: a tenant that would write another's numbers, a
// workload that chooses labels, a cell that was taken over (H35), and floods of labels (H36).
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Cell } from "../../host/engine/cell.js";
import { Feed } from "../../host/engine/feed.js";
import type { LoadedPolicy, Tenancy } from "../../host/engine/policy.js";
import type { VedetteError } from "../../host/errors.js";
import { SERIES_MAX, Totals } from "../../host/metric/totals.js";
import { METERS, ROOT } from "../../host/paths.js";
import { openBundle } from "../../host/policy/bundle.js";
import { loadPolicy } from "../../host/policy/load.js";
import type { Measurement } from "../../host/wasm/metrics-region.js";
import { scratch } from "../e2e/programs.js";
import { cleanUp, loadError, loadSource, Running, type ShortEvent } from "../rules-wasm/shared.js";
import { until } from "../until.js";
import { HandAgent, Host } from "./host.js";

const HEAD = 'import { counter, histogram, meter, Openat } from "vedette";\n';
const counting = (spec: string, body = "A.add(1);"): string =>
  `${HEAD}const A = counter(${spec});\n@meter({ name: "m" })\nexport function m(e: Openat): void {\n${body}\n}\n`;
const tenancy: Tenancy = {
  tenant: "team",
  scope: { containers: [], images: [], families: [], uids: [], executables: [] },
  alerts: { burst: 20, perMinute: 1 },
};

interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: string;
}

/** All samples of Prometheus' text, read by its grammar alone; throws at a line that is none. */
function samplesOf(text: string): Sample[] {
  return text
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("# "))
    .map((line) => {
      const [, name = "", inner = "", value = ""] =
        /^([a-zA-Z_:][\w:]*)(?:\{((?:[a-zA-Z_]\w*="(?:[^"\\]|\\["\\n])*",?)*)\})? (\S+)$/.exec(line) ?? [];
      if (name === "") throw new Error(`no sample: ${line}`);
      const labels = [...inner.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, label = "", quoted = ""]) => [
        label,
        quoted.replaceAll(/\\(.)/g, (_, mark: string) => (mark === "n" ? "\n" : mark)),
      ]);
      assert.is(new Set(labels.map(([label]) => label)).size, labels.length, `a label stands twice: ${line}`);
      return { name, labels: Object.fromEntries(labels), value };
    });
}

test("H35: a tenant writes numbers under its own name alone, whatever its instruments and labels are called", async () => {
  const folder = scratch();
  for (const [tenant, spec, body] of [
    ["web", '{ name: "app.opens", labels: ["app.path"] }', "A.label(e.name).add(1);"],
    ["evil", '{ name: "app.opens", labels: ["app.path"] }', 'A.label("a\\",vedette_tenant=\\"web\\"} 1\\n").add(666);'],
  ] as const) {
    mkdirSync(join(folder, "policies.d", tenant, "meter"), { recursive: true });
    writeFileSync(join(folder, "policies.d", tenant, "meter/policy.yaml"), "name: meter\n");
    writeFileSync(join(folder, "policies.d", tenant, "meter/index.ts"), counting(spec, body));
  }
  const host = await Host.start(folder, ["--policies-d", join(folder, "policies.d")]);
  try {
    await until("both are loaded", () => (host.stderr.match(/policy \w+\/meter loaded/g) ?? []).length === 2);
    const agent = await HandAgent.honest(host.socket, { secret: null, container: "c" });
    agent.write(agent.shadow("x"));
    const samples = await until("both have measured", async () => {
      const text = await (await fetch(`http://${host.http}/metrics`)).text();
      const found = samplesOf(text).filter(({ name }) => name === "app_opens_total");
      return found.length >= 2 ? found : null;
    });
    const of = (tenant: string, path: string, value: string): Sample => ({
      name: "app_opens_total",
      labels: { otel_scope_name: "meter", vedette_tenant: tenant, app_path: path },
      value,
    });
    assert.equal(
      samples.sort((one, other) => Number(one.value) - Number(other.value)),
      [of("web", "/etc/shadow", "1"), of("evil", 'a",vedette_tenant="web"} 1\n', "666")],
    );
    agent.close();
  } finally {
    host.child.kill("SIGKILL");
  }
});

test("H35: a tenant has no instrument of Vedette's own name, and no label of the host's", async () => {
  for (const [spec, words] of [
    ['{ name: "vedette.alerts" }', /a name of Vedette's own/],
    ['{ name: "otel.x" }', /a name of Vedette's own/],
    ['{ name: "policy.web.app" }', /the host's to give/],
    ['{ name: "a", labels: ["vedette.tenant"] }', /the host's to give/],
    ['{ name: "a", labels: ["otel.scope.name"] }', /the host's to give/],
  ] as const) {
    const folder = scratch();
    writeFileSync(join(folder, "policy.yaml"), "name: meter\n");
    writeFileSync(join(folder, "index.ts"), counting(spec, "A.add(1);"));
    const refused = await loadPolicy(openBundle(folder), { tenancy }).then(
      () => null,
      (error: VedetteError) => error,
    );
    assert.match(refused?.message ?? "it was let in", words);
  }
});

function cellOf(mode: string, rule: string, told: object) {
  const measured: Measurement[] = [];
  const refusals: number[] = [];
  const faults: VedetteError[] = [];
  const cell = new Cell({
    tenancy,
    ring: new Feed().ring,
    containers: new Map(),
    onAlert: () => undefined,
    onFault: (fault) => void faults.push(fault),
    onLog: () => undefined,
    onMeasured: (policy, { measurements, refused }) => {
      assert.is(policy.name, "under-test");
      refusals.push(refused);
      measured.push(...measurements);
    },
    command: {
      execPath: process.execPath,
      execArgv: [join(ROOT, "test/attacks/hostile-cell.mjs"), mode, rule, JSON.stringify(told)],
    },
  });
  return { cell, measured, refusals, faults };
}

const own: LoadedPolicy = {
  ...(await loadSource(counting('{ name: "a", labels: ["app.kind"] }', 'A.label("x").add(1);'))),
  tenancy,
};
const good: Measurement = { instrument: 0, labels: ["x"], value: 1, buckets: [] };

test("H35: a cell that was taken over measures for its own policies, what their instruments can measure", async () => {
  const lies: Measurement[] = [
    { ...good, instrument: 1 },
    { ...good, value: -1 },
    { ...good, labels: [] },
    { ...good, labels: ["x", "y"] },
    { ...good, buckets: [1] },
  ];
  const { cell, measured } = cellOf("measures", "", { number: 0, measurements: [...lies, good] });
  await cell.add(own);
  await until("what is true arrives", () => measured.length > 0);
  assert.equal(measured, [good]);
  cell.stop();
  const other = cellOf("measures", "", { number: 7, measurements: [good] });
  await other.cell.add(own);
  await until("the end of what it says", () => other.cell.status().length > 0);
  assert.equal(other.measured, []);
  other.cell.stop();
});

for (const [what, lie] of [
  ["a number without an end", { ...good, value: null }],
  ["a label that is too long", { ...good, labels: ["x".repeat(1 << 16)] }],
  ["a bucket that is no count", { ...good, buckets: [-1] }],
  ["a bucket with more than a slot can hold", { ...good, buckets: [2 ** 32] }],
] as const)
  test(`H35: ${what} ends the cell, which is told`, async () => {
    const { cell, measured, faults } = cellOf("measures", "", { number: 0, measurements: [lie] });
    await cell.add(own);
    await until("it is told", () => faults.some(({ code }) => code === "VEDETTE_CELL_LOST"));
    assert.equal(measured, []);
    cell.stop();
  });

test("H36: 45,000 paths that a workload chooses are 2,000 series, each is counted once, and memory does not grow", async () => {
  const source = counting('{ name: "app.opens", labels: ["app.path"], slots: 2000 }', "A.label(e.name).add(1);");
  const policy = await loadSource(source);
  const running = new Running(policy);
  const totals = new Totals();
  const owner = { tenant: null, policy: "p", version: "1" };
  const BATCH = 1_000;
  const before = running.memoryBytes;
  for (let from = 0; from < 50 * BATCH; from += BATCH) {
    // Fifty takes: in each 900 paths that never come again, and one that always does.
    const names = Array.from({ length: BATCH }, (_, i) => (i % 10 === 0 ? "/always" : `/scan/${from + i}`));
    running.judge(...names.map((name) => ["openat", { name, flags: "O_RDONLY" }] as const));
    for (const one of running.takeMeasured()) totals.add(owner, policy.admitted.metadata.metrics ?? [], one);
  }
  const series = totals.scopes()[0]?.metrics[0]?.series ?? [];
  assert.is(series.length, SERIES_MAX + 1);
  assert.is(
    series.reduce((sum, { value }) => sum + value, 0),
    50 * BATCH,
  );
  assert.is(series.find(({ labels }) => labels?.[0] === "/always")?.value, 50 * 100, "what was there first goes on");
  assert.is(running.memoryBytes, before);
});

const HTTP = await loadPolicy(openBundle(join(METERS, "http-server")));
const onSocket = (ino: number, way: "accept4" | "recvfrom" | "write", text: string, kept?: number): ShortEvent => [
  way,
  {
    fd: { type: "4", ino, flags: 10 },
    proc: { name: "nginx" },
    ...(way === "accept4" ? { res: 5 } : { data: text.slice(0, kept), res: text.length }),
  },
];
/** What the meter of HTTP tells of these events, as `GET 200 /path`. */
function told(running: Running): string[] {
  const instruments = HTTP.admitted.metadata.metrics ?? [];
  return running
    .takeMeasured()
    .flatMap(({ measurements }) =>
      measurements
        .filter(({ instrument }) => instruments[instrument]?.name === "http.server.request.duration")
        .map(({ labels }) => (labels ?? []).slice(1, 4).join(" ")),
    );
}

test("H37: requests and answers inside bodies are told of nobody", () => {
  const running = new Running(HTTP);
  const fake = "GET /admin HTTP/1.1\r\n\r\n";
  const answer = "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n";
  running.judge(
    onSocket(1, "accept4", ""),
    onSocket(1, "recvfrom", `POST /a HTTP/1.1\r\nContent-Length: ${fake.length}\r\n\r\n`),
    onSocket(1, "recvfrom", fake),
    onSocket(1, "write", `HTTP/1.1 200 OK\r\nContent-Length: ${answer.length}\r\n\r\n`),
    onSocket(1, "write", answer),
  );
  assert.equal(told(running), ["POST 200 /a"]);
});

test("H37: a body after 100 Continue to a head that was cut is no request, and later ones keep their names", () => {
  const running = new Running(HTTP);
  const fake = "GET /admin HTTP/1.1\r\n\r\n";
  const head = `POST /up HTTP/1.1\r\nCookie: ${"c".repeat(600)}\r\nContent-Length: ${fake.length}\r\n\r\n`;
  running.judge(
    onSocket(1, "accept4", ""),
    onSocket(1, "recvfrom", head, 512),
    onSocket(1, "write", "HTTP/1.1 100 Continue\r\n\r\n"),
    onSocket(1, "recvfrom", fake),
    onSocket(1, "write", "HTTP/1.1 204 No\r\n\r\n"),
    onSocket(1, "recvfrom", "GET /later HTTP/1.1\r\n\r\n"),
    onSocket(1, "write", "HTTP/1.1 206 Part\r\nContent-Length: 0\r\n\r\n"),
  );
  assert.equal(told(running).sort(), ["GET 206 /later", "POST 204 /up"]);
});

test("H37: 50,000 connections with half a head take no more memory, and who goes on is told after its next answer", () => {
  const running = new Running(HTTP);
  const ask = (path: string): ShortEvent => onSocket(1, "recvfrom", `GET ${path} HTTP/1.1\r\n\r\n`);
  const answer = onSocket(1, "write", "HTTP/1.1 204 No\r\n\r\n");
  running.judge(onSocket(1, "accept4", ""), ask("/first"), answer);
  assert.equal(told(running), ["GET 204 /first"]);
  const flood = (ino: number) =>
    running.judge(
      ...Array.from({ length: 500 }, (_, i) => [
        onSocket(ino + i, "accept4", ""),
        onSocket(ino + i, "recvfrom", "GET /slow HTTP/1.1\r\nX: "),
      ]).flat(),
    );
  flood(100);
  const before = running.memoryBytes; // with what a batch of this size takes while it is judged
  for (let ino = 600; ino < 50_100; ino += 500) flood(ino);
  assert.is(running.memoryBytes, before);
  // 4,096 others were used after connection 1: it is forgotten, as one that was there before.
  running.judge(ask("/again"), answer, ask("/here"), answer);
  assert.equal(told(running), ["GET 204 /here"]);
  running.judge(
    onSocket(2, "accept4", ""),
    onSocket(2, "recvfrom", "GET /new HTTP/1.1\r\n\r\n"),
    onSocket(2, "write", "HTTP/1.1 204 No\r\n\r\n"),
  );
  assert.equal(told(running), ["GET 204 /new"]);
});

test("H41: blocks without end, fields named again and again and thousands of streams take no more memory", () => {
  const running = new Running(HTTP);
  const frame = (type: number, flags: number, stream: number, payload: string): string => {
    const number = (value: number, size: number): string =>
      Buffer.from(value.toString(16).padStart(2 * size, "0"), "hex").toString("latin1");
    return number(payload.length, 3) + number(type, 1) + number(flags, 1) + number(stream, 4) + payload;
  };
  const begin = (ino: number): ShortEvent[] => [
    onSocket(ino, "accept4", ""),
    onSocket(ino, "recvfrom", `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${frame(4, 0, 0, "")}`),
  ];
  const bytes = ([type, event]: ShortEvent): ShortEvent => [
    type,
    "data" in event ? { ...event, data: Buffer.from(`${event.data}`, "latin1") } : event,
  ];
  const judge = (...events: readonly ShortEvent[]) => running.judge(...events.map(bytes));
  const large = `\x82\x84\x40\x01a\x7f\x80\x1f${"x".repeat(4095 - 32)}`;
  const flood = [
    frame(1, 5, 1, large) + frame(1, 5, 3, `\x82\x84${"\xbe".repeat(16_000)}`),
    frame(1, 1, 5, "\x82") + frame(9, 0, 5, "").repeat(10_000),
    Array.from(
      { length: 2000 },
      (_, i) => frame(1, 5, 2 * i + 7, "\x82\x84") + frame(3, 0, 2 * i + 7, "\0\0\0\x08"),
    ).join(""),
  ];
  judge(...begin(1), onSocket(1, "recvfrom", frame(1, 5, 1, "\x82\x84")));
  for (const said of flood) judge(...begin(2), onSocket(2, "recvfrom", said));
  const before = running.memoryBytes;
  for (let ino = 3; ino < 30; ino++) judge(...begin(ino), onSocket(ino, "recvfrom", flood[ino % 3] as string));
  assert.is(running.memoryBytes, before);
  assert.equal(told(running), []);
  judge(onSocket(1, "write", frame(4, 0, 0, "") + frame(1, 5, 1, "\x89")));
  assert.equal(told(running), ["GET 204 /"], "the other connection goes on");
});

test("H36: a cell that measures more than the host looks at loses that, which is counted, and lives", async () => {
  const times = 7_000;
  const { cell, measured, refusals, faults } = cellOf("measures", "", { number: 0, measurements: [good], times });
  await cell.add(own);
  await until("the end of what it says", () => cell.status().length > 0);
  const refused = refusals.reduce((sum, count) => sum + count, 0);
  assert.ok(refused > 0, "not all of it is looked at");
  assert.is(measured.length + refused, times, "each is counted");
  assert.equal(faults, []);
  cell.stop();
});

test("H36: instruments of more slots than the host looks through are refused", async () => {
  const many = Array.from(
    { length: 5 },
    (_, i) => `const A${i} = counter({ name: "a${i}", labels: ["app.x"], slots: 2000 });`,
  );
  const error = await loadError(
    `${HEAD}${many.join("\n")}\n@meter({ name: "m" })\nexport function m(e: Openat): void { A0.label(1).add(1); }`,
  );
  assert.match(error.message, /more than 8192 slots/);
});

test.after(cleanUp);
test.run();
