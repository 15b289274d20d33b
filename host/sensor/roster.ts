// SPDX-License-Identifier: Apache-2.0
// Who watches: a row for each container whose agents came, with what came of them and what was lost. It
// stands between the intake and the monitor, which counts the same for Prometheus. Bounded as that is.
import { LOST } from "../../build/generated/events.js";
import type { SensorRow } from "../control/shapes.js";
import type { VedetteError } from "../errors.js";
import type { BatchFacts, IntakeCounts, Peer } from "../intake/intake.js";
import { mostLost } from "./lost.js";

const NAMES_MAX = 256;
const OTHERS = "(others)";
const NS_PER_MS = 1_000_000n;

interface Row {
  readonly name: string;
  readonly agents: Set<number>;
  peer: Peer | null;
  since: bigint | null;
  last: bigint | null;
  delayMs: number | null;
  events: number;
  batches: number;
  /** What each agent said last that it has lost so far, by reason; one that speaks again says no less. */
  readonly lost: Map<string, readonly number[]>;
}

/** All containers that agents came from, since the start. */
export class Roster implements IntakeCounts {
  readonly #next: IntakeCounts;
  readonly #rows = new Map<string, Row>();

  /** `next` is told the same. */
  constructor(next: IntakeCounts) {
    this.#next = next;
  }

  onHello(peer: Peer): void {
    const row = this.#row(peer.name);
    row.peer = peer;
    row.agents.add(peer.number);
    row.since = now();
  }

  onLeft({ name, number }: Peer): void {
    this.#row(name).agents.delete(number);
  }

  rows(): SensorRow[] {
    return [...this.#rows.values()].map(({ name, agents, peer, since, last, delayMs, events, batches, lost }) => {
      const { id = null, name: called = null, image = null } = peer?.facts ?? {};
      return {
        ...{ name, hostname: peer?.hostname ?? "", image, agents: agents.size, delayMs, events, batches },
        container: id === null ? null : { id, name: called },
        since: since === null ? null : String(since),
        last: last === null ? null : String(last),
        lost: Object.fromEntries(
          LOST.map(({ name: reason }, at): [string, number] => [
            reason,
            [...lost.values()].reduce((all, counts) => all + (counts[at] ?? 0), 0),
          ]).filter(([, count]) => count > 0),
        ),
      };
    });
  }

  onAgents(count: number): void {
    this.#next.onAgents(count);
  }

  onBatch(name: string, batch: BatchFacts): void {
    const row = this.#row(name);
    const at = now();
    row.events += batch.count;
    row.batches++;
    row.last = at;
    row.delayMs = Math.max(0, Number((at - batch.clock) / NS_PER_MS));
    lostMore(row, batch.source, batch.lost);
    this.#next.onBatch(name, batch);
  }

  onLost(name: string, source: string, lost: readonly number[]): void {
    lostMore(this.#row(name), source, lost);
    this.#next.onLost(name, source, lost);
  }

  onGone(name: string, cause: string): void {
    this.#next.onGone(name, cause);
  }

  onSilent(name: string): void {
    this.#next.onSilent(name);
  }

  onRefusal(error: VedetteError, count: number): void {
    this.#next.onRefusal(error, count);
  }

  #row(asked: string): Row {
    const name = this.#rows.size < NAMES_MAX || this.#rows.has(asked) ? asked : OTHERS;
    let row = this.#rows.get(name);
    if (row === undefined) {
      const times = { since: null, last: null, delayMs: null };
      row = { name, agents: new Set(), peer: null, ...times, events: 0, batches: 0, lost: new Map() };
      this.#rows.set(name, row);
    }
    return row;
  }
}

const now = (): bigint => BigInt(Date.now()) * NS_PER_MS;

/** Of so many agents at most: one that ended long ago is forgotten with what it lost. */
function lostMore({ lost }: Row, source: string, counts: readonly number[]): void {
  const most = mostLost(lost.get(source) ?? [], counts);
  lost.delete(source);
  lost.set(source, most);
  if (lost.size > NAMES_MAX) lost.delete(lost.keys().next().value as string);
}
