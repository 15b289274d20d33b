// SPDX-License-Identifier: Apache-2.0
// A tenant's own process (`isolation: process`). The host reads the ring for it, makes the view that the
// tenant's scope allows, and sends nothing else. So other tenants' events are not even in its process. The
// process offers what the engine offers: add, replace, remove. If it ends or falls silent, the host starts it
// again with the same policies. If it does not keep up, it loses batches. The host counts these, and nobody
// waits.
//
// An attacker who breaks out of WebAssembly speaks for the cell. So the host treats its words as a peer's
// (cell-wire.ts), and takes nothing that it says of events on trust (cell-claims.ts). It ends a cell that
// says nonsense, or too much, and starts it anew.
import { type ChildProcess, spawn } from "node:child_process";
import type { Socket } from "node:net";
import { closeReader, openReader, RingReader } from "../capture/ring.js";
import { VedetteError } from "../errors.js";
import { builtFile } from "../paths.js";
import { openChecked } from "../wire/batch.js";
import { SharedBounds } from "./bounds.js";
import { CellClaims, type ClaimOptions, type Lodger } from "./cell-claims.js";
import type { CellSeat, FromCell, SentPolicy, ToCell } from "./cell-messages.js";
import { HostEnd, readSaid } from "./cell-wire.js";
import type { EngineHandlers, SeatStatus } from "./engine.js";
import { jailCommand } from "./jail.js";
import { AlertLimiter, Bucket } from "./limiter.js";
import type { LoadedPolicy, Tenancy } from "./policy.js";
import { ScopedViews } from "./scope.js";

const POLL_MS = 5;
const BATCHES_A_TURN = 32;
/** Batches under way to the process: what it may be behind. */
const BEHIND_MAX = 256;
const SILENT_MS = 5000;
const AGAIN_MS = 1000;
const AGAIN_MS_MAX = 60_000;
/** A swap's answer; the policy's init is watched in there. */
const ANSWER_MS_MAX = 30_000;
/** Node takes some 100 MiB; the rest is the compilers'. */
const NODE_MIB = 768;
/** The bounds of a tenant for which tenants.yaml gives none. */
const MEMORY_BYTES = 80 << 20;
/** An honest cell says five words a second beside its alerts and answers. */
const WORDS = { burst: 5_000, perMinute: 60_000 };

/** One tenant's process. `containers` is shared with whoever starts the cell, and read at every batch. */
export interface CellOptions extends ClaimOptions {
  readonly tenancy: Tenancy;
  readonly ring: SharedArrayBuffer;
  readonly onFault: (error: VedetteError, policy: LoadedPolicy | null) => void;
  readonly onUnmeasured?: EngineHandlers["onUnmeasured"];
  /** For tests: what speaks for the cell instead. */
  readonly command?: { readonly execPath: string; readonly execArgv: readonly string[] };
}

interface Answer {
  readonly message: ToCell & { kind: "swap" };
  /** Who comes, if anybody does. */
  readonly lodger: Lodger | null;
  readonly resolve: (fault: string | null) => void;
  readonly timer: NodeJS.Timeout;
}

/** One tenant's process and what the host knows of it. The constructor starts it. */
export class Cell {
  readonly #options: CellOptions;
  readonly #reader: RingReader;
  readonly #readerIndex: number;
  readonly #policies = new Map<number, Lodger>();
  readonly #answers = new Map<number, Answer>();
  readonly #bounds: SharedBounds;
  readonly #claims: CellClaims;
  #words = new Bucket(WORDS);
  /** Of measurements, which the workload causes: beyond it they are dropped, and then they are words. */
  #measures = new Bucket(WORDS);
  #host: HostEnd<ToCell, FromCell> | null = null;
  #seats: readonly CellSeat[] = [];
  #child: ChildProcess | null = null;
  #isReady = false;
  #sent = 0;
  #judged = 0;
  #lost = 0;
  #heardAt = 0;
  #next = 0;
  #again = AGAIN_MS;
  #isEnding = false;
  readonly #poll: NodeJS.Timeout;
  #finish: () => void = () => undefined;
  /** The ring ended and all was judged. */
  readonly finished: Promise<void>;

  constructor(options: CellOptions) {
    this.#options = options;
    this.#bounds = new SharedBounds({ tenancy: options.tenancy });
    this.#claims = new CellClaims(options, this.#policies, this.#bounds);
    this.#readerIndex = placeFor(options);
    this.#reader = new RingReader(options.ring, this.#readerIndex);
    this.finished = new Promise((resolve) => {
      this.#finish = resolve;
    });
    this.#start();
    this.#poll = setInterval(() => this.#turn(), POLL_MS);
  }

  /** Throws when the policy cannot start there. */
  async add(policy: LoadedPolicy): Promise<number> {
    return this.#swap(null, policy);
  }

  async replace(id: number, policy: LoadedPolicy): Promise<number> {
    return this.#swap(id, policy);
  }

  /** It stays known until the process has let it go: what it measured last is said before that. */
  async remove(id: number): Promise<void> {
    await this.#ask({ kind: "swap", number: this.#next++, out: id, policy: null }, null);
    this.#policies.delete(id);
  }

  status(): SeatStatus[] {
    return this.#seats.flatMap(({ number: id, ...seat }) => {
      const lodger = this.#policies.get(id);
      return lodger === undefined ? [] : [{ id, policy: lodger.policy, ...seat }];
    });
  }

  stop(): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    clearInterval(this.#poll);
    closeReader(this.#options.ring, this.#readerIndex);
    this.#child?.kill("SIGKILL");
    this.#claims.tellSuppressed(true);
    for (const number of [...this.#answers.keys()]) this.#answer(number, "its process was stopped");
    this.#finish();
  }

  async #swap(out: number | null, policy: LoadedPolicy): Promise<number> {
    const number = this.#next++;
    const lodger = { policy, limiter: new AlertLimiter(policy.tenancy?.alerts, this.#bounds.alerts) };
    const fault = await this.#ask({ kind: "swap", number, out, policy: sent(policy) }, lodger);
    if (fault !== null) throw new VedetteError("VEDETTE_POLICY_INIT", { policy: policy.name, reason: fault });
    return number;
  }

  /** Resolves in any case: with its answer, with its end, or when it took too long. */
  #ask(message: ToCell & { kind: "swap" }, lodger: Lodger | null): Promise<string | null> {
    return new Promise((resolve) => {
      const late = `it gave no answer within ${ANSWER_MS_MAX / 1000} s`;
      const timer = setTimeout(() => this.#answer(message.number, late), ANSWER_MS_MAX);
      this.#answers.set(message.number, { message, lodger, resolve, timer });
      if (this.#isEnding) this.#answer(message.number, "its process was stopped");
      else if (this.#isReady) this.#send(message); // one that starts is asked when it is ready
    });
  }

  #answer(number: number, fault: string | null): void {
    const answer = this.#answers.get(number);
    if (answer === undefined) return;
    this.#answers.delete(number);
    clearTimeout(answer.timer);
    const { message, lodger } = answer;
    // At once: the process may have said in the same breath what the one that came has seen.
    if (fault === null && message.out !== null) this.#policies.delete(message.out);
    if (fault === null && lodger !== null) this.#policies.set(number, lodger);
    answer.resolve(fault);
  }

  #send(message: ToCell): void {
    this.#host?.tell(message); // a process that is gone is started again and then gets all of this anew
  }

  #start(): void {
    const { execPath, execArgv } = this.#options.command ?? jailCommand(memoryMib(this.#options.tenancy));
    const child = spawn(execPath, [...execArgv, builtFile("js/host/engine/cell-child.js")], {
      env: {},
      stdio: ["ignore", "ignore", "pipe", "pipe"],
    });
    this.#child = child;
    this.#isReady = false;
    this.#heardAt = performance.now();
    this.#sent = 0;
    this.#judged = 0;
    this.#words = new Bucket(WORDS);
    this.#measures = new Bucket(WORDS);
    let said = "";
    const end = (reason: string): void => {
      said = reason;
      child.kill("SIGKILL");
    };
    child.stderr?.on("data", (text: Buffer) => {
      said = (said + text).slice(-2048);
    });
    this.#host = new HostEnd(child.stdio[3] as Socket, {
      read: readSaid,
      onMessage: (message) => {
        if (this.#child !== child) return;
        const now = performance.now() * 1e6;
        if (message.kind === "measured" && this.#measures.take(now)) this.#hear(message);
        else if (!this.#words.take(now)) end("it said too much");
        else if (message.kind === "measured") this.#claims.refuseMeasured(message);
        else this.#hear(message);
      },
      onNonsense: end,
    });
    child.on("error", (error) => {
      said = error.message;
      if (child.pid === undefined) this.#onExit(child, said);
    });
    child.on("exit", (status, signal) => this.#onExit(child, said.trim().split("\n").at(-1) || `${signal ?? status}`));
  }

  #hear(message: FromCell): void {
    this.#heardAt = performance.now();
    switch (message.kind) {
      case "ready":
        this.#isReady = true;
        for (const [number, { policy }] of this.#policies)
          this.#send({ kind: "swap", number, out: null, policy: sent(policy) });
        for (const { message: asked } of this.#answers.values()) this.#send(asked);
        break;
      case "swapped":
        this.#answer(message.number, message.fault);
        break;
      case "alert":
        this.#claims.onAlert(message);
        break;
      case "suppressed":
        this.#claims.onSuppressed(message);
        break;
      case "fault":
        this.#claims.onFault(message);
        break;
      case "log":
        this.#claims.onLog(message);
        break;
      case "measured":
        this.#claims.onMeasured(message);
        break;
      case "unmeasured": {
        const lodger = this.#policies.get(message.number);
        if (lodger !== undefined) this.#options.onUnmeasured?.(lodger.policy);
        break;
      }
      case "judged":
        this.#judged = Math.min(message.batches, this.#sent);
        this.#seats = message.seats;
        if (message.batches > 0) this.#again = AGAIN_MS;
        break;
      case "ended":
        this.stop();
    }
  }

  /** Starts the process again, after a longer pause each time. All who wait for an answer get one. */
  #onExit(child: ChildProcess, reason: string): void {
    if (this.#child !== child || this.#isEnding) return;
    this.#child = null;
    this.#host = null;
    // The questions to this process are answered by its end. Later questions go to the next process.
    const asked = this.#isReady ? [...this.#answers.keys()] : [];
    this.#isReady = false;
    this.#lost += this.#sent - this.#judged;
    this.#tell("VEDETTE_CELL_LOST", reason);
    for (const { policy } of this.#policies.values())
      if ((policy.admitted.metadata.metrics ?? []).length > 0) this.#options.onUnmeasured?.(policy);
    for (const number of asked) this.#answer(number, "its process ended");
    setTimeout(() => this.#isEnding || this.#start(), this.#again).unref();
    this.#again = Math.min(this.#again * 2, AGAIN_MS_MAX);
  }

  #turn(): void {
    if (this.#isReady && performance.now() - this.#heardAt > SILENT_MS) {
      this.#child?.kill("SIGKILL");
      return;
    }
    for (let i = 0; i < BATCHES_A_TURN; i++) {
      const raw = this.#reader.next(0);
      if (raw === null) break;
      const batch = openChecked(raw.bytes);
      batch.container = this.#options.containers.get(raw.stream) ?? null;
      const view = new ScopedViews(batch).view(this.#options.tenancy.scope);
      if (view === null || this.#policies.size === 0) continue;
      if (!this.#isReady || this.#sent - this.#judged >= BEHIND_MAX || this.#host?.isFull !== false) {
        this.#lost++;
        continue;
      }
      this.#sent++;
      this.#claims.show(raw.stream, view);
      this.#send({ kind: "batch", stream: raw.stream, bytes: Uint8Array.from(view.bytes), container: batch.container });
    }
    this.#reader.release();
    this.#bounds.begin({}); // a turn is the host's batch
    this.#claims.tellSuppressed(false);
    if (this.#lost > 0 && this.#isReady) this.#tell("VEDETTE_CELL_BEHIND", "");
    if (!this.#reader.ended || this.#isEnding) return;
    if (this.#child === null) this.stop();
    else if (this.#isReady) {
      clearInterval(this.#poll);
      this.#send({ kind: "end" });
    }
  }

  #tell(code: "VEDETTE_CELL_LOST" | "VEDETTE_CELL_BEHIND", reason: string): void {
    const lost = this.#lost;
    this.#lost = 0;
    this.#options.onFault(new VedetteError(code, { tenant: this.#options.tenancy.tenant, reason, lost }), null);
  }
}

/** For Node and its compilers, and for its policies. */
function memoryMib({ memoryBytes = MEMORY_BYTES }: Tenancy): number {
  return NODE_MIB + Math.ceil(memoryBytes / (1 << 20));
}

/** A place among the ring's readers. */
function placeFor({ ring, tenancy }: CellOptions): number {
  try {
    return openReader(ring);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new VedetteError("VEDETTE_CELL_FULL", { tenant: tenancy.tenant, reason: error.message }, { cause: error });
  }
}

function sent({ admitted, ...policy }: LoadedPolicy): SentPolicy {
  const { path, bytes, memory } = admitted;
  return { policy, path, bytes, memoryPages: memory.maximum };
}
