// SPDX-License-Identifier: Apache-2.0
// How many findings there were about each process and each container since Vedette began, and the incident
// of the newest. Each owner of findings, a tenant or the operator, has a book of his own. A tenant is told of
// his alone: he does not learn what the operator's rules found. The operator is told of all together.
//
// All books together are bounded. When there is too much, the book with most in it forgets what was found
// longest ago. So whoever floods forgets what is his own, and nothing of others. What may have been forgotten
// is not told as 0: its number is null. A process that began later than what was forgotten has nothing there.
import type { Alert } from "../output/alert.js";
import { findingKey, startOf } from "./process-key.js";
import { ownerOf, type Viewer } from "./viewer.js";

/** Processes and containers, of all owners together. */
export const KEYS_MAX = 20_000;

/** Of one process or container. */
export interface FoundCount {
  /** At least so many; null: there was none that is still known, and some may have been forgotten. */
  readonly findings: number | null;
  /** Its id; null: the newest is of none, or it is not known. */
  readonly incident: string | null;
}

interface Count {
  readonly findings: number;
  readonly incident: string | null;
  /** Larger: the newest of them came later. */
  readonly seq: number;
  /** Of the newest, ns since the epoch. */
  readonly time: bigint;
}

/** The counts of one owner of findings; what was found last stands last. */
interface Book {
  readonly counts: Map<string, Count>;
  /** When the newest that was forgotten was found, ns since the epoch; null: nothing was. */
  forgotten: bigint | null;
}

/** All of them. */
export class Found {
  /** By tenant; `""`: the operator's own. */
  readonly #books = new Map<string, Book>();
  #size = 0;
  #seq = 0;

  add({ finding, tenant = "", incident }: Alert): void {
    if (finding === undefined) return;
    const book = this.#books.get(tenant) ?? { counts: new Map(), forgotten: null };
    this.#books.set(tenant, book);
    const process = findingKey(finding);
    const newest = { incident: incident?.id ?? null, time: finding.event.time };
    if (process !== null) this.#count(book, `process ${process}`, newest);
    this.#count(book, `container ${finding.container?.id ?? ""}`, newest);
  }

  /** `key` as process-key.ts makes it. */
  ofProcess(viewer: Viewer, key: string): FoundCount {
    return this.#of(viewer, `process ${key}`, startOf(key));
  }

  /** `id` is empty outside a container. */
  ofContainer(viewer: Viewer, id: string): FoundCount {
    return this.#of(viewer, `container ${id}`);
  }

  /** `began`: when there can first have been something, ns since the epoch. */
  #of(viewer: Viewer, key: string, began = 0n): FoundCount {
    const owner = ownerOf(viewer);
    const books = owner === null ? [...this.#books.values()] : [this.#books.get(owner)];
    const counts = books.flatMap((book) => book?.counts.get(key) ?? []).sort((a, b) => b.seq - a.seq);
    if (counts.length === 0) {
      const mayBeForgotten = books.some((book) => (book?.forgotten ?? -1n) >= began);
      return { findings: mayBeForgotten ? null : 0, incident: null };
    }
    const incident = counts.find((count) => count.incident !== null)?.incident ?? null;
    return { findings: counts.reduce((all, { findings }) => all + findings, 0), incident };
  }

  #count({ counts }: Book, key: string, { incident, time }: Pick<Count, "incident" | "time">): void {
    const before = counts.get(key);
    counts.delete(key);
    counts.set(key, {
      findings: (before?.findings ?? 0) + 1,
      incident: incident ?? before?.incident ?? null,
      seq: ++this.#seq,
      time,
    });
    if (before === undefined) this.#size++;
    if (this.#size > KEYS_MAX) this.#forgetOne();
  }

  /** The oldest of who has most. */
  #forgetOne(): void {
    const [largest] = [...this.#books.values()].sort((a, b) => b.counts.size - a.counts.size);
    const [[oldest, { time }]] = largest!.counts as unknown as [[string, Count]];
    largest!.counts.delete(oldest);
    largest!.forgotten = time > (largest!.forgotten ?? 0n) ? time : largest!.forgotten;
    this.#size--;
  }
}
