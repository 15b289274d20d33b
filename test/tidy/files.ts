// SPDX-License-Identifier: Apache-2.0
//
// Rules about files: how they open, how they are named, what must not stand in them.
import { basename } from "node:path";
import { eachLine, type Rule } from "./tree.js";

const CODE = /\.(tsx?|cc|h|c|S|go|rs|java)$|^\.ci\/(?!packages)(?!.*\.json$)/;
const SPDX = "SPDX-License-Identifier: Apache-2.0";
const COMMENT = /^(\/\/|#|\/?\*|--)/;

export const filesOpenWithWhatTheyAre: Rule = (tree) =>
  [...tree].flatMap(([path, text]) => {
    if (!CODE.test(path)) return [];
    const lines = text.split("\n").filter((line) => !line.startsWith("#!"));
    if (!lines[0]?.includes(SPDX))
      return [{ path, line: 1, text: `the first line is not the licence; write "${SPDX}"` }];
    const end = lines.findIndex((line) => line.trim() !== "" && !COMMENT.test(line.trim()));
    const head = lines.slice(1, end < 0 ? undefined : end).filter((line) => /\w/.test(line));
    return head.length > 0
      ? []
      : [{ path, line: 2, text: "no opening comment; say in two to ten lines what the file is" }];
  });

const CASES: { files: RegExp; name: RegExp; say: string }[] = [
  {
    files: /^(capture|test\/capture|test\/fixtures|test\/attacks)\/.*\.(cc|h|c|S|go|rs)$/,
    name: /^[a-z0-9_]+$/,
    say: "snake_case",
  },
  {
    files: /^(host|web|rules-wasm|policies|test|bench)\/.*\.tsx?$/,
    name: /^[a-z0-9]+(-[a-z0-9]+)*$/,
    say: "kebab-case",
  },
  { files: /^docs\/.*\.md$/, name: /^[a-z0-9]+(-[a-z0-9]+)*$/, say: "kebab-case" },
];

export const filesAreNamedInTheirCase: Rule = (tree) =>
  [...tree.keys()].flatMap((path) => {
    const stem = basename(path).replace(/\.test\.ts$|\.d\.ts$|\.\w+$/, "");
    return CASES.filter(({ files, name }) => files.test(path) && !name.test(stem)).map(({ say }) => ({
      path,
      text: `the file's name is not ${say}`,
    }));
  });

export const namesAreNouns: Rule = (tree) =>
  [...tree.keys()]
    .filter((path) => /(^|\/)(utils?|common|helpers?|misc)(\.|\/|_|-|$)/.test(path))
    .map((path) => ({ path, text: "utils, common, helpers and misc are not nouns; name what it is" }));

export const nothingIsExportedByDefault: Rule = (tree) =>
  eachLine(tree, /\.ts$/, (line) =>
    /^\s*export\s+default\b/.test(line) || /^\s*export\s*\{[^}]*\bas default\b/.test(line)
      ? "a default export has no name of its own; export it by name"
      : undefined,
  );

export const nothingIsLeftUndone: Rule = (tree) =>
  eachLine(tree, CODE, (line, path) => {
    if (path.startsWith("test/tidy")) return undefined;
    if (/\bFIXME\b/.test(line)) return "a FIXME stays on your branch; fix it";
    return /\bTODO\b(?!.*#\d)/.test(line) ? "a TODO carries an issue: TODO #12" : undefined;
  });

/** A path into this checkout, or into a home folder, is good on one machine only. */
export function noPathOfThisMachine(root: string): Rule {
  const own = new RegExp(`${root.replace(/[^\w/]/g, "\\$&")}(?![\\w-])`);
  return (tree) =>
    eachLine(tree, /./, (line) =>
      own.test(line) ? "a path of this machine; say it relative to the root of the checkout" : undefined,
    );
}
