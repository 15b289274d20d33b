// SPDX-License-Identifier: Apache-2.0
// Falco's options: which are understood, what they choose, and what is said of those that are not.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { VedetteError } from "../../../host/errors.js";
import { typesOfCalls } from "../../../host/falco/event-types.js";
import { extrasOf, readOptions } from "../../../host/falco/options.js";
import { selectionsOf, selectRules } from "../../../host/falco/select.js";
import { loadText } from "./shared.js";

function refusal(option: string): string {
  try {
    readOptions([option]);
  } catch (error) {
    if (error instanceof VedetteError && error.code === "VEDETTE_FALCO_OPTION") return error.message;
    throw error;
  }
  return "";
}

test("options choose matching, priority, the form of alerts and their extras", () => {
  const options = readOptions([
    "rule_matching=first",
    "priority=warning",
    "json_output=true",
    "json_include_output_property=false",
    "json_include_message_property=true",
    "json_include_tags_property=false",
    "time_format_iso_8601=true",
    "append_output.suggested_output=false",
    'append_output[]={match: {source: syscall, tags: [a]}, extra_output: "pid=%proc.pid"}',
    "append_output[].extra_output=tid=%thread.tid",
  ]);
  assert.is(options.matching, "first");
  assert.is(options.least, "Warning");
  assert.is(options.json, true);
  assert.equal(options.members, { output: false, outputFields: true, tags: false, message: true });
  assert.is(options.isIso8601, true);
  assert.equal(extrasOf(options), [
    { format: "pid=%proc.pid", source: "syscall", tags: ["a"] },
    { format: "tid=%thread.tid" },
  ]);
});

test("extra fields and fields of the configuration, with variables of the environment", () => {
  process.env.VEDETTE_TEST_HOME = "/home/me";
  const variable = "$" + "{VEDETTE_TEST_HOME}";
  const options = readOptions([
    "append_output.suggested_output=false",
    `append_output[]={match: {rule: a}, extra_fields: [evt.num, {home: "${variable}"}], suggested_output: true}`,
    "append_output[].extra_fields[]=proc.pid",
    "static_fields.team=core",
    `static_fields.place=$${variable}`,
  ]);
  assert.equal(options.ignored, []);
  assert.equal(
    [...options.statics],
    [
      ["static.team", "core"],
      ["static.place", variable],
    ],
  );
  const extras = extrasOf(options);
  assert.is(extras.length, 8);
  assert.equal(extras[0], {
    rule: "a",
    fields: [
      { name: "evt.num", format: null },
      { name: "home", format: "/home/me" },
    ],
  });
  assert.equal(extras[1], { format: "container_id=%container.id", source: "syscall", rule: "a" });
  assert.equal(extras[7], { fields: [{ name: "proc.pid", format: null }] });
  assert.equal(
    extrasOf(readOptions(["static_fields.b=2", "static_fields.a=1"]))
      .map(({ format }) => format)
      .slice(0, 3),
    ["static_a=%static.a", "static_b=%static.b", "container_id=%container.id"],
  );
});

test("without options Falco's container fields are appended", () => {
  const formats = extrasOf(readOptions([])).map(({ format }) => format);
  assert.is(formats.length, 6);
  assert.is(formats[0], "container_id=%container.id");
  assert.is(formats[5], "k8s_ns_name=%k8s.ns.name");
});

test("outputs: files and HTTP receivers", () => {
  const { file, isFileKept, http, isToStdout } = readOptions([
    "stdout_output.enabled=true",
    "file_output.enabled=true",
    "file_output.filename=/var/log/falco.json",
    "http_output.enabled=true",
    "http_output.url=https://sidekick:2801/",
    "http_output.mtls=true",
    "http_output.client_cert=/c.pem",
    "http_output.client_key=/k.pem",
    "http_output.ca_cert=/ca.pem",
    "http_output.compress_uploads=true",
    "http_output.echo=true",
    "http_output.keep_alive=true",
    "http_output.max_consecutive_timeouts=3",
    "output_timeout=700",
    "outputs_queue.capacity=5",
  ]);
  assert.is(isToStdout, true);
  assert.is(file, "/var/log/falco.json");
  assert.is(isFileKept, false);
  assert.is(readOptions(["file_output.keep_alive=true"]).isFileKept, true);
  assert.equal(http, {
    url: "https://sidekick:2801/",
    userAgent: "falcosecurity/falco",
    capacity: 5,
    isMutual: true,
    certificate: "/c.pem",
    key: "/k.pem",
    ca: "/ca.pem",
    isCompressed: true,
    ...{ isEchoed: true, isKeptAlive: true, lateMax: 3, answerMs: 700 },
  });
  const plain = readOptions(["http_output.enabled=true", "http_output.url=http://x/", "http_output.client_key=/k.pem"]);
  assert.is(plain.http?.key, undefined, "a key without mtls is not used");
});

test("who may have signed a receiver's certificate: ca_cert goes before ca_bundle, and that before ca_path", () => {
  const on = ["http_output.enabled=true", "http_output.url=https://x/"];
  const [path, bundle, cert] = ["ca_path=/folder", "ca_bundle=/bundle.pem", "ca_cert=/cert.pem"].map(
    (one) => `http_output.${one}`,
  ) as [string, string, string];
  const of = (...more: string[]) => {
    const { ca, caFolder } = readOptions([...on, ...more]).http ?? {};
    return [ca, caFolder];
  };
  assert.equal(of(cert, bundle, path), ["/cert.pem", undefined]);
  assert.equal(of(bundle, path), ["/bundle.pem", undefined]);
  assert.equal(of(path), [undefined, "/folder"]);
  assert.equal(of(), [undefined, undefined]);
});

for (const [option, reason] of [
  ["rule_matching=some", "must be one of all, first"],
  ["rule_matching", "not of the form KEY=VALUE"],
  ["json_output=perhaps", "must be true or false"],
  ["priority=loud", "must be one of Emergency"],
  ["a b=1", "is no path of names and places"],
  ["rules[999999].enable.rule=x", "beyond the 10000 entries"],
  ["syscall_event_drops.threshold=-1", "a number from 0 to 1"],
  ["syscall_event_drops.threshold=1.5", "a number from 0 to 1"],
  ["syscall_event_drops.rate=often", "a number of at least 0"],
  ["syscall_event_drops.max_burst=0", "a number of at least 1"],
  ["syscall_event_drops.actions=[shout]", "must be one of ignore, log, alert, exit"],
  ["syscall_event_drops.actions=[ignore, log]", "ignore stands beside other actions"],
  ["base_syscalls.custom_set=['!no_such_call']", "the name of a system call, or ! and such a name"],
  ["output_timeout=0", "a number of at least 1"],
  ["http_output.max_consecutive_timeouts=300", "at most 255"],
  ["webserver.k8s_healthz_endpoint=live", "a path that begins with /"],
  ["http_output.url=here", "must be an http or https URL"],
  ["http_output.enabled=true", "names no receiver"],
  ["file_output.enabled=true", "names no file"],
  ["program_output.enabled=true", "names no program"],
  ["metrics.interval=soon", "must be a time like 1h"],
  ["metrics.interval=10ms", "at least 100 ms"],
  ["append_output[]=[1]", "must be a mapping"],
  ["append_output[]={extra_field: [evt.num]}", "it has no key extra_field"],
  ["append_output[]={extra_fields: evt.num}", "extra_fields must be a list"],
  ["append_output[]={extra_fields: [{a: b, c: d}]}", "each of extra_fields must be a field or {NAME: FORMAT}"],
  ["append_output[]={extra_fields: [evt.num, {evt.num: x}]}", "extra_fields has evt.num twice"],
  ["append_output[]={extra_output: [a]}", "extra_output must be a text"],
  ["append_output[]={", "the value is no YAML"],
  ["rules[]={enable: {}}", "must name a rule or a tag"],
] as const) {
  test(`${option} is refused`, () => assert.match(refusal(option), reason));
}

test("metrics snapshots: how often, where to, and what they have", () => {
  const told = (...texts: string[]) => readOptions(texts.map((text) => `metrics.${text}`)).metrics;
  assert.equal(told("enabled=true", "output_file=/m", "include_empty_values=true", "convert_memory_to_mb=false"), {
    ...{ everyMs: 3_600_000, isAlert: true, file: "/m", isInMb: false },
    has: { rules: true, resources: true, kernel: true, empty: true },
  });
  assert.is(told("output_file=/m"), null);
  assert.is(told("enabled=true", "output_rule=false"), null, "the web server alone has them");
  for (const [text, ms] of [
    ["1h30m", 5_400_000],
    ["15m", 900_000],
    ["1m100ms", 60_100],
    ["250ms", 250],
    ["5000", 5_000],
    ["9w", 2_147_483_647],
  ] as const)
    assert.is(told("enabled=true", `interval=${text}`)?.everyMs, ms, text);
});

test("lost events: what is done about them, from what share on and how often", () => {
  const drops = (...texts: string[]) => readOptions(texts.map((text) => `syscall_event_drops.${text}`)).drops;
  assert.equal(drops("actions=[log, exit]", "threshold=.5", "rate=.25", "max_burst=3"), {
    ...{ actions: ["log", "exit"], threshold: 0.5, rate: 0.25, burst: 3 },
  });
  assert.equal(drops("actions=[alert]"), { actions: ["alert"], threshold: 0.1, rate: 0.033_33, burst: 1 });
  assert.is(drops("actions=[ignore]"), null);
  assert.is(drops("threshold=0"), null);
});

test("calls that no rule gets to see", () => {
  const set = "base_syscalls.custom_set=[clone, '!openat', '!exit_group']";
  assert.equal(readOptions([set]).leftOut, ["openat", "exit_group"]);
  assert.equal(typesOfCalls(["openat", "exit_group"]), ["openat"], "procexit is of exit, too");
  assert.equal(typesOfCalls(["exit", "exit_group"]), ["procexit"]);
});

test("a program that gets alerts, and how many wait for it", () => {
  const program = ["enabled=true", "program=jq .", "keep_alive=true"].map((text) => `program_output.${text}`);
  assert.equal(readOptions([...program, "outputs_queue.capacity=5"]).program, {
    ...{ program: "jq .", isKept: true, capacity: 5 },
  });
  assert.is(readOptions(program.slice(1)).program, null);
});

test("what concerns other parts of Falco is named and does nothing", () => {
  assert.equal(readOptions(["engine.kind=nodriver", "grpc_output.enabled=true"]).ignored, [
    "engine.kind",
    "grpc_output.enabled",
  ]);
});

test("what Falco does not know is a warning", () => {
  const { unknown, ignored } = readOptions(["no_such_option=1", "constructor=1", "http_output.nothing={a: 1}"]);
  assert.equal(unknown, ["no_such_option", "constructor", "http_output.nothing.a"]);
  assert.equal(ignored, []);
});

test("paths with places, objects, empty values, and 0 and 1 as truths", () => {
  const options = readOptions([
    "append_output[0].suggested_output=0",
    "append_output[1]={match: {source: syscall}, extra_output: pid=%proc.pid}",
    "append_output[1].extra_output=tid=%thread.tid",
    "append_output[].suggested_output=false",
    "rules[0].disable.rule=x",
    "rules[1]={enable: {tag: a}}",
    "rules[0].disable.rule=y",
    "static_fields={team: core, place: 7}",
    "buffer_format_base64=false",
    "http_output.url=",
    "http_output={enabled: false, url: ''}",
    "time_format_iso_8601=1",
    "json_output=n",
    "json_include_tags_property=",
    "priority=",
  ]);
  assert.is(options.isSuggested, false);
  assert.equal(options.extras, [{ source: "syscall", format: "tid=%thread.tid" }, {}]);
  assert.equal(options.selections, [
    { isEnabled: false, rule: "y" },
    { isEnabled: true, tag: "a" },
  ]);
  assert.equal([...options.statics.values()], ["core", "7"]);
  assert.is(options.http, null);
  assert.is(options.isIso8601, true);
  assert.is(options.json, false);
  assert.is(options.members.tags, true);
  assert.is(options.least, "Debug");
  assert.equal(options.unknown, []);
  assert.equal(options.ignored, []);
  assert.is(options.bytes, "text");
  assert.is(readOptions(["buffer_format_base64=1"]).bytes, "base64");
});

test("beyond loopback the web server answers whether it lives, and numbers where they are asked for", () => {
  const NUMBERS = "webserver.prometheus_metrics_enabled=true";
  const webOf = (address: string, ...more: string[]) =>
    readOptions(["webserver.enabled=true", `webserver.listen_address=${address}`, ...more], {}).web;
  for (const inside of ["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"]) {
    assert.is(webOf(inside)?.pages, null, inside);
    assert.is(webOf(inside, NUMBERS)?.pages, null, inside);
  }
  for (const outside of ["0.0.0.0", "::", "10.0.0.7", "fd00::1", "::ffff:0.0.0.0", "128.0.0.1"]) {
    assert.equal(webOf(outside)?.pages, ["/healthz", "/versions"], outside);
    assert.equal(webOf(outside, NUMBERS)?.pages, ["/healthz", "/versions", "/metrics"], outside);
  }
  assert.equal(webOf("::", "webserver.listen_port=9"), {
    ...{ address: "[::]:9", pages: ["/healthz", "/versions"], healthz: "/healthz" },
  });
  const own = webOf("0.0.0.0", "webserver.ssl_enabled=true", "webserver.k8s_healthz_endpoint=/live");
  assert.equal([own?.pages, own?.healthz, own?.certificate], [["/live", "/versions"], "/live", "/etc/falco/falco.pem"]);
  assert.is(webOf("::1", "webserver.ssl_certificate=/a.pem")?.certificate, undefined, "TLS is off");
  assert.is(readOptions(["webserver.listen_address=0.0.0.0"], {}).web, null);
});

const { rules } = loadText(
  [
    ["open_1", "[a]", "WARNING", true],
    ["open_2", "[a, b]", "INFO", true],
    ["read_1", "[b]", "CRITICAL", false],
  ]
    .map(
      ([name, tags, priority, enabled]) =>
        `- {rule: ${name}, desc: d, condition: evt.type=open, output: o, priority: ${priority}, tags: ${tags}, enabled: ${enabled}}`,
    )
    .join("\n"),
);
const enabled = (flags: Partial<Parameters<typeof selectionsOf>[0]>, least: "Debug" | "Warning" = "Debug"): string => {
  const selections = selectionsOf({ tags: [], notTags: [], notRules: [], ...flags });
  return selectRules(rules, selections, least)
    .filter((rule) => rule.enabled)
    .map((rule) => rule.name)
    .join(" ");
};

test("rules are chosen by tags, by names and by priority, the last choice winning", () => {
  assert.is(enabled({}), "open_1 open_2");
  assert.is(enabled({ tags: ["b"] }), "open_2 read_1");
  assert.is(enabled({ notTags: ["b"] }), "open_1");
  assert.is(enabled({ notRules: ["pen_1"] }), "open_2");
  assert.is(enabled({}, "Warning"), "open_1");
  const { selections } = readOptions(["rules[].disable.rule=*", "rules[].enable.tag=b", "rules[].disable.rule=read_*"]);
  const chosen = selectRules(rules, selections, "Debug").filter((rule) => rule.enabled);
  assert.equal(
    chosen.map((rule) => rule.name),
    ["open_2"],
  );
});

test.run();
