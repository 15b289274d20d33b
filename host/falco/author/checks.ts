// SPDX-License-Identifier: Apache-2.0
// A check as a truth of a policy, for one type of event. What the compiled rule does (../compile/leaf.ts) is
// what comes out: a check of a field without a value is false, `!=` is "there is one, and it is not that".
import type { EventType } from "../../../build/generated/events.js";
import type { Bound, BoundCheck, BoundOperand, BoundValue } from "../bind.js";
import { compareText } from "../compile/compare-text.js";
import type { NameRow } from "../compile/source.js";
import type { Operator } from "../condition.js";
import type { NetValue } from "../values.js";
import { type NumberNames, type Read, readOf } from "./reads.js";
import type { EventClass } from "./sdk.js";
import { and, atom, compare, NO, not, or, refused, type Term, YES } from "./term.js";
import { literal, textOf } from "./words.js";

/** What a check needs beside itself: constants at the top of the source. */
export interface Constants {
  /** The name of a set, a glob or a pattern that holds these texts. */
  name(
    kind: "StringSet" | "CidrSet" | "Glob" | "Regex" | "PathPrefixes",
    texts: readonly string[],
    field: string,
  ): string;
  /** Whether a list of the rule file has just these. */
  isList(texts: readonly string[]): boolean;
}

type Leaf = Extract<Bound, { kind: "check" | "exists" }>;
type NamesRead = Extract<Read, { kind: "names" }>;

const EQUALS = new Set<Operator>(["=", "==", "in", "intersects"]);
/** So many are compared one by one, unless they are a list of the file. */
const FEW = 2;
const NUMBERS_MAX = 16;
const NUMBER = "<i64>e.evt_num";
const INT_MIN = -(1n << 63n);

/** What a leaf of the condition is for events of this type. */
export function leafTerm(leaf: Leaf, event: EventType, of: EventClass, constants: Constants): Term {
  return new Checks(event, of, constants).term(leaf);
}

class Checks {
  constructor(
    readonly event: EventType,
    readonly of: EventClass,
    readonly constants: Constants,
  ) {}

  term(leaf: Leaf): Term {
    if (leaf.kind === "exists") return exists(this.#read(leaf.left));
    const written = this.#written(leaf);
    return asksForProcessOne(leaf) ? withFirstProcess(leaf.op, written) : written;
  }

  #read(operand: BoundOperand): Read {
    if (operand.kind === "field") return readOf(operand.use, this.event, this.of);
    return { kind: "refused", reason: `the SDK has no word for ${operand.name}()` };
  }

  #written(check: BoundCheck): Term {
    const { left, op, modifier, values, right } = check;
    const read = this.#read(left);
    if (right !== null) return this.#pair(read, op, this.#read(right));
    const field = left.kind === "field" ? left.use.text : left.name;
    if (modifier === null) return this.#check(read, op, values, field);
    const each = values.map((value) => this.#check(read, op, [value], field));
    if (each.length === 0) return NO;
    if (modifier === "oneof") return refused("`oneof` is not told in a policy");
    return modifier === "allof" ? and(...each) : or(...each);
  }

  #check(read: Read, op: Operator, values: readonly BoundValue[], field: string): Term {
    if (read.kind === "either") {
      const ends = read.ends.map((end) => this.#check(end, op, values, field));
      if (op !== "!=") return or(...ends);
      return and(exists(read), ...ends.map((end, i) => or(end, not(exists(read.ends[i] as Read)))));
    }
    if (op === "!=") return and(exists(read), not(this.#check(read, "=", values, field)));
    switch (read.kind) {
      case "none":
        return NO;
      case "refused":
        return refused(read.reason);
      case "fixed":
        return compareText(read.value, op, values as string[]) ? YES : NO;
      case "bool":
        return or(...values.map((value) => (value === true ? read.yes : read.no)));
      case "int":
        return numbers(read.text, op, values as bigint[]);
      case "ip":
        return this.#networks(read.text, values as NetValue[], field);
      case "names":
        return namesTerm(read, op, values as string[]);
      case "ancestors":
        return this.#texts(read, op, values as string[], field);
      default:
        return and(read.when ?? YES, this.#texts(read, op, values as string[], field));
    }
  }

  #texts(
    read: Extract<Read, { kind: "text" | "ancestors" }>,
    op: Operator,
    bytes: readonly string[],
    field: string,
  ): Term {
    const values = bytes.map(textOf);
    if (values.includes(null)) return refused(`a value of ${field} is no UTF-8`);
    const texts = [...new Set(values as string[])];
    if (read.kind === "ancestors") {
      if (!EQUALS.has(op)) return refused(`\`${op}\` of all ancestors is not told in a policy`);
      return texts.length === 0 || texts.includes("")
        ? refused("an ancestor without a name is not told in a policy")
        : atom(`e.proc.hasAncestorNamed(${this.constants.name("StringSet", texts, field)})`);
    }
    const { text } = read;
    const here = atom(`${text}.exists`);
    const each = (ask: (value: string) => Term): Term =>
      or(...texts.map((value) => (value === "" ? here : ask(value))));
    if (EQUALS.has(op)) return this.#words(text, texts, field);
    switch (op) {
      case "contains":
      case "bcontains":
        return each((value) => atom(`${text}.contains(${literal(value)})`));
      case "startswith":
      case "bstartswith":
        return each((value) => atom(`${text}.startsWith(${literal(value)})`));
      case "endswith":
        return each((value) => atom(`${text}.endsWith(${literal(value)})`));
      case "icontains":
        return each((value) =>
          /^[\x00-\x7f]*$/.test(value)
            ? atom(`containsAnyCase(${text}, ${literal(value.toLowerCase())})`)
            : refused("letters beyond ASCII have no case here"),
        );
      case "glob":
        return and(here, ...[or(...texts.map((value) => this.#glob(text, value, field)))]);
      case "regex":
        return and(here, or(...texts.map((value) => this.#regex(text, value, field))));
      case "pmatch":
        return this.#paths(text, texts, field);
      default:
        return refused(`\`${op}\` of a text is not told in a policy`);
    }
  }

  /** Whether the text is one of these. One that is not there is as empty as an empty one. */
  #words(text: string, texts: readonly string[], field: string): Term {
    const empty = texts.includes("") ? and(atom(`${text}.exists`), atom(`${text}.isEmpty`)) : NO;
    const words = texts.filter((value) => value !== "");
    if (words.length > FEW || (words.length > 1 && this.constants.isList(words)))
      return or(empty, atom(`${this.constants.name("StringSet", words, field)}.has(${text})`));
    return or(empty, ...words.map((word) => compare(text, "==", literal(word))));
  }

  #glob(text: string, glob: string, field: string): Term {
    if (!GLOB.test(glob)) return refused(`the glob ${literal(glob)} has signs that the SDK reads otherwise`);
    return atom(`${this.constants.name("Glob", [glob], field)}.matches(${text})`);
  }

  #regex(text: string, pattern: string, field: string): Term {
    if (!REGEX.test(pattern)) return refused(`the pattern ${literal(pattern)} has signs that the SDK reads otherwise`);
    return atom(`${this.constants.name("Regex", [pattern], field)}.matches(${text})`);
  }

  #paths(text: string, paths: readonly string[], field: string): Term {
    if (paths.some((path) => /[*?[\\]/.test(path))) return refused("`pmatch` with wildcards is not told in a policy");
    return paths.length === 0 ? NO : atom(`${this.constants.name("PathPrefixes", paths, field)}.has(${text})`);
  }

  #networks(text: string, nets: readonly NetValue[], field: string): Term {
    if (nets.length === 0) return NO;
    const texts = nets.map(networkText);
    if (texts.includes(null)) return refused("an IPv4 address in an IPv6 one is not told in a policy");
    return atom(`isIn(${this.constants.name("CidrSet", texts as string[], field)}, ${text})`);
  }

  /** Two fields. They compare only where both are there. */
  #pair(a: Read, op: Operator, b: Read): Term {
    for (const read of [a, b]) if (read.kind === "refused") return refused(read.reason);
    if (a.kind === "none" || b.kind === "none") return NO;
    const isEqual = EQUALS.has(op);
    if (a.kind === "text" && b.kind === "text" && (isEqual || op === "!=")) {
      const call = (text: string): string => text.split("(")[0] as string;
      const isOfContainer = [a, b].every(({ text }) => text.startsWith("container"));
      if (isOfContainer || (a.text.includes("(") && call(a.text) === call(b.text)))
        return refused("two texts that are put together alike cannot be compared");
      return and(exists(a), exists(b), compare(a.text, isEqual ? "==" : "!=", b.text));
    }
    if (a.kind === "int" && b.kind === "int" && op in SIGNS)
      return and(exists(a), exists(b), compare(a.text, SIGNS[op as keyof typeof SIGNS], b.text));
    return refused(`\`${op}\` of two fields is not told in a policy`);
  }
}

const SIGNS = { "=": "==", "==": "==", "!=": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">=" } as const;
/** Signs that SDK and fnmatch read alike. */
const GLOB = /^(?:[^?[\]\\]|\[[!^]?[A-Za-z0-9_.]+(?:-[A-Za-z0-9_.])?\])*$/;
/** Signs that the SDK's Regex and RE2 in its POSIX mode read alike, of ASCII. */
const REGEX =
  /^(?:[A-Za-z0-9 _/:,@%=;<>"'`~#&!|()*+?.^$-]|\\[.*+?()|[\]/\\{}^$-]|\[\^?(?:[A-Za-z0-9 _/:,@%=.](?:-[A-Za-z0-9](?![-]))?)+\])*$/;

function exists(read: Read): Term {
  switch (read.kind) {
    case "none":
      return NO;
    case "refused":
      return refused(read.reason);
    case "fixed":
      return YES;
    case "bool":
      return or(read.yes, read.no);
    case "int":
      return atom(`isKnown(${read.text})`);
    case "names":
      return atom(`isKnown(${read.of.isUnsigned ? "<i64>" : ""}${read.text})`);
    case "either":
      return or(...read.ends.map(exists));
    case "ancestors":
      return refused("whether any ancestor has a name is not told in a policy");
    case "ip":
      return atom(`${read.text}.exists`);
    default:
      return and(read.when ?? YES, atom(`${read.text}.exists`));
  }
}

function numbers(text: string, op: Operator, values: readonly bigint[]): Term {
  if (values.includes(INT_MIN)) return refused("the least number of 64 bits stands for none");
  // Events count from 1: rules say evt.num=0 for "never".
  if (EQUALS.has(op))
    return or(...values.map((value) => (text === NUMBER && value <= 0n ? NO : compare(text, "==", String(value)))));
  const sign = SIGNS[op as keyof typeof SIGNS];
  const all = values.map((value) => compare(text, sign, String(value)));
  // What is absent is the least number, so that it is above nothing.
  return op === ">" || op === ">=" ? and(...all) : and(atom(`isKnown(${text})`), ...all);
}

const PARTS = new Set<Operator>(["contains", "icontains", "startswith", "endswith"]);

/** From the number alone, as ../compile/names-leaf.ts. */
function namesTerm(read: NamesRead, op: Operator, values: readonly string[]): Term {
  const { text, of } = read;
  if (of.isBits) return bitsTerm(text, of, op, values);
  const isDigits = (value: string): boolean => /^-?\d*$/.test(value);
  if (PARTS.has(op) ? values.some(isDigits) : !EQUALS.has(op))
    return refused(`\`${op}\` of the name of a number is not told in a policy`);
  const seen = new Set<bigint>();
  const rows = of.rows.filter((row) => !seen.has(row.value) && seen.add(row.value));
  const found = rows.filter((row) => compareText(row.name, op, values));
  const terms =
    found.length > NUMBERS_MAX ? rangesOf(text, found) : found.map((row) => compare(text, "==", of.said(row)));
  for (const value of EQUALS.has(op) ? values : []) {
    const number = /^(0|-?[1-9]\d{0,17})$/.test(value) ? BigInt(value) : null;
    if (number !== null && !seen.has(number) && (of.positive === null || number < 0n))
      terms.push(of.isUnsigned && number < 0n ? NO : compare(text, "==", String(number)));
  }
  if (terms.length > NUMBERS_MAX) return refused("so many names of numbers are not told in a policy");
  if (of.positive !== null && compareText(of.positive, op, values)) terms.push(compare(text, ">=", "0"));
  return or(...terms);
}

/** Many numbers, by the first and the last of those that follow one another. */
function rangesOf(text: string, rows: readonly NameRow[]): Term[] {
  const values = rows.map(({ value }) => value).sort((a, b) => (a < b ? -1 : 1));
  const begins = values.filter((value) => !values.includes(value - 1n));
  const ends = values.filter((value) => !values.includes(value + 1n));
  return begins.map((from, i) => and(compare(text, ">=", String(from)), compare(text, "<=", String(ends[i]))));
}

function bitsTerm(text: string, of: NumberNames, op: Operator, values: readonly string[]): Term {
  const isOneName = (value: string): boolean => /^[A-Za-z0-9_]*[A-Za-z_][A-Za-z0-9_]*$/.test(value);
  if ((op !== "contains" && op !== "icontains") || !values.every(isOneName))
    return refused(`\`${op}\` of the names of bits is not told in a policy, but \`contains\` of whole names`);
  const found = of.rows.filter((row) => compareText(row.name, op, values));
  const isBit = (row: NameRow): boolean => row.mask === row.value;
  const bits = found.filter(isBit).filter(({ value }) => value > 0n && (value & (value - 1n)) === 0n);
  const rest = found.filter((row) => !bits.includes(row));
  const said = bits.map((row) => of.said(row)).join(" | ");
  const rows = or(
    ...(bits.length === 0 ? [] : [atom(bits.length === 1 ? `has(${text}, ${said})` : `hasAny(${text}, ${said})`)]),
    ...rest.map((row) =>
      atom(isBit(row) ? `has(${text}, ${of.said(row)})` : `holds(${text}, ${of.said(row)}, ${of.said(row)}_MASK)`),
    ),
  );
  // A bit that is set is no zero.
  if (of.zero === null || found.every(({ value }) => value !== 0n)) return rows;
  return compareText(of.zero, op, values) ? or(compare(text, "==", "0"), rows) : and(compare(text, "!=", "0"), rows);
}

/** `10.0.0.0/8`; null: IPv4 in IPv6, which the SDK takes for IPv4. */
function networkText({ bytes, bits }: NetValue): string | null {
  const isMapped =
    bytes.length === 16 && bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 255 && bytes[11] === 255;
  if (isMapped) return null;
  if (bytes.length === 4) return `${bytes.join(".")}${bits === 32 ? "" : `/${bits}`}`;
  const groups = Array.from({ length: 8 }, (_, i) =>
    (((bytes[2 * i] as number) << 8) | (bytes[2 * i + 1] as number)).toString(16),
  );
  return `${groups.join(":")}${bits === 128 ? "" : `/${bits}`}`;
}

/** As ../compile/check-node.ts: what the agent started stands for a container's process 1. */
function asksForProcessOne({ left, op, modifier, values }: BoundCheck): boolean {
  const isVpid = left.kind === "field" && left.use.name === "proc.vpid" && modifier === null;
  return isVpid && (op === "!=" || EQUALS.has(op)) && values.includes(1n);
}

function withFirstProcess(op: Operator, written: Term): Term {
  const first = and(
    atom("isFirstProcess(e.proc)"),
    atom("containerId(e.proc).exists"),
    compare("containerId(e.proc)", "!=", literal("host")),
  );
  return op === "!=" ? and(written, not(first)) : or(written, first);
}
