// SPDX-License-Identifier: Apache-2.0
// What a schema found wrong, as a sentence about the file: `scope.uids.item 1 must be a number, not a text`.
import type * as z from "zod";

/** Keys and indices that lead to a node of a file. */
export type YamlPath = readonly (string | number)[];

type Issue = z.core.$ZodIssue;

const KINDS: Readonly<Record<string, string>> = {
  object: "a mapping",
  record: "a mapping",
  array: "a list",
  string: "a text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  null: "nothing",
};

/** One sentence without a full stop. `path` leads from the top of the file to what is wrong. */
export function issueText(issue: Issue, path: YamlPath): string {
  const name = path.map((step) => (typeof step === "number" ? `item ${step + 1}` : step)).join(".");
  switch (issue.code) {
    case "invalid_type":
      return wrongKind(name, KINDS[issue.expected] ?? issue.expected, received(issue));
    case "invalid_value":
      return `${name} must be one of ${issue.values.map(String).join(", ")}`;
    case "too_big":
      return `${name} must ${measured(issue.origin, "at most", issue.maximum)}`;
    case "too_small":
      return `${name} must ${measured(issue.origin, issue.inclusive === false ? "more than" : "at least", issue.minimum)}`;
    case "invalid_key":
      return `${name} is no name: ${issue.issues[0]?.message ?? issue.message}`;
    case "invalid_union":
      if (issue.discriminator !== undefined && "options" in issue)
        return `${name} must be one of ${(issue.options as readonly unknown[]).map(String).join(", ")}`;
      return deepest(issue.errors, path);
    default:
      return `${name}: ${issue.message}`;
  }
}

function wrongKind(name: string, expected: string, found: string): string {
  if (name === "") return found === "nothing" ? "it is empty" : `it must hold ${expected}, not ${found}`;
  return found === "undefined" ? `${name} is missing` : `${name} must be ${expected}, not ${found}`;
}

function received({ message }: Issue): string {
  const [, word = ""] = /received (\w+)/.exec(message) ?? [];
  return KINDS[word] ?? word;
}

function measured(origin: string, how: string, size: number | bigint): string {
  const noun = { string: "character", array: "item" }[origin];
  return noun === undefined ? `be ${how} ${size}` : `have ${how} ${size} ${noun}${Number(size) === 1 ? "" : "s"}`;
}

/**
 * Of a union's branches, what the one that got furthest said; where none got anywhere, what each would have.
 */
function deepest(branches: readonly (readonly Issue[])[], path: YamlPath): string {
  const firsts = branches.flatMap((branch) => branch.slice(0, 1));
  const furthest = [...firsts].sort((a, b) => b.path.length - a.path.length)[0];
  if (furthest === undefined) return "it is not as expected";
  const at = [...path, ...furthest.path.filter((step): step is string | number => typeof step !== "symbol")];
  if (furthest.path.length > 0 || !firsts.every(({ code }) => code === "invalid_type")) return issueText(furthest, at);
  const kinds = firsts.map((issue) => KINDS[(issue as Issue & { expected: string }).expected]);
  return issueText(furthest, at).replace(/ must be .*, not /, ` must be ${[...new Set(kinds)].join(" or ")}, not `);
}
