// SPDX-License-Identifier: Apache-2.0
//
// What of falco.yaml asks in vain: little of Falco's own file, and each part of one that switches all on.
// docs/falco.md has a row for each.
import { readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { parse } from "yaml";
import { readConfigFile } from "../../../host/falco/config-file.js";
import { textsOf } from "../../../host/falco/config-tree.js";
import { IDLE_KEYS, idleIn } from "../../../host/falco/idle.js";
import { optionsIn, readOptions } from "../../../host/falco/options.js";

const FILE = "test/fixtures/falco.yaml";
const { config } = readConfigFile(FILE);
const keysOf = (yaml: string): string[] => idleIn(textsOf(parse(yaml)) as never, false).map(({ key }) => key);

test("Falco's own file asks for little in vain, and what is missed by it is told", () => {
  const idle = idleIn(config, false);
  assert.equal(
    idle.map(({ key }) => key),
    ["engine", "outputs_queue.capacity", "syslog_output", "log_syslog", "libs_logger"],
  );
  assert.equal(
    idle.filter(({ isMissed }) => isMissed).map(({ key }) => key),
    ["syslog_output"],
  );
  assert.equal(idleIn({}), []);
  assert.not(
    idleIn(config, true).some(({ key }) => key === "syslog_output"),
    "somebody listens there",
  );
});

test("each part that is switched on is named, and none that is off", () => {
  const all = `
    {engine: {kind: gvisor}, load_plugins: [json], buffered_outputs: true,
     outputs_queue: {capacity: 0}, syslog_output: {enabled: true}, program_output: {enabled: true},
     grpc_output: {enabled: true}, grpc: {enabled: true},
     log_syslog: true, libs_logger: {enabled: true}, syscall_event_timeouts: {max_consecutives: 5}, metrics: {enabled: true, state_counters_enabled: true,
     kernel_event_counters_per_cpu_enabled: true, libbpf_stats_enabled: true}, base_syscalls: {repair: true},
     falco_libs: {thread_table_size: 5}, container_engines: {docker: {enabled: true}}}`;
  const named = IDLE_KEYS.map(([key]) => key);
  assert.equal(
    keysOf(all),
    named.filter((key) => key !== "plugins"),
  );
  assert.equal(keysOf("plugins: [{name: json}]"), ["plugins"]);
  assert.equal(keysOf("{plugins: [{name: json}], load_plugins: []}"), []);
  assert.equal(keysOf(all.replaceAll("enabled: true", "enabled: false")), [
    ...["engine", "load_plugins", "buffered_outputs", "outputs_queue.capacity", "log_syslog"],
    ...["syscall_event_timeouts", "base_syscalls", "falco_libs.thread_table_size"],
    "container_engines",
  ]);
});

test("keys that have a meaning here are never named", () => {
  const all = `{buffer_format_base64: true, output_timeout: 9, base_syscalls: {custom_set: [open]},
    http_output: {enabled: true, echo: true, keep_alive: true, max_consecutive_timeouts: 9},
    webserver: {enabled: true, ssl_enabled: true, k8s_healthz_endpoint: /live},
    syscall_event_drops: {actions: [exit]}, outputs_queue: {capacity: 5}}`;
  assert.equal(keysOf(all), []);
});

test("docs/falco.md has a row for each, with the same words", () => {
  const page = readFileSync("docs/falco.md", "utf8");
  for (const [key, instead] of IDLE_KEYS) assert.ok(page.includes(`| \`${key}\` | ${instead} |`), key);
});

test("numbers that docs/falco.md names in place of Falco's are those of docs/outputs.md", () => {
  const [, table = ""] = /#### Metrics\n([\s\S]*?)\n## /.exec(readFileSync("docs/falco.md", "utf8")) ?? [];
  const outputs = readFileSync("docs/outputs.md", "utf8");
  const ours = [...table.matchAll(/`(vedette_\w+)`/g)].map(([, name]) => String(name));
  assert.ok(ours.length >= 4);
  for (const name of ours) assert.ok(outputs.includes(`\`${name}\``), name);
});

test("the web server, the length of payloads and what is said come from the file", () => {
  const of = (more: object) => readOptions([], { ...config, ...(textsOf(more) as object) });
  assert.is(of({}).web?.address, "0.0.0.0:8765");
  assert.is(
    of({ webserver: { enabled: true } }).web?.address,
    "127.0.0.1:8765",
    "this machine alone, where nobody says more",
  );
  assert.is(of({ webserver: { enabled: true, listen_address: "::1", listen_port: 9 } }).web?.address, "[::1]:9");
  const { certificate } = of({ webserver: { enabled: true, ssl_enabled: true } }).web ?? {};
  assert.is(certificate, "/etc/falco/falco.pem", "never without TLS what was to have it");
  assert.is(of({ webserver: { enabled: false, listen_address: "0.0.0.0" } }).web, null);
  assert.is(of({}).snaplen, 80);
  assert.is(of({ falco_libs: { snaplen: 65_000 } }).snaplen, 4_096);
  assert.equal(
    [{}, { log_stderr: false }, { log_level: "warning" }, { log_level: "debug" }].map((more) => of(more).isQuiet),
    [false, true, true, false],
  );
  for (const [option, reason] of [
    ["webserver.listen_port=70000", /at most 65535/],
    ["webserver.listen_address=box", /an address of IPv4 or IPv6/],
    ["log_level=loud", /must be one of emergency/],
    ["capture.mode=some", /must be one of rules, all_rules/],
    ["capture.default_duration=0", /at least 1/],
  ] as const)
    assert.throws(() => readOptions([option]), reason);
});

test("other commands than `vedette falco` have flags for these, and name them", () => {
  const flags = { falcoRules: [], tag: [], withoutTag: [], withoutRule: [] };
  const option = ["webserver.enabled=true", "falco_libs.snaplen=9", "log_level=info"];
  assert.equal(optionsIn({ ...flags, option }).ignored, ["webserver.enabled", "falco_libs.snaplen", "log_level"]);
  assert.equal(optionsIn({ ...flags, option, config: {} }).ignored, []);
});

test.run();
