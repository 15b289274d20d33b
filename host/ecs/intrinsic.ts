// SPDX-License-Identifier: Apache-2.0
// CloudFormation's functions, as far as we must see through them: `Fn::If` has branches that we can go into,
// `AWS::NoValue` is nothing, everything else (`Ref`, `Fn::Split`, `Fn::FindInMap`, a macro ...) is known to
// CloudFormation alone and left as it is.
//
//   !If [HasKey, A, !Ref AWS::NoValue]        {"Fn::If": ["HasKey", A, {"Ref": "AWS::NoValue"}]}
import type { Node, Step } from "./node.js";

/** One function of CloudFormation, in its long or its short form. */
export interface Intrinsic {
  /** "Ref", "Fn::If" ... */
  readonly name: string;
  readonly argument: Node;
  /** What leads from the node to its argument: a key in the long form, nothing behind a tag. */
  readonly key: string | null;
}

const BARE = new Set(["Ref", "Condition"]);

/** The function that this node is; null for a plain value. */
export function intrinsicOf(node: Node): Intrinsic | null {
  if (node.tag !== "") {
    const word = node.tag.slice(1);
    return { name: BARE.has(word) ? word : `Fn::${word}`, argument: node, key: null };
  }
  if (node.kind !== "map" || node.entries.length !== 1) return null;
  const { key, node: argument } = node.entries[0]!;
  return key === "Ref" || key.startsWith("Fn::") ? { name: key, argument, key } : null;
}

/** True for `!Ref AWS::NoValue`, in both forms: CloudFormation leaves the property out. */
export function isNoValue(node: Node): boolean {
  const intrinsic = intrinsicOf(node);
  return (
    intrinsic?.name === "Ref" && intrinsic.argument.kind === "scalar" && intrinsic.argument.value === "AWS::NoValue"
  );
}

/** The two branches of an `Fn::If`. `key` is as in Intrinsic. */
export interface Choice {
  readonly branches: readonly [Node, Node];
  readonly key: string | null;
}

/** The two branches of an `Fn::If`; null for anything else. */
export function branchesOf(node: Node): Choice | null {
  const intrinsic = intrinsicOf(node);
  if (intrinsic?.name !== "Fn::If" || intrinsic.argument.kind !== "list") return null;
  const [, yes, no] = intrinsic.argument.items;
  return yes === undefined || no === undefined ? null : { branches: [yes, no], key: intrinsic.key };
}

/** Each branch with the way to it. */
export function branchWays(choice: Choice, way: readonly Step[]): [Node, Step[]][] {
  const prefix = choice.key === null ? way : [...way, choice.key];
  return choice.branches.map((branch, index) => [branch, [...prefix, index + 1]]);
}

/** What stands at a place, for a message that says why nothing can be put there. */
export function describe(node: Node): string {
  if (node.kind === "alias") return `the YAML alias *${node.name}`;
  if (node.shared) return "a YAML anchor that an alias repeats elsewhere";
  const intrinsic = intrinsicOf(node);
  if (intrinsic !== null) return `the function ${intrinsic.name}`;
  return node.kind === "scalar" ? "a single value" : `a ${node.kind}`;
}

/**
 * The word that an intrinsic turns on, to call a thing by: `Ref X` is "X", `Sub "${X}-app"` is "${X}-app".
 */
export function wordOf(node: Node): string | null {
  const { argument } = intrinsicOf(node) ?? { argument: node };
  const first = argument.kind === "list" ? argument.items[0] : argument;
  return first?.kind === "scalar" && first.value !== null ? String(first.value) : null;
}
