// SPDX-License-Identifier: Apache-2.0
// A host for tests that says what a host says, but reads and acknowledges only when it is told to: what an
// agent does with one that is slow, stuck or gone.
import { createServer, type Server, type Socket } from "node:net";
import { Packr, unpack } from "msgpackr";
import { type Batch, openBatch } from "../../host/wire/batch.js";

const packr = new Packr({ useRecords: false });
const HEAD = 4;

export class DeafHost {
  readonly batches: Batch[] = [];
  readonly hellos: unknown[] = [];
  end: unknown[] | null = null;
  readonly #server: Server;
  #socket: Socket | null = null;
  #rest = Buffer.alloc(0);
  #isReading: boolean;

  readonly #options: {
    readonly reads: boolean;
    readonly acknowledges: boolean;
    readonly isReady?: boolean;
    readonly refuses?: boolean;
    readonly breaksAfter?: () => number;
  };

  constructor(
    readonly path: string,
    options: {
      readonly reads: boolean;
      readonly acknowledges: boolean;
      readonly isReady?: boolean;
      readonly refuses?: boolean;
      /** How many bytes a connection bears, asked for each. */
      readonly breaksAfter?: () => number;
    },
  ) {
    this.#options = options;
    this.#isReading = options.reads;
    this.#server = createServer((socket) => this.#onAgent(socket));
    this.#server.listen(path);
  }

  /** From here on it reads. */
  read(): void {
    this.#isReading = true;
    this.#socket?.resume();
  }

  close(): void {
    this.#socket?.destroy();
    this.#server.close();
  }

  #onAgent(socket: Socket): void {
    this.#socket = socket;
    this.#rest = Buffer.alloc(0);
    let left = this.#options.breaksAfter?.() ?? Number.POSITIVE_INFINITY;
    socket.on("error", () => {});
    socket.on("data", (bytes) => {
      this.#onData(socket, bytes);
      left -= bytes.length;
      if (left <= 0) socket.destroy();
    });
  }

  #onData(socket: Socket, bytes: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    while (this.#rest.length >= HEAD && this.#rest.length >= HEAD + this.#rest.readUInt32LE(0)) {
      const size = this.#rest.readUInt32LE(0);
      const frame = Uint8Array.from(this.#rest.subarray(HEAD, HEAD + size));
      this.#rest = this.#rest.subarray(HEAD + size);
      this.#onFrame(socket, frame);
    }
  }

  #onFrame(socket: Socket, frame: Uint8Array): void {
    const [name, ...rest] = unpack(frame) as [string, ...unknown[]];
    if (name === "hello") {
      this.hellos.push(rest);
      if (this.#options.refuses) {
        this.#say(socket, ["error", "VEDETTE_SECRET_WRONG", "no"]);
        return;
      }
      this.#say(socket, ["ack", 0]);
      if (this.#options.isReady ?? true) this.#say(socket, ["ready"]);
      if (!this.#isReading) socket.pause();
      return;
    }
    if (name === "alive") return;
    if (name === "end") this.end = rest;
    else this.batches.push(openBatch(frame));
    if (this.#options.acknowledges)
      this.#say(socket, ["ack", (this.batches.at(-1)?.seq ?? 0) + (name === "end" ? 1 : 0)]);
  }

  #say(socket: Socket, words: unknown[]): void {
    const frame = packr.pack(words);
    const head = Buffer.alloc(HEAD);
    head.writeUInt32LE(frame.length);
    socket.write(Buffer.concat([head, frame]));
  }
}
