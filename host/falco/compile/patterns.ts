// SPDX-License-Identifier: Apache-2.0
// The patterns of `glob`, `iglob` and `pmatch` as regular expressions over bytes.
//
// glob is fnmatch(3) with no flags: `*` and `?` match a slash too, `\` escapes. pmatch compares path
// components: a value matches a path that is a prefix of it by whole components; a component with `*`, `?` or
// `[` is a glob that stays within its component.
import { POSIX_CLASSES } from "../regex.js";
import type { Regex } from "../regex-tree.js";
import { byteSet } from "../utf8.js";

const ANY: Regex = { kind: "bytes", set: byteSet(() => true) };
const NOT_SLASH: Regex = { kind: "bytes", set: byteSet((b) => b !== 0x2f) };

/** The whole value has to match. */
export function globRegex(pattern: string, isCaseFolded: boolean): Regex {
  return glob(pattern, ANY, isCaseFolded);
}

/** The value has to be one of the paths, or lie below one. */
export function pathRegex(paths: readonly string[]): Regex {
  return { kind: "choice", parts: paths.map(pathPrefix) };
}

// `/var/run` as (/+var)(/+run)(/.*)?, the first slash optional where the path has none.
function pathPrefix(path: string): Regex {
  const parts = path.split("/").filter((part) => part !== "");
  const slash = byte(0x2f);
  if (parts.length === 0) return { kind: "sequence", parts: [slash, repeat(ANY, 0)] };
  const components = parts.flatMap((part, i): Regex[] => {
    const slashes = repeat(slash, i === 0 && !path.startsWith("/") ? 0 : 1);
    // A component is never empty.
    return [slashes, /^\*+$/.test(part) ? repeat(NOT_SLASH, 1) : glob(part, NOT_SLASH, false)];
  });
  const rest: Regex = { kind: "repeat", part: { kind: "sequence", parts: [slash, repeat(ANY, 0)] }, min: 0, max: 1 };
  return { kind: "sequence", parts: [...components, rest] };
}

/** A path without wildcards and without empty parts: `/a//b/` is `/a/b`. */
export function pathWord(path: string): string {
  const parts = path.split("/").filter((part) => part !== "");
  return `${path.startsWith("/") ? "/" : ""}${parts.join("/")}`;
}

function glob(pattern: string, wild: Regex, isCaseFolded: boolean): Regex {
  const parts: Regex[] = [];
  for (let i = 0; i < pattern.length; i++) {
    const c = pattern[i]!;
    if (c === "*") parts.push(repeat(wild, 0));
    else if (c === "?") parts.push(wild);
    else if (c === "[") {
      const bracket = readBracket(pattern, i, isCaseFolded, wild);
      if (!bracket) return { kind: "choice", parts: [] };
      parts.push(bracket.regex);
      i = bracket.end;
    } else if (c === "\\") {
      i++;
      // fnmatch: a pattern that ends in a backslash matches nothing.
      if (i === pattern.length) return { kind: "choice", parts: [] };
      parts.push(byte(pattern.charCodeAt(i), isCaseFolded));
    } else parts.push(byte(c.charCodeAt(0), isCaseFolded));
  }
  return { kind: "sequence", parts };
}

// An unclosed bracket is an ordinary character to glibc.
function readBracket(
  pattern: string,
  start: number,
  isCaseFolded: boolean,
  wild: Regex,
): { regex: Regex; end: number } | null {
  let i = start + 1;
  const isNegated = pattern[i] === "!" || pattern[i] === "^";
  if (isNegated) i++;
  const set = new Array<boolean>(256).fill(false);
  const add = (b: number) => {
    set[b] = true;
    if (isCaseFolded) for (const other of caseOf(b)) set[other] = true;
  };
  let isFirst = true;
  for (;;) {
    if (i >= pattern.length) return { regex: byte(0x5b), end: start };
    if (pattern[i] === "]" && !isFirst) break;
    isFirst = false;
    const named = /^\[:([a-z]+):\]/.exec(pattern.slice(i, i + 12));
    if (named) {
      const test = POSIX_CLASSES[named[1]!];
      if (!test) return null;
      for (let b = 0; b < 128; b++) if (test.test(String.fromCharCode(b))) add(b);
      i += named[0].length;
      continue;
    }
    if (pattern[i] === "\\") i++;
    const low = pattern.charCodeAt(i++);
    let high = low;
    if (pattern[i] === "-" && i + 1 < pattern.length && pattern[i + 1] !== "]") {
      i++;
      if (pattern[i] === "\\") i++;
      high = pattern.charCodeAt(i++);
    }
    for (let b = low; b <= high; b++) add(b);
  }
  const wildSet = (wild as { set: boolean[] }).set;
  return { regex: { kind: "bytes", set: byteSet((b) => set[b] !== isNegated && wildSet[b]!) }, end: i };
}

function caseOf(b: number): number[] {
  const c = String.fromCharCode(b);
  return /[a-zA-Z]/.test(c) ? [c.toLowerCase().charCodeAt(0), c.toUpperCase().charCodeAt(0)] : [];
}

function byte(value: number, isCaseFolded = false): Regex {
  const same = isCaseFolded ? caseOf(value) : [];
  return { kind: "bytes", set: byteSet((b) => b === value || same.includes(b)) };
}

function repeat(part: Regex, min: number): Regex {
  return { kind: "repeat", part, min, max: Number.POSITIVE_INFINITY };
}
