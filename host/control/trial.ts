// SPDX-License-Identifier: Apache-2.0
// Shows a policy what just happened, to see what it says. One is tried at a time: each has a process of its
// own, with memory that others need.
import { VedetteError } from "../errors.js";
import type { Asked } from "../policy/service.js";
import { Problem } from "./problem.js";
import type { Recent, RecentBatches } from "./recent.js";
import type { PolicyTried } from "./shapes.js";

const SAMPLES_MAX = 20;
/** With the start of the process and the compiling; then whoever asks is told, and it ends by itself. */
const MS_MAX = 25_000;

/** The policies that are loaded, tried on what is recent. */
export class PolicyTrials {
  readonly #tryPolicy: Asked["tryPolicy"];
  readonly #recent: Recent;
  #isBusy = false;

  constructor(tryPolicy: Asked["tryPolicy"], recent: Recent) {
    this.#tryPolicy = tryPolicy;
    this.#recent = recent;
  }

  /** Null: there is no such policy. Throws a Problem. */
  try(tenant: string, policy: string): Promise<PolicyTried> | null {
    if (this.#isBusy) throw new Problem(429, "A policy is being tested. Wait until that is done.");
    let shown: RecentBatches = { batches: [], events: 0, from: null, to: null };
    const trial = this.#tryPolicy(tenant, policy, (scope) => {
      shown = this.#recent.within(scope);
      return shown.batches;
    });
    if (trial === null) return null;
    this.#isBusy = true;
    const said = trial
      .then((result) => triedOf(result, shown))
      .catch((error: unknown) => {
        if (error instanceof VedetteError) throw new Problem(503, error.message, error.code, error.hint);
        throw error;
      })
      .finally(() => {
        this.#isBusy = false;
      });
    return Promise.race([said, late()]);
  }
}

type Result = Awaited<NonNullable<ReturnType<Asked["tryPolicy"]>>>;

function triedOf({ alerts, fault }: Result, { events, from, to }: RecentBatches): PolicyTried {
  const rules = new Map<string, PolicyTried["rules"][number]>();
  for (const { rule, priority } of alerts)
    rules.set(rule, { rule, priority, count: (rules.get(rule)?.count ?? 0) + 1 });
  return {
    ...{ events, from: from === null ? null : String(from), to: to === null ? null : String(to), fault },
    rules: [...rules.values()],
    samples: alerts
      .slice(0, SAMPLES_MAX)
      .map(({ time, rule, priority, output }) => ({ time: String(time), rule, priority, output })),
  };
}

function late(): Promise<never> {
  return new Promise((_, reject) => {
    setTimeout(() => reject(new Problem(503, "The policy's test takes too long on this machine.")), MS_MAX).unref();
  });
}
