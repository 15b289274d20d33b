// SPDX-License-Identifier: Apache-2.0
// What comes in, as the rest of the host sees it. An intake takes batches from peers (agents, or the hosts of
// a recording) and puts them into a ring that policy workers read. The rest of the host knows no connections,
// no stream numbers of the addon and no positions in the ring. It knows a sender as a `Peer`, and
// acknowledges by one call.
//
//   onHello - onBatch ... - acknowledge ... - onEnd - onLeft
import type { AgentUsage, HashAnswer, HashRequest, ResponseAnswer, ResponseRequest } from "../capture/agent.js";
import type { VedetteError } from "../errors.js";
import type { GuardNews } from "../output/guard-alert.js";
import type { ContainerFacts } from "../wire/container.js";
import type { BatchFacts } from "./batch-facts.js";
import type { TakeBatch, Tap } from "./tap.js";

/** One who sends batches. */
export interface Peer {
  /** Under which workers know the batches of this peer. Only its intake knows more about it. */
  readonly number: number;
  /** What metrics and messages call it. */
  readonly name: string;
  readonly hostname: string;
  /** What is known of its container. */
  readonly facts: ContainerFacts | null;
  /** What its agent says of itself, as it said it; none: it was recorded, or is our own. */
  readonly agent?: AgentWords;
}

/** How an agent captures, by its own word. */
export interface AgentWords {
  readonly version: string;
  readonly tiers: readonly string[];
  readonly integrity: string;
}

/** What an intake tells its sensor, always on the main thread. */
export interface IntakeHandlers {
  /** Something new stands in the ring. Coalesced: not one call a batch. */
  readonly onWake: () => void;
  /** A peer is there, and its container is known as far as it will be now. True: it may begin. */
  readonly onHello: (peer: Peer) => boolean;
  /** More has become known of its container. */
  readonly onFacts: (peer: Peer) => void;
  /** Why it cannot hold the table that it was given; empty when it does. */
  readonly onPrevented: (peer: Peer, obstacle: string) => void;
  /** What came of a request. */
  readonly onResponded: (peer: Peer, answer: ResponseAnswer) => void;
  /** What a process runs that it was asked about. */
  readonly onHashed: (peer: Peer, answer: HashAnswer) => void;
  /** Its workload has ended, and all its events came: it waits until they may be forgotten. */
  readonly onEnding?: (peer: Peer) => void;
  readonly onLeft: (peer: Peer) => void;
  /** It left so long ago that nothing more is judged of it. */
  readonly onForgotten: (number: number) => void;
  /** Something happened to what guards; `peer`: whom it is about. */
  readonly onNews: (news: GuardNews, peer: Peer | null) => void;
}

/** Who counts what an intake takes in. */
export interface IntakeCounts {
  onAgents(count: number): void;
  onBatch(name: string, batch: BatchFacts): void;
  /** Cumulative counters of a source. */
  onLost(name: string, source: string, lost: readonly number[]): void;
  onGone(name: string, cause: string): void;
  onSilent(name: string): void;
  onRefusal(error: VedetteError, count: number): void;
}

/** How an intake is, for /healthz and /api/v1/health. `peers` counts those that are connected now. */
export interface IntakeHealth {
  readonly kind: string;
  readonly peers: number;
  /** Why nothing can be taken in; null: it can. */
  readonly problem: string | null;
  /** Of its ring: its size, and how much of it waits to be judged. */
  readonly ring: RingHealth;
}

/** In bytes. */
export interface RingHealth {
  readonly bytes: number;
  readonly waiting: number;
}

/** How full a peer's spool and rings are, in bytes, by its own word. Rings of 0: it has no inline tier. */
export interface PeerFill {
  readonly name: string;
  readonly spool: number;
  readonly spoolMax: number;
  /** The most that waited within a second. */
  readonly rings: number;
  readonly ringsMax: number;
}

/** What a peer's container uses, by its own word. */
export interface PeerUsage extends AgentUsage {
  readonly name: string;
}

/** What takes batches in. The sensor owns it and closes it. */
export interface Intake {
  /** What workers read, and a place there for each of them. */
  readonly ring: SharedArrayBuffer;
  readonly readers: readonly number[];
  /** What comes was recorded: limits go by its time, and it waits for whoever is slow. */
  readonly isRecorded: boolean;
  /** What becomes of what was not judged, once nobody judges any more: a sentence for who has to act. */
  readonly unjudged: string;
  /** Whose batches have this number, also for a while after it has left; null: nobody's. */
  peer(number: number): Peer | null;
  /** Whose container has this id. */
  ofContainer(id: string): Peer | null;
  /** Of the host that this peer is on. */
  hostname(number: number): string;
  /** Gives a peer a table of what it is to deny; false: it is gone. */
  prevent(peer: Peer, version: number, rows: readonly unknown[]): boolean;
  /** Gives a peer the files whose opens it is to watch; false: it is gone. */
  watch(peer: Peer, files: readonly string[]): boolean;
  /** Asks a peer to do something to a process; false: it is gone. */
  respond(peer: Peer, request: ResponseRequest): boolean;
  /** Asks a peer which executable a process runs; false: it is gone. */
  hash(peer: Peer, request: HashRequest): boolean;
  /** Reads what comes beside the workers, on this thread. To be taken before anything comes. */
  tap(take: TakeBatch): Tap;
  /**
   * From now on a batch that was judged is acknowledged when `isKept` says so, too. To be called before
   * anything comes. Where there are no acknowledgements, nobody asks.
   */
  keepBy(isKept: (stream: number, seq: number) => boolean): void;
  /**
   * Tells peers what was judged: they need not keep it. What workers have gone past is acknowledged at the
   * next call, because its alerts may still be on their way. True: there is nothing left to acknowledge.
   */
  acknowledge(): boolean;
  health(): IntakeHealth;
  /** Of those who are there and have said how full they are. */
  fills(): readonly PeerFill[];
  /** What the containers use of those who are there and have said it. */
  usages(): readonly PeerUsage[];
  /** Nobody judges any more. Whoever is watched does not wait for us; gives what that means for them. */
  abandon(reason: string): GuardNews;
  /** Nothing more comes. */
  close(): void;
}
