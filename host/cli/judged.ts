// SPDX-License-Identifier: Apache-2.0
// What `run` and `replay` say to a person at a terminal, so that quiet and broken do not look alike: how many
// policies judge, and at the end how many events they judged.
import type { BatchFacts, IntakeCounts } from "../intake/intake.js";
import { counted } from "../output/counted.js";
import type { Judging } from "../sensor/sensor.js";

/** Counts the events of an intake, and passes on to `next` what it is told. */
export class EventCount implements IntakeCounts {
  #events = 0;
  readonly #next: IntakeCounts | null;

  constructor(next: IntakeCounts | null) {
    this.#next = next;
  }

  get events(): number {
    return this.#events;
  }

  onBatch(name: string, batch: BatchFacts): void {
    this.#events += batch.count;
    this.#next?.onBatch(name, batch);
  }

  onAgents(count: number): void {
    this.#next?.onAgents(count);
  }

  onLost(...told: Parameters<IntakeCounts["onLost"]>): void {
    this.#next?.onLost(...told);
  }

  onGone(...told: Parameters<IntakeCounts["onGone"]>): void {
    this.#next?.onGone(...told);
  }

  onSilent(name: string): void {
    this.#next?.onSilent(name);
  }

  onRefusal(...told: Parameters<IntakeCounts["onRefusal"]>): void {
    this.#next?.onRefusal(...told);
  }
}

/** `21 policies with 64 rules`. */
export function policiesText({ policies }: Pick<Judging, "policies">): string {
  const rules = policies.reduce((sum, one) => sum + one.rules.filter(({ enabled }) => enabled).length, 0);
  return `${counted(policies.length, "policy", "policies")} with ${counted(rules, "rule")}`;
}

/** `12,345 events`. */
export function eventsText(events: number): string {
  return `${events.toLocaleString("en")} ${events === 1 ? "event" : "events"}`;
}
