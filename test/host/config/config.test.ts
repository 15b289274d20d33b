// SPDX-License-Identifier: Apache-2.0
// vedette.yaml: what it may hold, who wins, and what is said of what is wrong; and that its reference and its
// schema are true.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { keyTable, outputTable } from "../../../host/cli/config.js";
import { configured } from "../../../host/cli/configured.js";
import { defineProgram } from "../../../host/cli/program.js";
import { configSchema, KEYS, OUTPUT_TYPES, readConfiguration, variableName } from "../../../host/config/config.js";
import { explain, VedetteError } from "../../../host/errors.js";
import { outputHealth } from "../../../host/output/health.js";
import { Outputs } from "../../../host/output/outputs.js";
import type { NamedOutput } from "../../../host/output/registry.js";
import { withoutPassword } from "../../../host/output/url.js";
import { run, VEDETTE } from "../../e2e/programs.js";
import { ALERT } from "../output/shared.js";

const folder = mkdtempSync(join(tmpdir(), "vedette-config-"));
test.after(() => rmSync(folder, { recursive: true }));
const PATH = join(folder, "vedette.yaml");
const SECRET = "hunter2-and-more";

function read(text: string | null, environment: NodeJS.ProcessEnv = {}) {
  if (text !== null) writeFileSync(PATH, text);
  return readConfiguration(text === null ? null : PATH, environment);
}

function fault(text: string | null, environment: NodeJS.ProcessEnv = {}): { code: string; told: string } {
  try {
    read(text, environment);
  } catch (error) {
    if (error instanceof VedetteError) return { code: error.code, told: explain(error).replaceAll(folder, "DIR") };
    throw error;
  }
  throw new Error(`nothing is wrong in:\n${text}`);
}

test("the file says what options are, and which outputs there are", () => {
  const { options, outputs } = read(
    `policies: [pack, mine]\nalerts_detail: true\ndrain: 5\ncontainer_secrets: {orders: /run/orders}\nsyslog: udp://logs\n` +
      `outputs:\n  disk: {type: file, path: /var/log/a.json, priority: Warning, repeats: first}\n` +
      `  siem: {type: http, url: "https://siem.example/x", headers: {authorization: Bearer x}}\n`,
  );
  assert.equal(options.get("policy"), ["pack", "mine"]);
  assert.is(options.get("alerts-detail"), true);
  assert.is(options.get("drain"), 5);
  assert.equal(options.get("container-secret"), [{ name: "orders", path: "/run/orders" }]);
  assert.is((options.get("syslog") as { host: string }).host, "logs");
  assert.equal(
    outputs.map(({ name, kind, least, repeats }) => [name, kind, least, repeats]),
    [
      ["disk", "file", "Warning", "first"],
      ["siem", "http", undefined, undefined],
    ],
  );
});

test("a file's bound is in MiB, and older files stay", () => {
  const bounds = ["max_mib: 2", "max_mib: 1, keep: 9", "format: text"].map((more) => {
    const [output] = read(`outputs:\n  a: {type: file, path: x, ${more}}\n`).outputs;
    return output?.kind === "file" ? output.bound : null;
  });
  assert.equal(bounds, [{ bytes: 2 << 20, keep: 4 }, { bytes: 1 << 20, keep: 9 }, undefined]);
});

test("an empty file and a missing one say nothing", () => {
  for (const text of ["", "# nothing\n", null]) assert.equal([...read(text).options], []);
});

/** What is wrong, its code, and what the message must say: place first. */
const MISTAKES: readonly (readonly [title: string, text: string, code: string, says: readonly string[]])[] = [
  [
    "an unknown key",
    "drain: 5\nalert: x\n",
    "VEDETTE_CONFIG_KEY",
    ["vedette.yaml:2:1:", '"alert"', 'Did you mean "alerts"?'],
  ],
  ["a key that is like none", "xyzzy: 5\n", "VEDETTE_CONFIG_KEY", ["vedette.yaml:1:1:", '"xyzzy"']],
  [
    "an output's unknown key",
    "outputs:\n  a: {type: http, url: http://x, heders: {}}\n",
    "VEDETTE_CONFIG_KEY",
    ["vedette.yaml:2:34:", 'Did you mean "headers"?'],
  ],
  [
    "a key of another type of output",
    "outputs:\n  a: {type: file, path: x, url: y}\n",
    "VEDETTE_CONFIG_KEY",
    ["vedette.yaml:2:28:", '"url" is not known here'],
  ],
  [
    "a wrong type of output",
    "outputs:\n  a: {type: htp}\n",
    "VEDETTE_CONFIG_VALUE",
    ["vedette.yaml:2:7:", "outputs.a.type must be one of", "http"],
  ],
  [
    "no type of output",
    "outputs:\n  a: {path: x}\n",
    "VEDETTE_CONFIG_VALUE",
    ["vedette.yaml:2:3:", "outputs.a.type must be one of"],
  ],
  [
    "a disk without its folder",
    "outputs:\n  a: {type: otlp, url: http://x, queue: disk}\n",
    "VEDETTE_CONFIG_VALUE",
    ["vedette.yaml:2:3:", "outputs.a.queue_dir: `queue: disk` needs a folder here"],
  ],
  [
    "older files of one that grows",
    "outputs:\n  a: {type: file, path: x, keep: 2}\n",
    "VEDETTE_CONFIG_VALUE",
    ["vedette.yaml:2:28:", "outputs.a.keep: it means nothing without `max_mib`"],
  ],
  ...(
    [
      ["{type: otlp, url: http://x, queue_dir: /q}", "queue_dir", "`queue: disk`"],
      ["{type: http, url: http://x, queue: memory, queue_mib: 5}", "queue_mib", "`queue: disk`"],
      ["{type: file, path: x, ocsf_version: 1.1.0}", "ocsf_version", "`format: ocsf`"],
      ["{type: file, path: x, format: ocsf, namespace: N}", "namespace", "`format: emf`"],
      ["{type: file, path: x, incidents: true}", "incidents", "`format: ocsf`"],
      ["{type: otlp, url: http://x, metrics_every_s: 5}", "metrics_every_s", "`metrics: true`"],
      ["{type: otlp, url: http://x, metrics_url: http://y}", "metrics_url", "`metrics: true`"],
      ["{type: http, url: https://x, certificate: c.pem}", "certificate", "`key`"],
      ["{type: http, url: https://x, key: k.pem}", "key", "`certificate`"],
    ] as const
  ).map(
    ([entry, key, needs]) =>
      [
        `${key} alone`,
        `outputs:\n  a: ${entry}\n`,
        "VEDETTE_CONFIG_VALUE",
        [`vedette.yaml:2:${6 + entry.indexOf(`${key}:`)}:`, `outputs.a.${key}: it means nothing without ${needs}`],
      ] as const,
  ),
  [
    "a bound of a stream",
    "outputs:\n  a: {type: file, path: stdout, max_mib: 2}\n",
    "VEDETTE_CONFIG_VALUE",
    ["vedette.yaml:2:33:", "outputs.a.max_mib: a standard stream has no size"],
  ],
  [
    "a service of AWS without its region",
    "outputs:\n  a: {type: s3, bucket: logs}\n",
    "VEDETTE_CONFIG_VALUE",
    ["vedette.yaml:2:3:", "outputs.a.region: it needs a region: here, or in AWS_REGION"],
  ],
  [
    "a bucket that can be none",
    "outputs:\n  a: {type: s3, bucket: My/Logs, region: eu-west-1}\n",
    "VEDETTE_CONFIG_VALUE",
    ["vedette.yaml:2:", "a bucket's name has 3 to 63 small letters, digits and .-"],
  ],
  [
    "a missing key",
    "outputs:\n  a: {type: file}\n",
    "VEDETTE_CONFIG_VALUE",
    ["vedette.yaml:2:3:", "outputs.a.path is missing"],
  ],
  [
    "a name that is none",
    "outputs:\n  A b: {type: file, path: x}\n",
    "VEDETTE_CONFIG_VALUE",
    ["vedette.yaml:2:3:", "small letters"],
  ],
  [
    "a text in place of a number",
    "drain: soon\n",
    "VEDETTE_CONFIG_VALUE",
    ["vedette.yaml:1:1:", "drain must be a number, not a text"],
  ],
  ["a number that is too large", "workers: 9\n", "VEDETTE_CONFIG_VALUE", ["vedette.yaml:1:1:", "at most 8"]],
  [
    "a word that is none of those",
    "log_format: xml\n",
    "VEDETTE_CONFIG_VALUE",
    ["log_format must be one of text, json"],
  ],
  ["a text in place of a list", "policies: pack\n", "VEDETTE_CONFIG_VALUE", ["policies must be a list, not a text"]],
  ["a list in place of the file's mapping", "- a\n", "VEDETTE_CONFIG_VALUE", ["vedette.yaml:1:1:", "a mapping"]],
  ["outputs in a list", "outputs: [a]\n", "VEDETTE_CONFIG_VALUE", ["outputs must be a mapping"]],
  [
    "a wrong URL",
    `outputs:\n  a: {type: http, url: "${SECRET}"}\n`,
    "VEDETTE_CONFIG_VALUE",
    ["vedette.yaml:2:19:", "http or https URL"],
  ],
  [
    "a line feed in a header",
    `outputs:\n  a: {type: http, url: http://x, headers: {a: "${SECRET}\\nb: c"}}\n`,
    "VEDETTE_CONFIG_VALUE",
    ["control characters"],
  ],
  [
    "a variable that is not there",
    `outputs:\n  a: {type: http, url: 'http://x/\${NO_SUCH_ONE}'}\n`,
    "VEDETTE_CONFIG_VALUE",
    ["there is no variable NO_SUCH_ONE"],
  ],
  ["a syslog address that is none", "syslog: logs\n", "VEDETTE_CONFIG_VALUE", ["udp://HOST"]],
  ["what is no YAML", "a: [b\n", "VEDETTE_CONFIG_UNREADABLE", ["vedette.yaml:"]],
  ["a key that stands twice", "drain: 1\ndrain: 2\n", "VEDETTE_CONFIG_UNREADABLE", ["vedette.yaml:2:1:", "twice"]],
];
for (const [title, text, code, says] of MISTAKES)
  test(`${title}: ${code}, with its place`, () => {
    const { code: got, told } = fault(text);
    assert.is(got, code, told);
    for (const part of says) assert.ok(told.includes(part), `${part} is not in: ${told}`);
    assert.not.match(told, SECRET);
    assert.not.match(told, /\{\w+\}/);
  });

test("a file that is not there is told by its name", () => {
  rmSync(PATH, { force: true });
  assert.throws(
    () => readConfiguration(PATH, {}),
    (error: VedetteError) => error.code === "VEDETTE_CONFIG_UNREADABLE",
  );
});

test("every key is a variable, which wins over the file", () => {
  const texts = { number: "3", switch: "false", list: "a,b", map: "n=v" };
  const samples: Record<string, string> = {
    syslog: "tcp://h:1",
    isolation: "thread",
    matching: "all",
    repeats: "all",
    log_format: "json",
    tiers: "all",
    integrity: "strict",
    evidence_capture: "scap",
    evidence_max_mib: "512",
    io_uring: "allow",
    on_overload: "shed",
    respond: '[{"rules": ["R"], "action": "kill"}]',
  };
  for (const [key, { option, schema }] of Object.entries(KEYS)) {
    const kind = (["number", "switch", "list", "map"] as const).find(
      (one) => schema.safeParse({ number: 3, switch: false, list: ["a", "b"], map: { n: "v" } }[one]).success,
    );
    const text = samples[key] ?? (kind === undefined ? "x" : texts[kind]);
    assert.ok(read("drain: 9\n", { [variableName(key)]: text }).options.has(option), key);
  }
  assert.is(read("drain: 9\n", { VEDETTE_DRAIN: "3" }).options.get("drain"), 3);
  assert.equal(read(null, { VEDETTE_POLICIES: '["a,b"]' }).options.get("policy"), ["a,b"]);
});

test("outputs come from variables, too, or part of one", () => {
  const environment = {
    VEDETTE_OUTPUTS_MY_SIEM_TYPE: "http",
    VEDETTE_OUTPUTS_MY_SIEM_URL: "http://x/",
    VEDETTE_OUTPUTS_MY_SIEM_QUEUE_COUNT: "7",
  };
  const [alone] = read(null, environment).outputs;
  assert.is(alone?.name, "my-siem");
  assert.is((alone as NamedOutput & { kind: "http" }).settings.capacity, 7);
  const [both] = read("outputs:\n  siem: {type: http, url: http://x/}\n", {
    VEDETTE_OUTPUTS_SIEM_HEADERS: `authorization=${SECRET}`,
  }).outputs;
  assert.equal((both as NamedOutput & { kind: "http" }).settings.headers, { authorization: SECRET });
});

test("what is wrong in a variable is told by its name, without its value", () => {
  const rows: readonly (readonly [NodeJS.ProcessEnv, string])[] = [
    [{ VEDETTE_DRAIN: SECRET }, "VEDETTE_DRAIN is wrong: it must be a number, not a text"],
    [{ VEDETTE_OUTPUTS_A_TYPE: SECRET }, "VEDETTE_OUTPUTS_A_TYPE is wrong: it must be one of"],
    [
      { VEDETTE_OUTPUTS_A_TYPE: "http", VEDETTE_OUTPUTS_A_URL: SECRET },
      "VEDETTE_OUTPUTS_A_URL is wrong: it must be an http",
    ],
    [{ VEDETTE_OUTPUTS_A_ULR: SECRET }, 'Did you mean "url"?'],
  ];
  for (const [environment, says] of rows) {
    const { code, told } = fault(null, environment);
    assert.is(code, "VEDETTE_CONFIG_VARIABLE", told);
    assert.ok(told.includes(says), told);
    assert.not.match(told, SECRET);
  }
});

test("the command line wins over both", async () => {
  writeFileSync(PATH, "drain: 7\nalerts_detail: true\nlisten: unix:/run/x\nrecord: /never\n");
  let flags: Record<string, unknown> = {};
  const serve = defineProgram([], [], () => undefined).commands.find((one) => one.name() === "serve") as Command;
  serve.action(async (_, command: Command) => {
    flags = await configured(command);
  });
  process.env.VEDETTE_LOG_FORMAT = "json";
  try {
    await serve.parseAsync(["--config", PATH, "--drain", "1"], { from: "user" });
  } finally {
    delete process.env.VEDETTE_LOG_FORMAT;
  }
  const { drain, alertsDetail, listen, logFormat, http } = flags;
  assert.equal([drain, alertsDetail, listen, logFormat, http], [1, true, "unix:/run/x", "json", "127.0.0.1:7410"]);
  assert.is("record" in flags, false, "what `serve` does not know is left alone");
  assert.equal(flags.configFile, PATH);
});

test("the reference of docs/configuration.md is that of the code, and each key is an option", () => {
  const page = readFileSync("docs/configuration.md", "utf8");
  const program = defineProgram([], [], () => undefined);
  for (const table of [keyTable(program), ...Object.keys(OUTPUT_TYPES).map(outputTable)])
    assert.ok(page.includes(table.join("\n")), `vedette config keys prints another table than:\n${table[0]}`);
  const known = new Set(Object.values(KEYS).map(({ option }) => option));
  const without = new Set(["help", "check", "config", "no-incidents", "pid"]);
  for (const name of ["run", "serve"])
    for (const option of program.commands.find((one) => one.name() === name)?.options ?? []) {
      if (option.hidden) continue; // an old name
      const long = (option.long ?? "").slice(2);
      assert.ok(known.has(long) || without.has(long), `--${long} of ${name} has no key (host/config/keys.ts)`);
    }
});

test("the schema for editors knows every key, and that there are no others", () => {
  const schema = configSchema() as { properties: object; additionalProperties: boolean };
  assert.equal(Object.keys(schema.properties), [...Object.keys(KEYS), "outputs"]);
  assert.is(schema.additionalProperties, false);
});

test("a run delivers to the outputs of its file, and nobody else learns their secrets", async () => {
  const got: { body: string; authorization: string | undefined; url: string | undefined }[] = [];
  const server = createServer(async (request, response) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const { url, headers } = request;
    got.push({ body: Buffer.concat(parts).toString(), authorization: headers.authorization, url });
    response.writeHead(got.length === 1 ? 503 : 200).end();
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo;
  const alerts = join(folder, "alerts.json");
  writeFileSync(
    PATH,
    `outputs:\n  siem: {type: http, url: "http://127.0.0.1:${port}/?key=\${KEY}"}\n` +
      `  disk: {type: file, path: "${alerts}", priority: Critical}\n`,
  );
  const { status, stdout, stderr } = await run(
    [...VEDETTE, "run", "--config", PATH, "--", "sh", "-c", "cat /etc/shadow > /dev/null; env"],
    { env: { KEY: `${SECRET}-1`, VEDETTE_OUTPUTS_SIEM_HEADERS: `authorization=${SECRET}-2` } },
  );
  server.close();
  assert.is(status, 0, stderr);
  assert.ok(got.length > 1, stderr);
  for (const { authorization, url } of got)
    assert.equal([authorization, url], [`${SECRET}-2`, `/?key=${SECRET}-1`], "each request has them");
  assert.match(stderr, "VEDETTE_HTTP_OUTPUT");
  assert.not.match(stderr, SECRET);
  assert.not.match(stdout, `${SECRET}-2`);
  assert.match(stderr, "does not get VEDETTE_OUTPUTS_SIEM_HEADERS");
  assert.is(readFileSync(alerts, "utf8"), "", "what is less urgent goes to the other alone");
});

test("a URL is told without what may be a token in its path", () => {
  const [services, token] = ["https://hooks.example/services/T0123/B0123", "a1b2c3d4e5f6a7b8c9d0e1f2"];
  assert.is(withoutPassword(`${services}/${token}`), `${services}/...`);
  assert.is(withoutPassword("https://a:b@x.example/in?key=c"), "https://x.example/in");
  for (const url of ["http://127.0.0.1:2801/", "https://logs.example/v1/falcosidekick-receiver", "http://x"])
    assert.is(withoutPassword(url), url);
});

test("what an output says of its health has no secret", async () => {
  const { outputs } = read(`outputs:\n  siem: {type: http, url: "http://u:${SECRET}@127.0.0.1:1/?key=${SECRET}"}\n`);
  const faults: string[] = [];
  const opened = await Outputs.open({
    targets: [],
    named: outputs,
    onFault: (error) => void faults.push(explain(error)),
  });
  opened.write(ALERT);
  await opened.close();
  assert.is(faults.length, 1);
  assert.not.match(JSON.stringify(opened.stats().map(outputHealth)) + faults.join(), SECRET);
});

test.run();
