// SPDX-License-Identifier: Apache-2.0
// The console's files, which the build made of web/. They are read once at the start; no path of a request
// touches the disk. They hold nothing that is secret, so that they are given to whoever asks.
import { readFileSync } from "node:fs";
import { extname } from "node:path";
import { VedetteError } from "../errors.js";
import { builtFile } from "../paths.js";
import { reasonOf } from "../reason.js";

/** One file, as it is answered. */
export interface Page {
  readonly type: string;
  readonly body: Buffer;
}

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};
const FILES: readonly (readonly [path: string, file: string])[] = [
  ["/", "index.html"],
  ["/console.js", "console.js"],
  ["/console.css", "console.css"],
  ["/icon.svg", "icon.svg"],
];

/** What a browser may do on these pages: run our script, and talk to us. */
export const PAGE_HEADERS: Readonly<Record<string, string>> = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; form-action 'none'; " +
    "base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
};

/** By their path. Throws VEDETTE_CONSOLE_MISSING. */
export function readPages(): ReadonlyMap<string, Page> {
  return new Map(
    FILES.map(([path, file]) => {
      const from = builtFile(`web/${file}`);
      try {
        return [path, { type: TYPES[extname(file)]!, body: readFileSync(from) }];
      } catch (cause) {
        throw new VedetteError("VEDETTE_CONSOLE_MISSING", { path: from, reason: reasonOf(cause) }, { cause });
      }
    }),
  );
}
