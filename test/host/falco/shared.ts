// SPDX-License-Identifier: Apache-2.0
// What tests of Falco's rules read: Falco's own files, where they are (test/falco-files.ts), and rules in a
// text.

import { existsSync, readFileSync } from "node:fs";
import { type Loaded, type LoadOptions, loadRules, type RuleFile } from "../../../host/falco/load.js";
import type { ContainerFacts } from "../../../host/wire/container.js";
import { FALCO, missingFalco, withFalco } from "../../falco-files.js";

export { withFalco };

/** Falco's files, to be followed by a path there. */
export const SHARED = `${FALCO}/`;
export const OFFICIAL = ["falco_rules.yaml", "falco-incubating_rules.yaml", "falco-sandbox_rules.yaml"];
export const DEPRECATED = ["falco-deprecated_rules.yaml", "application_rules.yaml"];

/** Facts of a container of which nothing is known but `known`. */
export function factsOf(known: Pick<ContainerFacts, "id" | "name" | "type"> & Partial<ContainerFacts>): ContainerFacts {
  return {
    image: null,
    imageId: null,
    imageRepository: null,
    imageTag: null,
    imageDigest: null,
    labels: null,
    ip: null,
    cluster: null,
    service: null,
    taskArn: null,
    taskFamily: null,
    taskRevision: null,
    containerArn: null,
    availabilityZone: null,
    ...known,
  };
}

export function ruleFile(name: string): RuleFile {
  return { name, content: readFileSync(`${SHARED}rules/${name}`, "utf8") };
}

/** Another folder of cases: `npm test -- falco --cases DIR`. */
export const GIVEN = process.env.VEDETTE_FALCO_CASES ?? null;

/** Rules of a case, from beside the cases, else from Falco's own. */
export function fixture(name: string): RuleFile {
  return { name: `${name}.yaml`, content: readFileSync(placeOf(`${name}.yaml`, `fixtures/${name}.yaml`), "utf8") };
}

/** Where a file of the given folder of cases is, or of Falco's own. */
export function placeOf(given: string, own: string): string {
  const places = GIVEN === null ? [] : [`${GIVEN}/${given}`, `${GIVEN}/captures/${given}`];
  return places.find(existsSync) ?? `${SHARED}${own}`;
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

export const CASES: readonly Case[] = casesIn(GIVEN ?? (missingFalco === null ? `${SHARED}fixtures` : null));

function casesIn(folder: string | null): readonly Case[] {
  if (folder === null || !existsSync(`${folder}/cases.json`)) return [];
  return JSON.parse(readFileSync(`${folder}/cases.json`, "utf8"));
}

export function loadText(content: string, options: LoadOptions = {}): Loaded {
  return loadRules([{ name: "rules.yaml", content }], options);
}

/** The codes of errors and warnings of all files, in order. */
export function codesOf(loaded: Loaded): string[] {
  return loaded.results.flatMap((r) => [...r.errors, ...r.warnings].map((f) => f.code));
}
