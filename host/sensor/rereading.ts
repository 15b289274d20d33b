// SPDX-License-Identifier: Apache-2.0
// Takes the files that a sensor judges by again, while it judges. All of what they say is taken, or nothing
// is, and each change is an alert to the outputs of before.
import { VedetteError } from "../errors.js";
import type { Say } from "../log.js";
import { counted } from "../output/counted.js";
import { Changes, type Outcome } from "./changes.js";
import type { Judge, Judging } from "./judge.js";

/** How what is judged with is read again. */
export interface Rereading {
  /** Files and folders that it is read from: those of the last read(), however that ended. */
  files(): Promise<readonly string[]>;
  /** They are looked at all the time, and not at SIGHUP alone. */
  readonly isWatching: boolean;
  /**
   * Throws a VedetteError where it is wrong. `onNamed` is called when files() has its new answer, before
   * those files are read.
   */
  read(onNamed: () => Promise<void>): Promise<Judging>;
}

/** What a rereader works with. */
export interface RereaderOptions {
  /** Who judges; null: nobody does so far. */
  readonly judge: () => Judge | null;
  /** The judge is about to take it: what was before and what comes both judge for a moment. */
  readonly onComing: (next: Judging) => void;
  /** The judge could not take it: what was before holds. */
  readonly onRefused: () => void;
  /** The judge has taken it, and outputs change: what else goes by it is told now. */
  readonly onTaken: (next: Judging) => void;
  readonly say: Say;
  readonly onFault: (error: unknown) => void;
}

/** Opens with open(), before anything is read. Whoever opened it must close it. */
export class Rereader {
  readonly #again: Rereading;
  readonly #options: RereaderOptions;
  #changes!: Changes;

  static async open(again: Rereading, options: RereaderOptions): Promise<Rereader> {
    const rereader = new Rereader(again, options);
    const { isWatching } = again;
    rereader.#changes = await Changes.open({
      files: () => again.files(),
      isWatching,
      onChange: (paths, onNamed) => rereader.#take(paths, onNamed),
    });
    return rereader;
  }

  private constructor(again: Rereading, options: RereaderOptions) {
    this.#again = again;
    this.#options = options;
  }

  /** Somebody judges: what changed since open() is taken, too. */
  begin(): void {
    this.#changes.begin();
  }

  /** What SIGHUP asks for. */
  hangUp(): Promise<void> {
    return this.#changes.hangUp();
  }

  /** What is being taken is taken to its end. */
  close(): Promise<void> {
    return this.#changes.close();
  }

  async #take(paths: readonly string[], onNamed: () => Promise<void>): Promise<Outcome> {
    const { onComing, onRefused, onTaken, say, onFault } = this.#options;
    const judge = this.#options.judge();
    if (judge === null) return "refused";
    let next: Judging | null = null;
    try {
      next = await this.#again.read(onNamed);
      onComing(next);
      await judge.take(next);
    } catch (error) {
      onRefused();
      await next?.change?.cancel();
      say(`${paths.join(", ")} changed and was not taken: what was before holds`, "warning");
      onFault(error);
      if (error instanceof VedetteError) judge.onConfig(paths, error);
      return "refused";
    }
    judge.onConfig(paths, null);
    const committed = next.change?.commit();
    onTaken(next);
    say(`read again: ${paths.join(", ")} (${counted(next.policies.length, "policy", "policies")})`);
    await committed;
    return "taken";
  }
}
