// SPDX-License-Identifier: Apache-2.0
// The custom section `vedette.policy`: JSON that says what a module is before any of it runs. It comes from
// whoever built the module, so all of it is checked and bounded; names of events must be of this host's
// contract.
import * as z from "zod";
import { SCHEMA, SCHEMA_MINOR } from "../../build/generated/events.js";
import { VedetteError } from "../errors.js";
import { PRIORITIES } from "../finding/priority.js";
import { EVENT_OF_NAME } from "../wire/layout.js";
import { ABI } from "./abi.js";
import { Instruments } from "./instruments.js";
import type { Sections } from "./sections.js";

/** Name of the custom section. */
export const SECTION = "vedette.policy";
/**
 * What may stand in the section: of anybody's module, and of what the operator's own rules were compiled to.
 */
const USUAL = { bytes: 256 * 1024, rules: 1024, name: 200, text: 4000, tag: 100, tags: 50, fields: 100 };
const WIDE = {
  bytes: 64 << 20,
  rules: 65_535,
  name: 1 << 16,
  text: 1 << 20,
  tag: 1 << 16,
  tags: 10_000,
  fields: 10_000,
};

/** The most that a rule may say of grouping: fields of a key, alerts, seconds, characters. */
export const GROUPING_MOST = { dedup: 8, threshold: 1_000_000, window: 86_400, runbook: 1000 };

/** The most kinds of facts of a policy, and the most bytes of the names of a kind and of its key. */
const FACT_KINDS_MAX = 32;
const FACT_NAME_MAX = 64;

const text = (most: number) => z.string().max(most);
const ParameterKind = z.enum(["bool", "int", "string", "strings"]);
const ParameterValue = z.union([z.boolean(), z.number().int(), text(4096), z.array(text(4096)).max(10_000)]);

const metadataOf = (most: typeof USUAL) => {
  const ExtraField = z.strictObject({ name: text(most.name).min(1), format: text(most.text).nullable() });
  const Grouping = z.strictObject({
    dedup: z.array(text(most.name).min(1)).min(1).max(GROUPING_MOST.dedup).optional(),
    threshold: z.number().int().min(1).max(GROUPING_MOST.threshold).optional(),
    window: z.number().int().min(1).max(GROUPING_MOST.window).optional(),
    runbook: text(GROUPING_MOST.runbook).optional(),
  });
  const Rule = z.strictObject({
    name: text(most.name).min(1),
    desc: text(most.text),
    priority: z.enum(PRIORITIES),
    output: text(most.text),
    tags: z.array(text(most.tag)).max(most.tags),
    events: z.array(text(50)).min(1),
    fields: z.array(ExtraField).max(most.fields).optional(),
    grouping: Grouping.optional(),
  });
  return z.strictObject({
    abi: z.number().int(),
    schema: z.string().regex(/^[0-9a-f]{16}$/),
    minor: z.number().int().nonnegative(),
    name: text(100).min(1),
    version: text(50),
    rules: z.array(Rule).max(most.rules),
    parameters: z
      .array(z.strictObject({ name: text(100).min(1), kind: ParameterKind, default: ParameterValue }))
      .max(200),
    state: text(100),
    // Since ABI 1.1.
    metrics: Instruments.optional(),
    meters: z
      .array(z.strictObject({ name: text(most.name).min(1), events: z.array(text(50)).min(1) }))
      .max(most.rules)
      .optional(),
    // Since ABI 1.2.
    facts: z
      .array(z.strictObject({ name: text(FACT_NAME_MAX).min(1), key: text(FACT_NAME_MAX).min(1) }))
      .max(FACT_KINDS_MAX)
      .optional(),
  });
};
const Metadata = metadataOf(USUAL);
const WideMetadata = metadataOf(WIDE);

/** The section, checked and bounded. */
export type Metadata = z.infer<typeof Metadata>;
/** One rule, as the section has it. */
export type RuleMetadata = Metadata["rules"][number];
/** What a rule says of how its alerts are grouped. */
export type Grouping = NonNullable<RuleMetadata["grouping"]>;
interface Subscriber {
  readonly events: readonly string[];
}
/** All types of events that these rules and meters want to see. */
export function eventsOf(rules: readonly Subscriber[], meters: readonly Subscriber[] = []): string[] {
  return [...new Set([...rules, ...meters].flatMap(({ events }) => events))];
}
/** The type of a parameter in policy.yaml. */
export type ParameterKind = z.infer<typeof ParameterKind>;
/** A parameter's value: bool, int, string or strings. */
export type ParameterValue = z.infer<typeof ParameterValue>;

/** Reads the section, and refuses a module that is made for another ABI or a newer contract. */
export function readMetadata(sections: Sections, path: string, isWide = false): Metadata {
  const found = sections.custom.filter((section) => section.name === SECTION);
  const section = found[0];
  const refuse = (reason: string): never => {
    throw new VedetteError("VEDETTE_MODULE_METADATA", {
      path,
      reason,
      section: "custom section",
      offset: section?.offset ?? 0,
    });
  };
  if (section === undefined || found.length > 1) return refuse(`there are ${found.length} sections ${SECTION}`);
  if (section.bytes.length > (isWide ? WIDE : USUAL).bytes) return refuse(`it has ${section.bytes.length} bytes`);
  const json = parseJson(section.bytes) ?? refuse("it is not JSON in UTF-8");
  const { abi } = json as { abi?: unknown };
  if (typeof abi === "number" && abi !== ABI)
    throw new VedetteError("VEDETTE_MODULE_ABI", { path, theirs: abi, ours: ABI });
  const parsed = (isWide ? WideMetadata : Metadata).safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    return refuse(`${issue?.path.join(".") || "it"}: ${issue?.message ?? "unexpected"}`);
  }
  checkContract(parsed.data, path);
  checkRules(parsed.data, refuse);
  return parsed.data;
}

/**
 * Fields are only appended and ids never reused, so a module of an older minor reads this host's records
 * rightly.
 */
function checkContract(metadata: Metadata, path: string): void {
  const ours = SCHEMA.toString(16).padStart(16, "0");
  if (metadata.minor < SCHEMA_MINOR || (metadata.minor === SCHEMA_MINOR && metadata.schema === ours)) return;
  throw new VedetteError("VEDETTE_MODULE_SCHEMA", {
    path,
    theirs: `minor ${metadata.minor} (${metadata.schema})`,
    ours: `minor ${SCHEMA_MINOR} (${ours})`,
  });
}

function checkRules(metadata: Metadata, refuse: (reason: string) => never): void {
  const names = new Set<string>();
  for (const rule of metadata.rules) {
    if (names.has(rule.name)) refuse(`two rules have the name "${rule.name}"`);
    names.add(rule.name);
  }
  for (const { events } of [...metadata.rules, ...(metadata.meters ?? [])]) {
    const unknown = events.find((event) => !EVENT_OF_NAME.has(event));
    if (unknown !== undefined) refuse(`there is no event "${unknown}"`);
  }
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    return typeof value === "object" ? (value ?? undefined) : undefined;
  } catch {
    return undefined;
  }
}
