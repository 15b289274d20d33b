// SPDX-License-Identifier: Apache-2.0
// The agents that are connected. Who comes must know the secret. A container has one agent; a second one that says that it is of the same
// container is a rival: one of both lies, and who was first is no proof. Both are heard, and the station tells of it. An agent that
// comes back after its connection broke is the same source, and no rival of itself.
import type { Hello } from "../capture/agent.js";
import { VedetteError } from "../errors.js";
import type { ContainerFacts } from "../wire/container.js";
import type { ContainerClue } from "./metadata.js";
import type { Secret } from "./secret.js";

export interface Guest {
  readonly stream: number;
  /** Hexadecimal. */
  readonly source: string;
  /** What it is called in metrics and messages. */
  readonly name: string;
  readonly hostname: string;
  /** As its own pid namespace numbers it. */
  readonly pid: number;
  facts: ContainerFacts | null;
  /** The workload's first process has ended, and the agent has said so. */
  hasEnded: boolean;
}

export class Guests {
  readonly #guests = new Map<number, Guest>();

  constructor(private readonly secret: Secret | null) {}

  /** Throws when it may not come in. */
  admit(hello: Hello): Guest {
    if (this.secret !== null && !this.secret.matches(hello.secret))
      throw new VedetteError("VEDETTE_SECRET_WRONG", { peer: describe(hello) });
    const clue = clueOf(hello);
    const source = Buffer.from(hello.source).toString("hex");
    const name = clue.name ?? clue.id ?? hello.hostname;
    const guest = {
      stream: hello.stream,
      source,
      name,
      hostname: hello.hostname,
      pid: hello.pid,
      facts: null,
      hasEnded: false,
    };
    this.#guests.set(hello.stream, guest);
    return guest;
  }

  leave(stream: number): Guest | undefined {
    const guest = this.#guests.get(stream);
    this.#guests.delete(stream);
    return guest;
  }

  /** Another agent that says that it is of the same container. */
  rivalOf({ name, source }: Guest): Guest | undefined {
    return [...this.#guests.values()].find((guest) => guest.name === name && guest.source !== source);
  }

  get(stream: number): Guest | undefined {
    return this.#guests.get(stream);
  }

  /** Whether an agent of this source is there. */
  has(source: string): boolean {
    return [...this.#guests.values()].some((guest) => guest.source === source);
  }

  /** Streams from which something must come every second: their workloads run. */
  heard(): number[] {
    return [...this.#guests.values()].flatMap(({ stream, hasEnded }) => (hasEnded ? [] : [stream]));
  }

  get size(): number {
    return this.#guests.size;
  }
}

/** Texts that an agent says are its word alone: they are cut to what the documented form allows. */
export function clueOf(hello: Hello): ContainerClue {
  const word = (value: unknown) => (typeof value === "string" && value !== "" && value.length <= 256 ? value : null);
  return { id: word(hello.container?.id), name: word(hello.container?.name) };
}

function describe(hello: Hello): string {
  return `the agent of pid ${hello.pid} on ${hello.hostname.slice(0, 64)}`;
}
