// SPDX-License-Identifier: Apache-2.0
// Finds what a policy measures: its instruments (`const READS = counter({...})` at the top of a file) and the
// functions with @meter. All that an instrument is made of is a constant, so the host knows it before the
// module runs (host/wasm/instruments.ts).
import { CommonFlags, LiteralKind, NodeKind, Token } from "assemblyscript";
import { fail, importedNames, isObject, readNumber, readText, readTexts, readWords, specOf, subscription, userSources } from "./rules.js";

const KINDS = new Set(["counter", "gauge", "histogram", "exponential"]);
const METER = { title: "@meter", noun: "A meter", answer: "void" };
const METER_WORDS = { name: readText, events: readTexts };
const INSTRUMENT_WORDS = { name: readText, unit: readText, doc: readText, labels: readTexts, slots: readNumber };
const HISTOGRAM_WORDS = { ...INSTRUMENT_WORDS, bounds: readBounds };
const DEFAULT_SLOTS = 128;
/** Of one instrument, and of all. */
const SLOTS_MAX = 2000;
const ALL_SLOTS_MAX = 8192;
/** Bytes of a region: at most, before its first slot, and of text for each slot. */
const REGION_MAX = 1 << 20;
const HEAD = 16;
const TEXT_PER_SLOT = 64;
const TEXT_MAX = 1 << 16;
const EXPONENTIAL_BUCKETS = 209;

/** @returns {import("./types.js").FoundMeter[]} */
export function findMeters(parser, contract) {
  const meters = [];
  for (const source of userSources(parser)) {
    const imported = importedNames(source);
    for (const statement of source.statements) {
      const decorator = statement.decorators?.find((one) => one.name.text === "meter");
      if (decorator === undefined) continue;
      const meter = readMeter(parser, source, statement, decorator, contract, imported);
      if (meter !== null) meters.push(meter);
    }
  }
  return meters;
}

function readMeter(parser, source, statement, decorator, contract, imported) {
  const spec = specOf(parser, statement, decorator, '@meter({ name: "reads" })');
  const words = spec === null ? null : readWords(parser, spec, "@meter", METER_WORDS);
  if (words === null) return null;
  if (!words.name) return fail(parser, spec.range, 'A meter needs a name: add `name: "..."`.');
  const events = subscription(parser, statement, words.events, contract, imported, METER);
  if (events === null) return null;
  statement.flags |= CommonFlags.Export;
  const { className, names } = events;
  return { name: words.name, events: names, className, functionName: statement.name.text, module: source.internalPath };
}

/** @returns {import("./types.js").FoundInstrument[]} */
export function findInstruments(parser) {
  const instruments = [];
  for (const source of userSources(parser)) {
    const imported = importedNames(source);
    for (const statement of source.statements) {
      if (statement.kind !== NodeKind.Variable) continue;
      for (const { initializer } of statement.declarations) {
        const instrument = initializer === null ? null : readInstrument(parser, initializer, imported);
        if (instrument === null) continue;
        if (instruments.some(({ name }) => name === instrument.name))
          fail(parser, initializer.range, `There are two instruments of the name "${instrument.name}".`);
        instruments.push(instrument);
        if (instruments.reduce((sum, { slots }) => sum + slots, 0) > ALL_SLOTS_MAX)
          fail(parser, initializer.range, `With this one the instruments have more than ${ALL_SLOTS_MAX} slots.`);
      }
    }
  }
  return instruments;
}

function readInstrument(parser, call, imported) {
  if (call.kind !== NodeKind.Call) return null;
  const kind = imported.get(call.expression.text);
  if (kind === undefined || !KINDS.has(kind)) return null;
  const spec = call.args[0];
  if (call.args.length !== 1 || !isObject(spec))
    return fail(parser, call.range, `${kind}() takes one object, as in ${kind}({ name: "app.requests", labels: ["app.kind"] }).`);
  const words = readWords(parser, spec, `${kind}()`, kind === "histogram" ? HISTOGRAM_WORDS : INSTRUMENT_WORDS);
  if (words === null) return null;
  if (!words.name) return fail(parser, spec.range, 'An instrument needs a name: add `name: "..."`.');
  if (kind === "histogram" && words.bounds === undefined)
    return fail(parser, spec.range, "A histogram needs bounds: add `bounds: [0.01, 0.1, 1]`, or take exponential().");
  const { name, unit = "1", doc = "", labels = [], slots = DEFAULT_SLOTS, bounds } = words;
  if (slots < 2 || slots > SLOTS_MAX) return fail(parser, spec.range, `"slots" is from 2 to ${SLOTS_MAX}.`);
  const some = labels.length === 0 ? 2 : slots;
  return { name, kind, unit, doc, labels, ...(bounds === undefined ? {} : { bounds }), slots: some };
}

/** Bytes of the region: all slots, and some text for each. */
export function regionSize(instruments) {
  const slots = instruments.reduce((sum, one) => sum + slotSize(one) * one.slots, 0);
  const text = instruments.reduce((sum, { labels, slots: count }) => sum + (labels.length > 0 ? count * TEXT_PER_SLOT : 0), 0);
  return Math.max(HEAD + slots, Math.min(HEAD + slots + Math.min(text, TEXT_MAX), REGION_MAX));
}

function slotSize({ kind, labels, bounds = [] }) {
  const buckets = { counter: 0, gauge: 0, histogram: bounds.length + 1, exponential: EXPONENTIAL_BUCKETS }[kind];
  return (8 + 8 * labels.length + 8 + 4 * buckets + 7) & ~7;
}

function readBounds(node) {
  if (node.kind !== NodeKind.Literal || node.literalKind !== LiteralKind.Array) return null;
  const bounds = node.elementExpressions.map(readFigure);
  return bounds.length === 0 || bounds.includes(null) ? null : bounds;
}

function readFigure(node) {
  if (node.kind === NodeKind.UnaryPrefix && node.operator === Token.Minus) {
    const figure = readFigure(node.operand);
    return figure === null ? null : -figure;
  }
  if (node.kind !== NodeKind.Literal) return null;
  const isNumber = node.literalKind === LiteralKind.Float || node.literalKind === LiteralKind.Integer;
  return isNumber ? Number(String(node.value)) : null;
}
