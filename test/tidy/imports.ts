// SPDX-License-Identifier: Apache-2.0
//
// Who imports whom, read from the texts: the includes of C++ and the relative imports of TypeScript. An
// import of a type counts like any other: it is gone when the code runs, but a reader has to follow it all
// the same.
import { dirname, join, normalize } from "node:path";
import type { Tree } from "./tree.js";

export interface Import {
  /** Who imports, and on which line. */
  readonly path: string;
  readonly line: number;
  /** As it is written there. */
  readonly words: string;
  /** The file that is meant. */
  readonly target: string;
}

/** C++ includes are written from the root ("capture/wire/batch.h"); "events.h" and the like are generated. */
export function includesOf(tree: Tree): Import[] {
  return importsIn(tree, /^capture\/.*\.(cc|h|S)$/, /^\s*#\s*include "([^"]+)"/g, (words, path) => {
    if (words.startsWith("capture/")) return words;
    const beside = join(dirname(path), words);
    return tree.has(beside) ? beside : `build/generated/${words}`;
  });
}

export function importsOf(tree: Tree): Import[] {
  const pattern = /(?:\bfrom|\bimport|\bimport\()\s*["'](\.[^"']*)["']/g;
  return importsIn(tree, /^(host|web|rules-wasm|policies|bench|test)\/.*\.tsx?$/, pattern, (words, path) => {
    const stem = normalize(join(dirname(path), words)).replace(/\.js$/, "");
    return tree.has(`${stem}.tsx`) ? `${stem}.tsx` : words.endsWith(".js") ? `${stem}.ts` : stem;
  });
}

function importsIn(
  tree: Tree,
  files: RegExp,
  pattern: RegExp,
  resolve: (words: string, path: string) => string,
): Import[] {
  return [...tree].flatMap(([path, text]) => {
    if (!files.test(path)) return [];
    return text.split("\n").flatMap((line, index) =>
      [...line.matchAll(pattern)].map(([, words]) => ({
        path,
        line: index + 1,
        words: words!,
        target: resolve(words!, path),
      })),
    );
  });
}
