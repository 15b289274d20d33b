// SPDX-License-Identifier: Apache-2.0
// An engine on a bench: policies, a feed whose events are numbered through, and all that the engine says.
import * as assert from "uvu/assert";
import { Engine } from "../../../host/engine/engine.js";
import { Feed } from "../../../host/engine/feed.js";
import type { LoadedPolicy } from "../../../host/engine/policy.js";
import type { VedetteError } from "../../../host/errors.js";
import type { Alert } from "../../../host/output/alert.js";
import { batchOf } from "./shared.js";

/** How long a worker may take for a batch. */
const BUDGET_MS = 150;

export const upTo = (last: number): number[] => Array.from({ length: last }, (_, i) => i + 1);

export class Bench {
  readonly alerts: Alert[] = [];
  readonly faults: [VedetteError, LoadedPolicy | null][] = [];
  readonly logs: string[] = [];
  readonly feed = new Feed(4 << 20);
  engine!: Engine;
  #next = 1;

  /** `pauseMs`: after each batch. */
  readonly #pauseMs: number;

  private constructor(pauseMs: number) {
    this.#pauseMs = pauseMs;
  }

  static async start(policies: readonly LoadedPolicy[], workers = 1, pauseMs = 0): Promise<Bench> {
    const bench = new Bench(pauseMs);
    bench.engine = await Engine.start({
      ring: bench.feed.ring,
      readers: Array.from({ length: workers }, () => bench.feed.reader()),
      policies,
      onAlert: (alert) => void bench.alerts.push(alert),
      onFault: (fault, policy) => void bench.faults.push([fault, policy]),
      onLog: (policy, _level, text) => void bench.logs.push(`${policy}: ${text}`),
      budgetMs: BUDGET_MS,
    });
    return bench;
  }

  /** Feeds a batch with these results. */
  async put(...results: number[]): Promise<void> {
    await this.feed.put(batchOf(results, this.#next));
    this.#next += results.length;
    if (this.#pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, this.#pauseMs));
  }

  async until(condition: () => boolean): Promise<void> {
    for (let i = 0; i < 4000 && !condition(); i++) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.ok(condition(), "it came about within 20 s");
  }

  /** Feeds on while it is not so. */
  async feedUntil(condition: () => boolean): Promise<void> {
    for (let i = 0; i < 4000 && !condition(); i++) await this.put(-1);
    assert.ok(condition(), "it came about within 4000 batches");
  }

  state(policy: string): string | undefined {
    return this.engine.status().find((seat) => seat.policy.name === policy)?.state;
  }

  /** The events that these policies told of. */
  told(...policies: readonly string[]): number[] {
    const of = this.alerts.filter((alert) => policies.includes(alert.policy ?? "") && alert.source === "syscall");
    return of.map((alert) => Number(alert.output.split(" ")[0]));
  }

  async end(): Promise<number> {
    this.feed.close();
    await this.engine.finished;
    return this.#next - 1;
  }
}
