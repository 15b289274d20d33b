// SPDX-License-Identifier: Apache-2.0
// How the sensor is: the one place that knows its workers, rings, intakes, outputs and policies. It answers
// two questions:
//
//   /healthz         does it judge? Only what a restart could mend is red: workers that do not move or are
// gone, no way in
//   /api/v1/health   is all well? Red, too, where alerts do not get to an output. Policies are told, and none
// makes it red: a
//                    tenant could have the whole task restarted
import type { SeatStatus } from "../engine/engine.js";
import type { IntakeHealth, PeerFill, PeerUsage } from "../intake/intake.js";
import { isWell, outputHealth } from "../output/health.js";
import type { OutputStats } from "../output/output.js";
import { VERSION } from "../version.js";

/** What health asks. */
export interface HealthParts {
  readonly workers: () => WorkerHealth;
  readonly intake: () => IntakeHealth;
  readonly fills: () => readonly PeerFill[];
  readonly usages: () => readonly PeerUsage[];
  readonly outputs: () => readonly OutputStats[];
  readonly policies: () => readonly PolicyState[];
  readonly runs: () => readonly Running[];
  /** Why the bus takes nothing; null: it does. */
  readonly bus: () => string | null;
}

/** A policy of the operator's own: what runs, and where it came from (its folder or file). */
export interface Running {
  readonly policy: string;
  readonly version: string;
  readonly from: string;
  readonly rules: number;
}

/** How many workers there are and how many of them do not move. */
export interface WorkerHealth {
  readonly count: number;
  /** They have something to judge, and do not move. */
  readonly stuck: number;
}

/** `refused`: no version of it ever ran. */
export type PolicyState = SeatStatus["state"] | "outdated" | "refused";

/** How it is in a word, and why. */
type State =
  | { readonly kind: "starting" }
  | { readonly kind: "judging" }
  | { readonly kind: "stopped"; readonly why: string };

/** Answers both questions at any time, from start to end. Parts that are not open yet count as well. */
export class Health {
  #state: State = { kind: "starting" };
  #parts: Partial<HealthParts> = {};
  #since: Date | null = null;

  /** These are there from now on. */
  watch(parts: Partial<HealthParts>): void {
    this.#parts = { ...this.#parts, ...parts };
  }

  /** It judges from now on. */
  begin(): void {
    this.#state = { kind: "judging" };
    this.#since = new Date();
  }

  /** It judges no more, for this reason. */
  stop(why: string): void {
    this.#state = { kind: "stopped", why };
  }

  /** Why judging has not begun, or has stopped; null: it goes on. */
  judging(): string | null {
    switch (this.#state.kind) {
      case "starting":
        return "starting";
      case "stopped":
        return this.#state.why;
      case "judging": {
        const stuck = this.#parts.workers?.().stuck ?? 0;
        return stuck > 0 ? `${stuck} policy workers do not move` : (this.#parts.intake?.().problem ?? null);
      }
    }
  }

  isWell(): boolean {
    return this.judging() === null && this.bus() === null && this.outputs().every(isWell);
  }

  /** The answer of /api/v1/health (docs/outputs.md). */
  json(): string {
    const { workers, intake } = this.#parts;
    return `${JSON.stringify({
      status: this.isWell() ? "ok" : "red",
      judging: this.judging(),
      workers: workers?.() ?? null,
      intake: intake?.() ?? null,
      outputs: this.outputs().map(outputHealth),
      policies: this.policies(),
      version: VERSION,
      since: this.#since?.toISOString() ?? null,
      runs: this.runs(),
      ...(this.#parts.bus === undefined ? {} : { bus: { problem: this.bus() } }),
    })}\n`;
  }

  /** Null: they are not open yet. */
  workers(): WorkerHealth | null {
    return this.#parts.workers?.() ?? null;
  }

  /** How many policies are in each state. */
  policies(): Record<PolicyState, number> {
    return countsOf(this.#parts.policies?.() ?? []);
  }

  /** What runs, of the operator's own. */
  runs(): readonly Running[] {
    return this.#parts.runs?.() ?? [];
  }

  /** Null: nothing comes in yet. */
  ring(): IntakeHealth["ring"] | null {
    return this.#parts.intake?.().ring ?? null;
  }

  /** How full the agents are, as far as they say so. */
  fills(): readonly PeerFill[] {
    return this.#parts.fills?.() ?? [];
  }

  /** What containers use, as far as their agents say so. */
  usages(): readonly PeerUsage[] {
    return this.#parts.usages?.() ?? [];
  }

  /** Why the bus takes nothing; null: it does, or there is none. */
  bus(): string | null {
    return this.#parts.bus?.() ?? null;
  }

  /** How each output is. */
  outputs(): readonly OutputStats[] {
    return this.#parts.outputs?.() ?? [];
  }
}

function countsOf(states: readonly PolicyState[]): Record<PolicyState, number> {
  const counts = { judging: 0, slow: 0, resting: 0, outdated: 0, refused: 0 };
  for (const state of states) counts[state]++;
  return counts;
}
