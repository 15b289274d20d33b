// SPDX-License-Identifier: Apache-2.0
// Loads build/capture.node: the one place that does. Types here are the other side of
// capture/addon/receiver.h; arguments are checked before they get here, the addon takes them as they come.
import { createRequire } from "node:module";

import { VedetteError } from "../errors.js";
import { nativeFile } from "../paths.js";
import { reasonOf } from "../reason.js";

/**
 * What the addon's threads found since the last collect(). `hello`, `end`, `prevented`, `responded`,
 * `hashed` and `usage` carry the agent's frame unread; `closed` carries a code of the catalogue, or an
 * empty one where the agent left by itself.
 */
export type News =
  | {
      readonly kind: "hello" | "prevented" | "responded" | "hashed" | "usage";
      readonly stream: number;
      readonly frame: Uint8Array;
    }
  /** `next`: the number of the batch behind it; 0: none came before it on this connection. */
  | { readonly kind: "end"; readonly stream: number; readonly frame: Uint8Array; readonly next: number }
  | {
      readonly kind: "closed";
      readonly stream: number;
      readonly peer: string;
      readonly code: string;
      readonly detail: string;
      readonly offset: number;
    }
  | { readonly kind: "exit"; readonly stream: number; readonly status: number }
  /** `more`: so many others were turned away before this was heard. */
  | { readonly kind: "refused"; readonly stream: number; readonly peer: string; readonly more: number };

/** What came through a stream, and the gaps in its numbers. */
export interface StreamCounts {
  readonly batches: number;
  readonly records: number;
  readonly bytes: number;
  readonly missingBatches: number;
  readonly missingRecords: number;
  /** Times that lay too far ahead of our clock and were set back. */
  readonly futureTimes: number;
  /** How long nothing has come, where we waited for it. */
  readonly silentMs: number;
  /** Bytes that wait in the agent, and its room for them, by its word. A room of 0: it has not said. */
  readonly spool: number;
  readonly spoolMax: number;
  readonly rings: number;
  readonly ringsMax: number;
}

/** Who is connected, and why nobody else can be (an errno; 0: anybody can). */
export interface ReceiverState {
  readonly agents: number;
  readonly strangers: number;
  readonly obstacle: number;
}

/** What the addon says of a frame: how many records of which types it holds, or why it is refused. */
export type CheckResult =
  | { readonly count: number; readonly types: number[] }
  | { readonly code: string; readonly offset: number; readonly reason: string };

/** Which descriptors of ours are a child's standard streams. */
export type Stdio = readonly [stdin: number, stdout: number, stderr: number];

/** The addon's half of Capture. A `stream` is the addon's number for one agent. `error` is an errno. */
export interface Receiver {
  start(
    file: string,
    argv: readonly string[],
    environment: readonly string[],
    inherited: readonly number[],
    streamFd: number,
    stdio: Stdio,
  ): { readonly pid: number; readonly stream: number } | { readonly error: number };
  listen(address: string, users: readonly number[]): { readonly port: number } | { readonly error: number };
  send(stream: number, frame: Uint8Array): boolean;
  /** From here on it is read; false: there are too many agents. */
  admit(stream: number): boolean;
  /** Never waits. To be called again when the stream is closed. */
  drop(stream: number): void;
  signal(number: number): boolean;
  counts(stream: number): StreamCounts | undefined;
  state(): ReceiverState;
  collect(): News[];
  close(): void;
}

/** What build/capture.node exports. */
export interface Addon {
  readonly Receiver: new (ring: Uint8Array, onNews: () => void) => Receiver;
  checkBatch(frame: Uint8Array): CheckResult;
  /** How many bytes a descriptor took, 0 when none can be written now, or an errno below zero. */
  writeNow(fd: number, bytes: Uint8Array): number;
  /** A socket connected to the one for datagrams at `path`, which never waits, or an errno below zero. */
  connectDatagrams(path: string): number;
  /** Both ends, which no program gets by itself; an errno below zero in both places. */
  makePipe(): readonly [read: number, write: number];
  /**
   * From now on this thread must call answerWatch() now and then. Where it hangs, `text` goes to stderr and
   * the process ends: it has not answered at `looks` looks in a row, and has used `cpuMs` of processor time
   * since, or has slept at each of them. Once a process.
   */
  watchForHang(lookMs: number, looks: number, cpuMs: number, text: string, status: number): void;
  answerWatch(): void;
  /**
   * Takes pages of programs and libraries out of memory, and gives how many bytes they were: the `index`-th
   * of so many parts, from 0. What is needed again comes back from the page cache.
   */
  dropIdleCode(index: number, of: number): number;
  /** Has malloc share its memory among the threads that begin from now on. */
  keepArenasFew(): void;
}

let loaded: Addon | undefined;

/**
 * Loads the addon once a thread. Throws VEDETTE_ADDON_MISSING where it was not built or does not fit this
 * Node.
 */
export function loadAddon(): Addon {
  if (loaded !== undefined) return loaded;
  const path = nativeFile("capture.node");
  try {
    loaded = createRequire(import.meta.url)(path) as Addon;
    return loaded;
  } catch (cause) {
    throw new VedetteError("VEDETTE_ADDON_MISSING", { path, reason: reasonOf(cause) }, { cause });
  }
}
