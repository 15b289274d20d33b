// SPDX-License-Identifier: Apache-2.0
// The agents that are connected. An agent must know the secret of the container that it names (secret.ts). A
// container has one agent. A second agent that knows the secret is a rival: one of the two lies, and it need
// not be the second one. The intake listens to both and raises an alert. An agent that comes back after its
// connection broke has the same source, and is no rival of itself.
import type { Hello } from "../capture/agent.js";
import type { ContainerClue } from "../ecs/metadata.js";
import type { ContainerFacts } from "../wire/container.js";
import { sourceName } from "./batch-facts.js";
import type { Peer } from "./peer.js";
import type { Secrets } from "./secret.js";

/** One connected agent that was admitted. `facts` is null until ECS has listed its container. */
export interface Guest extends Peer {
  /** Its stream's, as the addon numbers them. */
  readonly number: number;
  /** Hexadecimal. */
  readonly source: string;
  /** As its own pid namespace numbers it. */
  readonly pid: number;
  facts: ContainerFacts | null;
  /** The workload's first process has ended, and the agent has said so. */
  hasEnded: boolean;
}

/** Characters of a text that somebody said, in a sentence of the log. */
const SHOWN_MAX = 64;

/** So long after an agent has left, what it had sent may still be judged, ms. Then its name is forgotten. */
const LEFT_MS = 60_000;
/** So many are remembered; of more, those that left first are forgotten. */
const LEFT_MAX = 1024;

/**
 * Admits agents. It knows those that are connected, and for a minute those that have left (1,024 at most).
 */
export class Guests {
  readonly #guests = new Map<number, Guest>();
  /** Who has left, the first one first; `at`: when, ms. */
  readonly #left = new Map<number, { readonly guest: Guest; readonly at: number }>();
  readonly #secrets: Secrets;

  constructor(secrets: Secrets) {
    this.#secrets = secrets;
  }

  /** Throws when it may not come in. */
  admit(hello: Hello): Guest {
    const name = claimedName(hello);
    if (!this.#secrets.admit(name, hello.secret)) throw this.#secrets.refusalOf(name, describe(hello), shown(name));
    const source = sourceName(hello.source);
    const guest = {
      number: hello.stream,
      source,
      name,
      hostname: hello.hostname,
      pid: hello.pid,
      facts: null,
      agent: { version: hello.agent, tiers: hello.tiers, integrity: hello.integrity },
      hasEnded: false,
    };
    this.#guests.set(hello.stream, guest);
    return guest;
  }

  /**
   * By what ECS is asked for its container: by the name where that is proven, and never by an id, which is
   * its word alone.
   */
  clueOf(guest: Guest, hello: Hello): ContainerClue {
    return this.#secrets.isOwn(guest.name) ? { id: null, name: guest.name } : wordsOf(hello);
  }

  /**
   * What is known of its container, where `told` is ECS's answer: another's is not believed, nor an id where
   * names are proven.
   */
  factsOf(guest: Guest, hello: Hello, told: ContainerFacts | null): ContainerFacts | null {
    const isAnothers = told?.name != null && told.name !== guest.name && this.#secrets.isOwn(told.name);
    if (told !== null && !isAnothers) return told;
    return factsBy(this.#secrets.proveNames ? { id: null, name: guest.name } : wordsOf(hello));
  }

  leave(stream: number): Guest | undefined {
    const guest = this.#guests.get(stream);
    this.#guests.delete(stream);
    if (guest !== undefined) this.#left.set(stream, { guest, at: performance.now() });
    return guest;
  }

  /** Whose the events of a stream are: they may be judged after it has left. */
  author(stream: number): Guest | undefined {
    return this.#guests.get(stream) ?? this.#left.get(stream)?.guest;
  }

  /** The agent of a container, by what `container.id` says. */
  ofContainer(id: string): Guest | undefined {
    const left = [...this.#left.values()].map(({ guest }) => guest);
    return [...this.#guests.values(), ...left.reverse()].find(({ facts }) => facts?.id === id);
  }

  /** Gives the streams that left so long ago that nothing more is judged of them, and forgets them. */
  forgetLeft(now: number = performance.now()): number[] {
    const forgotten: number[] = [];
    for (const [stream, { at }] of this.#left) {
      if (now - at < LEFT_MS && this.#left.size <= LEFT_MAX) break;
      this.#left.delete(stream);
      forgotten.push(stream);
    }
    return forgotten;
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
    return [...this.#guests.values()].flatMap(({ number, hasEnded }) => (hasEnded ? [] : [number]));
  }

  /** Who is connected. */
  all(): Iterable<Guest> {
    return this.#guests.values();
  }

  get size(): number {
    return this.#guests.size;
  }
}

/** Of which container it says that it is. */
export function claimedName(hello: Hello): string {
  const { name, id } = wordsOf(hello);
  return name ?? id ?? hello.hostname;
}

/** Texts that an agent says are its word alone: they are cut to what the documented form allows. */
function wordsOf(hello: Hello): ContainerClue {
  const word = (value: unknown) => (typeof value === "string" && value !== "" && value.length <= 256 ? value : null);
  return { id: word(hello.container?.id), name: word(hello.container?.name) };
}

/** For the log: its words may be anybody's, and may not look like lines of ours. */
function describe(hello: Hello): string {
  return `the agent of pid ${hello.pid} on ${shown(hello.hostname)}`;
}

function shown(text: string): string {
  return text.slice(0, SHOWN_MAX).replace(/[^\x20-\x7e]/g, "?");
}

/** What the agent itself says, where ECS does not. */
function factsBy({ id, name }: ContainerClue): ContainerFacts | null {
  if (id === null && name === null) return null;
  const unknown = {
    image: null,
    imageId: null,
    imageRepository: null,
    imageTag: null,
    imageDigest: null,
    labels: null,
    ip: null,
  };
  const task = { cluster: null, service: null, taskArn: null, taskFamily: null, taskRevision: null };
  return { id: id ?? name ?? "", name, type: "ecs", ...unknown, ...task, containerArn: null, availabilityZone: null };
}
