// SPDX-License-Identifier: Apache-2.0
// Shows a policy what just happened, to see what it says, why it says nothing, or what a draft of it would
// say. Each test has a process of its own, with memory that others need. So one of the operator's runs at a
// time, and one of all tenants: no tenant keeps the operator waiting. A tenant has one place in the tenants'
// line, so that none keeps another one out of it.
import type { TrialBatch } from "../engine/trial.js";
import { VedetteError } from "../errors.js";
import type { Filter } from "../falco/falco.js";
import type { Nearest, ToldTerm } from "../policy/nearest.js";
import type { Drafted } from "../policy/seated.js";
import type { Asked } from "../policy/service.js";
import type { Owner } from "../store/store.js";
import { openBatch } from "../wire/batch.js";
import type { Conditions } from "./condition.js";
import { draftedOf } from "./drafted.js";
import { Problem } from "./problem.js";
import type { Recent, RecentBatches } from "./recent.js";
import type { PolicyDrafted, PolicyExplained, PolicyTried } from "./shapes.js";
import { ownerOf, type Viewer } from "./viewer.js";

const SAMPLES_MAX = 20;
const RULES_MAX = 200;
/** Characters of an alert that is shown. */
const OUTPUT_MAX = 1_000;
/** With the start of the process and the compiling; then whoever asks is told, and it ends by itself. */
const MS_MAX = 25_000;
const NOTHING: RecentBatches = { batches: [], events: 0, from: null, to: null };

/** What tries and explains them. */
export interface TrialSources extends Pick<Asked, "tryPolicy" | "explainPolicy" | "tryDraft"> {
  readonly recent: Recent;
  readonly conditions: Pick<Conditions, "filterOf">;
}

/** Which policy is asked about, and which of the newest events; an empty condition: all. */
export interface ExplainAsked {
  readonly tenant: string;
  readonly policy: string;
  readonly condition: string;
}

/** The policies that are loaded, tried on what is recent. */
export class PolicyTrials {
  readonly #sources: TrialSources;
  readonly #msMax: number;
  /** Whose test runs or waits. */
  readonly #asking = new Set<Owner>();
  readonly #lines = { operator: new Line(), tenants: new Line() };

  /** `msMax`: how long one who asks waits. */
  constructor(sources: TrialSources, msMax = MS_MAX) {
    this.#sources = sources;
    this.#msMax = msMax;
  }

  /** What a policy says. Null: there is no such policy. Throws a Problem. */
  try(viewer: Viewer, tenant: string, policy: string): Promise<PolicyTried | null> {
    return this.#inTurn(viewer, () => this.#tried(tenant, policy));
  }

  /** Why its rules fired, or did not. Null: there is no such policy. Throws a Problem. */
  explain(viewer: Viewer, asked: ExplainAsked): Promise<PolicyExplained | null> {
    return this.#inTurn(viewer, () => this.#explained(viewer, asked));
  }

  /** What becomes of a draft. Null: there is no such policy. Throws a Problem. */
  draft(viewer: Viewer, drafted: Drafted): Promise<PolicyDrafted | null> {
    return this.#inTurn(viewer, () => this.#drafted(drafted));
  }

  async #inTurn<T>(viewer: Viewer, work: () => Promise<T>): Promise<T | null> {
    const owner = ownerOf(viewer);
    if (this.#asking.has(owner)) throw new Problem(429, "A policy of yours is being tested. Wait until that is done.");
    this.#asking.add(owner);
    const asked = { isLate: false, hasBegun: false };
    const line = owner === null ? this.#lines.operator : this.#lines.tenants;
    const said = line.run(async () => {
      if (asked.isLate) return null;
      asked.hasBegun = true;
      try {
        return await work();
      } finally {
        this.#asking.delete(owner);
      }
    });
    return Promise.race([
      said,
      late(this.#msMax).catch((error: unknown) => {
        asked.isLate = true;
        if (!asked.hasBegun) this.#asking.delete(owner);
        throw error;
      }),
    ]);
  }

  async #tried(tenant: string, policy: string): Promise<PolicyTried | null> {
    let shown = NOTHING;
    const trial = this.#sources.tryPolicy(tenant, policy, (scope) => {
      shown = this.#sources.recent.within(scope);
      return shown.batches;
    });
    return trial === null ? null : triedOf(await orProblem(trial), shown);
  }

  async #drafted(drafted: Drafted): Promise<PolicyDrafted | null> {
    let shown = NOTHING;
    const trial = this.#sources.tryDraft(drafted, (scope) => {
      shown = this.#sources.recent.within(scope);
      return shown.batches;
    });
    const tried = trial === null ? null : await orProblem(trial);
    if (typeof tried === "string") throw new Problem(409, tried);
    return tried === null ? null : draftedOf(tried, shown);
  }

  async #explained(viewer: Viewer, { tenant, policy, condition }: ExplainAsked): Promise<PolicyExplained | null> {
    const { explainPolicy, recent, conditions } = this.#sources;
    const filter = condition === "" ? null : await conditions.filterOf(ownerOf(viewer), condition);
    let shown = NOTHING;
    let chosen = 0;
    const work = explainPolicy(tenant, policy, (scope) => {
      shown = recent.within(scope);
      return shown.batches.map((one) => {
        const offsets = filter === null ? null : chosenIn(one, filter);
        chosen += offsets?.length ?? 0;
        return { ...one, chosen: offsets };
      });
    });
    const rules = work === null ? null : await orProblem(work);
    if (rules === null) return null;
    if (typeof rules === "string") throw new Problem(409, rules);
    const { events, from, to } = shown;
    return {
      ...{ events, chosen: filter === null ? events : chosen },
      ...{ from: from === null ? null : String(from), to: to === null ? null : String(to) },
      rules: rules.map(({ nearest, ...rule }) => ({ ...rule, nearest: nearest.map(nearestOf) })),
    };
  }
}

/** Those that the condition matches. Throws a Problem. */
function chosenIn({ bytes, container }: TrialBatch, filter: Filter): readonly number[] {
  const batch = openBatch(bytes);
  batch.container = container;
  try {
    return filter.matching(batch);
  } catch {
    throw new Problem(400, "The condition cannot be carried out: it does not end, or takes too much memory.");
  }
}

function nearestOf({ count, line, terms }: Nearest): PolicyExplained["rules"][number]["nearest"][number] {
  const termOf = ({ term, is, values, at = "" }: ToldTerm) => {
    return { term, is, at, values: Object.entries(values).map(([name, value]) => ({ name, value })) };
  };
  return { count, event: line, terms: terms.map(termOf) };
}

async function orProblem<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof VedetteError) throw new Problem(503, error.message, error.code, error.hint);
    throw error;
  }
}

/** Does one thing after another, in the order in which they came. */
class Line {
  #last: Promise<unknown> = Promise.resolve();

  run<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => undefined);
    return done;
  }
}

type Result = Awaited<NonNullable<ReturnType<Asked["tryPolicy"]>>>;

function triedOf({ alerts, more = 0, fault }: Result, { events, from, to }: RecentBatches): PolicyTried {
  const rules = new Map<string, PolicyTried["rules"][number]>();
  for (const { rule, priority } of alerts)
    rules.set(rule, { rule, priority, count: (rules.get(rule)?.count ?? 0) + 1 });
  return {
    ...{ events, from: from === null ? null : String(from), to: to === null ? null : String(to) },
    ...{ left_out: more, fault },
    rules: [...rules.values()].slice(0, RULES_MAX),
    samples: alerts.slice(0, SAMPLES_MAX).map(({ time, rule, priority, output }) => {
      return { time: String(time), rule, priority, output: output.slice(0, OUTPUT_MAX) };
    }),
  };
}

function late(ms: number): Promise<never> {
  return new Promise((_, reject) => {
    setTimeout(() => reject(new Problem(503, "The policy's test takes too long on this machine.")), ms).unref();
  });
}
