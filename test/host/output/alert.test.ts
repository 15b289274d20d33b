// SPDX-License-Identifier: Apache-2.0
// An alert's line, byte for byte: Falco's key order, integers beyond 2^53, nulls, escapes; and what a rule's
// output becomes.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { VedetteError } from "../../../host/errors.js";
import { findingId } from "../../../host/finding/finding.js";
import { type Alert, alertJson } from "../../../host/output/alert.js";
import { alertText, escaped } from "../../../host/output/alert-text.js";
import { alertForm } from "../../../host/output/form.js";
import { compileFormat, SUGGESTED_OUTPUT } from "../../../host/output/format.js";
import { visible } from "../../../host/output/visible.js";
import { openBatch } from "../../../host/wire/batch.js";
import { BatchBuilder } from "../wire/builder.js";

// The first alert that Falco raises on its capture cat_write.scap with one rule of three tags.
const OPEN_FROM_CAT: Alert = {
  rule: "open_from_cat",
  priority: "Warning",
  tags: ["testing", "process", "filesystem", "process"],
  source: "syscall",
  time: 1_470_327_477_881_781_397n,
  output: "An open was seen (command=cat /dev/null)",
  outputFields: [["proc.cmdline", "cat /dev/null"]],
  hostname: "test-falco-hostname",
};

test("an alert is Falco's line, byte for byte", () => {
  assert.is(
    alertJson(OPEN_FROM_CAT, { iso8601: true }),
    '{"hostname":"test-falco-hostname","output":"2016-08-04T16:17:57.881781397+0000: Warning An open was seen (command=cat /dev/null)",' +
      '"output_fields":{"evt.time.iso8601":1470327477881781397,"proc.cmdline":"cat /dev/null"},"priority":"Warning","rule":"open_from_cat",' +
      '"source":"syscall","tags":["filesystem","process","testing"],"time":"2016-08-04T16:17:57.881781397Z"}',
  );
});

test("without ISO times the sentence begins with the local time of day, and evt.time is the number", () => {
  const line = alertJson(OPEN_FROM_CAT);
  assert.match(line, /"output":"\d\d:\d\d:57\.881781397: Warning An open/);
  assert.match(line, /"output_fields":\{"evt\.time":1470327477881781397,"proc\.cmdline"/);
});

test("output_fields are in alphabetical order; what is missing is null, numbers and truths stay what they are", () => {
  const outputFields = [
    ["user.uid", 0],
    ["container.id", null],
    ["fd.ino", 2n ** 60n],
    ["evt.failed", false],
    ["proc.aname", ["a", "b"]],
  ] as const;
  assert.match(
    alertJson({ ...OPEN_FROM_CAT, outputFields }),
    '"output_fields":{"container.id":null,"evt.failed":false,"evt.time":1470327477881781397,"fd.ino":1152921504606846976,"proc.aname":["a","b"],"user.uid":0}',
  );
});

test("control characters are escaped in JSON, and no line has a line feed in it", () => {
  const line = alertJson({ ...OPEN_FROM_CAT, output: 'a\n\u0001\u001b[31m"\\', hostname: "h\t" });
  assert.match(line, String.raw`a\n\u0001\u001b[31m\"\\"`);
  assert.match(line, String.raw`"hostname":"h\t"`);
  assert.is(JSON.parse(line).output.endsWith('a\n\u0001\u001b[31m"\\'), true);
});

function shadowRead(): ReturnType<typeof openBatch> {
  const builder = new BatchBuilder();
  const args = ["-n", "5", "/etc/shadow"];
  const cat = builder.process({ pid: 9, name: "cat", args, exe: "aGVsbG8=", user: "root", uid: 0 });
  builder.record("openat", {
    process: cat,
    descriptor: builder.descriptor({ type: "f", name: "/etc/shadow" }),
    fd: 3,
    result: 3,
    time: 1_470_327_477_881_781_397n,
    params: { dirfd: -100, name: "/etc/shadow", flags: 0 },
  });
  return openBatch(builder.bytes());
}

test("an output's fields are filled in and listed under their own text", () => {
  const format = compileFormat(
    "Read %fd.name | proc=%proc.name parent=%proc.aname[1] flags=%evt.arg.flags uid=%user.uid 100%% %% sure%",
  );
  assert.equal(format(shadowRead(), 0), {
    text: "Read /etc/shadow | proc=cat parent=<NA> flags=O_RDONLY uid=0 100% % sure%",
    fields: [
      ["fd.name", "/etc/shadow"],
      ["proc.name", "cat"],
      ["proc.aname[1]", null],
      ["evt.arg.flags", "O_RDONLY"],
      ["user.uid", 0],
    ],
  });
});

const VALUES: Record<string, string | null> = {
  "fd.name": "/etc/shadow",
  "proc.name": "cat",
  "proc.args": "-n 5 /etc/shadow",
  "proc.exe": "aGVsbG8=",
  "proc.aname[1]": null,
};

for (const [output, text, fields] of [
  ["%toupper(proc.name)!", "CAT!", ["proc.name"]],
  ["(%toupper( basename(fd.name) ))", "(SHADOW)", ["fd.name"]],
  ["%fd.names and %proc.name.", "/etc/shadows and cat.", ["fd.name", "proc.name"]],
  ["|%6proc.name|%2proc.name|", "|cat   |ca|", ["proc.name"]],
  ['%concat(proc.name, ":", toupper(fd.name))', "cat:/ETC/SHADOW", ["proc.name", "fd.name"]],
  ["%concat(proc.name, 'it\\'s \\x41')", "catit's A", ["proc.name"]],
  ['%join(", ", proc.args)', "-n, 5, /etc/shadow", ["proc.args"]],
  ['%join("", getopt(proc.args, "n:"))', "n5", ["proc.args"]],
  ['%getopt(proc.args, "n:")[n]!', "5!", ["proc.args"]],
  ['%getopt(proc.args, "n:")[x]', "<NA>", ["proc.args"]],
  ["%concat(proc.name, proc.aname[1])", "<NA>", ["proc.name", "proc.aname[1]"]],
  ["%len(proc.name) %len(proc.args)", "3 16", ["proc.name", "proc.args"]],
  ["%b64(proc.exe)", "hello", ["proc.exe"]],
  ["%b64(proc.args)", "<NA>", ["proc.args"]],
  ["%*proc.name %proc", "cat %proc", ["proc.name"]],
] as const) {
  test(`${output} prints ${text}, and its fields are as they are`, () => {
    const formatted = compileFormat(output)(shadowRead(), 0);
    assert.is(formatted.text, text);
    assert.equal(
      formatted.fields,
      fields.map((name) => [name, VALUES[name]]),
    );
  });
}

for (const output of [
  "x %proc.nothing y",
  "%nothing(proc.name)",
  "%toupper(proc.name",
  "%concat(proc.name)",
  "%join(proc.args)",
  "%toupper()",
]) {
  test(`${output} is no output`, () => {
    assert.throws(
      () => compileFormat(output),
      (error: unknown) => error instanceof VedetteError && error.code === "VEDETTE_FIELD_UNKNOWN",
    );
  });
}

test("extra fields stand beside the output's own: a field with its type, a format as a text", () => {
  const { text, fields } = compileFormat("Read %fd.name", [
    { name: "user.uid", format: null },
    { name: "who", format: "%proc.name 100%%" },
  ])(shadowRead(), 0);
  assert.is(text, "Read /etc/shadow");
  assert.equal(fields, [
    ["fd.name", "/etc/shadow"],
    ["user.uid", 0],
    ["who", "cat 100%"],
  ]);
});

test("A1: detail adds policy, its version, tenant, event and the finding's name to the fields, and changes nothing else", () => {
  const event = { source: "9f".repeat(16), num: 41, time: OPEN_FROM_CAT.time, type: "openat" };
  const whose = { policy: "secrets", tenant: "payments" };
  const finding = { event, version: "1.2.0" } as NonNullable<Alert["finding"]>;
  const alert = { ...OPEN_FROM_CAT, ...whose, finding };
  assert.is(alertJson(alert), alertJson(OPEN_FROM_CAT), "by default it is Falco's, key for key");
  const detailed = JSON.parse(alertJson(alert, { isDetailed: true }));
  const {
    "vedette.policy": policy,
    "vedette.policy.version": version,
    "vedette.tenant": tenant,
    "vedette.event": num,
    "vedette.id": id,
    ...rest
  } = detailed.output_fields;
  assert.equal([policy, version, tenant, num], ["secrets", "1.2.0", "payments", `${event.source}/41`]);
  assert.is(id, findingId(alert.finding));
  assert.equal({ ...detailed, output_fields: rest }, JSON.parse(alertJson(OPEN_FROM_CAT)));
  const none = JSON.parse(alertJson(OPEN_FROM_CAT, { isDetailed: true })).output_fields;
  assert.equal(
    ["policy", "policy.version", "tenant", "event", "id"].map((name) => none[`vedette.${name}`]),
    Array(5).fill(null),
  );
});

test("detail says which incident an alert belongs to, and how often it came where repeats are left out", () => {
  const incident = {
    id: "0197b0c4-8e2a-8f31-a5c0-3b1f6d2e9c44",
    count: 3,
    first: 1n,
    last: 1_795_703_412_881_781_397n,
  };
  const alert = { ...OPEN_FROM_CAT, incident, repeat: { count: 10, isTold: true } };
  const line = alertJson(alert, { isDetailed: true, saysRepeats: true });
  assert.match(line, `"vedette.incident.count":3,"vedette.incident.first":1,"vedette.incident.id":"${incident.id}"`);
  assert.match(line, '"vedette.incident.last":1795703412881781397');
  assert.match(line, '"vedette.repeats":10');
  assert.is(alertJson(alert), alertJson(OPEN_FROM_CAT));
});

test("detail stands behind Falco's sentence in an output of text", () => {
  const line = alertForm("text", "/alerts", { isDetailed: true })({ ...OPEN_FROM_CAT, policy: "p", tenant: "a\nb" });
  assert.match(
    line,
    / Warning An open was seen .* vedette_policy=p vedette_policy_version=<NA> vedette_tenant=a\\nb vedette_event=<NA> vedette_id=<NA>$/,
  );
  assert.not.match(alertForm("text", "/alerts", {})(OPEN_FROM_CAT), /vedette/);
});

test("the hostname as a field is the alert's own", () => {
  const line = alertJson({ ...OPEN_FROM_CAT, outputFields: [["evt.hostname", null]] });
  assert.match(line, '"output_fields":{"evt.hostname":"test-falco-hostname",');
});

test("a time reads as a time of day in the sentence and is a number among the fields", () => {
  const { text, fields } = compileFormat("at %evt.time")(shadowRead(), 0);
  assert.match(text, /^at \d\d:\d\d:57\.881781397$/);
  assert.equal(fields, [["evt.time", 1_470_327_477_881_781_397n]]);
});

test("what Falco's container plugin appends has its six fields", () => {
  const { fields } = compileFormat(SUGGESTED_OUTPUT)(shadowRead(), 0);
  assert.equal(fields, [
    ["container.id", "host"],
    ["container.name", "host"],
    ["container.image.repository", null],
    ["container.image.tag", null],
    ["k8s.pod.name", null],
    ["k8s.ns.name", null],
  ]);
});

test("in Falco's text form an alert is one line: control characters are as in JSON", () => {
  assert.is(escaped('a"b\\c\n\u001b[2J\ufffd'), 'a"b\\c\\n\\u001b[2J\ufffd');
});

test("a field that there is not is told when the output is compiled", () => {
  assert.throws(
    () => compileFormat("x %proc.nothing y"),
    (error: unknown) =>
      error instanceof VedetteError &&
      error.code === "VEDETTE_FIELD_UNKNOWN" &&
      error.message.includes("%proc.nothing"),
  );
});

test("on a terminal, what an attacker named cannot send control sequences", () => {
  assert.is(visible("a\u001b[2Jb\rc\u202ed\u009b"), "a\\x1b[2Jb\\x0dc\\u202ed\\x9b");
  const line = alertText({ ...OPEN_FROM_CAT, output: "file=\u001b]0;owned\u0007" });
  assert.match(line, "file=\\x1b]0;owned\\x07");
});

test.run();
