// SPDX-License-Identifier: Apache-2.0
// How full agents are, as they say once a second when they are asked (docs/wire.md). An older agent does not
// know the question, and an agent that has just come has not answered yet: both are left out.
import type { StreamCounts } from "../capture/agent.js";
import type { Peer, PeerFill } from "./peer.js";

/** Of these peers. `counts` gives undefined for a stream that is closed. */
export function fillsOf(peers: Iterable<Peer>, counts: (stream: number) => StreamCounts | undefined): PeerFill[] {
  return [...peers].flatMap(({ name, number }) => {
    const { spool = 0, spoolMax = 0, rings = 0, ringsMax = 0 } = counts(number) ?? {};
    return spoolMax === 0 ? [] : [{ name, spool, spoolMax, rings, ringsMax }];
  });
}
