// SPDX-License-Identifier: Apache-2.0
// Keeps what came, and writes it to a file when there is a finding: first what came before, then what comes
// until some seconds after the last finding of its agent. It knows no thread and no clock, so that tests can
// play both. Whoever owns it gives it batches, orders and the time.
import type { RawBatch } from "../capture/ring.js";
import { reasonOf } from "../reason.js";
import { RecordingWriter } from "../recording/recording.js";
import type { EvidenceFolder } from "./evidence-folder.js";
import type { EvidenceBounds, EvidenceFacts, KeepOrder, News } from "./parts.js";
import { PreRoll } from "./pre-roll.js";
import { clockOf, isHot } from "./raw.js";

/** A file that is being written. Times in ms are of the owner's clock. */
interface Open {
  readonly order: KeepOrder;
  readonly writer: RecordingWriter;
  readonly begun: number;
  readonly findings: string[];
  until: number;
  from: bigint | null;
  to: bigint | null;
  missed: number;
  isFull: boolean;
}

/** The one thing that writes into a folder of evidence. */
export class Keeper {
  readonly #folder: EvidenceFolder;
  readonly #bounds: EvidenceBounds;
  readonly #tell: (news: News) => void;
  readonly #roll: PreRoll;
  /** By stream. */
  readonly #open = new Map<number, Open>();
  #last: number | null = null;

  constructor(folder: EvidenceFolder, bounds: EvidenceBounds, tell: (news: News) => void) {
    this.#folder = folder;
    this.#bounds = bounds;
    this.#tell = tell;
    this.#roll = new PreRoll(bounds);
  }

  /** Gives names to what another one left when it was killed. */
  recover(): void {
    for (const name of this.#folder.left()) {
      try {
        const facts = { file: `${name}.vedette`, incident: null, findings: [], hostname: "", container: null };
        const counts = { from: null, to: null, batches: 0, events: 0, missed: 0, state: "killed" as const };
        this.#tell({ kind: "kept", facts: this.#folder.end(name, { ...facts, ...counts }) });
      } catch (error) {
        this.#tell({ kind: "refused", name, reason: "unwritable", text: reasonOf(error) });
      }
    }
  }

  /** A batch has come. `bytes` are copied. */
  take({ stream, bytes, count, number, types }: RawBatch, now: number): void {
    const missed = this.#last === null ? 0 : number - this.#last - 1;
    this.#last = number;
    if (missed > 0) for (const open of this.#open.values()) open.missed += missed;
    const batch = { bytes: Buffer.from(bytes), count, at: now, number };
    const open = this.#open.get(stream);
    if (open === undefined || open.isFull) this.#roll.add(stream, batch, isHot(types));
    else this.#try(open, () => this.#write(open, batch));
  }

  /** Begins a file, or has one go on for longer. */
  keep(order: KeepOrder, now: number): void {
    const open = this.#open.get(order.stream);
    if (open !== undefined && open.order.name === order.name) {
      open.findings.push(order.finding);
      open.until = Math.min(now + this.#bounds.afterMs, open.begun + this.#bounds.afterMsMax);
      return;
    }
    if (open !== undefined) this.#end(open);
    this.#begin(order, now);
  }

  /** It is so late now. */
  tick(now: number): void {
    this.#roll.age(now);
    for (const open of [...this.#open.values()]) {
      if (now >= open.until) this.#end(open);
      else this.#try(open, () => open.writer.flush());
    }
  }

  /** Nothing more comes. */
  end(): void {
    for (const open of [...this.#open.values()]) this.#end(open);
  }

  #begin(order: KeepOrder, now: number): void {
    const { name, stream, hostname, facts, finding } = order;
    const refuse = (reason: "full" | "unwritable", text: string): void =>
      this.#tell({ kind: "refused", name, reason, text });
    try {
      const obstacle = this.#folder.obstacle(Date.now());
      if (obstacle !== null) {
        refuse("full", obstacle);
        return;
      }
      const writer = new RecordingWriter(this.#folder.part(name));
      const until = now + this.#bounds.afterMs;
      const begun = { order, writer, begun: now, findings: [finding], until, from: null, to: null };
      const open: Open = { ...begun, missed: 0, isFull: false };
      this.#open.set(stream, open);
      this.#try(open, () => {
        writer.host(stream, hostname);
        if (facts !== null) writer.container(stream, facts);
        for (const batch of this.#roll.of(stream)) this.#write(open, batch);
        writer.flush();
      });
    } catch (error) {
      refuse("unwritable", reasonOf(error));
    }
  }

  #write(open: Open, { bytes, count }: { readonly bytes: Buffer; readonly count: number }): void {
    if (open.writer.given + bytes.length > this.#bounds.fileBytes) {
      open.isFull = true;
      return;
    }
    const sealed = clockOf(bytes);
    open.from ??= sealed;
    open.to = sealed;
    open.writer.batch(open.order.stream, bytes, count);
  }

  /** What cannot be written ends the file; what is there is kept, where that can be. */
  #try(open: Open, write: () => void): void {
    try {
      write();
    } catch (error) {
      this.#open.delete(open.order.stream);
      this.#folder.drop(open.order.name);
      this.#tell({ kind: "refused", name: open.order.name, reason: "unwritable", text: reasonOf(error) });
    }
  }

  #end(open: Open): void {
    const { order, writer, findings, missed, from, to } = open;
    this.#try(open, () => {
      writer.close();
      this.#open.delete(order.stream);
      const { id = null, name = null } = order.facts ?? {};
      const facts: Omit<EvidenceFacts, "sha256" | "bytes"> = {
        ...{ file: `${order.name}.vedette`, incident: order.incident, findings, hostname: order.hostname },
        container: id === null ? null : { id, name },
        ...{ from: textOf(from), to: textOf(to), batches: writer.batches, events: writer.events, missed },
        state: open.isFull ? "full" : "whole",
      };
      this.#tell({ kind: "kept", facts: this.#folder.end(order.name, facts) });
    });
  }
}

const textOf = (time: bigint | null): string | null => (time === null ? null : String(time));
