// SPDX-License-Identifier: Apache-2.0
// The subject of a message: a template whose names an alert fills in, `vd.a.{tenant}`. A program may have
// chosen a name, and whoever reads the bus goes by a subject's shape: so each name becomes exactly one token,
// which holds no dot, blank or wildcard, and two names never become one token unless they are longer than a
// token may be. A subject that is too long would end the connection (max_control_line, 4,096 bytes).
import { createHash } from "node:crypto";

/** What a template may name. */
export const SUBJECT_NAMES = ["tenant", "container", "task", "policy", "rule", "priority"] as const;
/** One of them. */
export type SubjectName = (typeof SUBJECT_NAMES)[number];
/** Those that are known. */
export type SubjectNames = Partial<Readonly<Record<SubjectName, string | null>>>;

/** Longest token that a name becomes, in characters. */
const TOKEN_MAX = 64;
const DIGEST = 24;
const TEMPLATE_MAX = 256;
/** Of a name that there is not. A name of this one character is escaped. */
const NONE = "_";
const PLAIN = /[A-Za-z0-9_-]/;
const PART = new RegExp(`^(?:[A-Za-z0-9_-]+|\\{(?:${SUBJECT_NAMES.join("|")})\\})$`);

/** Null: it can be a template. Else what is wrong with it. */
export function subjectComplaint(template: string): string | null {
  if (template.length > TEMPLATE_MAX) return `it has more than ${TEMPLATE_MAX} characters`;
  const wrong = template.split(".").find((part) => !PART.test(part));
  if (wrong !== undefined)
    return `between dots stand letters, digits, - and _, or one of ${SUBJECT_NAMES.map((name) => `{${name}}`).join(", ")}`;
  return template.startsWith("{") ? "it begins with a word of its own, so that nobody else chooses it" : null;
}

/** The subject for these names. Names that are not there, or are empty, are `_`. */
export function subjectOf(template: string, names: SubjectNames): string {
  return template.replace(/\{(\w+)\}/g, (_, name: SubjectName) => subjectToken(names[name] ?? ""));
}

/** A name as one token: what is no letter, digit, - or _ is `%` and two digits for each byte of UTF-8. */
export function subjectToken(name: string): string {
  if (name === "") return NONE;
  if (name === NONE) return escaped(name.charCodeAt(0));
  let token = "";
  for (const byte of Buffer.from(name)) {
    const char = String.fromCharCode(byte);
    token += PLAIN.test(char) ? char : escaped(byte);
    if (token.length > TOKEN_MAX) return shortened(name, token);
  }
  return token;
}

const escaped = (byte: number): string => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;

/** `%~` is no escape, so it marks a name that was cut: a digest of the whole name follows. */
function shortened(name: string, token: string): string {
  const digest = createHash("sha256").update(name).digest("hex").slice(0, DIGEST);
  const kept = token.slice(0, TOKEN_MAX - DIGEST - 2).replace(/%.?$/, "");
  return `${kept}%~${digest}`;
}
