// SPDX-License-Identifier: Apache-2.0
// What `run`, `serve` and `falco` were told, told again while they run: their files are read anew, with the
// same command line and environment. Policies, rules, outputs and responses are taken; what else changed is
// named, and taken at the next start.
import { isDeepStrictEqual } from "node:util";
import type { Outputs } from "../output/outputs.js";
import { metricsOf, tracesOf } from "../output/registry.js";
import type { Judging, Rereading } from "../sensor/sensor.js";
import { warn } from "./failure.js";
import { filesOf, type JudgingFlags } from "./falco-judging.js";

/** How a command is told again. */
export interface Again<F> {
  /** Its flags, read anew; null: they are what they were. Throws what is wrong in a file of configuration. */
  readonly flags: (() => F | Promise<F>) | null;
  /** Files and folders of configuration, apart from those that the flags name. */
  readonly files?: () => readonly string[];
  /** Whether files are looked at all the time, where the flags do not say so. */
  readonly watches?: boolean;
}

/** Its flags stay. */
export const NEVER: Again<never> = { flags: null };

/** What a command judges with, of flags; `running`: the outputs that it has already. */
export type JudgingOf<F> = (flags: F, running: Outputs | null) => Promise<Judging & { readonly outputs: Outputs }>;

/** Flags that are taken while a command runs. */
const TAKEN = new Set([
  ...["falcoRules", "option", "usesShortOption", "matching", "falcoExact", "strict", "tag", "withoutTag"],
  ...["withoutRule", "config", "configFile", "policy", "alerts", "alertsDetail", "repeats", "syslog", "syslogCa"],
  ...["outputs", "respond"],
]);

/** Judges by flags, and again by what they have become. */
export class Reread<F extends Partial<JudgingFlags>> implements Rereading {
  readonly isWatching: boolean;
  readonly #again: Again<F>;
  readonly #judging: JudgingOf<F>;
  /** As they were read the last time, whatever became of that. */
  #flags: F;
  /** The files that these flags name; null: nobody has asked. */
  #files: readonly string[] | null = null;
  #fixed: Record<string, unknown> = {};
  #outputs: Outputs | null = null;

  constructor(flags: F, again: Again<F>, judging: JudgingOf<F>) {
    this.#flags = flags;
    this.#again = again;
    this.#judging = judging;
    this.isWatching = flags.watchConfig ?? again.watches ?? false;
  }

  /** For the start. */
  async open(): Promise<Judging> {
    const judging = await this.#judging(this.#flags, null);
    this.#outputs = judging.outputs;
    this.#fixed = fixedOf(this.#flags, judging);
    return judging;
  }

  async files(): Promise<readonly string[]> {
    this.#files ??= await filesOf(this.#flags);
    return [...(this.#again.files?.() ?? []), ...this.#files];
  }

  async read(onNamed: () => Promise<void>): Promise<Judging> {
    const flags = (await this.#again.flags?.()) ?? this.#flags;
    [this.#flags, this.#files] = [flags, null];
    await onNamed();
    const judging = await this.#judging(flags, this.#outputs);
    const fixed = fixedOf(flags, judging);
    const names = Object.keys({ ...this.#fixed, ...fixed }).filter(
      (name) => !isDeepStrictEqual(this.#fixed[name], fixed[name]),
    );
    names.push(...(judging.change?.held ?? []).map((name) => `outputs.${name}`));
    if (names.length > 0) warn(`vedette: changed, and taken at the next start: ${names.join(", ")}`);
    return judging;
  }
}

/** What only the next start takes, by the names of options. */
function fixedOf(flags: Partial<JudgingFlags>, { keeps }: Judging): Record<string, unknown> {
  const { asked: _, ...evidence } = keeps ?? {};
  const others = Object.entries(flags).filter(([name, value]) => !TAKEN.has(name) && typeof value !== "function");
  const named = others.map(([name, value]) => [name.replace(/[A-Z]/g, (one) => `-${one.toLowerCase()}`), value]);
  const metrics = metricsOf(flags.outputs);
  return {
    ...Object.fromEntries(named),
    evidence,
    "metrics of outputs": metrics,
    "traces of outputs": tracesOf(flags.outputs),
  };
}
