// SPDX-License-Identifier: Apache-2.0
// What is asked about a policy beside its work: what it says to the events of a moment ago, and why. It runs
// in a process of its own, from a new state, and not where the policy judges.
import type { LoadedPolicy } from "../engine/policy.js";
import type { TrialBatch, TrialResult } from "../engine/trial.js";
import { TrialHouse } from "../engine/trial-house.js";
import { VedetteError } from "../errors.js";
import type { Bundle } from "./bundle.js";
import { PolicyCompiler } from "./compile.js";
import type { Explained } from "./nearest.js";
import { tracedAsLoaded } from "./trace.js";
import type { TracedPolicy } from "./ways.js";
import { WaysHouse } from "./ways-house.js";
import type { AskedBatch } from "./ways-messages.js";

/** Of all that just happened. */
const TRIAL_MS = 4_000;
/** Of compiling what is explained, some three times. */
const TRACE_MS = 60_000;
/** Policies whose traced modules are kept. */
const TRACED_MAX = 4;

/** What the rules of a policy said of each event; a text: why they cannot be explained. */
export type PolicyExplained = readonly Explained[] | string;

const NO_SOURCE =
  "Its rules are explained from its source. There is none here, or it was changed since the policy was loaded.";

/** Those that run now. close() ends them, and from then on each throws VEDETTE_POLICY_TRIAL. */
export class PolicyTrials {
  readonly #running = new Set<{ close(): void }>();
  /** Those that were explained last, the newest at the end. */
  readonly #traced = new Map<LoadedPolicy, TracedPolicy>();
  #isClosed = false;

  /** What the policy says to the batches. */
  async run(policy: LoadedPolicy, batches: readonly TrialBatch[]): Promise<TrialResult> {
    return this.#during(policy, new TrialHouse(), async (house) => {
      const [result] = await house.run([{ policy, batches }], TRIAL_MS);
      return result!;
    });
  }

  /**
   * What each rule of the policy says of the batches. `filesNow`: the policy's files as they are now; they
   * are explained where they are still what was loaded. Also throws what compiling throws.
   */
  async explain(
    policy: LoadedPolicy,
    filesNow: () => Bundle,
    batches: readonly AskedBatch[],
  ): Promise<PolicyExplained> {
    const traced = this.#traced.get(policy) ?? (await this.#trace(policy, filesNow));
    if (traced === null) return NO_SOURCE;
    this.#keep(policy, traced);
    return this.#during(policy, new WaysHouse(), (house) => house.explain(traced, batches, TRIAL_MS));
  }

  close(): void {
    this.#isClosed = true;
    for (const one of this.#running) one.close();
  }

  async #trace(policy: LoadedPolicy, filesNow: () => Bundle): Promise<TracedPolicy | null> {
    const compiler = new PolicyCompiler();
    const late = setTimeout(() => compiler.close(), TRACE_MS);
    try {
      return await this.#during(policy, compiler, () => tracedAsLoaded(policy, filesNow, compiler));
    } finally {
      clearTimeout(late);
    }
  }

  /** A few are kept: to compile one again takes seconds. */
  #keep(policy: LoadedPolicy, traced: TracedPolicy): void {
    this.#traced.delete(policy);
    this.#traced.set(policy, traced);
    for (const [oldest] of this.#traced) if (this.#traced.size > TRACED_MAX) this.#traced.delete(oldest);
  }

  async #during<Place extends { close(): void }, Told>(
    policy: LoadedPolicy,
    place: Place,
    work: (place: Place) => Promise<Told>,
  ): Promise<Told> {
    this.#running.add(place);
    try {
      if (this.#isClosed)
        throw new VedetteError("VEDETTE_POLICY_TRIAL", { path: policy.place, reason: "the host ends" });
      return await work(place);
    } finally {
      place.close();
      this.#running.delete(place);
    }
  }
}
