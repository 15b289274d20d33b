// SPDX-License-Identifier: Apache-2.0
// Tasks that are played: each has an agent made by hand, and sends a block of what it did now and then.
import { setTimeout as sleep } from "node:timers/promises";
import { NatsBus } from "../../host/fleet/nats-bus.js";
import { ForwardedAgent } from "../host/fleet/forwarded.js";

const EVERY_MS = 1_000;

/** They send from start() until end(). */
export class PlayedTasks {
  readonly #agents: readonly ForwardedAgent[];
  readonly #bus: NatsBus;
  readonly #stopped = new AbortController();
  #sending: Promise<void> = Promise.resolve();

  constructor(count: number, partitions: number, url: string) {
    this.#agents = Array.from({ length: count }, (_, number) => new ForwardedAgent(number, partitions));
    this.#bus = new NatsBus({ url });
  }

  /** Blocks that the bus has. */
  sent = 0;

  start(): void {
    this.#sending = this.#send();
  }

  async end(): Promise<void> {
    this.#stopped.abort();
    await this.#sending;
    await this.#bus.close();
  }

  /** A block that a server does not take while its partition moves is sent again, as a sidecar does it. */
  async #send(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      await Promise.all(
        this.#agents.map(async (agent) => {
          const block = agent.block(agent.make(1));
          while (!signal.aborted) {
            const place = await this.#bus.publish(agent.subject, block, signal).catch(() => 0);
            if (place > 0) {
              this.sent++;
              return;
            }
            await sleep(EVERY_MS, undefined, { signal }).catch(() => undefined);
          }
        }),
      );
      await sleep(EVERY_MS, undefined, { signal }).catch(() => undefined);
    }
  }
}
