// SPDX-License-Identifier: Apache-2.0
// Tries policies: a process of its own compiles and runs a tenant's policy before the host compiles it. The
// process lives in the same jail as tenants' processes. The kernel bounds its memory (RLIMIT_DATA). So a
// module that the compiler cannot bear ends that process and nothing else. Each process tries one module,
// because an attacker who took the process over could answer for the next one. One policy is tried at a time.
import { type ChildProcess, spawn } from "node:child_process";
import type { Socket } from "node:net";
import { VedetteError } from "../errors.js";
import { builtFile } from "../paths.js";
import type { Examined } from "../wasm/admission.js";
import { HostEnd, readAs } from "./cell-wire.js";
import { jailCommand } from "./jail.js";
import type { ExaminedPolicy } from "./policy.js";
import type { TrialCase, TrialResult } from "./trial.js";
import { type FromTrial, SaidOfTrial, type ToTrial } from "./trial-messages.js";

/** A module of 512 KiB as Falco's rules make it needs 150 of it; Node itself some 100. */
export const MEMORY_MIB = 512;
/** A module of 4 MiB on a quarter of a processor. */
const COMPILE_MS_MAX = 60_000;
/** On top of a case's own time, which begins when its thread does. */
const START_MS_MAX = 30_000;
/** Why there is no result. */
const CLOSED = "the host ends";

/** The process that tries policies. close() ends it; warm() starts the next one. */
export class TrialHouse {
  #child: ChildProcess | null = null;
  #host: HostEnd<ToTrial, FromTrial> | null = null;
  #module: Examined | null = null;
  #hear: (message: FromTrial) => void = () => undefined;
  #fail: (reason: string) => void = () => undefined;
  #last: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  /** Starts the process before it is needed. */
  warm(): void {
    if (this.#child !== null || this.#isClosed) return;
    const { execPath, execArgv } = jailCommand(MEMORY_MIB);
    const child = spawn(execPath, [...execArgv, builtFile("js/host/engine/trial-child.js")], {
      env: {},
      stdio: ["ignore", "ignore", "pipe", "pipe"],
    });
    let said = "";
    child.stderr?.on("data", (text: Buffer) => {
      said = (said + text).slice(-8192);
    });
    const end = (reason: string): void => {
      if (this.#child !== child) return;
      this.letGo();
      this.#fail(reason);
    };
    child.on("error", (error) => end(error.message));
    child.on("close", (status, signal) => end(causeOf(said, `${signal ?? status}`)));
    this.#child = child;
    this.#host = new HostEnd(child.stdio[3] as Socket, {
      read: (bytes) => readAs(SaidOfTrial, bytes),
      onMessage: (message) => this.#hear(message),
      onNonsense: end,
    });
    keepsUsWaiting(child, false);
  }

  /**
   * Runs the cases in order, behind those that were there before; the result of each. Throws
   * VEDETTE_POLICY_TRIAL, or what is wrong with the module.
   */
  run(cases: readonly TrialCase<ExaminedPolicy>[], caseMs: number): Promise<TrialResult[]> {
    const results = this.#last.then(async () => {
      const all: TrialResult[] = [];
      for (const one of cases) all.push(await this.#runOne(one, caseMs));
      return all;
    });
    this.#last = results.catch(() => undefined);
    return results;
  }

  /** For good, and at once: whoever waits for a result is told that there will be none. */
  close(): void {
    this.#isClosed = true;
    this.letGo();
    this.#fail(CLOSED);
  }

  /** Ends the process until the next policy comes. Nothing may be under trial. */
  letGo(): void {
    this.#child?.kill("SIGKILL");
    this.#child = null;
    this.#host = null;
    this.#module = null;
  }

  async #runOne(
    { policy, batches, measureMs, isMetered = false }: TrialCase<ExaminedPolicy>,
    caseMs: number,
  ): Promise<TrialResult> {
    const { admitted: module, ...rest } = policy;
    const { path, bytes, metadata, memory, metrics } = module;
    if (this.#isClosed) throw new VedetteError("VEDETTE_POLICY_TRIAL", { path, reason: CLOSED });
    if (this.#module !== null && this.#module !== module) this.letGo();
    this.warm();
    if (this.#module !== module) {
      const answer = await this.#ask(
        path,
        { kind: "module", module: { path, bytes, metadata, memory, metrics } },
        COMPILE_MS_MAX,
      );
      if (answer.kind === "compiled" && answer.fault !== null)
        throw new VedetteError("VEDETTE_MODULE_INVALID", { path, reason: answer.fault });
      this.#module = module;
    }
    const asked: ToTrial = {
      kind: "case",
      policy: rest,
      batches,
      caseMs,
      ...(measureMs !== undefined && { measureMs }),
      isMetered,
    };
    const answer = await this.#ask(path, asked, caseMs + START_MS_MAX);
    if (answer.kind === "result") return answer.result;
    throw new VedetteError("VEDETTE_POLICY_TRIAL", { path, reason: "it answered what nobody asked" });
  }

  #ask(path: string, message: ToTrial, ms: number): Promise<FromTrial> {
    const child = this.#child as ChildProcess;
    return new Promise((resolve, reject) => {
      const finish = (): void => {
        clearTimeout(timer);
        this.#hear = () => undefined;
        this.#fail = () => undefined;
        keepsUsWaiting(child, false);
      };
      const fail = (reason: string): void => {
        finish();
        this.letGo();
        reject(new VedetteError("VEDETTE_POLICY_TRIAL", { path, reason }));
      };
      const timer = setTimeout(() => fail(`it took longer than ${ms / 1000} s`), ms);
      this.#fail = fail;
      this.#hear = (answer) => {
        finish();
        resolve(answer);
      };
      keepsUsWaiting(child, true);
      this.#host?.tell(message);
    });
  }
}

/** Of its last words: V8 says that it has no memory, and where. */
export function causeOf(said: string, end: string): string {
  if (/out of memory|bad_alloc|[Aa]llocation failed|Cannot allocate/.test(said))
    return `it needed more than ${MEMORY_MIB} MiB`;
  return /^\w*Error.*/m.exec(said)?.[0].slice(0, 500) ?? `it ended (${end})`;
}

function keepsUsWaiting(child: ChildProcess, isKept: boolean): void {
  for (const one of [child, child.stderr as Socket | null, child.stdio[3] as Socket | null])
    if (isKept) one?.ref();
    else one?.unref();
}
