// SPDX-License-Identifier: Apache-2.0
// What tests of Falco's rules read: Falco's own files, where they are (test/falco-files.ts), and rules in a
// text.
import { readFileSync } from "node:fs";
import { type Loaded, type LoadOptions, loadRules, type RuleFile } from "../../../host/falco/load.js";
import { FALCO, missingFalco, withFalco } from "../../falco-files.js";

export { withFalco };

/** Falco's files, to be followed by a path there. */
export const SHARED = `${FALCO}/`;
export const OFFICIAL = ["falco_rules.yaml", "falco-incubating_rules.yaml", "falco-sandbox_rules.yaml"];
export const DEPRECATED = ["falco-deprecated_rules.yaml", "application_rules.yaml"];

export function ruleFile(name: string): RuleFile {
  return { name, content: readFileSync(`${SHARED}rules/${name}`, "utf8") };
}

export function fixture(name: string): RuleFile {
  return { name: `${name}.yaml`, content: readFileSync(`${SHARED}fixtures/${name}.yaml`, "utf8") };
}

export interface Case {
  name: string;
  rules: string[];
  capture?: string[];
  args?: string[];
  exit?: number;
  codes?: string[];
  itemTypes?: string[];
  detections?: { count: number | string; of: [string, string][] }[];
}

export const CASES: readonly Case[] =
  missingFalco === null ? JSON.parse(readFileSync(`${SHARED}fixtures/cases.json`, "utf8")) : [];

export function loadText(content: string, options: LoadOptions = {}): Loaded {
  return loadRules([{ name: "rules.yaml", content }], options);
}

/** The codes of errors and warnings of all files, in order. */
export function codesOf(loaded: Loaded): string[] {
  return loaded.results.flatMap((r) => [...r.errors, ...r.warnings].map((f) => f.code));
}
