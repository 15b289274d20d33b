// SPDX-License-Identifier: Apache-2.0
// Explains a policy that somebody else may have written: in a process of its own, in the jail in which
// tenants' policies are tried, with a bound of memory and of time. A policy that says its way counts no
// instructions, so one that does not come to an end is ended with its process.
import { Jailed } from "../engine/jailed.js";
import { VedetteError } from "../errors.js";
import type { Explained } from "./nearest.js";
import type { TracedPolicy } from "./ways.js";
import { type AskedBatch, type FromWays, readWays, type ToWays } from "./ways-messages.js";

/** Of the process's start, which compiles the policy: a second of CPU, on a machine that may be busy. */
const START_MS_MAX = 20_000;

/** One process, which explains once. close() ends it. */
export class WaysHouse {
  readonly #child: Jailed<ToWays, FromWays>;
  #hear: (answer: FromWays) => void = () => undefined;
  #end: string | null = null;

  constructor() {
    this.#child = new Jailed("js/host/policy/ways-child.js", {
      read: readWays,
      onMessage: (answer) => this.#hear(answer),
      onEnd: (reason) => this.#fail(reason),
    });
    this.#child.keepsUsWaiting(true);
  }

  /**
   * What each rule that is switched on says of the batches, from a new state. Throws VEDETTE_POLICY_TRIAL,
   * also where it takes longer than `ms` behind the start, and where close() comes first.
   */
  async explain(traced: TracedPolicy, batches: readonly AskedBatch[], ms: number): Promise<readonly Explained[]> {
    const answer = await new Promise<FromWays>((resolve) => {
      const lasts = START_MS_MAX + ms;
      const timer = setTimeout(() => this.#fail(`it took longer than ${lasts / 1000} s`), lasts);
      this.#hear = (said) => {
        clearTimeout(timer);
        resolve(said);
      };
      if (this.#end !== null) return this.#hear({ kind: "failed", reason: this.#end });
      this.#child.tell({ kind: "policy", traced });
      for (const batch of batches) this.#child.tell({ kind: "batch", batch });
      this.#child.tell({ kind: "end" });
    });
    if (answer.kind === "explained") return answer.rules;
    throw new VedetteError("VEDETTE_POLICY_TRIAL", { path: traced.policy.place, reason: answer.reason });
  }

  close(): void {
    this.#fail("it was ended");
  }

  #fail(reason: string): void {
    this.#end ??= reason;
    this.#child.end();
    this.#hear({ kind: "failed", reason: this.#end });
  }
}
