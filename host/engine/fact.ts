// SPDX-License-Identifier: Apache-2.0
// Facts that a policy tells of events: a kind, a key and a value, and what is needed to judge them elsewhere,
// beside the facts of other tasks. It is taken while the batch is open, because a process is an index into
// the batch. A workload chooses most texts, so each of them is bounded, and so is how many facts there may
// be.
import { cutText } from "../finding/finding.js";
import type { Batch } from "../wire/batch.js";
import { PROCESS_AT } from "../wire/layout.js";
import { processInt, processList, processText } from "../wire/process.js";
import { numberOf, processAt, tidOf, timeOf } from "../wire/record.js";
import type { Int } from "../wire/slot.js";
import { limitPlace } from "./kept-limits.js";
import { ContainerBuckets } from "./limiter.js";

/** The process of a fact's event. */
export interface FactProcess {
  readonly pid: number | null;
  readonly vpid: number | null;
  /** When it was started, ns since the epoch. */
  readonly started: bigint | null;
  readonly uid: number | null;
  readonly user: string | null;
  readonly name: string | null;
  readonly exe: string | null;
  readonly exepath: string | null;
  readonly args: readonly string[];
  readonly containerId: string | null;
}

/** One fact. */
export interface Fact {
  readonly kind: string;
  readonly key: string;
  readonly value: string;
  /** evt.num of its event, when that was, ns since the epoch, and of which thread. */
  readonly num: number;
  readonly time: bigint;
  readonly tid: number;
  readonly process: FactProcess | null;
}

/** What one policy told of one batch of an agent. */
export interface ToldFacts {
  /** That agent, hexadecimal. */
  readonly source: string;
  /** The batch's number in its agent's order. */
  readonly seq: number;
  /** In the order in which they were told. */
  readonly facts: readonly Fact[];
  /** How many were too many, or had no key that can be used. */
  readonly dropped: number;
}

/** Of one policy and one batch. */
export const FACTS_PER_BATCH = 100;
/** Of one policy about one container: a workload that causes more cannot fill a bus. */
const LIMIT = { burst: 1_000, perMinute: 6_000 };
const NAME_MAX = 256;
const PATH_MAX = 1_024;
const ARGS_MAX = 32;
const ARGS_BYTES_MAX = 1_024;

/** The facts of one policy. */
export class FactBook {
  readonly #kinds: readonly string[];
  readonly #limits = new ContainerBuckets(LIMIT);
  #facts: Fact[] = [];
  #dropped = 0;

  /** `kinds`: names, as the module's section has them. */
  constructor(kinds: readonly string[]) {
    this.#kinds = kinds;
  }

  /**
   * The policy tells one of the record at `at`. A kind that it has not declared and a place where no record
   * begins tell nothing.
   */
  tell(batch: Batch, said: { kind: number; at: number; key: string | null; value: string }, now: number): void {
    const { at, key, value } = said;
    const kind = this.#kinds[said.kind];
    if (kind === undefined || batch.offsets[batch.indexOf(at)] !== at) return;
    if (key === null || this.#facts.length >= FACTS_PER_BATCH || !this.#limits.take(now, limitPlace(batch))) {
      this.#dropped++;
      return;
    }
    const event = { num: numberOf(batch, at), time: timeOf(batch, at), tid: tidOf(batch, at) };
    this.#facts.push({ kind, key, value, ...event, process: processOf(batch, processAt(batch, at)) });
  }

  /** What was told of a batch since this was last asked; null: nothing. */
  take({ source, seq }: Pick<Batch, "source" | "seq">): ToldFacts | null {
    if (this.#facts.length === 0 && this.#dropped === 0) return null;
    const agent = Buffer.from(source).toString("hex");
    const told = { source: agent, seq, facts: this.#facts, dropped: this.#dropped };
    this.#facts = [];
    this.#dropped = 0;
    return told;
  }
}

function processOf(batch: Batch, process: number): FactProcess | null {
  if (process < 0) return null;
  const int = (field: string): Int | null => processInt(batch, process, PROCESS_AT[field] as number);
  const short = (field: string): number | null => {
    const value = int(field);
    return value === null ? null : Number(value);
  };
  const text = (field: string, most: number): string | null => {
    const value = processText(batch, process, PROCESS_AT[field] as number);
    return value === null ? null : cutText(value, most);
  };
  const started = int("start_time");
  return {
    pid: short("pid"),
    vpid: short("vpid"),
    started: started === null ? null : BigInt(started),
    uid: short("uid"),
    user: text("user", NAME_MAX),
    name: text("name", NAME_MAX),
    exe: text("exe", PATH_MAX),
    exepath: text("exepath", PATH_MAX),
    args: firstOf(processList(batch, process, PROCESS_AT.args as number) ?? []),
    containerId: text("container_id", NAME_MAX),
  };
}

/** Those for which there is room. */
function firstOf(args: readonly string[]): string[] {
  let left = ARGS_BYTES_MAX;
  const kept: string[] = [];
  for (const arg of args.slice(0, ARGS_MAX)) {
    const text = cutText(arg, NAME_MAX);
    left -= Buffer.byteLength(text);
    if (left < 0) break;
    kept.push(text);
  }
  return kept;
}
