// SPDX-License-Identifier: Apache-2.0
// Falco's own files (rules, fixtures, captures), which stand beside the checkout and are read where they are.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Loaded, type LoadOptions, loadRules, type RuleFile } from "../../../host/falco/load.js";

export const SHARED = fileURLToPath(new URL("../../../../shared/falco/", import.meta.url));
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

export const CASES: Case[] = JSON.parse(readFileSync(`${SHARED}fixtures/cases.json`, "utf8"));

export function loadText(content: string, options: LoadOptions = {}): Loaded {
  return loadRules([{ name: "rules.yaml", content }], options);
}

/** The codes of errors and warnings of all files, in order. */
export function codesOf(loaded: Loaded): string[] {
  return loaded.results.flatMap((r) => [...r.errors, ...r.warnings].map((f) => f.code));
}
