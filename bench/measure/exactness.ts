// SPDX-License-Identifier: Apache-2.0
//
// Millions of calls, and a look at the record of each: bench/programs/marked_calls.c makes ten hot calls a
// round, and of each thread the records must come in just that order, with that result and that payload, to
// the last byte that is kept. Where BPF can be loaded, the eBPF capture (bench/ebpf/) watches the same
// process in the same run, and its counts must be ours.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RingReader } from "../../host/capture/ring.js";
import { Session } from "../../host/capture/session.js";
import { type Batch, openChecked } from "../../host/wire/batch.js";
import { EVENT_OF_NAME, PROCESS_AT } from "../../host/wire/layout.js";
import { eventOf, processAt, resultOf, tidOf, tierOf } from "../../host/wire/record.js";
import { readBytes, readInt } from "../../host/wire/slot.js";
import { buildProgram } from "./programs.js";
import { watchers } from "./watchers.js";

const SNAPLEN = 80;
const PAYLOAD_MAX = 200;
const ROUNDS_MAX = 2_000_000;
const HEADER = 48;
const FAULTS_KEPT = 10;

// A round, call by call.
const ROUND = ["pwrite", "pread", "lseek", "read", "write", "writev", "preadv", "sendto", "recvfrom", "fcntl"] as const;
const NUMBERS: Record<(typeof ROUND)[number], number> = {
  read: 0,
  write: 1,
  lseek: 8,
  pread: 17,
  pwrite: 18,
  writev: 20,
  sendto: 44,
  recvfrom: 45,
  fcntl: 72,
  preadv: 295,
};

export interface Exactness {
  readonly threads: number;
  /**
   * Marked calls that the program made, by its arguments; and whose record was right, in place and to the
   * byte.
   */
  readonly made: number;
  readonly right: number;
  readonly inlineShare: number;
  readonly lost: number;
  /** What was wrong, the first few. */
  readonly faults: readonly string[];
  /** All calls of these kinds that the process made, libc's own too: by us, by eBPF in the same run. */
  readonly counts: readonly { readonly call: string; readonly vedette: number; readonly ebpf: number | null }[];
  /**
   * Whether they agree: equal, or short of ours by no more than eBPF says it has lost itself. No eBPF: true,
   * with the reason.
   */
  readonly agrees: boolean;
  readonly ebpf: string;
  readonly seconds: number;
  readonly status: number;
}

interface Thread {
  number: number;
  round: number;
  step: number;
}

class Checker {
  right = 0;
  inline = 0;
  readonly faults: string[] = [];
  readonly counts = new Map<string, number>();
  readonly #threads = new Map<number, Thread>();
  readonly #program: string;
  readonly #expected = Buffer.alloc(SNAPLEN);
  #pid = -1;

  constructor(program: string) {
    this.#program = program;
  }

  take(batch: Batch): void {
    for (const at of batch.offsets) this.#record(batch, at);
  }

  #record(batch: Batch, at: number): void {
    const type = eventOf(batch, at).name;
    if (type === "execve" && resultOf(batch, at) === 0) {
      const path = readBytes(batch, batch.recordView, at + slotOf(type, "filename"))?.toString();
      if (path === this.#program) this.#pid = tidOf(batch, at);
      return;
    }
    const process = processAt(batch, at);
    if (process < 0 || readInt(batch.processView, process + PROCESS_AT.pid!) !== this.#pid) return;
    this.counts.set(type, (this.counts.get(type) ?? 0) + 1);
    const tid = tidOf(batch, at);
    const thread = this.#threads.get(tid);
    if (thread !== undefined) this.#check(batch, at, type, thread);
    else if (type === "pwrite") {
      const number = Math.floor(Number(readInt(batch.recordView, at + slotOf(type, "pos"))) / ROUNDS_MAX);
      const started = { number, round: 0, step: 0 };
      this.#threads.set(tid, started);
      this.#check(batch, at, type, started);
    }
  }

  #check(batch: Batch, at: number, type: string, thread: Thread): void {
    const wanted = ROUND[thread.step]!;
    if (type !== wanted) {
      if ((ROUND as readonly string[]).includes(type)) this.#fault(thread, `${type} instead of ${wanted}`);
      return; // the thread's end, or what main does after its rounds
    }
    const fault = this.#differs(batch, at, type, thread);
    if (fault === null) this.right++;
    else this.#fault(thread, `${type}: ${fault}`);
    if (tierOf(batch, at) === "inline") this.inline++;
    thread.step = (thread.step + 1) % ROUND.length;
    if (thread.step === 0) thread.round++;
  }

  #differs(batch: Batch, at: number, type: string, { number, round }: Thread): string | null {
    const view = batch.recordView;
    const mark = number * ROUNDS_MAX + round;
    const size = ((number * 31 + round * 17) % PAYLOAD_MAX) + 1;
    const result = resultOf(batch, at);
    if (type === "fcntl") {
      const flag = readInt(view, at + slotOf(type, "arg"));
      return result === 0 && flag === (round & 1) ? null : `result ${result}, argument ${flag}`;
    }
    if (type === "lseek") return result === mark ? null : `result ${result} instead of ${mark}`;
    if (result !== size) return `result ${result} instead of ${size}`;
    const kept = Math.min(size, SNAPLEN);
    for (let i = 0; i < kept; i++) this.#expected[i] = 97 + ((number * 7 + round * 13 + i) % 26);
    const data = readBytes(batch, view, at + slotOf(type, "data"));
    if (data === null || data.length !== kept || data.compare(this.#expected, 0, kept) !== 0) return `data ${data}`;
    if (!type.startsWith("p")) return null;
    const place = readInt(view, at + slotOf(type, "pos"));
    return place === mark ? null : `place ${place} instead of ${mark}`;
  }

  #fault({ number, round }: Thread, text: string): void {
    if (this.faults.length < FAULTS_KEPT) this.faults.push(`thread ${number} round ${round}: ${text}`);
  }
}

const slots = new Map<string, number>();

/** Byte of a parameter's slot in a record. */
function slotOf(type: string, name: string): number {
  const key = `${type} ${name}`;
  let at = slots.get(key);
  if (at === undefined) {
    at = HEADER + 8 * EVENT_OF_NAME.get(type)!.params.find((param) => param.name === name)!.slot;
    slots.set(key, at);
  }
  return at;
}

export async function measureExactness(threads: number, calls: number): Promise<Exactness> {
  const rounds = Math.ceil(calls / ROUND.length / threads);
  const program = buildProgram("marked_calls");
  const folder = mkdtempSync(join(tmpdir(), "vedette-exact-"));
  const { able, unable } = watchers();
  const ebpf = able.find((watcher) => watcher.name === "ebpf");
  const counts = join(folder, "counts");
  const command = [...(ebpf?.before ?? []), program, `${threads}`, `${rounds}`];
  const checker = new Checker(program);
  const begun = performance.now();
  const { status, lost, missing } = await watch(command, { VEDETTE_EBPF_COUNTS: counts }, folder, checker);
  const seconds = (performance.now() - begun) / 1000;
  const theirs = ebpf === undefined ? null : ebpfCounts(readFileSync(counts, "utf8"));
  rmSync(folder, { recursive: true });
  const made = threads * rounds * ROUND.length;
  const both = ROUND.map((call) => ({
    call,
    vedette: checker.counts.get(call) ?? 0,
    ebpf: theirs === null ? null : (theirs.get(NUMBERS[call]) ?? 0),
  }));
  return {
    threads,
    made,
    right: checker.right,
    inlineShare: checker.inline / made,
    lost: lost.reduce((sum, count) => sum + count, missing),
    faults: checker.faults,
    counts: both,
    agrees: agree(both, theirs?.get(-1) ?? 0),
    ebpf: theirs === null ? unable.find((reason) => reason.startsWith("ebpf"))! : `${theirs.get(-1)} lost by eBPF`,
    seconds,
    status,
  };
}

function agree(counts: Exactness["counts"], lost: number): boolean {
  const short = counts.map(({ vedette, ebpf }) => vedette - (ebpf ?? vedette));
  return short.every((by) => by >= 0) && short.reduce((sum, by) => sum + by, 0) <= lost;
}

/** `RECORDS LOST BYTES`, then `NUMBER COUNT` a line; the lost ones under -1. */
function ebpfCounts(text: string): Map<number, number> {
  const [head, ...lines] = text.trim().split("\n");
  const pairs = lines.map((line) => line.split(" ").map(Number) as [number, number]);
  return new Map([[-1, Number(head!.split(" ")[1])], ...pairs]);
}

async function watch(command: string[], environment: Record<string, string>, folder: string, checker: Checker) {
  Object.assign(process.env, environment);
  const back = process.cwd();
  process.chdir(folder);
  const session = new Session({ onWake: () => drain() });
  const reader = new RingReader(session.capture.ring, session.capture.reader());
  const drain = (): void => {
    for (let raw = reader.next(0); raw !== null; raw = reader.next(0)) checker.take(openChecked(raw.bytes));
    reader.release();
  };
  session.start({ command, inherited: [], options: ["--snaplen", `${SNAPLEN}`, "--on-overload", "block"] });
  const ending = await session.ending;
  drain();
  process.chdir(back);
  if (ending.error !== null) throw ending.error;
  return ending;
}
