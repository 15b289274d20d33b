// SPDX-License-Identifier: Apache-2.0
// The hosts of a file of events (recorded-file.ts): the intake of `replay`. Their batches go through a ring
// as they did when they were recorded. Nobody is watched any more: nothing is lost, nothing can be denied,
// and everything waits for whoever is slow.
import { hostname } from "node:os";
import { ringFill } from "../capture/ring.js";
import { Feed } from "../engine/feed.js";
import type { GuardNews } from "../output/guard-alert.js";
import type { RecordedEntry } from "../recording/recording.js";
import type { Batch } from "../wire/batch.js";
import type { ContainerFacts } from "../wire/container.js";
import type { Intake, IntakeHandlers, IntakeHealth, Peer, PeerFill, PeerUsage } from "./peer.js";
import type { RecordedFile } from "./recorded-file.js";
import { type TakeBatch, type Tap, Taps } from "./tap.js";

/** How often a ring that is full is looked at. */
const AGAIN_MS = 1;

type RecordedPeer = Peer & { hostname: string; facts: ContainerFacts | null };

/** The intake of `replay`: play() puts the file's batches into a ring and waits where a worker is slow. */
export class Replayed implements Intake {
  readonly ring: SharedArrayBuffer;
  readonly readers: readonly number[];
  readonly isRecorded = true;
  readonly unjudged = "Start it again: the file still holds everything.";
  readonly #file: RecordedFile;
  readonly #handlers: IntakeHandlers;
  readonly #feed = new Feed();
  readonly #peers = new Map<number, RecordedPeer>();
  readonly #taps: Taps;
  #isOver = false;

  constructor(file: RecordedFile, handlers: IntakeHandlers) {
    this.#file = file;
    this.#handlers = handlers;
    this.ring = this.#feed.ring;
    this.#taps = new Taps(this.ring);
    this.readers = [this.#feed.reader()];
  }

  /** Puts all in, and closes. `room` resolves when alerts can be taken. */
  async play(room: () => Promise<void>): Promise<void> {
    for await (const entry of this.#file.entries) {
      if (this.#isOver) return;
      if (entry.kind !== "batch") this.#learn(entry);
      else {
        await room();
        await this.#put(entry.batch, entry.stream);
      }
    }
    this.close();
  }

  peer(number: number): Peer | null {
    return this.#peers.get(number) ?? null;
  }

  ofContainer(id: string): Peer | null {
    return [...this.#peers.values()].find(({ facts }) => facts?.id === id) ?? null;
  }

  /** Of what is of no peer, too, where there was only one. */
  hostname(number: number): string {
    const [only] = this.#peers.size === 1 ? this.#peers.values() : [];
    return (this.#peers.get(number) ?? only)?.hostname ?? "";
  }

  /** What happened cannot be denied any more. */
  prevent(): boolean {
    return false;
  }

  watch(): boolean {
    return false;
  }

  respond(): boolean {
    return false;
  }

  hash(): boolean {
    return false;
  }

  tap(take: TakeBatch): Tap {
    return this.#taps.open(take);
  }

  /** A file keeps everything. */
  keepBy(): void {}

  acknowledge(): boolean {
    return true;
  }

  health(): IntakeHealth {
    const ring = ringFill(this.ring, this.readers);
    return { kind: this.#file.kind, peers: this.#peers.size, problem: null, ring };
  }

  /** Whoever recorded it is not there any more. */
  fills(): readonly PeerFill[] {
    return [];
  }

  usages(): readonly PeerUsage[] {
    return [];
  }

  abandon(reason: string): GuardNews {
    this.close();
    const output = "What was recorded is not judged any further";
    return { rule: "Vedette stopped judging", output, fields: { "vedette.reason": reason }, hostname: hostname() };
  }

  close(): void {
    this.#isOver = true;
    this.#feed.close();
  }

  #learn(entry: RecordedEntry & { kind: "host" | "container" }): void {
    const number = entry.stream;
    const known = this.#peers.get(number);
    const peer = known ?? { number, name: `host ${number}`, hostname: "", facts: null };
    this.#peers.set(number, peer);
    if (entry.kind === "host") peer.hostname = entry.hostname;
    else peer.facts = entry.facts;
    if (known === undefined) this.#handlers.onHello(peer);
    else if (entry.kind === "container") this.#handlers.onFacts(peer);
  }

  async #put(batch: Batch, stream: number): Promise<void> {
    while (!this.#isOver && !this.#feed.offer(batch, stream, true))
      await new Promise((done) => setTimeout(done, AGAIN_MS));
    this.#taps.onWake();
  }
}
