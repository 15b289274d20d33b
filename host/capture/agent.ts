// SPDX-License-Identifier: Apache-2.0
// An agent and what it sends. The addon's threads put checked batches into the ring; this class hands out the ring's readers,
// starts vedette-capture with one end of a socket pair, and says what happens: hello, end, exit. It does no work per event.
// The order is fixed: hello, batches, end, exit; readers see the ring's end only after the last batch.
import type { VedetteError } from "../errors.js";

/** What an agent says of itself when it connects. */
export interface Hello {
  readonly stream: number;
  readonly source: Uint8Array;
  readonly pid: number;
  readonly hostname: string;
  readonly command: readonly string[];
  readonly agent: string;
  readonly kernel: string;
  readonly arch: string;
  readonly tiers: readonly string[];
  readonly snaplen: number;
  readonly container: Readonly<Record<string, unknown>> | null;
}

/** How the workload's first process ended: a status, or the signal that ended it. */
export interface End {
  readonly stream: number;
  readonly status: number;
  readonly signal: number;
  readonly lost: readonly number[];
}

export interface CaptureHandlers {
  /** Something new stands in the ring (readers that wait are awake already). Coalesced: not one call a batch. */
  onWake?(): void;
  onHello?(hello: Hello): void;
  onEnd?(end: End): void;
  /** A stream was closed; `error` when it was we who refused it. */
  onClosed?(stream: number, error: VedetteError | null): void;
  /** The agent's process that start() made is gone. */
  onExit?(status: number | null, signal: number | null): void;
}
