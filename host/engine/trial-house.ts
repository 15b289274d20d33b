// SPDX-License-Identifier: Apache-2.0
// Tries policies: a process of its own compiles and runs a tenant's policy before the host compiles it. The
// process lives in the same jail as tenants' processes. The kernel bounds its memory (RLIMIT_DATA). So a
// module that the compiler cannot bear ends that process and nothing else. Each process tries one module,
// because an attacker who took the process over could answer for the next one. One policy is tried at a time.
import { ERRORS, type ErrorCode } from "../../build/generated/errors.js";
import { VedetteError } from "../errors.js";
import type { Examined } from "../wasm/admission.js";
import { readAs } from "./cell-wire.js";
import { Jailed } from "./jailed.js";
import type { ExaminedPolicy } from "./policy.js";
import type { TrialCase, TrialResult } from "./trial.js";
import { type FromTrial, SaidOfTrial, type TestsTold, type ToTrial } from "./trial-messages.js";

/** A module of 4 MiB on a quarter of a processor. */
const COMPILE_MS_MAX = 60_000;
/** On top of a case's own time, which begins when its thread does. */
const START_MS_MAX = 30_000;
/** All tests of a policy. */
const TESTS_MS_MAX = 60_000;
/** Why there is no result. */
const CLOSED = "the host ends";
const STRAY = "it answered what nobody asked";

/** The process that tries policies. close() ends it; warm() starts the next one. */
export class TrialHouse {
  #child: Jailed<ToTrial, FromTrial> | null = null;
  #module: Examined | null = null;
  #hear: (message: FromTrial) => void = () => undefined;
  #fail: (reason: string) => void = () => undefined;
  #last: Promise<unknown> = Promise.resolve();
  /** Why it is closed; null: it is not. */
  #closed: string | null = null;

  /** Starts the process before it is needed. */
  warm(): void {
    if (this.#child !== null || this.#closed !== null) return;
    this.#child = new Jailed("js/host/policy/trial-child.js", {
      read: (bytes) => readAs(SaidOfTrial, bytes),
      onMessage: (message) => this.#hear(message),
      onEnd: (reason) => {
        this.letGo();
        this.#fail(reason);
      },
    });
  }

  /**
   * Runs the cases in order, behind those that were there before; the result of each. Throws
   * VEDETTE_POLICY_TRIAL, or what is wrong with the module.
   */
  run(cases: readonly TrialCase<ExaminedPolicy>[], caseMs: number): Promise<TrialResult[]> {
    return this.#behind(async () => {
      const all: TrialResult[] = [];
      for (const one of cases) all.push(await this.#runOne(one, caseMs));
      return all;
    });
  }

  /**
   * Runs the policy's own tests, which are read there. `files`: tests.yaml and its recordings. Throws what is
   * wrong with them, too.
   */
  test(
    policy: ExaminedPolicy,
    files: readonly (readonly [name: string, bytes: Uint8Array])[],
    caseMs: number,
  ): Promise<TestsTold> {
    return this.#behind(async () => {
      const { admitted: module, ...rest } = policy;
      const { path } = module;
      await this.#compile(module);
      const asked: ToTrial = { kind: "tests", policy: rest, files, caseMs };
      const answer = await this.#ask(path, asked, TESTS_MS_MAX + START_MS_MAX);
      if (answer.kind === "tested") return answer.told;
      if (answer.kind === "wrong") throw saidError(answer);
      throw new VedetteError("VEDETTE_POLICY_TRIAL", { path, reason: STRAY });
    });
  }

  #behind<Told>(work: () => Promise<Told>): Promise<Told> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => undefined);
    return done;
  }

  /** For good, and at once: whoever waits for a result is told that there will be none, and why. */
  close(why = CLOSED): void {
    this.#closed ??= why;
    this.letGo();
    this.#fail(this.#closed);
  }

  /** Ends the process until the next policy comes. Nothing may be under trial. */
  letGo(): void {
    this.#child?.end();
    this.#child = null;
    this.#module = null;
  }

  async #runOne(
    { policy, batches, measureMs, isMetered = false, isBrief = false }: TrialCase<ExaminedPolicy>,
    caseMs: number,
  ): Promise<TrialResult> {
    const { admitted: module, ...rest } = policy;
    const { path } = module;
    await this.#compile(module);
    const asked: ToTrial = {
      kind: "case",
      policy: rest,
      batches,
      caseMs,
      ...(measureMs !== undefined && { measureMs }),
      isMetered,
      isBrief,
    };
    const answer = await this.#ask(path, asked, caseMs + START_MS_MAX);
    if (answer.kind === "result") return answer.result;
    throw new VedetteError("VEDETTE_POLICY_TRIAL", { path, reason: STRAY });
  }

  /** A process of its own has it, compiled. */
  async #compile(module: Examined): Promise<void> {
    const { path, bytes, metadata, memory, metrics } = module;
    if (this.#closed !== null) throw new VedetteError("VEDETTE_POLICY_TRIAL", { path, reason: this.#closed });
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
  }

  #ask(path: string, message: ToTrial, ms: number): Promise<FromTrial> {
    const child = this.#child!;
    return new Promise((resolve, reject) => {
      const finish = (): void => {
        clearTimeout(timer);
        this.#hear = () => undefined;
        this.#fail = () => undefined;
        child.keepsUsWaiting(false);
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
      child.keepsUsWaiting(true);
      child.tell(message);
    });
  }
}

/** The process said it in words; the code is checked, since it comes from there. */
function saidError({ code, message, hint }: FromTrial & { kind: "wrong" }): VedetteError {
  const known: ErrorCode = Object.hasOwn(ERRORS, code) ? (code as ErrorCode) : "VEDETTE_POLICY_TESTS";
  const error = new VedetteError(known);
  error.message = message;
  return Object.assign(error, { hint });
}
