// SPDX-License-Identifier: Apache-2.0
// What is asked about a policy beside its work: what it says to the events of a moment ago, why, and what a
// draft of it would say. It runs in a process of its own, from a new state, and not where the policy judges.
import type { LoadedPolicy } from "../engine/policy.js";
import type { TrialBatch, TrialResult } from "../engine/trial.js";
import { TrialHouse } from "../engine/trial-house.js";
import { VedetteError } from "../errors.js";
import type { ModuleLimits } from "../wasm/admission.js";
import type { Bundle } from "./bundle.js";
import { type Compiled, PolicyCompiler } from "./compile.js";
import { type DraftTried, draftOf, failed, saidOf, testsOf } from "./draft.js";
import type { Explained } from "./nearest.js";
import { headOf, readPolicyFile } from "./policy-file.js";
import { reading } from "./readable.js";
import { tracedAsLoaded } from "./trace.js";
import type { TracedPolicy } from "./ways.js";
import { WaysHouse } from "./ways-house.js";
import type { AskedBatch } from "./ways-messages.js";

/** Of all that just happened. */
const TRIAL_MS = 4_000;
/** Of compiling what is explained, some three times, or a draft. */
const TRACE_MS = 60_000;
/** Policies whose traced modules are kept, and drafts that are: to compile one takes seconds. */
const TRACED_MAX = 4;
const DRAFTS_MAX = 4;
const DRAFT_BYTES_MAX = 1 << 20;
/** Of all tests of a draft with what it says of what just happened. */
const DRAFT_MS = 20_000;

/** What the rules of a policy said of each event; a text: why they cannot be explained. */
export type PolicyExplained = readonly Explained[] | string;

const NO_SOURCE =
  "Its rules are explained from its source. There is none here, or it was changed since the policy was loaded.";

/** A draft of a policy. */
export interface DraftAsked {
  /** Its files now; null: it has no source. */
  readonly filesNow: () => Bundle | null;
  /** Of its module. */
  readonly limits: ModuleLimits;
}

/** What it is tried on, and beside what, when it is compiled. */
export interface DraftShown {
  readonly loaded: LoadedPolicy;
  readonly batches: readonly TrialBatch[];
}

const NO_INDEX = "It has no index.ts that could be changed.";

/** Of a draft that is not tried. */
function refused(errors: readonly VedetteError[], warnings: readonly VedetteError[] = []): DraftTried {
  return { errors, warnings, tests: null, draft: null, loaded: null };
}

function ended({ place: path }: LoadedPolicy): VedetteError {
  return new VedetteError("VEDETTE_POLICY_TRIAL", { path, reason: "the host ends" });
}

/** Those that run now. close() ends them, and from then on each throws VEDETTE_POLICY_TRIAL. */
export class PolicyTrials {
  readonly #running = new Set<{ close(): void }>();
  /** Those that were explained last, the newest at the end. */
  readonly #traced = new Map<LoadedPolicy, TracedPolicy>();
  /** Drafts that were compiled last, by what they were compiled from, the newest at the end. */
  readonly #drafts = new Map<string, Compiled>();
  #isClosed = false;

  /** What the policy says to the batches. */
  async run(policy: LoadedPolicy, batches: readonly TrialBatch[]): Promise<TrialResult> {
    return this.#during(policy, new TrialHouse(), async (house) => {
      const [result] = await house.run([{ policy, batches, isBrief: true }], TRIAL_MS);
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

  /**
   * What becomes of a draft: what the compiler says, how its tests go, and what it says to the batches beside
   * what is loaded says. `now` is asked when it is compiled; null: the policy is gone by then. A text: why
   * there can be none.
   */
  async draft(
    policy: LoadedPolicy,
    { filesNow, limits }: DraftAsked,
    now: () => DraftShown | null,
  ): Promise<DraftTried | string | null> {
    let bundle: Bundle | null;
    try {
      bundle = reading(policy.place, filesNow);
    } catch (error) {
      if (error instanceof VedetteError) return refused([error]);
      throw error;
    }
    if (bundle === null) return NO_INDEX;
    const { wasm, errors, warnings } = await this.#compiledDraft(policy, bundle);
    if (wasm === null) return refused(errors, warnings);
    const shown = now();
    if (shown === null) return null;
    const { loaded: own, batches } = shown;
    try {
      const draft = draftOf(own, bundle, wasm, limits);
      // Its tests come last: they may take all the time that there is.
      const said = await this.#judging(own, async (house) => ({
        draft: await saidOf(draft, batches, house),
        tests: await testsOf(draft, bundle, house),
      }));
      const loaded = batches.length === 0 ? null : await this.#judging(own, (house) => saidOf(own, batches, house));
      if (this.#isClosed) throw ended(own);
      return { errors: [], warnings, ...said, loaded };
    } catch (error) {
      if (error instanceof VedetteError && !this.#isClosed) return refused([error], warnings);
      throw error;
    }
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

  /** Nothing of it goes to the disk. */
  async #compiledDraft(policy: LoadedPolicy, bundle: Bundle): Promise<Compiled> {
    const compiler = new PolicyCompiler();
    let isLate = false;
    const late = setTimeout(() => {
      isLate = true;
      compiler.close();
    }, TRACE_MS);
    try {
      const head = headOf(readPolicyFile(bundle).value);
      const key = `${policy.place}\n${compiler.keyOf(bundle, head)}`;
      const made = this.#drafts.get(key) ?? (await this.#during(policy, compiler, () => compiler.check(bundle, head)));
      this.#drafts.delete(key);
      if ((made.wasm?.length ?? 0) <= DRAFT_BYTES_MAX) this.#drafts.set(key, made);
      for (const [oldest] of this.#drafts) if (this.#drafts.size > DRAFTS_MAX) this.#drafts.delete(oldest);
      return made;
    } catch (error) {
      if (!(error instanceof VedetteError)) throw error;
      if (this.#isClosed) throw ended(policy);
      const reason = `it took longer than ${TRACE_MS / 1_000} s`;
      return failed(isLate ? new VedetteError("VEDETTE_COMPILER_FAILED", { path: policy.place, reason }) : error);
    } finally {
      clearTimeout(late);
    }
  }

  /** In a process of its own, which is ended when all of it takes too long. */
  async #judging<Told>(policy: LoadedPolicy, work: (house: TrialHouse) => Promise<Told>): Promise<Told> {
    const house = new TrialHouse();
    const late = setTimeout(() => house.close(`it took longer than ${DRAFT_MS / 1_000} s`), DRAFT_MS);
    try {
      return await this.#during(policy, house, work);
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
      if (this.#isClosed) throw ended(policy);
      return await work(place);
    } finally {
      place.close();
      this.#running.delete(place);
    }
  }
}
