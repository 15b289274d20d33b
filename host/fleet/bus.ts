// SPDX-License-Identifier: Apache-2.0
// What Vedette asks of a bus, whichever it is: streams that keep messages in their order, number them, and
// drop the oldest. nats-bus.ts is the one that there is. test/host/fleet/bus-contract.ts says what each does.

/** What a bus does for us. Every method may be called again after it threw. */
export interface Bus {
  /** Resolves with the message's number when its stream has it. Throws BusFailure. */
  publish(subject: string, body: Uint8Array, signal: AbortSignal): Promise<number>;
  /** The largest body that it takes now, in bytes. Throws BusFailure. */
  largest(signal: AbortSignal): Promise<number>;
  /** Makes the stream where it is not there; one that is there stays as it is. Throws BusFailure. */
  ensure(stream: StreamForm, signal: AbortSignal): Promise<void>;
  /** The numbers of its first and its last message, both still there; null: there is no such stream. */
  edges(stream: string, signal: AbortSignal): Promise<StreamEdges | null>;
  /** Messages from number `from` on, or from the first that is still there. Throws BusFailure. */
  read(stream: string, options: ReadOptions): AsyncIterable<BusMessage>;
  close(): Promise<void>;
}

/** A stream to be made. It drops its oldest messages. */
export interface StreamForm {
  readonly name: string;
  readonly subjects: readonly string[];
  readonly maxAgeMs: number;
  readonly maxBytes: number;
  /** Of one subject. */
  readonly maxMessages?: number;
  /** Of one message; more is refused. */
  readonly maxMessageBytes?: number;
  /** How many servers keep it (1). */
  readonly replicas?: number;
  /** It is gone with the server. */
  readonly isInMemory?: boolean;
}

/** Of a stream that never had a message, `last` is 0, and `first` 0 or 1. */
export interface StreamEdges {
  readonly first: number;
  readonly last: number;
}

/** `isOnce`: it ends when no more is there; else it waits for more, until `signal`. */
export interface ReadOptions {
  readonly from: number;
  readonly isOnce: boolean;
  readonly signal: AbortSignal;
}

/** A message as a stream has it. `time`: when the server took it, ms. `pending`: messages behind it. */
export interface BusMessage {
  readonly subject: string;
  readonly body: Uint8Array;
  readonly seq: number;
  readonly time: number;
  readonly pending: number;
}

/**
 * Why the bus did not do it. `away`: it may do it later. `nobody`: no stream takes the subject. `refused`: we
 * may not. `large`: no server takes so many bytes.
 */
export type BusFailureKind = "away" | "nobody" | "refused" | "large";

/** What a Bus throws; its message is a sentence's end. */
export class BusFailure extends Error {
  readonly kind: BusFailureKind;

  constructor(kind: BusFailureKind, reason: string, cause?: unknown) {
    super(reason, { cause });
    this.kind = kind;
  }
}
