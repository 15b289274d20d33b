// SPDX-License-Identifier: Apache-2.0
// A document as plain values, read by other means than the product's (JSON.parse, and `yaml` with the short
// functions made long), and the task definitions in it: what tests compare.
import { type CollectionTag, parse, type ScalarTag } from "yaml";

// biome-ignore lint/suspicious/noExplicitAny: a test reaches into documents of any shape, and fails where it errs.
export type Any = any;
export type Plain = Record<string, Any>;

const FUNCTIONS = [
  "If",
  "Sub",
  "Join",
  "Select",
  "Split",
  "GetAtt",
  "ImportValue",
  "FindInMap",
  "Equals",
  "Not",
  "And",
  "Or",
];

const tags = ["Ref", "Condition", ...FUNCTIONS].flatMap((word): (ScalarTag | CollectionTag)[] => {
  const name = word === "Ref" || word === "Condition" ? word : `Fn::${word}`;
  const long = (value: unknown) => ({ [name]: value });
  return [
    { tag: `!${word}`, resolve: long },
    { tag: `!${word}`, collection: "seq", resolve: (node) => wrapped(node, long) },
    { tag: `!${word}`, collection: "map", resolve: (node) => wrapped(node, long) },
  ] as (ScalarTag | CollectionTag)[];
});

function wrapped(node: unknown, long: (value: unknown) => unknown): unknown {
  const inner = node as { toJSON(arg?: unknown, ctx?: unknown): unknown };
  const toJson = inner.toJSON.bind(inner);
  inner.toJSON = (arg, context) => long(toJson(arg, context));
  return inner;
}

export function plainOf(name: string, text: string): Plain {
  return name.endsWith(".json")
    ? JSON.parse(text.replace(/^\ufeff/, ""))
    : parse(text, { customTags: tags, logLevel: "silent" });
}

/** The task definitions in a document, wherever they stand, and whether it is a template. */
export function definitionsOf(plain: Plain): { definitions: Plain[]; isTemplate: boolean } {
  if (!("Resources" in plain)) return { definitions: [plain.taskDefinition ?? plain], isTemplate: false };
  const found: Plain[] = [];
  const visit = (value: Any): void => {
    if (typeof value !== "object" || value === null) return;
    if (value.Type === "AWS::ECS::TaskDefinition") found.push(value.Properties);
    else for (const inner of Object.values(value)) visit(inner);
  };
  visit(plain.Resources);
  return { definitions: found, isTemplate: true };
}
