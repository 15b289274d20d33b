// SPDX-License-Identifier: Apache-2.0
// The folder of evidence: a recording for each occasion, and beside it what it holds, as JSON, and a capture
// that was made of it. A file that is being written ends in `.part`. What a host left so when it was killed
// is whole up to its last block, and gets its name at the next start. The oldest files make room, but never
// one that is younger than a day: else whoever can raise findings could have the evidence of his own removed.
import { createHash } from "node:crypto";
import {
  closeSync,
  existsSync,
  fsyncSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { ownFolder } from "../own-folder.js";
import type { BoundedSummary } from "../recording/scap/capture-of.js";
import type { CaptureFacts, CaptureForm, EvidenceBounds, EvidenceFacts } from "./parts.js";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const ENDING = ".vedette";
const PART = `${ENDING}.part`;
const FACTS = ".json";
const CAPTURES = [".scap", ".scap.gz"] as const;
/** Of a capture that is written, and the recording's name in it: block-writer.ts names it. */
const CAPTURE_PART = /^(.+)\.scap(?:\.gz)?\.[0-9a-f]+\.part$/;
const READ_BYTES = 1 << 20;
/** Below this much room on its disk nothing new is begun. */
const DISK_BYTES_MIN = 64 << 20;
const FINDINGS_MAX = 100;

/** What is known of a file before it has a digest. */
export type Begun = Omit<EvidenceFacts, "sha256" | "bytes">;

/** One folder, for one Vedette. */
export class EvidenceFolder {
  readonly path: string;
  readonly #bounds: EvidenceBounds;

  /** Throws an Error that says why it cannot be used. */
  constructor(path: string, bounds: EvidenceBounds) {
    this.path = ownFolder(path);
    this.#bounds = bounds;
  }

  /** Where a file is written. */
  part(name: string): string {
    return join(this.path, `${name}${PART}`);
  }

  /** Where a recording stands once it has its name, and the capture of it. */
  recording(name: string): string {
    return join(this.path, `${name}${ENDING}`);
  }

  capture(name: string, form: CaptureForm): string {
    return join(this.path, `${name}.${form}`);
  }

  /** Why no recording can be begun now; null: it can. Removes what is old, where that makes room. */
  obstacle(now: number): string | null {
    return this.#obstacle(this.#bounds.fileBytes, now, null);
  }

  /** The same, of the capture of this recording, which stays in any case. */
  captureObstacle(recording: string, now: number): string | null {
    return this.#obstacle(this.#captureBytes, now, recording);
  }

  /** The most that a capture may come to be, with its lists. */
  get #captureBytes(): number {
    return this.#bounds.fileBytes + this.#bounds.captureListBytes;
  }

  #obstacle(more: number, now: number, stays: string | null): string | null {
    const { folderBytes, youngMs } = this.#bounds;
    const files = this.#files();
    let bytes = files.reduce((all, { size }) => all + size, more);
    for (const { name, size, at, isOpen } of files.sort((a, b) => a.at - b.at)) {
      if (bytes <= folderBytes || at > now - youngMs) break;
      if (isOpen || name === stays) continue;
      for (const ending of [ENDING, FACTS, ...CAPTURES]) rmSync(join(this.path, `${name}${ending}`), { force: true });
      bytes -= size;
    }
    if (bytes > folderBytes) return `the folder has no room, and none of its files is older than ${ageText(youngMs)}`;
    return this.isDiskFull() ? "the folder's disk is almost full" : null;
  }

  /** What others need of the disk is left to them. */
  isDiskFull(): boolean {
    const { bavail, bsize } = statfsSync(this.path);
    return bavail * bsize < DISK_BYTES_MIN;
  }

  /** Whether there is a file of this name, begun or ended: it is never written again. */
  has(name: string): boolean {
    return existsSync(this.part(name)) || existsSync(this.recording(name));
  }

  /** Gives a file its name, and writes what it holds beside it. */
  end(name: string, { findings, ...begun }: Begun): EvidenceFacts {
    const [part, file] = [this.part(name), this.recording(name)];
    const { sha256, bytes } = digestOf(part);
    renameSync(part, file);
    const facts = { ...begun, findings: findings.slice(0, FINDINGS_MAX), sha256, bytes };
    this.#describe(name, facts);
    return facts;
  }

  /** Where the disk has no room for that, the file is there all the same, and its digest is told. */
  #describe(name: string, facts: EvidenceFacts): void {
    const [path, fresh] = [join(this.path, `${name}${FACTS}`), join(this.path, `${name}${FACTS}.new`)];
    try {
      writeFileSync(fresh, `${JSON.stringify(facts, null, 2)}\n`, { mode: 0o600 });
      renameSync(fresh, path);
    } catch {
      rmSync(fresh, { force: true });
    }
  }

  /** Nothing of it is wanted. */
  drop(name: string): void {
    rmSync(this.part(name), { force: true });
  }

  /** The thread that wrote a capture of this recording was ended: a part of a capture is worth nothing. */
  dropCapture(name: string): void {
    for (const file of readdirSync(this.path))
      if (CAPTURE_PART.exec(file)?.[1] === name) rmSync(join(this.path, file), { force: true });
  }

  /** A capture of this recording is there: it gets its digest, and is named beside the recording. */
  addCapture(name: string, form: CaptureForm, summary: BoundedSummary): CaptureFacts {
    const { events, ours, unfinished, isFull } = summary;
    const counts = { events, untold: ours + unfinished, state: isFull ? ("full" as const) : ("whole" as const) };
    const capture = { file: `${name}.${form}`, ...digestOf(this.capture(name, form)), ...counts };
    const facts = this.#described(name);
    if (facts !== null) this.#describe(name, { ...facts, capture });
    return capture;
  }

  /** Null where the disk had no room for it, or somebody else wrote there. */
  #described(name: string): EvidenceFacts | null {
    try {
      return JSON.parse(readFileSync(join(this.path, `${name}${FACTS}`), "utf8")) as EvidenceFacts;
    } catch {
      return null;
    }
  }

  /** What another one left when it was killed. A part of a capture is worth nothing, and goes. */
  *left(): Generator<string> {
    for (const name of readdirSync(this.path)) {
      if (CAPTURE_PART.test(name)) rmSync(join(this.path, name), { force: true });
      else if (name.endsWith(PART)) yield name.slice(0, -PART.length);
    }
  }

  /** Recordings with the captures of them, by their names without an ending. */
  #files(): Kept[] {
    const kept = new Map<string, Kept>();
    for (const file of readdirSync(this.path)) {
      const told = this.#toldBy(file);
      const status = told === null ? undefined : lstatSync(join(this.path, file), { throwIfNoEntry: false });
      if (told === null || status === undefined) continue; // none of ours, or somebody removed it just now
      const { name, most } = told;
      const isOpen = most !== null;
      const one = kept.get(name) ?? { name, size: 0, at: status.mtimeMs, isOpen: false };
      one.size += most ?? status.size;
      one.at = Math.max(one.at, status.mtimeMs);
      one.isOpen ||= isOpen;
      kept.set(name, one);
    }
    return [...kept.values()];
  }

  /** `most`: how large one that is being written may come to be. Null: it is none of ours. */
  #toldBy(file: string): { readonly name: string; readonly most: number | null } | null {
    const [, name] = CAPTURE_PART.exec(file) ?? [];
    if (name !== undefined) return { name, most: this.#captureBytes };
    if (file.endsWith(PART)) return { name: file.slice(0, -PART.length), most: this.#bounds.fileBytes };
    const ending = [ENDING, ...CAPTURES].find((one) => file.endsWith(one));
    return ending === undefined ? null : { name: file.slice(0, -ending.length), most: null };
  }
}

function ageText(ms: number): string {
  return ms === DAY_MS ? "a day" : `${ms / HOUR_MS} h`;
}

/** One recording, and the capture of it where there is one. */
interface Kept {
  readonly name: string;
  size: number;
  at: number;
  isOpen: boolean;
}

/** Of what is on the disk, and there for good. */
function digestOf(path: string): { sha256: string; bytes: number } {
  const fd = openSync(path, "r");
  try {
    fsyncSync(fd);
    const hash = createHash("sha256");
    const buffer = Buffer.alloc(READ_BYTES);
    let bytes = 0;
    for (let got = readSync(fd, buffer); got > 0; got = readSync(fd, buffer)) {
      hash.update(buffer.subarray(0, got));
      bytes += got;
    }
    return { sha256: hash.digest("hex"), bytes };
  } finally {
    closeSync(fd);
  }
}
