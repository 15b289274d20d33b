// SPDX-License-Identifier: Apache-2.0
// Finds the functions that carry @rule and reads what the decorator says. Its words are constants: text (also
// joined with `+`), lists of text, Priority.X. Everything that could go wrong is said at the word that is
// wrong.
import { CommonFlags, DiagnosticCode, LiteralKind, NodeKind, SourceKind, Token } from "assemblyscript";
import { ENTRY_FILE } from "./dispatch.js";

const PRIORITIES = ["Emergency", "Alert", "Critical", "Error", "Warning", "Notice", "Informational", "Debug"];
/** What @rule takes, and how each word is read. */
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
  const spec = specOf(parser, statement, decorator, '@rule({ name: "Shell on a socket", priority: Priority.Critical })');
  if (spec === null) return null;
  const words = readWords(parser, spec, "@rule", WORDS);
  if (words === null) return null;
  if (!words.name) return fail(parser, spec.range, "A rule needs a name: add `name: \"...\"`.");
  if (!words.priority) return fail(parser, spec.range, "A rule needs a priority: add `priority: Priority.Warning` or another.");
  const events = subscription(parser, statement, words.events, contract, imported, RULE);
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

/** The object that a decorator before a function takes. */
export function specOf(parser, statement, decorator, example) {
  const title = `@${decorator.name.text}`;
  if (statement.kind !== NodeKind.FunctionDeclaration) return fail(parser, decorator.range, `${title} stands before a function.`);
  const spec = decorator.args?.[0];
  return decorator.args?.length === 1 && isObject(spec) ? spec : fail(parser, decorator.range, `${title} takes one object, as in ${example}.`);
}

export function isObject(node) {
  return node.kind === NodeKind.Literal && node.literalKind === LiteralKind.Object;
}

/** The constants in an object, each read as `table` says. */
export function readWords(parser, spec, title, table) {
  const words = {};
  let isWhole = true;
  spec.names.forEach((name, i) => {
    const read = Object.hasOwn(table, name.text) ? table[name.text] : null;
    if (read === null) {
      fail(parser, name.range, `${title} does not know "${name.text}"; it takes ${Object.keys(table).join(", ")}.`);
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
  unit: "a text between quotes",
  doc: "a text between quotes",
  key: "a text between quotes",
  labels: "a list of texts",
  bounds: "a list of numbers",
  slots: "a whole number from 1 on",
  priority: `one of ${PRIORITIES.map((priority) => `Priority.${priority}`).join(", ")}`,
};

/** What a decorated function is called, and what it answers with. */
const RULE = { title: "@rule", noun: "A rule", answer: "bool" };

/** Which events the function sees: by the class of its parameter, or by `events` where that is Event. */
export function subscription(parser, statement, named, contract, imported, { title, noun, answer }) {
  const { parameters, returnType } = statement.signature;
  if (parameters.length !== 1) return fail(parser, statement.name.range, `${noun} takes one parameter: the event, as in \`(e: Execve): ${answer}\`.`);
  if (returnType.name?.identifier.text !== answer)
    return fail(parser, statement.name.range, `${noun} answers with ${answer}: write \`): ${answer} {\`.`);
  const written = parameters[0].type.name?.identifier.text ?? "";
  const className = imported.get(written) ?? written;
  if (className === "Event") {
    if (named === undefined || named.length === 0)
      return fail(parser, parameters[0].type.range, `${noun} over Event says which: add \`events: ["openat", ...]\` to ${title}.`);
    const unknown = named.find((name) => !Object.hasOwn(contract.ids, name));
    if (unknown !== undefined) return fail(parser, statement.name.range, `There is no event "${unknown}"; \`vedette fields --events\` lists them.`);
    return { className, names: [...named] };
  }
  if (!Object.hasOwn(contract.classes, className))
    return fail(parser, parameters[0].type.range, `"${written}" is no event; \`vedette fields --events\` lists them.`);
  if (named !== undefined) return fail(parser, statement.name.range, "`events` goes with a parameter of type Event only: the type says which events.");
  return { className, names: [...contract.classes[className]] };
}

/** Whether one of the author's files imports from there. */
export function importsFrom(parser, path) {
  return userSources(parser).some(({ statements }) =>
    statements.some((one) => one.kind === NodeKind.Import && one.path.value === path),
  );
}

/** Local name → name in the SDK, for `import { Execve as Exec }`. */
export function importedNames(source) {
  const names = new Map();
  for (const statement of source.statements) {
    if (statement.kind !== NodeKind.Import) continue;
    for (const declaration of statement.declarations ?? []) names.set(declaration.name.text, declaration.foreignName.text);
  }
  return names;
}

export function readText(node) {
  if (node.kind === NodeKind.Parenthesized) return readText(node.expression);
  if (node.kind === NodeKind.Literal && node.literalKind === LiteralKind.String) return node.value;
  if (node.kind === NodeKind.Literal && node.literalKind === LiteralKind.Template && node.parts.length === 1) return node.parts[0];
  if (node.kind !== NodeKind.Binary || node.operator !== Token.Plus) return null;
  const left = readText(node.left);
  const right = readText(node.right);
  return left === null || right === null ? null : left + right;
}

export function readTexts(node) {
  if (node.kind !== NodeKind.Literal || node.literalKind !== LiteralKind.Array) return null;
  const texts = node.elementExpressions.map(readText);
  return texts.includes(null) ? null : texts;
}

export function readNumber(node) {
  if (node.kind !== NodeKind.Literal || node.literalKind !== LiteralKind.Integer) return null;
  const value = Number(String(node.value));
  return Number.isSafeInteger(value) && value >= 1 ? value : null;
}

function readPriority(node) {
  if (node.kind !== NodeKind.PropertyAccess || node.expression.text !== "Priority") return null;
  return PRIORITIES.includes(node.property.text) ? node.property.text : null;
}
