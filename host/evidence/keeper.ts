// SPDX-License-Identifier: Apache-2.0
// Keeps what came, and writes it to a file when there is a finding: first what came before, then what comes
// until some seconds after the last finding of its agent. It knows no thread and no clock, so that tests can
// play both. Whoever owns it gives it batches, orders and the time.
import type { RawBatch } from "../capture/ring.js";
import { reasonOf } from "../reason.js";
import { RecordingWriter } from "../recording/recording.js";
import { extended } from "./duration.js";
import type { EvidenceFolder } from "./evidence-folder.js";
import type { EvidenceBounds, EvidenceFacts, IdentifyOrder, KeepOrder, News } from "./parts.js";
import { PreRoll } from "./pre-roll.js";
import { clockOf, isHot } from "./raw.js";

/** A file that is being written. Times in ms are of the owner's clock. */
interface Open {
  readonly order: KeepOrder;
  readonly writer: RecordingWriter;
  readonly begun: number;
  readonly findings: string[];
  /** Paths, by SHA-256. */
  readonly executables: Map<string, string>;
  until: number;
  from: bigint | null;
  to: bigint | null;
  missed: number;
}

/** Batches that were overtaken, and when that was seen. */
interface Gap {
  readonly at: number;
  count: number;
}

/** Gaps that are remembered; those that are more count for the newest. */
const GAPS_MAX = 1_000;
const EXECUTABLES_MAX = 100;

/** The one thing that writes into a folder of evidence. */
export class Keeper {
  readonly #folder: EvidenceFolder;
  readonly #bounds: EvidenceBounds;
  readonly #tell: (news: News) => void;
  readonly #roll: PreRoll;
  /** By stream. */
  readonly #open = new Map<number, Open>();
  #gaps: Gap[] = [];
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
        const facts = {
          file: `${name}.vedette`,
          incident: null,
          findings: [],
          executables: [],
          hostname: "",
          container: null,
        };
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
    if (missed > 0) this.#miss(missed, now);
    const batch = { bytes, count, at: now, number };
    this.#roll.add(stream, batch, isHot(types));
    const open = this.#open.get(stream);
    if (open !== undefined) this.#write(open, batch);
  }

  #miss(count: number, now: number): void {
    for (const open of this.#open.values()) open.missed += count;
    const last = this.#gaps.at(-1);
    if (last !== undefined && this.#gaps.length >= GAPS_MAX) last.count += count;
    else this.#gaps.push({ at: now, count });
  }

  /** Begins a file, or has one go on for longer. */
  keep(order: KeepOrder, now: number): void {
    const open = this.#open.get(order.stream);
    if (open !== undefined && open.order.name === order.name) {
      open.findings.push(order.finding);
      open.until = extended(open, order.afterMs, now, this.#bounds);
      return;
    }
    if (open !== undefined) this.#end(open, "whole");
    this.#begin(order, now);
  }

  /** What one of its findings' processes ran. A file that has ended stays as it is. */
  identify({ name, executable: { path, sha256 } }: IdentifyOrder): void {
    for (const { order, executables } of this.#open.values())
      if (order.name === name && executables.size < EXECUTABLES_MAX) executables.set(sha256, path);
  }

  /** It is so late now. */
  tick(now: number): void {
    this.#roll.age(now);
    this.#gaps = this.#gaps.filter(({ at }) => at > now - this.#bounds.otherMs);
    const isDiskFull = this.#open.size > 0 && this.#folder.isDiskFull();
    for (const open of [...this.#open.values()]) {
      if (isDiskFull) this.#end(open, "full");
      else if (now >= open.until) this.#end(open, "whole");
      else this.#try(open, () => open.writer.flush());
    }
  }

  /** Nothing more comes. */
  end(): void {
    for (const open of [...this.#open.values()]) this.#end(open, "whole");
  }

  #begin(order: KeepOrder, now: number): void {
    const { name, stream, hostname, facts, finding } = order;
    const refuse = (reason: "full" | "unwritable", text: string): void =>
      this.#tell({ kind: "refused", name, reason, text });
    try {
      const obstacle = this.#folder.has(name) ? "its file has ended" : this.#folder.obstacle(Date.now());
      if (obstacle !== null) {
        refuse("full", obstacle);
        return;
      }
      const writer = new RecordingWriter(this.#folder.part(name));
      const until = now + order.afterMs;
      const found = { findings: [finding], executables: new Map<string, string>() };
      const open: Open = { order, writer, begun: now, ...found, until, from: null, to: null, missed: 0 };
      this.#open.set(stream, open);
      this.#try(open, () => {
        writer.host(stream, hostname);
        if (facts !== null) writer.container(stream, facts);
      });
      const before = this.#roll.of(stream);
      const since = before[0]?.at ?? now;
      open.missed = this.#gaps.filter(({ at }) => at >= since).reduce((all, { count }) => all + count, 0);
      for (const batch of before) if (this.#open.get(stream) === open) this.#write(open, batch);
      if (this.#open.get(stream) === open) this.#try(open, () => writer.flush());
    } catch (error) {
      refuse("unwritable", reasonOf(error));
    }
  }

  #write(open: Open, { bytes, count }: { readonly bytes: Uint8Array; readonly count: number }): void {
    if (open.writer.given + bytes.length > this.#bounds.fileBytes) {
      this.#end(open, "full");
      return;
    }
    const sealed = clockOf(bytes);
    open.from ??= sealed;
    open.to = sealed;
    this.#try(open, () => open.writer.batch(open.order.stream, bytes, count));
  }

  /** What cannot be written ends the file, and what is there is kept. */
  #try(open: Open, write: () => void): void {
    try {
      write();
    } catch (error) {
      this.#end(open, "cut", reasonOf(error));
    }
  }

  /** A file into which nothing could be written is no evidence. */
  #end(open: Open, state: EvidenceFacts["state"], reason = ""): void {
    const { order, writer, findings, missed, from, to } = open;
    const executables = [...open.executables].map(([sha256, path]) => ({ path, sha256 }));
    this.#open.delete(order.stream);
    let [how, why] = [state, reason];
    try {
      writer.close();
    } catch (error) {
      [how, why] = ["cut", reasonOf(error)];
    }
    const isEmpty = how === "cut" && writer.batches === 0;
    const { name, incident, hostname } = order;
    const { id = null, name: called = null } = order.facts ?? {};
    const counts = { batches: writer.batches, events: writer.events, missed };
    const container = id === null ? null : { id, name: called };
    const times = { from: textOf(from), to: textOf(to) };
    const found = { incident, findings, executables, hostname, container };
    const facts = { file: `${name}.vedette`, ...found, ...times, ...counts, state: how };
    try {
      if (isEmpty) throw new Error(why);
      this.#tell({ kind: "kept", facts: this.#folder.end(name, facts) });
    } catch (error) {
      if (isEmpty) this.#folder.drop(name);
      this.#tell({ kind: "refused", name, reason: "unwritable", text: reasonOf(error) });
    }
  }
}

const textOf = (time: bigint | null): string | null => (time === null ? null : String(time));
