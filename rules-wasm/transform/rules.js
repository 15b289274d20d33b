// SPDX-License-Identifier: Apache-2.0
// Finds the functions that carry @rule and reads what the decorator says. Its words are constants: text (also
// joined with `+`), lists of text, Priority.X. Everything that could go wrong is said at the word that is
// wrong.
import { CommonFlags, DiagnosticCode, LiteralKind, NodeKind, SourceKind, Token } from "assemblyscript";
import { ENTRY_FILE } from "./dispatch.js";

const PRIORITIES = ["Emergency", "Alert", "Critical", "Error", "Warning", "Notice", "Informational", "Debug"];
const WORDS = {
  name: readText,
  desc: readText,
  output: readText,
  tags: readTexts,
  events: readTexts,
  priority: readPriority,
  dedup: readTexts,
  threshold: readNumber,
  window: readNumber,
  runbook: readText,
};

/** @returns {import("./types.js").FoundRule[]} */
export function findRules(parser, contract) {
  const rules = [];
  for (const source of userSources(parser)) {
    source.sourceKind = SourceKind.User; // its exports are for the dispatch, not for the host
    const imported = importedNames(source);
    for (const statement of source.statements) {
      const decorator = statement.decorators?.find((one) => one.name.text === "rule");
      if (decorator === undefined) continue;
      const rule = readRule(parser, source, statement, decorator, contract, imported);
      if (rule === null) continue;
      if (rules.some((other) => other.name === rule.name)) fail(parser, decorator.range, `There are two rules of the name "${rule.name}".`);
      rules.push(rule);
    }
  }
  return rules;
}

/** The author's files. */
export function userSources(parser) {
  return parser.sources.filter((source) => isAuthors(source));
}

export function isAuthors(source) {
  return !source.normalizedPath.startsWith("~lib/") && source.normalizedPath !== ENTRY_FILE;
}

export function fail(emitter, range, text) {
  emitter.error(DiagnosticCode.User_defined_0, range, text);
  return null;
}

function readRule(parser, source, statement, decorator, contract, imported) {
  if (statement.kind !== NodeKind.FunctionDeclaration) return fail(parser, decorator.range, "@rule stands before a function.");
  const spec = decorator.args?.[0];
  if (decorator.args?.length !== 1 || spec.kind !== NodeKind.Literal || spec.literalKind !== LiteralKind.Object)
    return fail(parser, decorator.range, '@rule takes one object, as in @rule({ name: "Shell on a socket", priority: Priority.Critical }).');
  const words = readWords(parser, spec);
  if (words === null) return null;
  if (!words.name) return fail(parser, spec.range, "A rule needs a name: add `name: \"...\"`.");
  if (!words.priority) return fail(parser, spec.range, "A rule needs a priority: add `priority: Priority.Warning` or another.");
  const events = subscription(parser, statement, words.events, contract, imported);
  if (events === null) return null;
  statement.flags |= CommonFlags.Export;
  return {
    name: words.name,
    desc: words.desc ?? "",
    priority: words.priority,
    output: words.output ?? words.name,
    tags: words.tags ?? [],
    events: events.names,
    ...grouping(words),
    className: events.className,
    functionName: statement.name.text,
    module: source.internalPath,
  };
}

/** Only what was said: a host that does not know these words takes the others' modules. */
function grouping({ dedup, threshold, window, runbook }) {
  const said = Object.entries({ dedup, threshold, window, runbook }).filter(([, value]) => value !== undefined);
  return said.length === 0 ? {} : { grouping: Object.fromEntries(said) };
}

function readWords(parser, spec) {
  const words = {};
  let isWhole = true;
  spec.names.forEach((name, i) => {
    const read = Object.hasOwn(WORDS, name.text) ? WORDS[name.text] : null;
    if (read === null) {
      fail(parser, name.range, `@rule does not know "${name.text}"; it takes ${Object.keys(WORDS).join(", ")}.`);
      isWhole = false;
      return;
    }
    const value = read(spec.values[i]);
    if (value === null) {
      fail(parser, spec.values[i].range, `"${name.text}" must be ${EXPECTED[name.text]}.`);
      isWhole = false;
    }
    words[name.text] = value;
  });
  return isWhole ? words : null;
}

const EXPECTED = {
  name: "a text between quotes",
  desc: "a text between quotes",
  output: "a text between quotes",
  tags: "a list of texts",
  events: "a list of event names",
  dedup: "a list of names of fields",
  threshold: "a whole number from 1 on",
  window: "a whole number of seconds from 1 on",
  runbook: "a text between quotes",
  priority: `one of ${PRIORITIES.map((priority) => `Priority.${priority}`).join(", ")}`,
};

/** Which events the function judges: by the class of its parameter, or by `events` where that is Event. */
function subscription(parser, statement, named, contract, imported) {
  const { parameters, returnType } = statement.signature;
  if (parameters.length !== 1) return fail(parser, statement.name.range, "A rule takes one parameter: the event, as in `(e: Execve): bool`.");
  if (returnType.name?.identifier.text !== "bool")
    return fail(parser, statement.name.range, "A rule answers with bool: write `): bool {`.");
  const written = parameters[0].type.name?.identifier.text ?? "";
  const className = imported.get(written) ?? written;
  if (className === "Event") {
    if (named === undefined || named.length === 0)
      return fail(parser, parameters[0].type.range, 'A rule over Event says which: add `events: ["openat", ...]` to @rule.');
    const unknown = named.find((name) => !Object.hasOwn(contract.ids, name));
    if (unknown !== undefined) return fail(parser, statement.name.range, `There is no event "${unknown}"; \`vedette fields --events\` lists them.`);
    return { className, names: [...named] };
  }
  if (!Object.hasOwn(contract.classes, className))
    return fail(parser, parameters[0].type.range, `"${written}" is no event; \`vedette fields --events\` lists them.`);
  if (named !== undefined) return fail(parser, statement.name.range, "`events` goes with a parameter of type Event only: the type says which events.");
  return { className, names: [...contract.classes[className]] };
}

/** Local name → name in the SDK, for `import { Execve as Exec }`. */
function importedNames(source) {
  const names = new Map();
  for (const statement of source.statements) {
    if (statement.kind !== NodeKind.Import) continue;
    for (const declaration of statement.declarations ?? []) names.set(declaration.name.text, declaration.foreignName.text);
  }
  return names;
}

function readText(node) {
  if (node.kind === NodeKind.Parenthesized) return readText(node.expression);
  if (node.kind === NodeKind.Literal && node.literalKind === LiteralKind.String) return node.value;
  if (node.kind === NodeKind.Literal && node.literalKind === LiteralKind.Template && node.parts.length === 1) return node.parts[0];
  if (node.kind !== NodeKind.Binary || node.operator !== Token.Plus) return null;
  const left = readText(node.left);
  const right = readText(node.right);
  return left === null || right === null ? null : left + right;
}

function readTexts(node) {
  if (node.kind !== NodeKind.Literal || node.literalKind !== LiteralKind.Array) return null;
  const texts = node.elementExpressions.map(readText);
  return texts.includes(null) ? null : texts;
}

function readNumber(node) {
  if (node.kind !== NodeKind.Literal || node.literalKind !== LiteralKind.Integer) return null;
  const value = Number(String(node.value));
  return Number.isSafeInteger(value) && value >= 1 ? value : null;
}

function readPriority(node) {
  if (node.kind !== NodeKind.PropertyAccess || node.expression.text !== "Priority") return null;
  return PRIORITIES.includes(node.property.text) ? node.property.text : null;
}
