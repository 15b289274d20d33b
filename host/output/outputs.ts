// SPDX-License-Identifier: Apache-2.0
// All outputs of a command, as one: each alert goes to every one of them, and each has a queue of its own, so
// that one which is slow, full or away keeps no other from its alerts.
import type { Alert } from "./alert.js";
import type { IncidentNews } from "./incident-news.js";
import type { OutputStats } from "./output.js";
import type { OutputQueue } from "./queue.js";
import { type Asked, type Manner, outputsOf } from "./registry.js";

/** Which outputs are asked for, and how they write. */
export interface OutputsOptions extends Asked, Manner {}

/** Opens, feeds and closes all outputs of a command. */
export class Outputs {
  readonly #outputs: readonly OutputQueue[];

  /** Throws a VedetteError where one of them cannot be opened. */
  static async open(options: OutputsOptions): Promise<Outputs> {
    const outputs = await outputsOf(options, options);
    try {
      for (const output of outputs) output.start();
    } catch (error) {
      await Promise.all(outputs.map((output) => output.close()));
      throw error;
    }
    return new Outputs(outputs);
  }

  private constructor(outputs: readonly OutputQueue[]) {
    this.#outputs = outputs;
  }

  write(alert: Alert): void {
    for (const output of this.#outputs) output.write(alert);
  }

  /** Some output is told of incidents. */
  get tellsIncidents(): boolean {
    return this.#outputs.some((output) => output.tellsIncidents);
  }

  tell(news: IncidentNews): void {
    for (const output of this.#outputs) output.tell(news);
  }

  /** What SIGHUP asks for: files are opened by their names again. */
  reopen(): void {
    for (const output of this.#outputs) output.reopen();
  }

  stats(): OutputStats[] {
    return this.#outputs.map((output) => output.stats());
  }

  /** Resolves when those that wait for their readers have room. For a replay, which can wait. */
  async room(): Promise<void> {
    for (const output of this.#outputs) if (output.isPatient) await output.room();
  }

  /** Gives how many alerts never got where they were to go, over all that they go to. */
  async close(): Promise<number> {
    await Promise.all(this.#outputs.map((output) => output.close()));
    return this.#outputs.reduce((lost, output) => lost + output.lost, 0);
  }
}
