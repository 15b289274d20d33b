// SPDX-License-Identifier: Apache-2.0
// `vedette policy new DIR`, also of a rule of Falco's (`--from RULE.yaml [--rule NAME]`): as a starting point
// that judges as the rule does.
import { VedetteError } from "../errors.js";
import { type Example, type ToldRule, tellRule } from "../falco/falco.js";
import { firstPolicy, makePolicyFolder, type PolicyFiles, policyName } from "../policy/scaffold.js";
import { ShortEventError, ShortEvents } from "../policy/short-event.js";
import { print } from "./print.js";

/** What is said of the policy. */
export interface NewFlags {
  readonly from: readonly string[];
  readonly rule?: string;
}

/**
 * Makes the folder and says what to do next. Throws VEDETTE_POLICY_EXISTS where files stand in it, and what
 * tellRule throws.
 */
export async function newPolicy(folder: string, { from, rule }: NewFlags): Promise<number> {
  if (rule !== undefined && from.length === 0)
    throw new VedetteError("VEDETTE_USAGE", { problem: "--rule goes with --from.", command: "policy new" });
  const told = from.length === 0 ? null : await tellRule(from, rule ?? null, written);
  const files = makePolicyFolder(folder, told === null ? firstPolicy(folder) : filesOf(told, policyName(folder)));
  print([
    `made ${folder}: ${files.join(", ")}`,
    ...(told !== null && told.firing === null
      ? [`no event was found that the rule fires for: write one into tests.yaml`]
      : []),
    `next: edit index.ts, then \`vedette policy test ${folder}\``,
  ]);
  return 0;
}

function written({ type, written: event }: Example): Uint8Array | null {
  const events = new ShortEvents();
  try {
    events.add(type, event);
    return events.bytes();
  } catch (error) {
    if (error instanceof ShortEventError) return null;
    throw error;
  }
}

function filesOf(told: ToldRule, name: string): PolicyFiles {
  const description = told.desc.trim().replace(/\s+/g, " ") || told.name;
  return {
    "policy.yaml": `name: ${name}\nversion: 0.1.0\ndescription: ${scalar(description)}\n`,
    "index.ts": told.source,
    "tests.yaml": testsOf(told),
  };
}

function testsOf({ name, firing, silent }: ToldRule): string {
  const test = (title: string, example: Example, alerts: string): string =>
    `  - name: ${title}\n    events:\n      - ${example.type}: ${flow(example.written)}\n    alerts: ${alerts}\n`;
  const tests = [
    ...(firing === null ? [] : [test("an event that the rule fires for", firing, `[{rule: ${scalar(name)}}]`)]),
    ...(silent === null ? [] : [test("an event that has nothing of what the rule asks for", silent, "[]")]),
  ];
  const note = firing === null ? "# No event was found that the rule fires for: write one.\n" : "";
  return `# Events in, alerts out. What is not written is as for an ordinary program of root.\n${note}tests:${tests.length === 0 ? " []" : ""}\n${tests.join("\n")}`;
}

/** In YAML's form in braces. */
function flow(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(flow).join(", ")}]`;
  if (typeof value === "object" && value !== null)
    return `{${Object.entries(value)
      .map(([key, one]) => `${key}: ${flow(one)}`)
      .join(", ")}}`;
  return typeof value === "string" ? scalar(value) : String(value);
}

/** A text of ASCII that is nothing else in YAML. */
function scalar(text: string): string {
  if (/^[A-Za-z/][A-Za-z0-9 ._/-]*[A-Za-z0-9_/]$/.test(text) && !WORDS.test(text)) return text;
  return JSON.stringify(text).replace(
    /[^\x20-\x7e]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** What YAML reads as something else than a text. */
const WORDS = /^(?:true|false|yes|no|on|off|null|nan|y|n)$/i;
