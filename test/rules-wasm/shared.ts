// SPDX-License-Identifier: Apache-2.0
// Policies from a text, for tests of the SDK: written into a folder of their own, compiled, and run on events
// in the short form.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ToldFacts } from "../../host/engine/fact.js";
import type { LoadedPolicy } from "../../host/engine/policy.js";
import { PolicyRunner } from "../../host/engine/runner.js";
import { VedetteError } from "../../host/errors.js";
import { openBundle } from "../../host/policy/bundle.js";
import { PolicyCompiler } from "../../host/policy/compile.js";
import { loadPolicy } from "../../host/policy/load.js";
import { ShortEvents } from "../../host/policy/short-event.js";
import type { Measured } from "../../host/wasm/metrics-region.js";
import { type Batch, openBatch } from "../../host/wire/batch.js";

export const compiler = new PolicyCompiler();
const folders: string[] = [];

/** Writes a policy's folder. */
export function writePolicy(source: string, yaml = "", files: Readonly<Record<string, string>> = {}): string {
  const folder = mkdtempSync(join(tmpdir(), "vedette-policy-"));
  folders.push(folder);
  writeFileSync(join(folder, "policy.yaml"), `name: under-test\n${yaml}`);
  writeFileSync(join(folder, "index.ts"), source);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}

export function loadSource(
  source: string,
  yaml = "",
  files: Readonly<Record<string, string>> = {},
): Promise<LoadedPolicy> {
  return loadPolicy(openBundle(writePolicy(source, yaml, files)), { compiler });
}

/** The error that loading the policy ends with. */
export async function loadError(
  source: string,
  yaml = "",
  files: Readonly<Record<string, string>> = {},
): Promise<VedetteError> {
  try {
    await loadSource(source, yaml, files);
  } catch (error) {
    if (error instanceof VedetteError) return error;
    throw error;
  }
  throw new Error("the policy was loaded");
}

/** The policy with no more memory than it starts with: less than 64 KiB are left to it. */
export function inLeastMemory(policy: LoadedPolicy): LoadedPolicy {
  const { admitted } = policy;
  const { memory } = admitted;
  for (let maximum = memory.initial; maximum <= memory.maximum; maximum++) {
    const small = { ...policy, admitted: { ...admitted, memory: { ...memory, maximum } } };
    try {
      new PolicyRunner(small);
      return small;
    } catch {
      // Its init needs more.
    }
  }
  throw new Error("it does not start");
}

export type ShortEvent = readonly [type: string, written: Readonly<Record<string, unknown>>];

/** A policy that keeps running; each call is a batch, and gives the outputs of its alerts. */
export class Running {
  readonly #runner: PolicyRunner;
  faults: string[] = [];
  logs: string[] = [];
  /** What it told of the last batch. */
  told: ToldFacts | null = null;

  constructor(policy: LoadedPolicy) {
    this.#runner = new PolicyRunner(policy);
  }

  judge(...events: readonly ShortEvent[]): string[] {
    const short = new ShortEvents();
    for (const [type, written] of events) short.add(type, written);
    return this.judgeBytes(short.bytes());
  }

  /** The same of a batch that is there. */
  judgeBytes(bytes: Uint8Array): string[] {
    return this.judgeBatch(openBatch(bytes));
  }

  /** The same of one that was opened, with what is known of its container. */
  judgeBatch(batch: Batch): string[] {
    const { alerts, faults, logs, facts } = this.#runner.judge(batch);
    this.told = facts;
    this.faults = faults.map((fault) => `${fault.event}: ${fault.reason}`);
    this.logs = logs.map((line) => `${line.level} ${line.text}`);
    return alerts.map((alert) => alert.output);
  }

  /** What it has measured since this was last asked. */
  takeMeasured(): Measured[] {
    return this.#runner.takeMeasured();
  }

  get memoryBytes(): number {
    return this.#runner.memoryBytes;
  }
}

export function cleanUp(): void {
  compiler.close();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
}
