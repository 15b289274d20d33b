// SPDX-License-Identifier: Apache-2.0
// The small frames of a stream (docs/wire.md). The agent sends hello and end, the host sends ready and error.
// The host takes what an agent says only in the documented form. It refuses anything else with
// VEDETTE_FRAME_UNEXPECTED.
import { Packr, Unpackr } from "msgpackr";
import { LOST, SCHEMA } from "../../build/generated/events.js";
import { VedetteError } from "../errors.js";
import { BATCH_VERSION } from "../wire/batch.js";

/** What an agent says of itself when it connects. */
export interface Hello {
  readonly stream: number;
  readonly source: Uint8Array;
  readonly pid: number;
  readonly hostname: string;
  readonly command: readonly string[];
  readonly agent: string;
  readonly kernel: string;
  readonly arch: string;
  readonly tiers: readonly string[];
  /** `normal`, `adaptive` or `strict`; empty: an older agent does not say. */
  readonly integrity: string;
  readonly snaplen: number;
  readonly container: Readonly<Record<string, unknown>> | null;
  readonly secret: string | null;
}

/** How the workload's first process ended: a status, or the signal that ended it. */
export interface End {
  readonly stream: number;
  readonly status: number;
  readonly signal: number;
  readonly lost: readonly number[];
  /** The number of the batch behind it; 0: none came before it on this connection. */
  readonly next: number;
}

/** A name in DNS has no more; Linux gives a machine 64. */
const HOSTNAME_MAX = 255;

const unpackr = new Unpackr({ useRecords: false, mapsAsObjects: true, int64AsType: "bigint" });
const packr = new Packr({ useRecords: false });

/**
 * Reads an agent's first frame. Throws VEDETTE_SCHEMA_MISMATCH where it speaks another version, and
 * VEDETTE_FRAME_UNEXPECTED where the frame has another form.
 */
export function readHello(stream: number, frame: Uint8Array): Hello {
  const [, versionSaid, schemaSaid, source, info] = unpack(frame, 5);
  const [version, schema] = [integer(versionSaid), integer(schemaSaid)];
  if (version === null || schema === null) return unexpected("hello has no numbers of its version and its schema");
  if (version !== BigInt(BATCH_VERSION) || schema !== SCHEMA)
    throw new VedetteError("VEDETTE_SCHEMA_MISMATCH", {
      theirs: `${version}:${schema.toString(16)}`,
      ours: `${BATCH_VERSION}:${SCHEMA.toString(16)}`,
    });
  if (!(source instanceof Uint8Array) || source.length !== 16) unexpected("hello has no source of 16 bytes");
  if (typeof info !== "object" || info === null) unexpected("hello has no information");
  const of = info as Record<string, unknown>;
  return {
    stream,
    source: Uint8Array.from(source),
    pid: count(of.pid),
    hostname: text(of.hostname, "").slice(0, HOSTNAME_MAX),
    command: texts(of.command),
    agent: text(of.agent, ""),
    kernel: text(of.kernel, ""),
    arch: text(of.arch, ""),
    tiers: texts(of.tiers),
    integrity: text(of.integrity, ""),
    snaplen: count(of.snaplen),
    container: typeof of.container === "object" ? (of.container as Record<string, unknown> | null) : null,
    secret: typeof of.secret === "string" ? of.secret : null,
  };
}

/** Reads an agent's last frame. Throws VEDETTE_FRAME_UNEXPECTED. */
export function readEnd(stream: number, frame: Uint8Array, next: number): End {
  const [, status, signal, lost] = unpack(frame, 4);
  return {
    stream,
    status: count(status),
    signal: count(signal),
    lost: Array.isArray(lost) ? lost.slice(0, LOST.length).map(count) : [],
    next,
  };
}

/** An agent's answer to a table: why it cannot hold it; empty when it does. */
export function readPrevented(frame: Uint8Array): string {
  const [, obstacle] = unpack(frame, 2);
  return text(obstacle, "").slice(0, 500);
}

/** What an agent may be asked to do after an alert. The wire has the index. */
export const RESPONSE_ACTIONS = ["kill", "kill-tree", "freeze", "tighten", "deny"] as const;
/** One of them. */
export type ResponseAction = (typeof RESPONSE_ACTIONS)[number];

/** What an agent is asked to do to a process. */
export interface ResponseRequest {
  /** Unique in this host. */
  readonly id: number;
  readonly action: ResponseAction;
  /** It only says what it would do. */
  readonly isDry: boolean;
  /** The workload's first process may be meant too. */
  readonly namesFirst: boolean;
  /** In the agent's own pid namespace. */
  readonly pid: number;
  /** ns since the epoch, as the agent told it. */
  readonly started: bigint;
  /** Of `freeze`, and of `deny`, where 0 is until the tree ends. */
  readonly seconds: number;
  /** Globs of executables that are left alone. */
  readonly programs: readonly string[];
  /** Of `deny`: rows as of a table of what is prevented. */
  readonly rows: readonly unknown[];
}

/** What an agent says of a request. */
export interface ResponseAnswer {
  readonly id: number;
  readonly step: (typeof STEPS)[number];
  readonly status: (typeof STATUSES)[number];
  readonly processes: number;
  /** In words, at most 400 characters. */
  readonly why: string;
}

const STEPS = ["acted", "ended"] as const;
const STATUSES = ["done", "partial", "gone", "refused", "failed"] as const;
const WHY_MAX = 400;
const SECOND_NS = 1_000_000_000n;

/** Reads an answer. Throws VEDETTE_FRAME_UNEXPECTED. */
export function readResponded(frame: Uint8Array): ResponseAnswer {
  const [, id, step, status, processes, why] = unpack(frame, 6);
  const answer = { step: STEPS[Number(integer(step) ?? -1n)], status: STATUSES[Number(integer(status) ?? -1n)] };
  if (answer.step === undefined || answer.status === undefined)
    return unexpected("an answer has a step or a status that is not known here");
  const { step: knownStep, status: knownStatus } = answer;
  return {
    id: count(id),
    step: knownStep,
    status: knownStatus,
    processes: count(processes),
    why: text(why, "").slice(0, WHY_MAX),
  };
}

/** A process whose executable is to be hashed, as the agent told of it; times are in ns since the epoch. */
export interface HashRequest {
  /** Unique in this host. */
  readonly id: number;
  /** In the agent's own pid namespace. */
  readonly pid: number;
  readonly started: bigint;
  /** Of the file that the process runs: where it lies, and when it was last changed. */
  readonly dev: bigint;
  readonly ino: bigint;
  readonly changed: bigint;
  /** What the kernel called it. */
  readonly path: string;
}

/** What an agent says of an executable. */
export interface HashAnswer {
  readonly id: number;
  /** 64 hexadecimal digits; null: it cannot say. */
  readonly sha256: string | null;
  /** Why it cannot, or why the digest holds for this process alone; empty where it holds for the file. */
  readonly why: string;
}

const DIGEST_BYTES = 32;

/** Reads such an answer. Throws VEDETTE_FRAME_UNEXPECTED. */
export function readHashed(frame: Uint8Array): HashAnswer {
  const [, id, digest, why] = unpack(frame, 4);
  if (!(digest instanceof Uint8Array) || (digest.length !== 0 && digest.length !== DIGEST_BYTES))
    return unexpected("an answer has no digest of 32 bytes");
  const sha256 = digest.length === 0 ? null : Buffer.from(digest).toString("hex");
  return { id: count(id), sha256, why: text(why, "").slice(0, WHY_MAX) };
}

/** The question which executable a process runs. */
export const hashFrame = ({ id, pid, started, dev, ino, changed, path }: HashRequest): Uint8Array =>
  packr.pack(["hash", id, pid, ...[started, dev, ino, changed].map(String), path]);

/** A request as the agent takes it. */
export const respondFrame = (request: ResponseRequest): Uint8Array => {
  const { id, action, isDry, namesFirst, pid, started, seconds, programs, rows } = request;
  const flags = [isDry ? 1 : 0, namesFirst ? 1 : 0];
  const start = [Number(started / SECOND_NS), Number(started % SECOND_NS)];
  const more = action === "deny" ? [rows] : [];
  const number = RESPONSE_ACTIONS.indexOf(action);
  return packr.pack(["respond", id, number, ...flags, pid, ...start, seconds, programs, ...more]);
};

/** A table of what is prevented; `rows` as docs/wire.md draws them. */
export const preventFrame = (version: number, rows: readonly unknown[]): Uint8Array =>
  packr.pack(["prevent", version, rows]);
/** Files, folders and globs whose opens are watched, all of them. */
export const watchFrame = (files: readonly string[]): Uint8Array => packr.pack(["watch", files]);
/** The frame that lets the agent start its workload under `--start security`. */
export const readyFrame = (): Uint8Array => packr.pack(["ready"]);
/** The frame that asks the agent to say how full it is, once a second. */
export const fillFrame = (): Uint8Array => packr.pack(["fill"]);
/** The frame that lets batches of calls like read become so old, in ms. */
export const ageFrame = (ms: number): Uint8Array => packr.pack(["age", ms]);
/** The frame that lets the agent drop its batches up to `seq`. */
export const ackFrame = (seq: number): Uint8Array => packr.pack(["ack", seq]);
/** The frame that says why the host closes the stream. The text is cut at 1,024 characters. */
export const errorFrame = (error: VedetteError): Uint8Array =>
  packr.pack(["error", error.code, error.message.slice(0, 1024)]);

/** The elements of a frame. Throws VEDETTE_FRAME_UNEXPECTED where it has fewer. */
export function unpack(frame: Uint8Array, elements: number): unknown[] {
  let value: unknown;
  try {
    value = unpackr.unpack(frame);
  } catch (cause) {
    throw new VedetteError(
      "VEDETTE_FRAME_UNEXPECTED",
      { peer: "an agent", reason: "a frame is no msgpack" },
      { cause },
    );
  }
  if (!Array.isArray(value) || value.length < elements) unexpected(`a frame has not its ${elements} elements`);
  return value;
}

function unexpected(reason: string): never {
  throw new VedetteError("VEDETTE_FRAME_UNEXPECTED", { peer: "an agent", reason });
}

/** Null: it is none, whatever else it is. */
function integer(value: unknown): bigint | null {
  if (typeof value === "bigint") return value;
  return typeof value === "number" && Number.isInteger(value) ? BigInt(value) : null;
}

/** What counts something: what cannot be a count is 0. */
function count(value: unknown): number {
  const found = integer(value) ?? 0n;
  return found >= 0n && found <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(found) : 0;
}

const text = (value: unknown, otherwise: string): string => (typeof value === "string" ? value : otherwise);
const texts = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
