// SPDX-License-Identifier: Apache-2.0
//
// One dialect of TypeScript: what is private is `#private`, what nobody assigns is `readonly`, and what is
// said of an exported name is said in `/** */`, where an editor shows it to whoever uses the name.
import { eachLine, type Rule } from "./tree.js";

const CODE = /^(host|bench|test)\/.*(?<!\.d)\.ts$/;

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
    if (!CODE.test(path)) return [];
    const lines = text.split("\n");
    return lines.flatMap((line, index) => {
      if (!/^export (async |abstract |declare )?(function|class|interface|const|type|enum|let)\b/.test(line)) return [];
      if (!/^\/\/(?! ?biome-ignore)/.test(lines[index - 1] ?? "") || isHead(lines, index - 1)) return [];
      return [{ path, line: index, text: "an exported name is explained in /** */" }];
    });
  });

/** Whether the comment that ends at `end` is the file's own. */
function isHead(lines: readonly string[], end: number): boolean {
  let at = end;
  while (at > 0 && lines[at - 1]!.startsWith("//")) at--;
  return lines[at]!.includes("SPDX-License-Identifier");
}
