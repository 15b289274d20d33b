// SPDX-License-Identifier: Apache-2.0
// Findings of the past under a condition of Falco's. The store knows nothing of conditions: it gives findings
// page by page, the newest first, and those are made into events again and judged by the engine that judges
// events (finding/stored.ts). A question is answered after a third of a second, or after so many findings.
// The answer says how many were looked at, and whoever wants more goes on from there. Some findings are
// judged at a time, so that a turn of the main thread stays short, and only so many ask at once.
import { setImmediate as turn } from "node:timers/promises";
import type { Filter } from "../falco/falco.js";
import type { FindingPage, FindingQuery, Owner, Store } from "../store/store.js";
import { Turns } from "../store/turns.js";
import type { Conditions } from "./condition.js";
import { KeptFilters } from "./kept-filters.js";
import { Problem } from "./problem.js";

/** Of one question. */
const LOOK_MS_MAX = 350;
const LOOKED_MAX = 20_000;
const PAGE_BYTES_MAX = 1 << 20;
/** Findings that are read at once, and judged at once. */
const READ_AT_ONCE = 250;
const JUDGED_AT_ONCE = 8;
/** Questions at once; of one tenant one (turns.ts). */
const AT_ONCE = 2;

/** A page, and how many findings were looked at for it. */
export interface HistoryPage extends Omit<FindingPage, "after"> {
  readonly looked: number;
}

/** Answers questions with a condition. */
export class History {
  readonly #turns = new Turns(AT_ONCE);
  readonly #filters: KeptFilters;

  constructor(conditions: Pick<Conditions, "filterOf">) {
    this.#filters = new KeptFilters(async (owner, condition) => {
      const { STORED_FIELDS } = await import("../finding/stored.js");
      return conditions.filterOf(owner, condition, STORED_FIELDS);
    });
  }

  /**
   * Findings of the owner that the query and the condition want. Throws a Problem where the condition is
   * wrong, VEDETTE_STORE_BUSY, and what the store throws.
   */
  async page(store: Store, owner: Owner, query: FindingQuery, condition: string): Promise<HistoryPage> {
    // Before its turn: others' questions do not wait for this one's compiler.
    const filter = await this.#filters.of(owner, condition);
    return this.#turns.run(owner, async () => {
      try {
        return await look(store, owner, query, filter);
      } catch (error) {
        this.#filters.forget(owner, condition); // one that failed is no use
        throw error;
      }
    });
  }
}

async function look(store: Store, owner: Owner, query: FindingQuery, filter: Filter): Promise<HistoryPage> {
  const until = performance.now() + LOOK_MS_MAX;
  const items: string[] = [];
  let [before, looked, damaged, bytes] = [query.before ?? null, 0, 0, 0];
  for (;;) {
    const page = await store.page(owner, { ...query, limit: READ_AT_ONCE, before });
    damaged += page.damaged;
    for (let from = 0; from < page.items.length; from += JUDGED_AT_ONCE) {
      const some = page.items.slice(from, from + JUDGED_AT_ONCE);
      for (const index of await matching(filter, some)) {
        const item = some[index]!;
        items.push(item);
        bytes += item.length;
        const at = from + index;
        const isEnd = page.next === null && at === page.items.length - 1;
        if (items.length >= query.limit || bytes > PAGE_BYTES_MAX)
          return { items, next: isEnd ? null : page.after[at]!, isComplete: true, damaged, looked: looked + at + 1 };
      }
      const at = from + some.length;
      const isOver = performance.now() > until || looked + at >= LOOKED_MAX;
      if (isOver && at < page.items.length)
        return { items, next: page.after[at - 1]!, isComplete: false, damaged, looked: looked + at };
      await turn();
    }
    looked += page.items.length;
    before = page.next;
    const isComplete = before === null;
    if (isComplete || performance.now() > until || looked >= LOOKED_MAX)
      return { items, next: before, isComplete, damaged, looked };
  }
}

/** Which of them the condition matches, in their order. */
async function matching(filter: Filter, items: readonly string[]): Promise<number[]> {
  const { storedBatches } = await import("../finding/stored.js");
  const findings = items.map((item) => (JSON.parse(item) as { finding?: unknown }).finding);
  try {
    return storedBatches(findings)
      .flatMap(({ batch, indexOf }) => filter.matching(batch).map((at) => indexOf.get(at)!))
      .sort((a, b) => a - b);
  } catch {
    throw new Problem(400, "The condition cannot be carried out: it does not end, or takes too much memory.");
  }
}
