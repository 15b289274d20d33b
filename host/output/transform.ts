// SPDX-License-Identifier: Apache-2.0
// Falco's transformers in outputs: `%toupper(proc.name)`, `%basename(fd.name)`, one in another if need be. They change texts; what
// is no text, and what is not there, stays as it is, but for len.
import type { Value } from "../wire/value.js";

type Transform = (value: Value) => Value;

const onText =
  (change: (text: string) => Value): Transform =>
  (value) =>
    typeof value === "string" ? change(value) : Array.isArray(value) ? value.map(onText(change)) : value;

const TRANSFORMS: Readonly<Record<string, Transform>> = {
  tolower: onText((text) => text.replace(/[A-Z]/g, (letter) => letter.toLowerCase())),
  toupper: onText((text) => text.replace(/[a-z]/g, (letter) => letter.toUpperCase())),
  b64: onText((text) => {
    const bytes = Buffer.from(text, "base64");
    const isBase64 = bytes.toString("base64").replace(/=+$/, "") === text.replace(/=+$/, "");
    return isBase64 ? bytes.toString() : null;
  }),
  basename: onText((text) => text.slice(text.lastIndexOf("/") + 1)),
  len: (value) => (typeof value === "string" ? Buffer.byteLength(value) : Array.isArray(value) ? value.length : value),
};

/** All of them, the innermost first; undefined when there is none of a name. */
export function transformOf(names: readonly string[]): Transform | undefined {
  const transforms = names.map((name) => (Object.hasOwn(TRANSFORMS, name) ? TRANSFORMS[name] : undefined));
  if (transforms.includes(undefined)) return undefined;
  return (value) => transforms.reduceRight((changed, transform) => (transform as Transform)(changed), value);
}
