// SPDX-License-Identifier: Apache-2.0
// What the two sides of evidence say to one another: the host's first thread, which hears of findings, and
// the thread that keeps batches and writes files. Plain data.
import type { ContainerFacts } from "../wire/container.js";

/** How much is kept, and for how long. Times are in milliseconds. */
export interface EvidenceBounds {
  /** What came before a finding: batches of frequent calls alone, and all others. */
  readonly hotMs: number;
  readonly otherMs: number;
  /** Of one agent's batches, and a quarter of that of frequent calls alone; and of all agents' together. */
  readonly bytes: number;
  readonly allBytes: number;
  /** What comes after a finding is written for so long; more findings make it longer, up to the second. */
  readonly afterMs: number;
  readonly afterMsMax: number;
  /** The longest time for which a rule may ask. */
  readonly askedMsMax: number;
  /** Of one file, before it is compressed; it takes at most as much on the disk. So does its capture. */
  readonly fileBytes: number;
  /** Of a capture's lists of processes and descriptors, and the longest that making it may take. */
  readonly captureListBytes: number;
  readonly captureMs: number;
  /** Recordings that may wait to be made captures of. */
  readonly capturesWaiting: number;
  /** Of one container's files, in a day. */
  readonly containerBytes: number;
  /** Files that a container may make in an hour; as many more for findings of Critical and above. */
  readonly filesAnHour: number;
  /** Of the folder. */
  readonly folderBytes: number;
  /** What is younger is never removed. */
  readonly youngMs: number;
}

const MIB = 1 << 20;

/** Those of `run` and `serve`. */
export const EVIDENCE_BOUNDS: EvidenceBounds = {
  hotMs: 30_000,
  otherMs: 600_000,
  bytes: 8 * MIB,
  allBytes: 24 * MIB,
  afterMs: 5_000,
  afterMsMax: 60_000,
  askedMsMax: 600_000,
  fileBytes: 32 * MIB,
  captureListBytes: 4 * MIB,
  captureMs: 300_000,
  capturesWaiting: 50,
  containerBytes: 256 * MIB,
  filesAnHour: 12,
  folderBytes: 1024 * MIB,
  youngMs: 86_400_000,
};

/** What a capture beside a recording is called: `scap`, or `scap.gz` for a gzipped one. */
export type CaptureForm = "scap" | "scap.gz";

/** Which of the operator's findings have evidence: of Notice and above, those that ask for it, or all. */
export type Which = "notice" | "asked" | "all";

/** What a rule asks for: evidence of its findings, whatever their priority, for so long after each. */
export interface Asked {
  /** Milliseconds; null: as long as is usual. */
  readonly afterMs: number | null;
}

/** What an operator wants kept. */
export interface EvidenceSettings {
  readonly folder: string;
  /** Made of each recording; null: none is. */
  readonly capture: CaptureForm | null;
  /** Those that a rule asks for have evidence in any case. */
  readonly which: Which;
  /** By the rule's name. */
  readonly asked: ReadonlyMap<string, Asked>;
  /** How long a file goes on after a finding whose rule says nothing of it; undefined: as the bounds say. */
  readonly afterMs?: number;
  /** The most bytes of one file; undefined: as the bounds say. */
  readonly fileBytes?: number;
  /** The most bytes of the folder, and the age (ms) up to which no file goes; undefined: likewise. */
  readonly folderBytes?: number;
  readonly youngMs?: number;
}

/** What is kept where an operator says no more than where. */
export const USUAL_EVIDENCE = { capture: null, which: "notice", asked: new Map<string, Asked>() } as const;

/** Whose finding it is: a peer of the intake. */
export interface EvidenceOf {
  readonly number: number;
  readonly hostname: string;
  readonly facts: ContainerFacts | null;
}

/** A finding whose evidence is to be kept. */
export interface KeepOrder {
  readonly kind: "keep";
  /** The file's name. One that is open already goes on for longer. */
  readonly name: string;
  readonly stream: number;
  readonly hostname: string;
  readonly facts: ContainerFacts | null;
  readonly finding: string;
  readonly incident: string | null;
  /** How long it goes on after this finding, in milliseconds. */
  readonly afterMs: number;
}

/** What a finding's process ran, for the file that has it. */
export interface IdentifyOrder {
  readonly kind: "identify";
  readonly name: string;
  readonly executable: ExecutableFacts;
}

/** A program, and the digest of its bytes (64 hexadecimal digits). */
export interface ExecutableFacts {
  readonly path: string;
  readonly sha256: string;
}

/**
 * To the thread. `begin`: whoever is told is there now. `end`: nothing more comes; what is there is read, and
 * all files are ended.
 */
export type Order = KeepOrder | IdentifyOrder | { readonly kind: "begin" } | { readonly kind: "end" };

/** What stands beside a file, as JSON, and what outputs are told of it. Times are in ns since the epoch. */
export interface EvidenceFacts {
  readonly file: string;
  readonly sha256: string;
  readonly bytes: number;
  readonly incident: string | null;
  /** At most a hundred ids of the findings for which it was kept; the first is the one that began it. */
  readonly findings: readonly string[];
  /**
   * At most a hundred that those findings' processes ran; of an executable that is not here nothing is
   * known.
   */
  readonly executables: readonly ExecutableFacts[];
  readonly hostname: string;
  readonly container: { readonly id: string; readonly name: string | null } | null;
  readonly from: string | null;
  readonly to: string | null;
  readonly batches: number;
  readonly events: number;
  /** Batches that came faster than they could be read here. */
  readonly missed: number;
  /**
   * `full`: a bound of the file or of the disk was reached. `cut`: what came later could not be written.
   * `killed`: Vedette was ended while it wrote, and this was told by the next one.
   */
  readonly state: "whole" | "full" | "cut" | "killed";
  /** The capture that was made of it; undefined: none. */
  readonly capture?: CaptureFacts;
}

/** A capture that is there. */
export interface CaptureFacts {
  readonly file: string;
  readonly sha256: string;
  readonly bytes: number;
  readonly events: number;
  /** Events that it has no place for: Vedette's own, and calls that never returned. */
  readonly untold: number;
  /** `full`: it ended by its bound. */
  readonly state: "whole" | "full";
}

/** What a capture is made of, and where it stands. Plain data, for a thread. */
export interface CaptureOrder {
  readonly folder: string;
  readonly bounds: EvidenceBounds;
  /** Of the recording, without its ending. */
  readonly name: string;
  readonly form: CaptureForm;
  /** An Int32: not 0 once the thread is to end. */
  readonly end: SharedArrayBuffer;
}

/** From the thread. `refused`: nothing of this name is kept. */
export type News =
  | { readonly kind: "kept"; readonly facts: EvidenceFacts }
  | { readonly kind: "refused"; readonly name: string; readonly reason: "full" | "unwritable"; readonly text: string }
  | { readonly kind: "ended" };
