// SPDX-License-Identifier: Apache-2.0
// A tenant's own process (`isolation: process`). The host reads the ring for it, makes the view that the tenant's scope allows,
// and sends nothing else, so what is not the tenant's is not even in its process. It offers what the engine offers: add,
// replace, remove. A process that ends or says nothing is started again with the same policies; one that does not keep up
// loses batches, which are counted, and holds nobody up.
import { type ChildProcess, fork } from "node:child_process";
import { createRequire } from "node:module";
import { dirname } from "node:path";
import { ERRORS, type ErrorCode } from "../../build/generated/errors.js";
import { closeReader, openReader, RingReader } from "../capture/ring.js";
import { VedetteError } from "../errors.js";
import type { Alert } from "../output/alert.js";
import { builtFile, ROOT } from "../paths.js";
import { openChecked } from "../wire/batch.js";
import type { ContainerFacts } from "../wire/container.js";
import type { CellSeat, FromCell, SentPolicy, ToCell } from "./cell-messages.js";
import type { SeatStatus } from "./engine.js";
import type { LoadedPolicy, Tenancy } from "./policy.js";
import { ScopedViews } from "./scope.js";

const POLL_MS = 5;
const BATCHES_A_TURN = 32;
/** Batches under way to the process: what it may be behind. */
const BEHIND_MAX = 256;
const SILENT_MS = 5000;
const AGAIN_MS = 1000;
const AGAIN_MS_MAX = 60_000;

export interface CellOptions {
  readonly tenancy: Tenancy;
  readonly ring: SharedArrayBuffer;
  readonly containers: ReadonlyMap<number, ContainerFacts>;
  readonly onAlert: (alert: Alert, stream: number) => void;
  readonly onFault: (error: VedetteError, policy: LoadedPolicy | null) => void;
  readonly onLog: (policy: string, level: number, text: string) => void;
}

/** How the process is started: in the jail, and with what Node itself can close. */
export function cellCommand(): { readonly execPath: string; readonly execArgv: readonly string[] } {
  const readable = [`${ROOT}/build/`, `${ROOT}/package.json`, ...modules()];
  const permission = process.allowedNodeEnvironmentFlags.has("--permission")
    ? "--permission"
    : "--experimental-permission";
  return {
    execPath: builtFile("vedette-jail"),
    execArgv: [
      process.execPath,
      "--no-warnings",
      permission,
      "--allow-worker",
      ...readable.map((path) => `--allow-fs-read=${path}`),
    ],
  };
}

/** The folder of the modules that we use; none in the image, which has them in its bundle. */
function modules(): string[] {
  try {
    return [`${dirname(dirname(createRequire(import.meta.url).resolve("zod/package.json")))}/`];
  } catch {
    return [];
  }
}

export class Cell {
  readonly #options: CellOptions;
  readonly #reader: RingReader;
  readonly #readerIndex: number;
  readonly #policies = new Map<number, LoadedPolicy>();
  readonly #answers = new Map<number, (fault: string | null) => void>();
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

  async remove(id: number): Promise<void> {
    this.#policies.delete(id);
    await this.#ask({ kind: "swap", number: this.#next++, out: id, policy: null });
  }

  status(): SeatStatus[] {
    return this.#seats.flatMap(({ number: id, ...seat }) => {
      const policy = this.#policies.get(id);
      return policy === undefined ? [] : [{ id, policy, ...seat }];
    });
  }

  stop(): void {
    this.#isEnding = true;
    clearInterval(this.#poll);
    closeReader(this.#options.ring, this.#readerIndex);
    this.#child?.kill("SIGKILL");
    this.#finish();
  }

  async #swap(out: number | null, policy: LoadedPolicy): Promise<number> {
    const number = this.#next++;
    const fault = await this.#ask({ kind: "swap", number, out, policy: sent(policy) });
    if (fault !== null) throw new VedetteError("VEDETTE_POLICY_INIT", { policy: policy.name, reason: fault });
    if (out !== null) this.#policies.delete(out);
    this.#policies.set(number, policy);
    return number;
  }

  #ask(message: ToCell & { kind: "swap" }): Promise<string | null> {
    return new Promise((resolve) => {
      this.#answers.set(message.number, resolve);
      this.#send(message);
    });
  }

  #send(message: ToCell): void {
    this.#child?.send(message, () => undefined); // one that is gone is started again, and told anew
  }

  #start(): void {
    const { execPath, execArgv } = cellCommand();
    const child = fork(builtFile("js/host/engine/cell-child.js"), {
      execPath,
      execArgv: [...execArgv],
      env: {},
      serialization: "advanced",
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    this.#child = child;
    this.#isReady = false;
    this.#heardAt = performance.now();
    this.#sent = 0;
    this.#judged = 0;
    let said = "";
    child.stderr?.on("data", (text: Buffer) => {
      said = (said + text).slice(-2048);
    });
    child.on("message", (message: FromCell) => this.#hear(message));
    child.on("error", (error) => {
      said = error.message;
    });
    child.on("exit", (status, signal) => this.#onExit(child, said.trim().split("\n").at(-1) || `${signal ?? status}`));
  }

  #hear(message: FromCell): void {
    this.#heardAt = performance.now();
    switch (message.kind) {
      case "ready":
        this.#isReady = true;
        for (const [number, policy] of this.#policies)
          this.#send({ kind: "swap", number, out: null, policy: sent(policy) });
        break;
      case "swapped":
        this.#answers.get(message.number)?.(message.fault);
        this.#answers.delete(message.number);
        break;
      case "alert":
        this.#options.onAlert(message.alert, message.stream);
        break;
      case "fault":
        this.#options.onFault(faultOf(message), this.#policies.get(message.number) ?? null);
        break;
      case "log":
        this.#options.onLog(message.policy, message.level, message.text);
        break;
      case "judged":
        this.#judged = message.batches;
        this.#seats = message.seats;
        if (message.batches > 0) this.#again = AGAIN_MS;
        break;
      case "ended":
        this.stop();
    }
  }

  /** Starts it again, later each time; whoever waits for an answer gets one. */
  #onExit(child: ChildProcess, reason: string): void {
    if (this.#child !== child || this.#isEnding) return;
    this.#child = null;
    this.#isReady = false;
    this.#lost += this.#sent - this.#judged;
    this.#tell("VEDETTE_CELL_LOST", reason);
    for (const answer of this.#answers.values()) answer("its process ended");
    this.#answers.clear();
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
      if (!this.#isReady || this.#sent - this.#judged >= BEHIND_MAX) {
        this.#lost++;
        continue;
      }
      this.#sent++;
      this.#send({ kind: "batch", stream: raw.stream, bytes: Uint8Array.from(view.bytes), container: batch.container });
    }
    this.#reader.release();
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

/** The process said it in words; the code is checked, since it comes from there. */
function faultOf({ code, message, hint }: FromCell & { kind: "fault" }): VedetteError {
  const known: ErrorCode = Object.hasOwn(ERRORS, code) ? (code as ErrorCode) : "VEDETTE_POLICY_TRAPPED";
  const error = new VedetteError(known);
  error.message = message;
  return Object.assign(error, { hint });
}
