// SPDX-License-Identifier: Apache-2.0
// Runs rules on batches the way the host does: compiled, admitted, called. Gives for each record the names of
// the rules that matched.
import { type CompileOptions, compilePolicy } from "../../../host/falco/compile/policy.js";
import type { LoadedRule } from "../../../host/falco/load.js";
import { type Admitted, admit, WIDE_LIMITS } from "../../../host/wasm/admission.js";
import { PolicyInstance } from "../../../host/wasm/instance.js";
import { type Batch, openBatch } from "../../../host/wire/batch.js";
import { loadText } from "./shared.js";

export class Judge {
  #matches: [rule: number, record: number][] = [];
  readonly #instance: PolicyInstance | null;
  readonly #rules: readonly LoadedRule[];

  private constructor(
    rules: readonly LoadedRule[],
    admitted: Admitted | null,
    readonly wasm: Uint8Array,
  ) {
    this.#rules = rules;
    const onAlert = (rule: number, record: number) => void this.#matches.push([rule, record]);
    this.#instance = admitted && PolicyInstance.start(admitted, new Map() as never, { onAlert, onLog: () => {} });
  }

  static async of(rules: readonly LoadedRule[], options: Partial<CompileOptions> = {}): Promise<Judge> {
    const { wasm, rules: told } = compilePolicy(rules, { name: "rules", ...options });
    return new Judge(told, told.length === 0 ? null : await admit(wasm, "rules", WIDE_LIMITS), wasm);
  }

  /** The names of the rules that each record of the batch matches, in the order they were told. */
  judge(batch: Batch): string[][] {
    this.#matches = [];
    const trap = this.#instance?.judge(batch, { index: 0, offset: 0 });
    if (trap) throw trap;
    const out = Array.from(batch.offsets, (): string[] => []);
    for (const [rule, record] of this.#matches) out[batch.offsets.indexOf(record)]!.push(this.#rules[rule]!.name);
    return out;
  }
}

/** Rules of the given conditions, named by them. */
export function rulesOf(conditions: readonly string[], isFalcoExact = false): LoadedRule[] {
  return namedRules(conditions, (condition) => condition, isFalcoExact);
}

/** Rules of the given conditions, named by their places. */
export function numberedRules(conditions: readonly string[]): LoadedRule[] {
  return namedRules(conditions, (_, place) => String(place), false);
}

function namedRules(
  conditions: readonly string[],
  nameOf: (condition: string, place: number) => string,
  isFalcoExact: boolean,
): LoadedRule[] {
  const text = conditions.map(
    (c, i) =>
      `- rule: ${JSON.stringify(nameOf(c, i))}\n  desc: d\n  condition: ${JSON.stringify(c)}\n  output: o\n  priority: INFO\n`,
  );
  const loaded = loadText(text.join(""), { isFalcoExact });
  if (!loaded.ok) throw new Error(loaded.results[0]!.text(loaded.contents));
  return loaded.rules;
}

export { openBatch };
