// SPDX-License-Identifier: Apache-2.0
// Loading, one behaviour a test: what each error and warning is caused by, and what append, override,
// exceptions, lists and macros make of a rule.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { substituteLists } from "../../../host/falco/expand.js";
import { loadRules } from "../../../host/falco/load.js";
import { codesOf, DEPRECATED, loadText, OFFICIAL, ruleFile, withFalco } from "./shared.js";

const rule = (condition: string, more = "", name = "r") =>
  `- rule: ${name}\n  desc: d\n  condition: ${condition}\n  output: o\n  priority: INFO\n${more}`;

for (const name of [...OFFICIAL, ...DEPRECATED]) {
  withFalco(`${name} loads without an error`, () => {
    const loaded = loadRules([ruleFile(name)]);
    assert.ok(loaded.ok, loaded.results[0]!.text(loaded.contents));
  });
}

withFalco("the official rules together are 93, of which 81 are enabled, and give no warning alone", () => {
  const rules = OFFICIAL.flatMap((name) => {
    const loaded = loadRules([ruleFile(name)]);
    assert.equal(codesOf(loaded), []);
    return loaded.rules;
  });
  assert.is(rules.length, 93);
  assert.is(rules.filter((r) => r.enabled).length, 81);
});

for (const [output, complaint] of [
  ["100%", "formatting cannot end with a %"],
  ["%12", "formatting cannot end with a number"],
  ["100% sure", "invalid formatting token"],
  ["100%% sure", "invalid formatting token"],
  ["%toupper(proc.name", "invalid formatting token toupper(proc.name"],
  ["%upper(proc.name)", "invalid formatting token upper(proc.name)"],
  ["%join(proc.args)", "invalid formatting token join(proc.args)"],
  ["%join('-', proc.name)", "invalid formatting token join('-',"],
  ["%concat(proc.name)", "invalid formatting token concat(proc.name)"],
  ["%toupper(evt.num)", "invalid formatting token toupper(evt.num)"],
  ["%static.team", "invalid formatting token static.team"],
] as const) {
  test(`the output ${output} is LOAD_ERR_COMPILE_OUTPUT`, () => {
    const error = loadText(rule("evt.type=open").replace("output: o", `output: "${output}"`)).results[0]!.errors[0];
    assert.is(error?.code, "LOAD_ERR_COMPILE_OUTPUT");
    assert.ok(error?.message.includes(complaint), error?.message);
  });
}

for (const output of [
  "%fd.names",
  "%20proc.name",
  "%toupper( basename( fd.name ) )",
  "%proc.aname[2]!",
  "%join(', ', proc.args)",
  "%concat(proc.name, ' in ', toupper(proc.cwd))",
  "%getopt(proc.args, 'n:')[n]",
]) {
  test(`the output ${output} loads`, () => {
    assert.ok(loadText(rule("evt.type=open").replace("output: o", `output: "${output}"`)).ok);
  });
}

test("evt.dir in outputs is a deprecated item, told once", () => {
  const two = ["r", "s"].map((name) => rule("evt.type=open", "", name).replace("output: o", "output: '%evt.dir'"));
  assert.equal(codesOf(loadText(two.join("\n"))), ["LOAD_DEPRECATED_ITEM"]);
});

const ERRORS: [string, string, string, string][] = [
  ["a text that is not YAML", "- a: [", "LOAD_ERR_YAML_PARSE", ""],
  ["a scalar", "foo", "LOAD_ERR_YAML_VALIDATE", "Rules content is not yaml"],
  ["a map", "foo: bar", "LOAD_ERR_YAML_VALIDATE", "Rules content is not yaml array of objects"],
  ["an item that is not a map", "- foo", "LOAD_ERR_YAML_VALIDATE", "Unexpected element type"],
  [
    "a rule without desc",
    "- rule: r\n  condition: evt.type=open\n  output: o\n  priority: INFO",
    "LOAD_ERR_YAML_VALIDATE",
    "'desc'",
  ],
  [
    "a rule with an empty key",
    "- rule: r\n  condition:\n  desc: d",
    "LOAD_ERR_YAML_VALIDATE",
    "Mapping for key 'condition' is empty",
  ],
  [
    "an invalid priority",
    "- rule: r\n  condition: evt.type=open\n  output: o\n  desc: d\n  priority: HIGH",
    "LOAD_ERR_YAML_VALIDATE",
    "Invalid priority",
  ],
  [
    "an engine from the future",
    "- required_engine_version: 0.99.0",
    "LOAD_ERR_VALIDATE",
    "Rules require engine version 0.99.0",
  ],
  [
    "an engine version that is none",
    "- required_engine_version: new",
    "LOAD_ERR_YAML_VALIDATE",
    "Unable to parse engine version",
  ],
  [
    "a plugin that is not there",
    "- required_plugin_versions:\n  - name: json\n    version: 0.1.0",
    "LOAD_ERR_VALIDATE",
    "json (>= 0.1.0)",
  ],
  ["a list of maps", "- list: l\n  items: [{a: b}]", "LOAD_ERR_YAML_VALIDATE", "sequence value is not scalar"],
  ["an append to nothing", `${rule("evt.type=open", "  append: true\n")}`, "LOAD_ERR_VALIDATE", "no rule by that name"],
  [
    "append with override",
    rule("evt.type=open", "  append: true\n  override: {condition: append}\n"),
    "LOAD_ERR_YAML_VALIDATE",
    "cannot be used together",
  ],
  [
    "an override that cannot be",
    `${rule("evt.type=open")}- rule: r\n  priority: INFO\n  override: {priority: append}`,
    "LOAD_ERR_YAML_VALIDATE",
    "cannot be appended to",
  ],
  [
    "an override of what is not given",
    `${rule("evt.type=open")}- rule: r\n  override: {output: replace}`,
    "LOAD_ERR_YAML_VALIDATE",
    "An replace override for 'output'",
  ],
  [
    "a key that override does not name",
    `${rule("evt.type=open")}- rule: r\n  desc: x\n  output: y\n  override: {output: replace}`,
    "LOAD_ERR_YAML_VALIDATE",
    "Unexpected key 'desc'",
  ],
  [
    "an override of a missing rule",
    "- rule: r\n  output: y\n  override: {output: replace}",
    "LOAD_ERR_VALIDATE",
    "no rule by that name",
  ],
  ["enabled alone for a missing rule", "- rule: r\n  enabled: false", "LOAD_ERR_VALIDATE", "no rule by that name"],
  ["an undefined macro", rule("evt.type=open and nope"), "LOAD_ERR_VALIDATE", "Undefined macro 'nope'"],
  [
    "macros that use each other",
    `- macro: a\n  condition: b\n- macro: b\n  condition: a\n- macro: a\n  condition: b\n${rule("evt.type=open and a")}`,
    "LOAD_ERR_VALIDATE",
    "loop",
  ],
  ["an unknown field", rule("proc.nobody=x"), "LOAD_ERR_COMPILE_CONDITION", "nonexistent field proc.nobody"],
  [
    "evt.around with another operator",
    rule("evt.around[1]>5"),
    "LOAD_ERR_COMPILE_CONDITION",
    "evt.around supports only '=' comparison operator",
  ],
  ["evt.around without a time", rule("evt.around=5"), "LOAD_ERR_COMPILE_CONDITION", "evt.around needs an argument"],
  [
    "a label without a name",
    rule("container.label=x"),
    "LOAD_ERR_COMPILE_CONDITION",
    "container.label needs an argument",
  ],
  [
    "an argument that evt.abspath does not take",
    rule("evt.abspath[src]=/x"),
    "LOAD_ERR_COMPILE_CONDITION",
    "evt.abspath does not take an argument",
  ],
  ["an unknown event", rule("evt.type=nothing"), "LOAD_ERR_COMPILE_CONDITION", "unknown event type nothing"],
  ["a number that is none", rule("proc.pid=abc"), "LOAD_ERR_COMPILE_CONDITION", "abc is not a valid number"],
  [
    "an operator that does not fit",
    rule("proc.pid contains 1"),
    "LOAD_ERR_COMPILE_CONDITION",
    "'contains' operator not supported for numeric filters",
  ],
  [
    "an unknown %field",
    '- rule: r\n  desc: d\n  condition: evt.type=open\n  output: "%nope.nope"\n  priority: INFO',
    "LOAD_ERR_COMPILE_OUTPUT",
    "invalid formatting token nope.nope",
  ],
  ["a bad regex", rule("fd.name regex '('"), "LOAD_ERR_COMPILE_CONDITION", "invalid regular expression pattern"],
  [
    "an exception whose fields are an empty list",
    rule("evt.type=open", "  exceptions: [{name: e, fields: [], values: [[a]]}]\n"),
    "LOAD_ERR_VALIDATE",
    "must have fields property",
  ],
  [
    "a capture that is no truth",
    rule("evt.type=open", "  capture: maybe\n"),
    "LOAD_ERR_YAML_VALIDATE",
    "Can't decode YAML scalar value",
  ],
  [
    "customs that are no mapping",
    rule("evt.type=open", "  customs: [fd.name]\n"),
    "LOAD_ERR_YAML_VALIDATE",
    "customs is a mapping, such as {dedup: [proc.exepath, fd.name]",
  ],
  [
    "a dedup that is no list",
    rule("evt.type=open", "  customs: {dedup: fd.name}\n"),
    "LOAD_ERR_YAML_VALIDATE",
    "dedup is a list of 1 to 8 fields",
  ],
  [
    "a dedup of no field",
    rule("evt.type=open", "  customs: {dedup: []}\n"),
    "LOAD_ERR_YAML_VALIDATE",
    "dedup is a list of 1 to 8 fields",
  ],
  [
    "a dedup of a field that there is not",
    rule("evt.type=open", "  customs: {dedup: [fd.name, fd.nome]}\n"),
    "LOAD_ERR_VALIDATE",
    "dedup names 'fd.nome', which is no field of an event; `vedette fields` lists them",
  ],
  [
    "a dedup of two fields in one text",
    rule("evt.type=open", '  customs: {dedup: ["fd.name, proc.name"]}\n'),
    "LOAD_ERR_VALIDATE",
    "dedup names 'fd.name, proc.name'",
  ],
  [
    "a threshold of none",
    rule("evt.type=open", "  customs: {threshold: 0}\n"),
    "LOAD_ERR_YAML_VALIDATE",
    "threshold is a whole number from 1 to 1000000",
  ],
  [
    "a window with a unit",
    rule("evt.type=open", "  customs: {window: 5m}\n"),
    "LOAD_ERR_YAML_VALIDATE",
    "window is a whole number of seconds from 1 to 86400",
  ],
  [
    "a runbook that is too long",
    rule("evt.type=open", `  customs: {runbook: ${"x".repeat(1001)}}\n`),
    "LOAD_ERR_YAML_VALIDATE",
    "runbook is a text of at most 1000 characters",
  ],
  [
    "customs that are appended to",
    `${rule("evt.type=open")}- rule: r\n  customs: {threshold: 2}\n  override: {customs: append}`,
    "LOAD_ERR_YAML_VALIDATE",
    "cannot be appended to",
  ],
  [
    "a capture_duration that is no number",
    rule("evt.type=open", "  capture_duration: 5s\n"),
    "LOAD_ERR_YAML_VALIDATE",
    "Can't decode YAML scalar value",
  ],
];

for (const [what, text, code, message] of ERRORS) {
  test(`${what} is ${code}`, () => {
    const loaded = loadText(text);
    const error = loaded.results[0]!.errors[0];
    assert.is(error?.code, code, error?.message);
    assert.ok(error?.message.includes(message), error?.message);
    assert.is(loaded.rules.length, 0);
  });
}

test("customs become what the policy says of grouping, and the last file's count", () => {
  const said = "{dedup: [proc.exepath, fd.name], threshold: 5, window: 300, runbook: 'https://wiki/opens'}";
  const grouping = (...more: string[]) =>
    loadText([rule("evt.type=open", `  customs: ${said}\n`), ...more].join("")).rules[0]!.grouping;
  const all = { dedup: ["proc.exepath", "fd.name"], threshold: 5, window: 300, runbook: "https://wiki/opens" };
  assert.equal(grouping(), all);
  assert.equal(grouping("- rule: r\n  customs: {threshold: 2}\n  override: {customs: replace}\n"), { threshold: 2 });
  assert.is(grouping(rule("evt.type=open")), undefined);
  assert.is(loadText(rule("evt.type=open")).rules[0]!.grouping, undefined);
});

test("a wrong value in customs is told at its line, and an unknown key there as elsewhere", () => {
  const text = rule("evt.type=open", "  customs:\n    threshold: many\n    tresholt: 3\n");
  const [result] = loadText(text).results;
  const place = ({ context }: { context: { steps: readonly { at: { line: number } }[] } }) =>
    context.steps.at(-1)!.at.line;
  assert.is(place(result!.errors[0]!), 6);
  assert.equal(
    result!.warnings.map((one) => [one.code, one.message, place(one)]),
    [["LOAD_UNKNOWN_KEY", "Unknown key 'tresholt'", 7]],
  );
});

test("customs of a rule of another source are skipped with it", () => {
  const loaded = loadText(rule("evt.type=open", "  source: k8s_audit\n  customs: {dedup: [ka.user.name]}\n"));
  assert.ok(loaded.ok);
  assert.equal(codesOf(loaded), ["LOAD_UNKNOWN_SOURCE"]);
});

const WARNINGS: [string, string, string][] = [
  ["an unknown source", rule("evt.type=open", "  source: k8s_audit\n"), "LOAD_UNKNOWN_SOURCE"],
  ["a condition of any event", rule("proc.name=cat"), "LOAD_NO_EVTTYPE"],
  ["a condition of no event", rule("evt.type=open and evt.type=close"), "LOAD_NO_EVTTYPE"],
  [
    "an unknown field that may be skipped",
    rule("proc.nobody=x", "  skip-if-unknown-filter: true\n"),
    "LOAD_UNKNOWN_FILTER",
  ],
  ["an unused macro", "- macro: m\n  condition: evt.type=open", "LOAD_UNUSED_MACRO"],
  ["an unused list", "- list: l\n  items: [a]", "LOAD_UNUSED_LIST"],
  ["an item of no known kind", "- what: is this", "LOAD_UNKNOWN_ITEM"],
  ["append: true", `${rule("evt.type=open")}${rule("and proc.name=a", "  append: true\n")}`, "LOAD_DEPRECATED_ITEM"],
  [
    "an appended exception without values",
    `${rule("evt.type=open", "  exceptions: [{name: e, fields: [proc.name]}]\n")}- rule: r\n  exceptions: [{name: e}]\n  append: true`,
    "LOAD_APPEND_NO_VALUES",
  ],
  [
    "two exceptions of one name",
    rule("evt.type=open", "  exceptions: [{name: e, fields: [proc.name]}, {name: e, fields: [proc.name]}]\n"),
    "LOAD_EXCEPTION_NAME_NOT_UNIQUE",
  ],
  ["a macro name that conditions cannot use", "- macro: a-b\n  condition: evt.type=open", "LOAD_INVALID_MACRO_NAME"],
  ["a list name that conditions cannot use", "- list: a b\n  items: [x]", "LOAD_INVALID_LIST_NAME"],
  ["evt.dir", rule("evt.type=open and evt.dir=<"), "LOAD_DEPRECATED_ITEM"],
  ["a key that a rule does not know", rule("evt.type=open", "  prioritty: INFO\n"), "LOAD_UNKNOWN_KEY"],
];

for (const [what, text, code] of WARNINGS) {
  test(`${what} is the warning ${code}`, () => {
    const loaded = loadText(text);
    assert.ok(loaded.ok, loaded.results[0]!.text(loaded.contents));
    assert.ok(codesOf(loaded).includes(code), codesOf(loaded).join());
  });
}

for (const [value, doubt] of [
  ["= proc.pname", "'proc.pname' may be a valid field misused as a const string value"],
  ["in (cat, 'proc.pname ')", "'proc.pname ' may be a valid field misused as a const string value"],
  [
    "= 'toupper( proc.pname)'",
    "'toupper( proc.pname)' may be a valid field transformer misused as a const string value",
  ],
  ["regex '^cat.*'", "regex check with '^cat.*' may be optimized"],
] as const) {
  test(`proc.name ${value} is doubted, and loads`, () => {
    const loaded = loadText(rule(`"evt.type=open and proc.name ${value}"`));
    assert.ok(loaded.ok);
    const [warning, ...more] = loaded.results[0]!.warnings;
    assert.is(more.length, 0);
    assert.is(warning?.code, "LOAD_COMPILE_CONDITION");
    assert.ok(warning?.message.startsWith(doubt), warning?.message);
  });
}

for (const value of ["= val(proc.pname)", "= toupper(proc.pname)", "regex 'c.t'", "regex 'a|b'", "= cat.name"]) {
  test(`proc.name ${value} is not doubted`, () => {
    assert.equal(codesOf(loadText(rule(`"evt.type=open and proc.name ${value}"`))), []);
  });
}

// Falco compares them in ways of their own: libs flags them EPF_NO_RHS and EPF_NO_TRANSFORMER.
for (const [condition, complaint] of [
  ["tolower(proc.aname) = x", "field 'proc.aname' does not support transformers"],
  ["tolower(proc.aname[2]) = x", "field 'proc.aname' does not support transformers"],
  ["len(fd.ip) = 4", "field 'fd.ip' does not support transformers"],
  ["len(fd.net) = 4", "field 'fd.net' does not support transformers"],
  ["proc.aname = val(proc.name)", "field 'proc.aname' doesn't support right-hand side fields"],
  ["proc.apid = val(proc.pid)", "field 'proc.apid' doesn't support right-hand side fields"],
  ["fd.port = val(fd.sport)", "field 'fd.port' doesn't support right-hand side fields"],
  ["proc.name = val(proc.aexe[1])", "field 'proc.aexe' can't be used as a right-hand side field"],
  ["proc.name regex val(proc.pname)", "operator 'REGEX' doesn't support right-hand side fields"],
  ["fd.name pmatch val(proc.cwd)", "operator 'PMATCH' doesn't support right-hand side fields"],
] as const) {
  test(`${condition} is refused, and ends in no crash`, () => {
    const [result] = loadText(rule(`"evt.type=connect and ${condition}"`)).results;
    assert.equal(
      result!.errors.map(({ code, message }) => [code, message]),
      [["LOAD_ERR_COMPILE_CONDITION", complaint]],
    );
  });
}

test("the fields of an exception may be transformed", () => {
  const exception = (field: string) =>
    loadText(rule("evt.type=open", `  exceptions: [{name: e, fields: ["${field}"], comps: [=], values: [[test]]}]\n`));
  const [plain, spaced] = ["tolower(proc.name)", "tolower( proc.name)"].map(exception);
  assert.ok(plain?.ok && spaced?.ok);
  assert.is(exception("tolower(proc.nobody)").results[0]!.errors[0]?.code, "LOAD_ERR_VALIDATE");
});

test("empty fields and comps of an exception are as good as none", () => {
  const exception = rule(
    "evt.type=open",
    "  exceptions: [{name: e, fields: [proc.name], comps: [], values: [[cat]]}]\n",
  );
  const more = "- rule: r\n  exceptions: [{name: e, fields: [], values: [[dog]]}]\n  override: {exceptions: append}\n";
  const loaded = loadText(exception + more);
  assert.ok(loaded.ok, loaded.results[0]!.text(loaded.contents));
  assert.match(JSON.stringify(loaded.rules[0]!.expr), /"op":"=".*"cat".*"op":"=".*"dog"/);
});

test("a check goes on after a file that cannot be loaded, a load does not", () => {
  const files = [rule("nope"), "- list: l\n  items: x", rule("evt.type=open", "", "s")].map((content, i) => ({
    name: `${i}.yaml`,
    content,
  }));
  const codes = (isCheck: boolean) =>
    loadRules(files, { isCheck }).results.map((one) =>
      one.errors.map(({ code, context }) => `${code} ${context.source}`),
    );
  assert.equal(codes(false), [["LOAD_ERR_VALIDATE 0.yaml"]]);
  // What was wrong stays in the collection, so that the last file's result has it too.
  assert.equal(codes(true), [
    ["LOAD_ERR_VALIDATE 0.yaml"],
    ["LOAD_ERR_YAML_VALIDATE 1.yaml"],
    ["LOAD_ERR_VALIDATE 0.yaml"],
  ]);
});

test("the JSON describes an error by its title and a warning by a sentence", () => {
  const loaded = loadText(`${rule("nope")}- list: l\n  items: [a]\n  append: true\n`);
  const json = JSON.stringify(loaded.results[0]!.toJson(loaded.contents));
  assert.match(json, '"codedesc":"Error validating rule/macro/list/exception objects"');
  assert.match(json, '"codedesc":"A deprecated form is used."');
});

test("warn_evttypes: false silences the warning of a condition of any event", () => {
  assert.equal(codesOf(loadText(rule("proc.name=cat", "  warn_evttypes: false\n"))), []);
});

test("YAML that yaml-cpp accepts is accepted: a plain =, a tag !=, a plain scalar that starts with %", () => {
  const loaded = loadText(
    "- rule: r\n  desc: != text\n  condition: evt.type=open\n  output: %proc.name opened\n  priority: info\n" +
      "  exceptions: [{name: e, fields: [proc.name], comps: [=], values: [[cat]]}]\n",
  );
  assert.ok(loaded.ok, loaded.results[0]!.text(loaded.contents));
  assert.is(loaded.rules[0]!.desc, "text");
  assert.is(loaded.rules[0]!.output, "%proc.name opened");
});

test("an error tells file, line and column, and shows the place", () => {
  const loaded = loadText(rule("evt.type=open and and"));
  const json = loaded.results[0]!.toJson(loaded.contents) as {
    errors: { context: { snippet: string; locations: unknown[] } }[];
  };
  const { locations, snippet } = json.errors[0]!.context;
  assert.equal(locations[1], {
    item_name: "r",
    item_type: "rule",
    position: { column: 2, line: 0, name: "rules.yaml", offset: 2 },
  });
  assert.is((locations.at(-1) as { item_type: string }).item_type, "condition expression");
  assert.ok(snippet.includes("evt.type=open and and\n"), snippet);
  assert.ok(snippet.trimEnd().endsWith("^"), snippet);
});

for (const [what, text, way] of [
  [
    "an override that is none",
    `${rule("evt.type=open")}- rule: r\n  condition: x\n  override: {condition: prepend}`,
    "rules content, rule r, overrides, value for condition",
  ],
  [
    "a value of an exception that is empty",
    rule("evt.type=open", "  exceptions: [{name: e, fields: [proc.name], values: [['']]}]\n"),
    "rules content, rule r, exception e, exception values, exception value, value for, exception, value for",
  ],
] as const) {
  test(`${what} is told with the whole way to it`, () => {
    const { steps } = loadText(text).results[0]!.errors[0]!.context;
    assert.is(steps.map(({ item, name }) => `${item} ${name}`.trimEnd()).join(", "), way);
  });
}

test("a list is replaced between delimiters only, and an empty one takes a comma along", () => {
  const lists = (items: string[]) => [{ name: "l", items, isUsed: false }];
  assert.is(substituteLists("a in (x, l, ll)", lists(["1", "2 3"])), 'a in (x, 1, "2 3" , ll)');
  assert.is(substituteLists("a in (x, l)", lists([])), "a in (x  )");
  assert.is(substituteLists("a in (l,x)", lists([])), "a in (  x)");
  assert.is(substituteLists("al = l.x", lists(["1"])), "al = l.x");
});

test("a list within a list within a list is expanded whole, but one level with isFalcoExact", () => {
  const text = `- list: a\n  items: [x]\n- list: b\n  items: [a]\n- list: c\n  items: [b]\n${rule("evt.type=open and proc.name in (c)")}`;
  const values = (isFalcoExact: boolean) => JSON.stringify(loadText(text, { isFalcoExact }).rules[0]!.expr);
  assert.ok(values(false).includes('"values":["x"]'), values(false));
  assert.ok(values(true).includes('"values":["a"]'), values(true));
});

test("a macro sees what was defined before its last definition, a rule sees all", () => {
  const early = `- macro: a\n  condition: b\n- macro: b\n  condition: proc.name=x\n${rule("evt.type=open and a")}`;
  assert.equal(codesOf(loadText(early)), ["LOAD_ERR_VALIDATE"]);
  const again = `- macro: a\n  condition: proc.name=y\n- macro: b\n  condition: proc.name=x\n- macro: a\n  condition: b\n${rule("evt.type=open and a")}`;
  assert.equal(codesOf(loadText(again)), []);
  const late = `${rule("evt.type=open and a")}- macro: a\n  condition: proc.name=x\n`;
  assert.equal(codesOf(loadText(late)), []);
});

test("an override appends and replaces, and a switch turns off", () => {
  const loaded = loadText(
    `${rule("evt.type=open", "  tags: [b]\n")}` +
      "- rule: r\n  output: more\n  tags: [a]\n  priority: ERROR\n  enabled: false\n" +
      "  override: {output: append, tags: append, priority: replace, enabled: replace}\n",
  );
  const { output, tags, priority, enabled } = loaded.rules[0]!;
  assert.equal(
    { output, tags, priority, enabled },
    { output: "o more", tags: ["a", "b"], priority: "Error", enabled: false },
  );
});

test("the event types of a rule follow and, or and not", () => {
  const events = (condition: string) => loadText(rule(condition)).rules[0]!.events;
  assert.equal(events("evt.type in (open, openat) and not evt.type=open"), ["openat"]);
  assert.equal(events("evt.type=open or (evt.type=connect and proc.name=x)"), ["open", "connect"]);
  assert.equal(events("not (evt.type!=open or proc.name=x)"), ["open"]);
  assert.equal(events("evt.type=open and evt.type=connect"), []);
});

test.run();
