// SPDX-License-Identifier: Apache-2.0
// The processes of one incident, so that it can be shown as a tree: those that findings and steps are about,
// with their ancestors up to the first process of the container.
import type { Finding } from "../finding/finding.js";
import { cutText } from "../finding/finding.js";
import type { Budget } from "./budget.js";
import { processKey } from "./joints.js";
import type { Step, TreeProcess } from "./parts.js";

/** Bytes of a command line, of a name. */
const COMMAND_MAX = 256;
const NAME_MAX = 64;

type Kept = { -readonly [Key in keyof TreeProcess]: TreeProcess[Key] };

/** Processes by key, within a budget that all trees share. */
export class Tree {
  readonly #budget: Budget;
  readonly #processes = new Map<string, Kept>();
  #leftOut = 0;

  constructor(budget: Budget) {
    this.#budget = budget;
  }

  /** Processes that had no room. One may be counted again and again. */
  get leftOut(): number {
    return this.#leftOut;
  }

  /** A parent that is left out is none. */
  processes(): TreeProcess[] {
    return [...this.#processes.values()].map((one) => ({
      ...one,
      parent: one.parent !== null && this.#processes.has(one.parent) ? one.parent : null,
    }));
  }

  finding({ process, ancestors, lineage }: Finding): void {
    if (process === null) return;
    const first = lineage === null ? null : processKey(lineage.first.pid, lineage.first.started);
    const chain = [
      { ...process, command: process.commandLine },
      ...ancestors.map((one) => ({ ...one, command: null })),
    ];
    const keys = chain.map(({ pid, started }) => processKey(pid, started));
    const end = first === null ? 1 : keys.indexOf(first) + 1 || keys.length;
    for (let i = Math.min(end, chain.length) - 1; i >= 0; i--) {
      const { pid, name, command } = chain[i]!;
      this.#put({
        key: keys[i]!,
        parent: i + 1 < end ? (keys[i + 1] ?? null) : null,
        pid,
        name,
        command,
        isFound: i === 0,
      });
    }
  }

  step({ process, ancestors }: Step): void {
    this.#put({ ...process, parent: ancestors[0] ?? null, isFound: false });
  }

  /** All of another's, which is given up. */
  absorb(other: Tree): void {
    const processes = [...other.#processes.values()];
    this.#leftOut += other.#leftOut;
    other.release();
    for (const one of processes) this.#put(one);
  }

  /** It is shown no more. */
  release(): void {
    this.#budget.give(this.#processes.size, this.#processes.size);
    this.#processes.clear();
  }

  /** The newest command line is the one that is shown; what an ancestor's is, is not known. */
  #put({ key, parent, pid, name, command, isFound }: TreeProcess): void {
    const known = this.#processes.get(key);
    const text = command === null ? null : cutText(command, COMMAND_MAX);
    if (known !== undefined) {
      known.parent ??= parent;
      if (text !== null)
        Object.assign(known, { command: text, name: name === null ? known.name : cutText(name, NAME_MAX) });
      known.isFound ||= isFound;
    } else if (this.#budget.take(this.#processes.size)) {
      const short = name === null ? null : cutText(name, NAME_MAX);
      this.#processes.set(key, { key, parent, pid, name: short, command: text, isFound });
    } else this.#leftOut++;
  }
}
