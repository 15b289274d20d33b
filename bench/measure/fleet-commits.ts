// SPDX-License-Identifier: Apache-2.0
//
// When the owner of a partition wrote down how far it is, as one hears it on the bus: parts of an object, and
// then the partition's row (host/fleet/kv-snapshots.ts). A partition is not judged on meanwhile.
import { connect, type NatsConnection } from "@nats-io/transport-node";

/** Before the first part is written, policies are asked for what they remember. */
const BEFORE_MS = 300;

interface Commit {
  /** ms since the epoch. */
  readonly from: number;
  readonly to: number;
}

/** Listens from when it is made. */
export class CommitWatch {
  bytes = 0;
  readonly #connection: NatsConnection;
  readonly #commits = new Map<number, Commit[]>();
  readonly #begun = new Map<number, number>();

  static async on(url: string): Promise<CommitWatch> {
    return new CommitWatch(await connect({ servers: url.split(",") }));
  }

  private constructor(connection: NatsConnection) {
    this.#connection = connection;
    connection.subscribe("$KV.VD_SNAP.>", {
      callback: (_, { subject, data }) => {
        const [, , kind, partition = ""] = subject.split(".");
        this.#onWrite(Number(partition), kind === "p");
        this.bytes += data.length;
      },
    });
  }

  get count(): number {
    return [...this.#commits.values()].reduce((sum, { length }) => sum + length, 0);
  }

  /** Whether this moment is in a commit of the partition, or just before one. */
  isBeside(partition: number, at: number): boolean {
    return (this.#commits.get(partition) ?? []).some(({ from, to }) => at >= from - BEFORE_MS && at <= to);
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  #onWrite(partition: number, isRow: boolean): void {
    const now = Date.now();
    if (!isRow) {
      if (!this.#begun.has(partition)) this.#begun.set(partition, now);
      return;
    }
    const commits = this.#commits.get(partition) ?? [];
    commits.push({ from: this.#begun.get(partition) ?? now, to: now });
    this.#commits.set(partition, commits);
    this.#begun.delete(partition);
  }
}
