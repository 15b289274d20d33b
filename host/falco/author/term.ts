// SPDX-License-Identifier: Apache-2.0
// A truth of AssemblyScript, before it is text: what is settled falls away, what cannot be said stays until
// it is known whether it matters.

/** `refused` is a check that cannot be said, with the reason. */
export type Term =
  | { readonly op: "const"; readonly value: boolean }
  | { readonly op: "atom"; readonly text: string }
  | { readonly op: "compare"; readonly left: string; readonly sign: Sign; readonly right: string }
  | { readonly op: "and" | "or"; readonly terms: readonly Term[] }
  | { readonly op: "not"; readonly term: Term }
  | { readonly op: "refused"; readonly reason: string };

type Sign = keyof typeof OPPOSITES;

const OPPOSITES = { "==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">" } as const;
const WIDTH = 100;

/** Settled: true. */
export const YES: Term = { op: "const", value: true };
/** Settled: false. */
export const NO: Term = { op: "const", value: false };

/** A call, or another expression that may stand behind `!` as it is. */
export const atom = (text: string): Term => ({ op: "atom", text });
/** Of two expressions that are no texts of several parts. */
export const compare = (left: string, sign: Sign, right: string): Term => ({ op: "compare", left, sign, right });
/** A check that no policy can say. */
export const refused = (reason: string): Term => ({ op: "refused", reason });
/** All hold. */
export const and = (...terms: Term[]): Term => joined("and", terms);
/** Any holds. */
export const or = (...terms: Term[]): Term => joined("or", terms);

/** The opposite. A comparison has one of its own. */
export function not(term: Term): Term {
  switch (term.op) {
    case "const":
      return term.value ? NO : YES;
    case "not":
      return term.term;
    case "compare":
      return { ...term, sign: OPPOSITES[term.sign] };
    case "refused":
      return term;
    default:
      return { op: "not", term };
  }
}

function joined(op: "and" | "or", terms: readonly Term[]): Term {
  const end = op === "or";
  const flat = terms.flatMap((term) => (term.op === op ? term.terms : [term]));
  if (flat.some((term) => term.op === "const" && term.value === end)) return end ? YES : NO;
  const seen = new Set<string>();
  const left = flat.filter((term) => {
    const key = JSON.stringify(term);
    if (term.op === "const" || seen.has(key)) return false;
    seen.add(key);
    return true;
  });
  if (left.length === 0) return end ? NO : YES;
  return left.length === 1 ? (left[0] as Term) : { op, terms: left };
}

/** The first check in it that cannot be said. */
export function firstRefused(term: Term): string | null {
  if (term.op === "refused") return term.reason;
  if (term.op === "not") return firstRefused(term.term);
  if (term.op !== "and" && term.op !== "or") return null;
  return term.terms.map(firstRefused).find((reason) => reason !== null) ?? null;
}

/** As source, in lines that go on at `indent` blanks. */
export function termText(term: Term, indent: number): string {
  switch (term.op) {
    case "const":
      return String(term.value);
    case "atom":
      return term.text;
    case "compare":
      return `${shortOf(term)} ${term.sign} ${term.right}`;
    case "not":
      return term.term.op === "atom" ? `!${term.term.text}` : `!${inParentheses(term.term, indent)}`;
    case "refused":
      throw new Error(`a term that cannot be said is printed: ${term.reason}`);
    default: {
      const parts = term.terms.map((one) =>
        one.op === "and" || one.op === "or" ? inParentheses(one, indent) : termText(one, indent),
      );
      const sign = term.op === "and" ? "&&" : "||";
      const line = parts.join(` ${sign} `);
      const isShort = !line.includes("\n") && indent + line.length <= WIDTH;
      return isShort ? line : parts.join(` ${sign}\n${" ".repeat(indent)}`);
    }
  }
}

/** A number of 32 bits may be compared with a number that has no more. */
function shortOf({ left, right }: Extract<Term, { op: "compare" }>): string {
  return /^<i64>e\.fd_num$/.test(left) && /^-?\d{1,9}$/.test(right) ? left.slice(5) : left;
}

function inParentheses(term: Term, indent: number): string {
  const line = termText(term, indent);
  if (!line.includes("\n") && indent + line.length + 2 <= WIDTH) return `(${line})`;
  const inner = " ".repeat(indent + 2);
  return `(\n${inner}${termText(term, indent + 2)}\n${" ".repeat(indent)})`;
}
