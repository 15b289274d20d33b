// SPDX-License-Identifier: Apache-2.0
// `vedette trace --summary`: for each call how often, how many failed, how long they took (entry to return,
// so a sleep counts), and by which tier they were seen; then how many events that made, and what was lost. A
// table, or one JSON object.
import { LOST } from "../../build/generated/events.js";
import type { Batch } from "../wire/batch.js";
import { fieldValue } from "../wire/fields.js";
import { RecordFlag, TIERS } from "../wire/layout.js";
import { PerEvent } from "../wire/per-event.js";

/** These return twice, the second time in the child, with 0: one call and two events. */
const RETURN_TWICE = new Set(["clone", "clone3", "fork", "vfork"]);

interface Row {
  readonly returnsTwice: boolean;
  count: number;
  errors: number;
  ns: number;
  readonly tiers: number[];
}

// Of a notice: a call site that the inline tier could not patch, why, and how many calls were traced there.
const KIND = fieldValue("evt.arg.kind");
const TEXT = fieldValue("evt.arg.text");
const VALUE = fieldValue("evt.arg.value");

/** What the summary of a run says beyond its events. */
export interface Losses {
  /** Cumulative counters, in the order of `lost:` in events.yaml. */
  readonly lost: readonly number[];
  /** Gaps of evt.num that the receiver found. */
  readonly missing: number;
}

/** Counts records by their call. `seconds` in its answer is the sum of latencies. */
export class Summary {
  readonly #rows = new PerEvent<Row>(({ name }) => ({
    returnsTwice: RETURN_TWICE.has(name),
    count: 0,
    errors: 0,
    ns: 0,
    tiers: TIERS.map(() => 0),
  }));
  #events = 0;
  readonly #unpatched = new Map<string, number>();

  /** Counts the records of a batch, or those at some of its offsets; reads the headers alone. */
  add(batch: Batch, offsets: Iterable<number> = batch.offsets): void {
    const view = batch.recordView;
    for (const at of offsets) {
      const row = this.#rows.of(batch, at);
      this.#events++;
      if (row.returnsTwice && view.getBigInt64(at + 24, true) === 0n) continue;
      row.count++;
      if (view.getInt32(at + 28, true) === -1) row.errors++; // the upper half of -errno; a call that never returned has INT64_MIN
      row.ns += view.getUint32(at + 32, true);
      const tier = view.getUint16(at + 2, true) & RecordFlag.tierMask;
      row.tiers[tier] = (row.tiers[tier] as number) + 1;
      if (KIND?.(batch, at) === "UNPATCHED") {
        const site = String(TEXT?.(batch, at));
        this.#unpatched.set(site, (this.#unpatched.get(site) ?? 0) + Number(VALUE?.(batch, at)));
      }
    }
  }

  json({ lost, missing }: Losses): string {
    const rows = this.#sorted();
    const call = ({ name, row }: { name: string; row: Row }) => [
      name,
      {
        count: row.count,
        errors: row.errors,
        seconds: row.ns / 1e9,
        tiers: Object.fromEntries(TIERS.map((tier, i) => [tier, row.tiers[i]])),
      },
    ];
    return JSON.stringify({
      events: this.#events,
      lost: totalLost({ lost, missing }),
      lost_by: Object.fromEntries(LOST.map(({ name }, i) => [name, lost[i] ?? 0])),
      missing,
      calls: Object.fromEntries(rows.map(call)),
      unpatched: [...this.#unpatched].map(([site, traps]) => ({ site, traps })),
    });
  }

  text(losses: Losses): string {
    const used = TIERS.filter((_, i) => this.#sorted().some(({ row }) => (row.tiers[i] as number) > 0));
    const head = ["call", "count", "errors", "seconds", ...used];
    const body = this.#sorted().map(({ name, row }) => [
      name,
      ...[row.count, row.errors].map(String),
      (row.ns / 1e9).toFixed(6),
      ...used.map((tier) => String(row.tiers[TIERS.indexOf(tier)])),
    ]);
    const sites = [...this.#unpatched].map(([site, traps]) => `\ncalled ${traps} times, always traced: ${site}`);
    return `${table([head, ...body])}${sites.join("")}\n${this.#events} events, ${lossText(losses)}`;
  }

  /** The most frequent first. */
  #sorted(): { name: string; row: Row }[] {
    return this.#rows
      .entries()
      .map(([{ name }, row]) => ({ name, row }))
      .sort((a, b) => b.row.count - a.row.count || (a.name < b.name ? -1 : 1));
  }
}

/** What did not arrive: the agent's counters, or the gaps when it died before it could tell. */
export function totalLost({ lost, missing }: Losses): number {
  return Math.max(sum(lost), missing);
}

/** `0 lost`, or how many and why. */
export function lossText(losses: Losses): string {
  const reasons = LOST.flatMap(({ name }, i) => ((losses.lost[i] ?? 0) > 0 ? [`${losses.lost[i]} ${name}`] : []));
  const total = totalLost(losses);
  return reasons.length === 0 ? `${total} lost` : `${total} lost (${reasons.join(", ")})`;
}

/** The first column to the left, numbers to the right. */
function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] as string).length)));
  return rows
    .map((row) =>
      row
        .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] as number) : cell.padStart(widths[i] as number)))
        .join("  "),
    )
    .join("\n");
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, value) => total + value, 0);
}
