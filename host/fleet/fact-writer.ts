// SPDX-License-Identifier: Apache-2.0
// Brings the facts that policies told onto the bus, in a pool of judges and in a sidecar: each to the
// partition of facts that its owner, kind and key say. So all facts of one key come to one place, whichever
// tasks they are of. What is told of one agent stays in its order. In a pool a batch counts as judged only
// when its facts are on the bus, or were given up and counted.
//
//   policy -> facts of one batch -> by (owner, kind, key) -> VF_0 | VF_1 | ...
import { setTimeout as sleep } from "node:timers/promises";
import type { ToldFacts } from "../engine/fact.js";
import { FACTS_PER_BATCH } from "../engine/fact.js";
import { visible } from "../output/visible.js";
import { reasonOf } from "../reason.js";
import { type Bus, BusFailure } from "./bus.js";
import { encodeFacts, type FactOrigin, type SentFact } from "./fact-message.js";
import { factStream, placeOfFact, subjectOfFacts } from "./subject.js";

/** Where facts go. */
export interface FactWriterOptions {
  readonly bus: Pick<Bus, "publish" | "ensure">;
  /** Of facts: the same for all hosts of the pool. */
  readonly partitions: number;
  /** Of streams that it makes: how many servers keep them. Undefined: one. */
  readonly replicas?: number;
  /** Told how many facts came, and how many will never be on the bus. */
  readonly counts: { add(what: "facts" | "factsDropped", count: number): void };
  /** Told why the bus takes nothing, once until it does. */
  readonly say: (line: string) => void;
}

interface Waiting {
  readonly subject: string;
  readonly body: Buffer;
  readonly count: number;
}

const RETRY_MS = 200;
const RETRY_MS_MAX = 5_000;
/** Of a message, before one more fact is put in. */
const BYTES_MAX = 256 << 10;
const AWAY = "facts do not reach the bus";
const GIVEN_UP = "facts are given up";

/** Those of one partition of blocks, or of one sidecar. */
export class FactWriter {
  readonly #options: FactWriterOptions;
  readonly #queues = new Map<number, Waiting[]>();
  readonly #sending = new Map<number, Promise<void>>();
  readonly #told = new Set<string>();
  #waitingBytes = 0;
  #problem: string | null = null;

  constructor(options: FactWriterOptions) {
    this.#options = options;
  }

  /** Bytes of messages that are not on the bus yet. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** Why the bus takes nothing; null: it does. */
  get problem(): string | null {
    return this.#problem;
  }

  /** Takes what a policy told. It goes to the bus with the next flush(). */
  add(origin: FactOrigin, { source, seq, facts, dropped }: ToldFacts): void {
    const { counts, partitions } = this.#options;
    counts.add("facts", facts.length);
    counts.add("factsDropped", dropped);
    const byPlace = new Map<number, SentFact[]>();
    facts.forEach((fact, i) => {
      const place = placeOfFact(origin.owner, fact.kind, fact.key, partitions);
      byPlace.set(place, [...(byPlace.get(place) ?? []), { seq: seq * FACTS_PER_BATCH + i, ...fact }]);
    });
    for (const [place, some] of byPlace) {
      const queue = this.#queues.get(place) ?? [];
      this.#queues.set(place, queue);
      const subject = subjectOfFacts(origin.tenant, origin.task, place);
      for (const part of parted(some)) {
        const body = encodeFacts({ ...origin, source, facts: part });
        this.#waitingBytes += body.length;
        queue.push({ subject, body, count: part.length });
      }
    }
  }

  /** What is not on the bus by now never will be, and is counted: so many facts. */
  giveUp(): number {
    const waiting = [...this.#queues.values()].flatMap((queue) => queue.splice(0));
    const count = waiting.reduce((sum, one) => sum + one.count, 0);
    this.#waitingBytes = 0;
    this.#options.counts.add("factsDropped", count);
    return count;
  }

  /** Until all that was added is on the bus. False: `signal` came before. */
  async flush(signal: AbortSignal): Promise<boolean> {
    await Promise.all(
      [...this.#queues].map(([place, queue]) => {
        const sending =
          this.#sending.get(place) ??
          this.#sendAll(place, queue, signal).finally(() => {
            this.#sending.delete(place);
          });
        this.#sending.set(place, sending);
        return sending;
      }),
    );
    return [...this.#queues.values()].every((queue) => queue.length === 0);
  }

  async #sendAll(place: number, queue: Waiting[], signal: AbortSignal): Promise<void> {
    for (let delay = RETRY_MS; !signal.aborted; ) {
      const next = queue[0];
      if (next === undefined) return;
      const wait = await this.#send(place, next, signal);
      if (wait) {
        await sleep(delay, undefined, { signal }).catch(() => undefined);
        delay = Math.min(2 * delay, RETRY_MS_MAX);
      } else {
        if (queue[0] === next) {
          queue.shift();
          this.#waitingBytes -= next.body.length;
        }
        delay = RETRY_MS;
      }
    }
  }

  /** True: it is to be tried again. */
  async #send(place: number, { subject, body, count }: Waiting, signal: AbortSignal): Promise<boolean> {
    const { bus, counts } = this.#options;
    try {
      await bus.publish(subject, body, signal);
      this.#told.delete(AWAY);
      this.#problem = null;
      return false;
    } catch (error) {
      if (signal.aborted) return true;
      const kind = error instanceof BusFailure ? error.kind : "away";
      if (kind === "nobody" && (await this.#made(place, signal))) return true;
      if (kind === "refused" || kind === "large") {
        counts.add("factsDropped", count);
        this.#tell(GIVEN_UP, reasonOf(error));
        return false;
      }
      this.#isAway(error);
      return true;
    }
  }

  async #made(place: number, signal: AbortSignal): Promise<boolean> {
    const { bus, replicas } = this.#options;
    try {
      await bus.ensure({ ...factStream(place), ...(replicas === undefined ? {} : { replicas }) }, signal);
      return true;
    } catch (error) {
      this.#isAway(error);
      return false;
    }
  }

  #isAway(error: unknown): void {
    this.#problem = `${AWAY}: ${visible(reasonOf(error))}`;
    this.#tell(AWAY, reasonOf(error));
  }

  #tell(what: string, why: string): void {
    if (this.#told.has(what)) return;
    this.#told.add(what);
    this.#options.say(`${what}: ${visible(why)}`);
  }
}

/** In parts that a message holds. */
function parted(facts: readonly SentFact[]): SentFact[][] {
  const parts: SentFact[][] = [];
  let bytes = 0;
  for (const fact of facts) {
    const size = JSON.stringify({ ...fact, time: "", process: { ...fact.process, started: "" } }).length;
    const last = parts.at(-1);
    if (last === undefined || bytes + size > BYTES_MAX) {
      parts.push([fact]);
      bytes = size;
    } else {
      last.push(fact);
      bytes += size;
    }
  }
  return parts;
}
