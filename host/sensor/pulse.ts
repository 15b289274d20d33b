// SPDX-License-Identifier: Apache-2.0
// What a sensor says of itself in its beats (host/fleet/beat.ts): it gathers what the sensor's parts know.
// What an agent says of itself is anybody's word: only words that we know are counted.
import { arch, hostname, release } from "node:os";
import { BEAT_S, type Beat } from "../fleet/beat.js";
import type { Bus } from "../fleet/bus.js";
import type { ForwardStats } from "../fleet/forwarder.js";
import { Heart } from "../fleet/heart.js";
import type { Peer } from "../intake/intake.js";
import type { Say } from "../log.js";
import type { OutputStats } from "../output/output.js";
import type { PolicyStatus } from "../policy/status.js";
import { VERSION } from "../version.js";

/** Whose beats they are, and where they go. */
export interface BeatsOptions {
  readonly bus: Bus;
  readonly tenant: string;
  readonly task: string;
  /** Files of Falco's rules, as they were named. */
  readonly rules: readonly string[];
  readonly periodMs?: number;
}

/** What is asked for each beat. Parts that are not there yet say nothing. */
export interface PulseParts {
  /** Why it does not judge; null: it does. */
  readonly problem: () => string | null;
  readonly policies: () => readonly PolicyStatus[];
  readonly outputs: () => readonly OutputStats[];
  readonly sums: () => { readonly events: number; readonly lost: number; readonly alerts: number };
  /** Null: nothing is forwarded. */
  readonly forward: () => { readonly stats: ForwardStats; readonly stream: string } | null;
}

const TIERS = ["trace", "inline"];
const LEVELS = ["normal", "adaptive", "strict"];
const RELEASE = /^\d{1,4}(\.\d{1,4}){0,3}[\w.+-]{0,16}$/;
const UNKNOWN = "unknown";
const KINDS_MAX = 8;

/** The beats of one sensor, from begin() until close(). */
export class Pulse {
  readonly #options: BeatsOptions;
  readonly #parts: PulseParts;
  readonly #heart: Heart;
  readonly #agents = new Map<number, Peer>();
  readonly #started = Date.now();

  constructor(options: BeatsOptions, parts: PulseParts, say: Say) {
    this.#options = options;
    this.#parts = parts;
    const { bus, periodMs } = options;
    this.#heart = new Heart({
      ...{ bus, say, beat: (state) => this.beat(state) },
      ...(periodMs === undefined ? {} : { periodMs }),
    });
  }

  begin(): void {
    this.#heart.begin();
  }

  onHello(peer: Peer): void {
    this.#agents.set(peer.number, peer);
  }

  onLeft({ number }: Peer): void {
    this.#agents.delete(number);
  }

  close(): Promise<void> {
    return this.#heart.close();
  }

  beat(state: Beat["state"]): Beat {
    const { tenant, task, rules } = this.#options;
    const { problem, policies, outputs, sums, forward } = this.#parts;
    const { stats, stream } = forward() ?? { stats: null, stream: "" };
    const { acked = null, waiting: blocks = 0, spoolBytes: bytes = 0 } = stats ?? {};
    return {
      ...{ tenant, task, state, version: VERSION, host: hostname(), kernel: release(), arch: arch() },
      ...{ started: this.#started, clock: Date.now(), period: BEAT_S, problem: problem() },
      ...{ rules: [...rules], agents: this.#words() },
      policies: policies().map(({ policy: name, ...of }) => ({
        ...{ tenant: of.tenant, name, version: of.version, digest: of.digest, state: of.state },
      })),
      unlisted: 0,
      counters: {
        ...sums(),
        unsent: sumOf(outputs().flatMap(({ dropped }) => Object.values(dropped))),
        forwarded: stats?.events ?? 0,
        forwardLost: sumOf(Object.values(stats?.lost ?? {})),
      },
      spool: { blocks, bytes },
      acked: acked === null ? null : { stream, ...acked },
    };
  }

  #words(): Beat["agents"] {
    const words = [...this.#agents.values()].flatMap(({ agent }) => (agent === undefined ? [] : [agent]));
    return {
      count: this.#agents.size,
      tiers: tallied(words.flatMap(({ tiers }) => TIERS.filter((tier) => tiers.includes(tier)))),
      integrity: tallied(words.map(({ integrity }) => (LEVELS.includes(integrity) ? integrity : UNKNOWN))),
      versions: tallied(words.map(({ version }) => (RELEASE.test(version) ? version : UNKNOWN))),
    };
  }
}

const sumOf = (counts: readonly number[]): number => counts.reduce((sum, count) => sum + count, 0);

/** How often each comes; of more kinds than there may be, the others are one. */
function tallied(words: readonly string[]): Record<string, number> {
  const counts = new Map<string, number>();
  for (const word of words) {
    const kind = counts.has(word) || counts.size < KINDS_MAX - 1 ? word : UNKNOWN;
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return Object.fromEntries(counts);
}
