// SPDX-License-Identifier: Apache-2.0
// What the host does itself after an alert, where an agent would be asked for other actions. A deed
// answers at once, or later: then an alert that comes meanwhile and means the same asks for nothing new.
// Each answers once. Who hears of it hears nothing after end(), so a slow receiver keeps nobody from
// ending.

import type { Finding } from "../finding/finding.js";
import type { Alert } from "../output/alert.js";
import { reasonOf } from "../reason.js";
import type { HostAction } from "./deeds.js";

/** What came of it. */
export interface HostAnswer {
  readonly status: "done" | "failed" | "gone";
  readonly why: string;
}

/** What is asked for. */
export interface HostOrder<P> {
  readonly alert: Alert;
  readonly finding: Finding;
  readonly peer: P;
  /** It only says what it would do. */
  readonly isDry: boolean;
}

/** How a deed is done. It has its own bound of time, and ends soon when the signal comes. */
export type HostDeed<P> = (order: HostOrder<P>, over: AbortSignal) => HostAnswer | Promise<HostAnswer>;

const ENDED: HostAnswer = { status: "gone", why: "the workload ended before this was answered" };

/** Those of one responder. */
export class HostDeeds<P> {
  readonly #deeds: Readonly<Record<HostAction, HostDeed<P>>>;
  /** What is to be told when it is answered, by whom it means. */
  readonly #underWay = new Map<string, (answer: HostAnswer) => void>();
  readonly #over = new AbortController();

  constructor(deeds: Readonly<Record<HostAction, HostDeed<P>>>) {
    this.#deeds = deeds;
  }

  /** Whether something is done to it now. */
  isUnderWay(whom: string): boolean {
    return this.#underWay.has(whom);
  }

  /** Does it. `onAnswer` is called once: before this returns, or later. */
  begin(action: HostAction, whom: string, order: HostOrder<P>, onAnswer: (answer: HostAnswer) => void): void {
    const answer = this.#deeds[action](order, this.#over.signal);
    if (!(answer instanceof Promise)) {
      onAnswer(answer);
      return;
    }
    this.#underWay.set(whom, onAnswer);
    answer
      .catch((error: unknown): HostAnswer => ({ status: "failed", why: reasonOf(error) }))
      .then((said) => this.#settle(whom, said));
  }

  /** Nothing more is waited for: what is under way is told of now. */
  end(): void {
    this.#over.abort();
    for (const whom of [...this.#underWay.keys()]) this.#settle(whom, ENDED);
  }

  #settle(whom: string, answer: HostAnswer): void {
    const tell = this.#underWay.get(whom);
    this.#underWay.delete(whom);
    tell?.(answer);
  }
}
