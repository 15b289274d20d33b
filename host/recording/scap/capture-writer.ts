// SPDX-License-Identifier: Apache-2.0
// Writes a capture (.scap) that Falco, sysdig and tshark open:
//
//   section header | machine | interfaces | users | processes | descriptors | containers | events ...
//
// Its lists come from a Beginning that has seen all events; then the events are given again, and written as
// they come. Nothing else of them is kept.
import type { Batch } from "../../wire/batch.js";
import type { Beginning } from "./beginning.js";
import { EVENT_BLOCK } from "./beginning.js";
import { BlockWriter, type FileOptions } from "./block-writer.js";
import { containerEvent, LARGE_EVENT_BLOCK } from "./container-event.js";
import { EventWriter } from "./event-writer.js";
import { DESCRIPTOR_LIST, PROCESS_LIST, USER_LIST } from "./list-writer.js";

export { Beginning } from "./beginning.js";

/** What became of the records. */
export interface CaptureSummary {
  readonly events: number;
  /** Of Vedette itself: a capture has no such events. */
  readonly ours: number;
  /** Calls that never returned: a capture would have their entry, and nothing that says how they ended. */
  readonly unfinished: number;
  /** Parameters that were too long for a block. */
  readonly cut: number;
  /** Processes and descriptors of the beginning for which there was no room. */
  readonly leftOut: number;
  /** Labels of the container, beyond what a capture's readers take. */
  readonly labels: number;
}

const MACHINE = 0x201;
const INTERFACES = 0x219;
const HOSTNAME_MAX = 127;
const PID_MAX = 1 << 22;
const LIST_BYTES = 512 << 10;

/** Throws VEDETTE_SCAP_UNWRITABLE. */
export class CaptureWriter {
  readonly #blocks: BlockWriter;
  readonly #events = new EventWriter();
  readonly #counts = { events: 0, ours: 0, unfinished: 0 };
  readonly #leftOut: number;
  #labels = 0;

  constructor(path: string, beginning: Beginning, options: FileOptions) {
    this.#blocks = new BlockWriter(path, options);
    this.#leftOut = beginning.leftOut;
    try {
      this.#begin(beginning);
    } catch (error) {
      this.#blocks.abandon(); // nobody has us, who could
      throw error;
    }
  }

  #begin(beginning: Beginning): void {
    this.#blocks.block(MACHINE, machine(beginning.hostname));
    this.#blocks.block(INTERFACES);
    this.#blocks.block(USER_LIST, ...beginning.users.values(), ...beginning.groups.values());
    this.#list(PROCESS_LIST, [], beginning.processes.values());
    for (const [pid, descriptors] of beginning.descriptors) {
      const id = Buffer.alloc(8);
      id.writeBigUInt64LE(BigInt(pid));
      this.#list(DESCRIPTOR_LIST, [id], descriptors.values());
    }
    const [first = 1] = beginning.processes.keys();
    if (beginning.container === null) return;
    const { body, leftOut } = containerEvent(beginning.container, beginning.time, first);
    this.#blocks.block(LARGE_EVENT_BLOCK, body);
    this.#labels = leftOut;
  }

  /** False: the file has `fileBytes` by now, before they are compressed, and no more was written. */
  take(batch: Batch, fileBytes = Number.POSITIVE_INFINITY): boolean {
    for (const at of batch.offsets) {
      if (this.#blocks.bytes >= fileBytes) return false;
      const entry = this.#events.writeEntry(batch, at);
      if (entry !== null) this.#blocks.block(EVENT_BLOCK, entry);
      const body = this.#events.write(batch, at);
      if (typeof body === "string") this.#counts[body]++;
      else {
        this.#blocks.block(EVENT_BLOCK, body);
        this.#counts.events++;
      }
    }
    return true;
  }

  /** Ends the file. */
  close(): CaptureSummary {
    this.#blocks.close();
    return { ...this.#counts, cut: this.#events.cut, leftOut: this.#leftOut, labels: this.#labels };
  }

  /** Removes what was written; an old file stays as it was. */
  abandon(): void {
    this.#blocks.abandon();
  }

  #list(type: number, head: readonly Buffer[], entries: Iterable<Buffer>): void {
    let list: Buffer[] = [];
    let size = 0;
    const write = () => {
      if (list.length > 0) this.#blocks.block(type, ...head, ...list);
      [list, size] = [[], 0];
    };
    for (const entry of entries) {
      list.push(entry);
      size += entry.length;
      if (size >= LIST_BYTES) write();
    }
    write();
  }
}

/** u32 processors  u64 memory  u64 greatest pid  128 bytes hostname  u64 boot time  24 bytes unused */
function machine(hostname: string): Buffer {
  const body = Buffer.alloc(180);
  body.writeUInt32LE(1, 0);
  body.writeBigUInt64LE(BigInt(PID_MAX), 12);
  Buffer.from(hostname).copy(body, 20, 0, HOSTNAME_MAX);
  return body;
}
