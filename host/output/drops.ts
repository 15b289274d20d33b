// SPDX-License-Identifier: Apache-2.0
// What Falco's `syscall_event_drops` asks for when events are lost: a line, an alert, or the end. It looks
// once a second, as Falco does. Vedette's own counts, its health and what it says at the end are as ever.
import { hostname } from "node:os";
import { VedetteError } from "../errors.js";
import type { Say } from "../log.js";
import type { Alert } from "./alert.js";

/** What may be done. */
export const DROP_ACTIONS = ["ignore", "log", "alert", "exit"] as const;
/** One of them. */
export type DropAction = (typeof DROP_ACTIONS)[number];

/** What Falco's configuration says of lost events. */
export interface DropSettings {
  readonly actions: readonly DropAction[];
  /** Nothing is done while no greater share of a second's events was lost, 0 to 1. */
  readonly threshold: number;
  /** So often a second something is done in the long run, and at most so often at once. */
  readonly rate: number;
  readonly burst: number;
}

/** Since the start. `lost` never arrived. */
export interface EventTotals {
  readonly arrived: number;
  readonly lost: number;
}

/** What the look needs. `now`: in ms, for tests. */
export interface DropOptions {
  readonly settings: DropSettings;
  readonly totals: () => EventTotals;
  readonly hostname: string | undefined;
  readonly onAlert: (alert: Alert) => void;
  readonly say: Say;
  /** Judging is to end. */
  readonly onExit: (error: VedetteError) => void;
  readonly now?: () => number;
}

/** What the alert is called. */
export const DROP_RULE = "Falco internal: syscall event drop";
const LOOK_MS = 1_000;
const MS_PER_S = 1_000;
const MS_NS = 1_000_000n;

/** Begins when it is made. Whoever made it must close it. */
export class Drops {
  readonly #options: DropOptions;
  readonly #now: () => number;
  readonly #timer: NodeJS.Timeout;
  #before: EventTotals;
  /** How often something may be done now: it grows with `rate`. */
  #tokens: number;
  #since: number;
  #hasExited = false;

  constructor(options: DropOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#before = options.totals();
    this.#tokens = options.settings.burst;
    this.#since = this.#now();
    this.#timer = setInterval(() => this.look(), LOOK_MS).unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** Compares with the look before. */
  look(): void {
    const { totals, settings } = this.#options;
    const now = totals();
    const lost = now.lost - this.#before.lost;
    const events = now.arrived - this.#before.arrived + lost;
    this.#before = now;
    if (lost > 0 && lost / events > settings.threshold && this.#mayAct()) this.#act(lost, events);
  }

  #mayAct(): boolean {
    const { rate, burst } = this.#options.settings;
    const now = this.#now();
    this.#tokens = Math.min(burst, this.#tokens + ((now - this.#since) / MS_PER_S) * rate);
    this.#since = now;
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }

  #act(lost: number, events: number): void {
    const { settings, say, onExit } = this.#options;
    const does = (action: DropAction): boolean => settings.actions.includes(action);
    if (does("log")) say(`vedette: ${DROP_RULE}. ${lost} system calls dropped in last second.`, "warning");
    if (does("alert")) this.#alert(lost, events);
    if (!does("exit") || this.#hasExited) return;
    this.#hasExited = true;
    onExit(new VedetteError("VEDETTE_FALCO_DROPS", { lost, events }));
  }

  /** Numbers are texts, as in Falco's. */
  #alert(lost: number, events: number): void {
    this.#options.onAlert({
      ...{ rule: DROP_RULE, priority: "Debug", tags: [], source: "internal" },
      time: BigInt(Date.now()) * MS_NS,
      output: `${DROP_RULE}. ${lost} system calls dropped in last second.`,
      outputFields: [
        ["n_drops", String(lost)],
        ["n_evts", String(events)],
      ],
      hostname: this.#options.hostname ?? hostname(),
    });
  }
}
