// SPDX-License-Identifier: Apache-2.0
// Texts of a rule as parts of a source: string literals, names, comments. Whoever writes the rule file
// chooses these texts, so each goes through here: nothing of it can end a literal or a comment, or be a word
// of the language.
import { fromBytes, toBytes } from "../condition.js";

const LINE = 96;

/** A string literal of ASCII. */
export function literal(text: string): string {
  return JSON.stringify(text).replace(
    /[^\x20-\x7e]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** A long one in pieces, below one another at `indent`. */
export function longLiteral(text: string, indent: number): string {
  const pieces: string[] = [];
  let piece = "";
  for (const word of text.split(/(?<= )/)) {
    if (piece !== "" && literal(piece + word).length > LINE - indent) {
      pieces.push(piece);
      piece = "";
    }
    piece += word;
  }
  return [...pieces, piece].map(literal).join(` +\n${" ".repeat(indent)}`);
}

/** The text that bytes of a condition are; null: they are no UTF-8, which a literal cannot hold. */
export function textOf(bytes: string): string | null {
  const text = fromBytes(bytes);
  return toBytes(text) === bytes ? text : null;
}

/** One line behind `//`. */
export function comment(text: string): string {
  return `// ${text.replace(/[^\x20-\x7e]+/g, " ").trim()}`;
}

/** Names that are given once each. */
export class Names {
  readonly #taken: Set<string>;

  constructor(taken: Iterable<string>) {
    this.#taken = new Set([...KEYWORDS, ...taken]);
  }

  /** `spawned_process` as spawnedProcess. */
  ofFunction(text: string): string {
    const [first = "", ...rest] = wordsOf(text).map((word) => (/^[A-Z\d]+$/.test(word) ? word.toLowerCase() : word));
    const name = lower(first) + rest.map(upper).join("");
    return this.#free(/^[a-z]/.test(name) ? name : `rule${upper(name)}`);
  }

  /** `shell_binaries` as SHELL_BINARIES. */
  ofConstant(text: string): string {
    const name = wordsOf(text).join("_").toUpperCase();
    return this.#free(/^(?!ASC_)[A-Z]/.test(name) ? name : `LIST_${name}`);
  }

  #free(wanted: string): string {
    let name = wanted;
    for (let i = 2; this.#taken.has(name); i++) name = `${wanted}${/[A-Z]$/.test(wanted) ? "_" : ""}${i}`;
    this.#taken.add(name);
    return name;
  }
}

const NAME_WORDS = 8;
const wordsOf = (text: string): string[] => (text.match(/[A-Za-z0-9]+/g) ?? []).slice(0, NAME_WORDS);
const upper = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1);
const lower = (word: string): string => word.charAt(0).toLowerCase() + word.slice(1);

const KEYWORDS = `abstract any arguments as async await bool boolean break case catch changetype class const constructor
  continue debugger declare default delete do e else enum eval export extends f32 f64 false finally for from function
  get i16 i32 i64 i8 if implements import in infer instanceof interface is isize keyof let module namespace never new
  null number object of override package private protected public readonly return set static string super switch
  symbol this throw true try type typeof u16 u32 u64 u8 undefined unmanaged unknown usize v128 var void while with
  yield`.split(/\s+/);
