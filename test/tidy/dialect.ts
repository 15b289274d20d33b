// SPDX-License-Identifier: Apache-2.0
//
// One dialect of TypeScript: what is private is `#private`, what nobody assigns is `readonly`, and an
// exported name is explained in `/** */`, where an editor shows it to whoever uses the name. In host/ and in
// the SDK each exported name has such a docstring: it says what the name does not (shapes, units, who owns
// it, what is thrown).
import { eachLine, type Rule } from "./tree.js";

const CODE = /^(host|bench|test)\/.*(?<!\.d)\.ts$/;
const EXPLAINED = /^(host|rules-wasm)\/.*(?<!\.d)\.tsx?$/;
const EXPORT =
  /^export (?:async |abstract |declare )*(?:function\*?|class|interface|const|type|enum|let) (?<name>[\w$]+)/;

const isOfHost = (path: string): boolean => path.startsWith("host/");

export const privateIsAHash: Rule = (tree) =>
  eachLine(tree, CODE, (line) =>
    /^\s*(constructor\()?private (?!constructor\b)(readonly |static |async |get |set )*\w+\s*[(:?=;<]/.test(line)
      ? "TypeScript's `private` is gone when the code runs; write #name"
      : undefined,
  );

/**
 * Members of the host's interfaces by their names, over the whole tree: a name that is assigned anywhere may
 * be without it everywhere. Fields of classes (#name) in their own file.
 */
export const whatNobodyAssignsIsReadonly: Rule = (tree) => {
  const assigned = new Set([...tree.values()].flatMap((text) => assignedIn(text)));
  return [...tree].flatMap(([path, text]) => {
    if (!CODE.test(path)) return [];
    const here = new Set(assignedIn(text));
    return membersOf(text)
      .filter(({ name }) => (name.startsWith("#") ? !here.has(name) : isOfHost(path) && !assigned.has(name)))
      .map(({ name, line }) => ({ path, line, text: `nothing assigns ${name}; write readonly ${name}` }));
  });
};

/** What stands left of an assignment: `a.b = `, `a.b += `, `a.b++`, `[a.b, c] = `, `++a.b`. */
function assignedIn(text: string): string[] {
  const single = /\.(#?\w+)(?:\s*(?:[-+*/%&|^]|<<|>>|\?\?|&&|\|\||\*\*)?=(?![=>])|\+\+|--)/g;
  const several = /[[{][^=[\]{}]*\.#?\w+[^=[\]{}]*[\]}]\s*=(?![=>])/g;
  const before = /(?:\+\+|--)[\w.#]*\.(#?\w+)/g;
  return [
    ...[...text.matchAll(single), ...text.matchAll(before)].map(([, name]) => name!),
    ...[...text.matchAll(several)].flatMap(([words]) => [...words.matchAll(/\.(#?\w+)/g)].map(([, name]) => name!)),
  ];
}

function membersOf(text: string): { name: string; line: number }[] {
  let inside: "interface" | "class" | null = null;
  return text.split("\n").flatMap((words, index) => {
    if (/^(export )?interface .*\{$/.test(words)) inside = "interface";
    else if (/^(export )?(abstract )?class .*\{$/.test(words)) inside = "class";
    else if (words.startsWith("}")) inside = null;
    const pattern = { interface: /^ {2}(\w+)\??: /, class: /^ {2}(?:static )?(#\w+)[?!]?(?:: | = |;)/ };
    const name = inside === null ? undefined : pattern[inside].exec(words)?.[1];
    return name === undefined ? [] : [{ name, line: index + 1 }];
  });
}

export const exportsAreExplainedToEditors: Rule = (tree) =>
  [...tree].flatMap(([path, text]) => {
    if (!CODE.test(path) && !EXPLAINED.test(path)) return [];
    const lines = text.split("\n");
    return lines.flatMap((line, index) => {
      const name = EXPORT.exec(line)?.groups?.name;
      if (name === undefined) return [];
      const before = lineAbove(lines, index);
      if (/^\/\/(?! ?biome-ignore)/.test(lines[index - 1] ?? "") && before >= 0 && !isHead(lines, before))
        return [{ path, line: index, text: "an exported name is explained in /** */" }];
      if (!EXPLAINED.test(path) || /(\*\/|^\}\))$/.test(lines[before] ?? "")) return [];
      return [{ path, line: index + 1, text: `${name} has no docstring; say what its name does not, in /** */` }];
    });
  });

/**
 * The line above an export that is no decorator of it and no word to a tool. `})` ends a decorator that
 * explains.
 */
function lineAbove(lines: readonly string[], index: number): number {
  let at = index - 1;
  while (at >= 0 && /^(@\w|\/\/ ?(biome-ignore|@ts-))/.test(lines[at]!)) at--;
  return at;
}

/** Whether the comment that ends at `end` is the file's own. */
function isHead(lines: readonly string[], end: number): boolean {
  let at = end;
  while (at > 0 && lines[at - 1]!.startsWith("//")) at--;
  return lines[at]!.includes("SPDX-License-Identifier");
}
