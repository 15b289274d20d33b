// SPDX-License-Identifier: Apache-2.0
//
// Sensors that are simulated: each sends blocks of events that were recorded from real programs, as a sidecar
// with `--forward all` packs them, under a task and an agent of its own. A block may hold one call to be
// found, which says when the block was sealed; its time is true, and those of the others are as recorded.
//
// Hundreds of sensors on the machine of whom they feed must take little of it. So what does not change in a
// recorded batch is packed once, and a block is put together of packed parts (RFC 1951, 3.2.3):
//
//   stored: entries, and the envelope of a batch | deflated once: its sections | stored: ... | 01 00 00 ff ff
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { constants, crc32, deflateRawSync } from "node:zlib";
import { placeOfBlocks } from "../../host/fleet/subject.js";
import { blockHead, ENTRY_BYTES, KIND, writeEntryHead } from "../../host/recording/block.js";
import type { Batch } from "../../host/wire/batch.js";
import { BatchBuilder } from "../../host/wire/builder.js";
import { encodeBatch } from "../../host/wire/encode.js";
import { scratch } from "../../test/e2e/programs.js";
import type { Message } from "./fleet.js";

const MS_NS = 1_000_000n;
const LEVEL = 1;
/** What four sections take that hold nothing: a tag and a size of 32 bits each (host/wire/encode.ts). */
const EMPTY_BYTES = 20;
const NOTHING = new Uint8Array(0);
const LAST = Buffer.from([1, 0, 0, 0xff, 0xff]);
const PROBE = "/probe/";

/** A call to be found: when it was made, and when the block that holds it was sealed; ms since the epoch. */
export interface Probe {
  readonly made: number;
  readonly sealed: number;
}

/** A batch that was recorded, ready to be sent by any sensor. */
export interface Recorded {
  readonly count: number;
  /** Losses that it tells: none. */
  readonly lost: readonly number[];
  /** Its sections, packed, and their size before. */
  readonly packed: Buffer;
  readonly size: number;
}

/** Packs what does not change. */
export function readyToSend(batches: readonly Batch[]): Recorded[] {
  return batches.map((batch) => {
    const { count, processes, descriptors, strings, records } = batch;
    const lost = batch.lost.map(() => 0);
    const envelope = { source: Buffer.alloc(16), seq: 1, clock: 1n, first: 1, count, lost };
    const whole = encodeBatch({ ...envelope, processes, descriptors, strings, records });
    const sections = whole.subarray(headOf(envelope).length);
    const packed = deflateRawSync(sections, { level: LEVEL, finishFlush: constants.Z_FULL_FLUSH });
    return { count, lost, packed, size: sections.length };
  });
}

type Envelope = Omit<Parameters<typeof encodeBatch>[0], "processes" | "descriptors" | "strings" | "records">;

/** A batch up to its sections. */
function headOf(envelope: Envelope): Uint8Array {
  const none = { processes: NOTHING, descriptors: NOTHING, strings: NOTHING, records: NOTHING };
  return encodeBatch({ ...envelope, ...none }).subarray(0, -EMPTY_BYTES);
}

/** One agent of one task. */
export class LoadSensor {
  readonly tenant: string;
  readonly task: string;
  readonly partition: number;
  readonly #subject: string;
  readonly #source: Buffer;
  readonly #recorded: readonly Recorded[];
  #seq = 0;
  #num = 0;
  #next: number;

  constructor(number: number, tenant: string, recorded: readonly Recorded[], partitions: number) {
    this.tenant = tenant;
    this.task = `arn:aws:ecs:eu-west-1:1:task/prod/load${number}`;
    this.#source = Buffer.alloc(16);
    this.#source.writeUInt32LE(number + 1);
    const { subject, partition } = placeOfBlocks(tenant, this.task, partitions);
    [this.#subject, this.partition] = [subject, partition];
    this.#recorded = recorded;
    this.#next = number % recorded.length;
  }

  /** The next block, of at least so many events. */
  block(events: number, probe: Probe | null = null): Message & { readonly events: number } {
    const sender = { v: 1, tenant: this.tenant, task: this.task, source: this.#source.toString("hex"), version: "1" };
    const parts = new Parts();
    parts.add(KIND.sender, Buffer.from(JSON.stringify(sender)));
    parts.add(KIND.host, Buffer.from(this.task));
    const before = this.#num;
    while (this.#num - before < events) this.#addBatch(parts);
    if (probe !== null) parts.add(KIND.batch, this.#probe(probe));
    return { subject: this.#subject, body: parts.block(), events: this.#num - before };
  }

  /** The next recorded batch, as this agent's own. */
  #addBatch(parts: Parts): void {
    const { count, lost, packed, size } = this.#recorded[this.#next++ % this.#recorded.length] as Recorded;
    const clock = BigInt(Date.now()) * MS_NS;
    const head = headOf({ source: this.#source, seq: ++this.#seq, clock, first: this.#num + 1, count, lost });
    parts.add(KIND.batch, head, { packed, size });
    this.#num += count;
  }

  #probe({ made, sealed }: Probe): Uint8Array {
    const time = BigInt(Math.round(made * 1e6));
    const first = ++this.#num;
    const builder = new BatchBuilder({ source: this.#source, seq: ++this.#seq, first, clock: time });
    const process = builder.process({ pid: 100, name: "probe" });
    builder.record("openat", {
      ...{ process, tid: 100, time, result: 3 },
      params: { dirfd: -100, name: `${PROBE}${sealed.toFixed(3)}`, flags: 0 },
    });
    return builder.bytes();
  }
}

/** A block in the making. */
class Parts {
  readonly #parts: Uint8Array[] = [];
  #raw = 0;

  /** An entry. `rest`: what follows, packed. */
  add(kind: number, bytes: Uint8Array, rest = { packed: NOTHING as Uint8Array, size: 0 }): void {
    const stored = Buffer.allocUnsafe(5 + ENTRY_BYTES + bytes.length);
    const size = ENTRY_BYTES + bytes.length;
    stored[0] = 0;
    stored.writeUInt16LE(size, 1);
    stored.writeUInt16LE(~size & 0xffff, 3);
    writeEntryHead(stored, 5, { kind, stream: 1 }, bytes.length + rest.size);
    stored.set(bytes, 5 + ENTRY_BYTES);
    this.#parts.push(stored, rest.packed);
    this.#raw += size + rest.size;
  }

  block(): Buffer {
    const packed = Buffer.concat([...this.#parts, LAST]);
    return Buffer.concat([blockHead(packed.length, this.#raw, crc32(packed)), packed]);
  }
}

/** So many, of so many tenants, and as many in each partition. */
export function evenSensors(
  count: number,
  recorded: readonly Recorded[],
  partitions: number,
  tenants = 1,
): LoadSensor[] {
  const room = Array.from({ length: partitions }, () => Math.ceil(count / partitions));
  const sensors: LoadSensor[] = [];
  for (let number = 0; sensors.length < count; number++) {
    const sensor = new LoadSensor(number, `t${sensors.length % tenants}`, recorded, partitions);
    if ((room[sensor.partition] as number) === 0) continue;
    room[sensor.partition] = (room[sensor.partition] as number) - 1;
    sensors.push(sensor);
  }
  return sensors;
}

/** When the block of this finding was sealed, ms since the epoch; null: it is about no probe. */
export function sealedIn(output: string): number | null {
  const [, sealed] = /\/probe\/([\d.]+)/.exec(output) ?? [];
  return sealed === undefined ? null : Number(sealed);
}

const write = (name: string, index: string): string => {
  const folder = join(scratch(), name);
  mkdirSync(folder);
  writeFileSync(join(folder, "policy.yaml"), `name: ${name}\nversion: 1.0.0\ndescription: Of a bench.\n`);
  writeFileSync(join(folder, "index.ts"), index);
  return folder;
};

/** The folder of a policy that tells each probe. */
export const probePolicy = (): string =>
  write(
    "probe",
    `import { Openat, Priority, rule } from "vedette";
@rule({ name: "Probe", priority: Priority.Notice, output: "%evt.arg.name" })
export function probe(e: Openat): bool { return e.name.startsWith("${PROBE}"); }
`,
  );

/** The folder of a policy that takes long for each open and each read, and finds nothing. */
export const slowPolicy = (turns: number): string =>
  write(
    "slow",
    `import { Openat, Priority, Read, rule } from "vedette";
function spin(start: i64): bool {
  let n: u64 = <u64>start;
  for (let i = 0; i < ${turns}; i++) n = n * 6364136223846793005 + 1442695040888963407;
  return n == 7;
}
@rule({ name: "Slow open", priority: Priority.Debug })
export function slowOpen(e: Openat): bool { return spin(e.res); }
@rule({ name: "Slow read", priority: Priority.Debug })
export function slowRead(e: Read): bool { return spin(e.res); }
`,
  );
