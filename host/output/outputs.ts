// SPDX-License-Identifier: Apache-2.0
// All outputs of a command, as one: each alert goes to every one of them, and each has a queue of its own, so
// that one which is slow, full or away keeps no other from its alerts. Others may be asked for while they
// run: those that stay as they are, or only change, keep what waits in them.
import { setTimeout as sleep } from "node:timers/promises";
import type { Alert } from "./alert.js";
import { Backlog, type BacklogOptions } from "./backlog.js";
import type { IncidentNews } from "./incident-news.js";
import type { OutputStats } from "./output.js";
import { type Asked, type Manner, type OutputPlan, plannedOutputs } from "./registry.js";

/** Which outputs are asked for, and how they write. */
export interface OutputsOptions extends Asked, Manner {}

/** Other outputs that are open, and get nothing yet: one of its methods is to be called, once. */
export interface OutputsChange {
  /** Names of outputs that stay as they are until the next start: another kind, and a folder that is open. */
  readonly held: readonly string[];
  /** From here on alerts go to these. Resolves when those that are not asked for any more have ended. */
  commit(): Promise<void>;
  /** All stays as it is. */
  cancel(): Promise<void>;
}

interface Open {
  readonly plan: OutputPlan;
  readonly queue: Backlog;
}

/** What becomes of one output: it stays, it changes (`becomes`), or it is new. */
interface Next extends Open {
  readonly becomes?: BacklogOptions;
  readonly isNew?: true;
  readonly isHeld?: true;
}

/** What waits in an output that is to change has so long to get where it was to go, ms. */
const SETTLE_MS = 500;
const LOOK_MS = 10;

/** Opens, feeds and closes all outputs of a command. */
export class Outputs {
  #open: readonly Open[] = [];
  /** Of outputs that are not asked for any more. */
  #lost = 0;

  /** Throws a VedetteError where one of them cannot be opened. */
  static async open(options: OutputsOptions): Promise<Outputs> {
    const outputs = new Outputs();
    outputs.#begin((await outputs.#prepared(options)).next);
    return outputs;
  }

  private constructor() {}

  /** Opens what is asked for now, and is not open. Throws as open() does; then nothing has changed. */
  async prepare(options: OutputsOptions): Promise<OutputsChange> {
    const { next, cancel } = await this.#prepared(options);
    const held = next.flatMap(({ isHeld, plan: { name } }) => (isHeld ? [name] : []));
    return { held, cancel, commit: () => this.#commit(next) };
  }

  async #prepared(options: OutputsOptions): Promise<{ next: readonly Next[]; cancel: () => Promise<void> }> {
    const next: Next[] = [];
    const cancel = async (): Promise<void> => {
      for (const { becomes, isNew, queue } of next) {
        if (isNew) await queue.close();
        await becomes?.carrier.close();
      }
    };
    try {
      for (const plan of await plannedOutputs(options, options)) next.push(await this.#next(plan, next));
    } catch (error) {
      await cancel();
      throw error;
    }
    return { next, cancel };
  }

  async #next(plan: OutputPlan, taken: readonly Next[]): Promise<Next> {
    const open = this.#open
      .filter((one) => !taken.some(({ queue }) => queue === one.queue))
      .find(({ plan: { place, folder } }) => place === plan.place || (folder !== undefined && folder === plan.folder));
    if (open?.plan.print === plan.print) return { plan, queue: open.queue };
    if (open !== undefined && open.plan.place !== plan.place) return { ...open, isHeld: true }; // its lines are of its kind
    const options = await plan.make();
    const queue = open?.queue ?? new Backlog(options);
    try {
      if (open === undefined) queue.start();
      else options.carrier.start?.();
    } catch (error) {
      await options.carrier.close(); // where the file could be opened, and the folder could not
      throw error;
    }
    return open === undefined ? { plan, queue, isNew: true } : { plan, queue, becomes: options };
  }

  async #commit(next: readonly Next[]): Promise<void> {
    await Promise.all(next.map(({ queue, becomes }) => (becomes === undefined ? undefined : settled(queue))));
    const leaving = this.#begin(next);
    await Promise.all(leaving.map(({ queue }) => queue.close()));
    for (const { queue } of leaving) this.#lost += queue.lost;
  }

  /** Gives those that are not asked for any more. */
  #begin(next: readonly Next[]): Open[] {
    const leaving = this.#open.filter(({ queue }) => !next.some((one) => one.queue === queue));
    this.#open = next.map(({ plan, queue }) => ({ plan, queue })); // what became of it is over
    for (const { queue, becomes } of next) if (becomes !== undefined) queue.become(becomes);
    return leaving;
  }

  write(alert: Alert): void {
    for (const { queue } of this.#open) queue.write(alert);
  }

  /** More is known of an alert that was written: told where a form has a way to say so. */
  update(alert: Alert): void {
    for (const { queue } of this.#open) queue.update(alert);
  }

  /** Those that are open, for tests of one of them. */
  queues(): readonly Backlog[] {
    return this.#open.map(({ queue }) => queue);
  }

  /** Some output is told of incidents. */
  get tellsIncidents(): boolean {
    return this.#open.some(({ queue }) => queue.tellsIncidents);
  }

  tell(news: IncidentNews): void {
    for (const { queue } of this.#open) queue.tell(news);
  }

  /** What SIGHUP asks for: files are opened by their names again. */
  reopen(): void {
    for (const { queue } of this.#open) queue.reopen();
  }

  stats(): OutputStats[] {
    return this.#open.map(({ queue }) => queue.stats());
  }

  /** Resolves when those that wait for their readers have room. For a replay, which can wait. */
  async room(): Promise<void> {
    for (const { queue } of this.#open) if (queue.isPatient) await queue.room();
  }

  /** Gives how many alerts never got where they were to go, over all that they go to. */
  async close(): Promise<number> {
    await Promise.all(this.#open.map(({ queue }) => queue.close()));
    return this.#open.reduce((lost, { queue }) => lost + queue.lost, this.#lost);
  }
}

/** Resolves when nothing waits, or soon. */
async function settled(queue: Backlog): Promise<void> {
  for (const end = performance.now() + SETTLE_MS; queue.stats().queued > 0 && performance.now() < end; )
    await sleep(LOOK_MS);
}
