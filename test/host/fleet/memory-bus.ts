// SPDX-License-Identifier: Apache-2.0
// A bus and a place of snapshots in memory, for tests of what one partition's judge does.
import { type Bus, BusFailure, type BusMessage, type ReadOptions, type StreamForm } from "../../../host/fleet/bus.js";
import type { KnownRow, SnapshotRow, Snapshots } from "../../../host/fleet/snapshots.js";

/** Every subject is of the one stream. */
export class MemoryBus implements Bus {
  readonly messages: BusMessage[] = [];
  readonly #waiting = new Set<() => void>();

  async publish(subject: string, body: Uint8Array): Promise<number> {
    const seq = this.messages.length + 1;
    this.messages.push({ subject, body, seq, time: Date.now(), pending: 0 });
    for (const wake of this.#waiting) wake();
    return seq;
  }

  async largest(): Promise<number> {
    return 1 << 20;
  }

  async ensure(_stream: StreamForm): Promise<void> {}

  async edges(): Promise<{ first: number; last: number }> {
    return { first: 1, last: this.messages.length };
  }

  async *read(_stream: string, { from, signal }: ReadOptions): AsyncIterable<BusMessage> {
    for (let at = from - 1; ; ) {
      const message = this.messages[at];
      if (signal.aborted) throw new BusFailure("away", "it was stopped");
      if (message !== undefined && at++ >= 0) yield message;
      else
        await new Promise<void>((resolve) => {
          const done = (): void => {
            this.#waiting.delete(done);
            resolve();
          };
          this.#waiting.add(done);
          signal.addEventListener("abort", done, { once: true });
        });
    }
  }

  async close(): Promise<void> {}
}

/** Rows by compare-and-set, and objects. */
export class MemorySnapshots implements Snapshots {
  readonly rows = new Map<number, KnownRow>();
  readonly objects = new Map<string, Buffer>();
  #revision = 0;

  async row(partition: number): Promise<KnownRow | { readonly row: null; readonly revision: number }> {
    return this.rows.get(partition) ?? { row: null, revision: 0 };
  }

  async write(partition: number, row: SnapshotRow, revision: number): Promise<number | null> {
    if ((this.rows.get(partition)?.revision ?? 0) !== revision) return null;
    this.rows.set(partition, { row, revision: ++this.#revision });
    return this.#revision;
  }

  async put(partition: number, epoch: number, which: 0 | 1, bytes: Uint8Array): Promise<string> {
    const name = `s.${partition}.${epoch}.${which}:1`;
    this.objects.set(name, Buffer.from(bytes));
    return name;
  }

  async get(name: string): Promise<Buffer | null> {
    return this.objects.get(name) ?? null;
  }

  async sweep(partition: number, epoch: number): Promise<void> {
    for (const name of [...this.objects.keys()]) {
      const [, of, by] = name.split(".");
      if (Number(of) === partition && Number(by) < epoch) this.objects.delete(name);
    }
  }
}
