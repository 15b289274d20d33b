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

/** Maps whose keys are somebody's own words. */
const OWN = /^(dockerLabels|labels|options|driverOpts)$/i;

/**
 * Keys with a small first letter, so that both spellings compare alike; functions become `fn::If` and `ref`.
 */
export function lower(value: Any): Any {
  return withKeys(value, (key) => key.charAt(0).toLowerCase() + key.slice(1));
}

/** The opposite: as CloudFormation spells them. */
export function raise(value: Any): Any {
  return withKeys(value, (key) => key.replace(/^(efs(?=[A-Z])|.)/, (start) => start.toUpperCase()));
}

function withKeys(value: Any, spell: (key: string) => string): Any {
  if (Array.isArray(value)) return value.map((item) => withKeys(item, spell));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [spell(key), OWN.test(key) ? item : withKeys(item, spell)]),
  );
}
