// SPDX-License-Identifier: Apache-2.0
// Shows a policy what just happened, to see what it says. Each test has a process of its own, with memory
// that others need. So one of the operator's runs at a time, and one of all tenants: no tenant keeps the
// operator waiting. A tenant has one place in the tenants' line, so that none keeps another one out of it.
import { VedetteError } from "../errors.js";
import type { Asked } from "../policy/service.js";
import type { Owner } from "../store/store.js";
import { Problem } from "./problem.js";
import type { Recent, RecentBatches } from "./recent.js";
import type { PolicyTried } from "./shapes.js";
import { ownerOf, type Viewer } from "./viewer.js";

const SAMPLES_MAX = 20;
/** With the start of the process and the compiling; then whoever asks is told, and it ends by itself. */
const MS_MAX = 25_000;

/** The policies that are loaded, tried on what is recent. */
export class PolicyTrials {
  readonly #tryPolicy: Asked["tryPolicy"];
  readonly #recent: Recent;
  readonly #msMax: number;
  /** Whose test runs or waits. */
  readonly #asking = new Set<Owner>();
  readonly #lines = { operator: new Line(), tenants: new Line() };

  /** `msMax`: how long one who asks waits. */
  constructor(tryPolicy: Asked["tryPolicy"], recent: Recent, msMax = MS_MAX) {
    this.#tryPolicy = tryPolicy;
    this.#recent = recent;
    this.#msMax = msMax;
  }

  /** Null: there is no such policy. Throws a Problem. */
  async try(viewer: Viewer, tenant: string, policy: string): Promise<PolicyTried | null> {
    const owner = ownerOf(viewer);
    if (this.#asking.has(owner)) throw new Problem(429, "A policy of yours is being tested. Wait until that is done.");
    this.#asking.add(owner);
    const asked = { isLate: false, hasBegun: false };
    const line = owner === null ? this.#lines.operator : this.#lines.tenants;
    const said = line.run(async () => {
      if (asked.isLate) return null;
      asked.hasBegun = true;
      try {
        return await this.#tried(tenant, policy);
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
    let shown: RecentBatches = { batches: [], events: 0, from: null, to: null };
    const trial = this.#tryPolicy(tenant, policy, (scope) => {
      shown = this.#recent.within(scope);
      return shown.batches;
    });
    if (trial === null) return null;
    try {
      return triedOf(await trial, shown);
    } catch (error) {
      if (error instanceof VedetteError) throw new Problem(503, error.message, error.code, error.hint);
      throw error;
    }
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

function late(ms: number): Promise<never> {
  return new Promise((_, reject) => {
    setTimeout(() => reject(new Problem(503, "The policy's test takes too long on this machine.")), ms).unref();
  });
}
