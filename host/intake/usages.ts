// SPDX-License-Identifier: Apache-2.0
// What containers use, as their agents say every ten seconds when they are asked (docs/wire.md). The last
// word counts, and goes with its peer. An older agent does not know the question.
import type { AgentUsage } from "../capture/agent.js";
import type { Peer, PeerUsage } from "./peer.js";

/** The last word of each peer. */
export class Usages {
  readonly #said = new WeakMap<Peer, AgentUsage>();

  hear(peer: Peer, usage: AgentUsage): void {
    this.#said.set(peer, usage);
  }

  /** Of these peers. */
  of(peers: Iterable<Peer>): PeerUsage[] {
    return [...peers].flatMap((peer) => {
      const usage = this.#said.get(peer);
      return usage === undefined ? [] : [{ name: peer.name, ...usage }];
    });
  }
}
