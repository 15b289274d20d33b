// SPDX-License-Identifier: Apache-2.0
// The numbers by which an engine knows agents, and what their latest blocks say of them. A number is given
// out once.
import type { ContainerFacts } from "../wire/container.js";
import type { ForwardedBlock } from "./block.js";

/** What is known of an agent's place. */
export interface StreamOrigin {
  readonly host: string;
  readonly facts: ContainerFacts | null;
}

/** Those of one engine. */
export class Streams {
  readonly #numbers = new Map<string, number>();
  readonly #origins = new Map<number, StreamOrigin & { readonly told: string }>();
  readonly #onContainer: (stream: number, facts: ContainerFacts | null) => void;
  #last = 0;

  /** `onContainer` is told of a container before batches of it are judged, and when it is known no more. */
  constructor(onContainer: (stream: number, facts: ContainerFacts | null) => void) {
    this.#onContainer = onContainer;
  }

  /** The number of the agent that sends this block. */
  meet(source: string, { host, container: facts }: ForwardedBlock): number {
    const number = this.#numbers.get(source) ?? ++this.#last;
    this.#numbers.set(source, number);
    const told = JSON.stringify(facts);
    if (this.#origins.get(number)?.told !== told) this.#onContainer(number, facts);
    this.#origins.set(number, { host, facts, told });
    return number;
  }

  of(stream: number): StreamOrigin | undefined {
    return this.#origins.get(stream);
  }

  forget(source: string): void {
    const number = this.#numbers.get(source);
    if (number === undefined) return;
    this.#numbers.delete(source);
    this.#origins.delete(number);
    this.#onContainer(number, null);
  }
}
