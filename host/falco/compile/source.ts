// SPDX-License-Identifier: Apache-2.0
// Where the value of a field stands in the frame, for one type of event. A source says how to come by the
// value in code, and of which scope it is; leaf.ts asks questions of it.
//
//   text   an address and a size, -1 for none; `make` leaves them in the locals $P and $L
//   names  a text that is a function of a number: names of values, or of set bits
//   int    an i64, INT64_MIN for none        bool  0, 1, 2 for none
//   ip     an address and a size of 4 or 16 bytes, as a text
//   each   any of the ancestors: `inner` is asked of each
//   either one of two                        none  never there
import type { Base, FuncContext } from "./func-context.js";
import type { Tree } from "./wasm.js";

/** What the value depends on: the whole event, or its process alone, so that it is kept for the batch. */
export type Scope = "event" | "process";
/** Where a field's value is. */
export type Source =
  | NoneSource
  | FixedSource
  | TextSource
  | NamesSource
  | IntSource
  | BoolSource
  | IpSource
  | EachSource
  | EitherSource;

interface Keyed {
  readonly key: string; // sources of one key are the same value
  readonly scope: Scope;
  readonly base?: Base; // whose field it is, of a process's
}
/** The field has no value in any event of this type. */
export interface NoneSource {
  readonly kind: "none";
}
/** A text that is the same for every event of the type. */
export interface FixedSource {
  readonly kind: "fixed";
  readonly value: string;
}
/** A text, found or made. `cost` is in rough instructions. */
export interface TextSource extends Keyed {
  readonly kind: "text";
  readonly cost: number;
  make(f: FuncContext): Tree[];
  /** Values of the same field of different processes share what is known about its words. */
  readonly vocabulary: string;
  readonly cached: { base: Base; slot: string } | null; // a slot of the process cache for its word
  /**
   * The same text with a NUL wherever it has a blank between entries, where that need not be made: enough to
   * look for what has no blank.
   */
  entries?(f: FuncContext): Tree[];
}
/** A name for the numbers whose bits under `mask` are `value`. */
export interface NameRow {
  readonly name: string;
  readonly value: bigint;
  readonly mask: bigint;
}

/** A text that stands for a number. */
export interface NamesSource extends Keyed {
  readonly kind: "names";
  readonly rows: readonly NameRow[];
  /**
   * value: the name of the number; bits: the names of its bits, joined; char: the character of that code. A
   * number without a name is its digits.
   */
  readonly form: "value" | "bits" | "char";
  value(f: FuncContext): Tree;
  readonly text: TextSource; // the same as a text
  readonly zero: string | null; // bits: what 0 is called
  readonly positive: string | null; // value: what every number from 0 on is called
}
/** A number. `isCheap`: one load. */
export interface IntSource extends Keyed {
  readonly kind: "int";
  value(f: FuncContext): Tree;
  readonly isCheap: boolean;
}
/** A truth that may be missing. */
export interface BoolSource extends Keyed {
  readonly kind: "bool";
  value(f: FuncContext): Tree;
}
/** An IP address. */
export interface IpSource extends Keyed {
  readonly kind: "ip";
  make(f: FuncContext): Tree[];
}
/** A field of all ancestors: a check holds where it holds for any. */
export interface EachSource {
  readonly kind: "each";
  readonly inner: Source;
}
/** A field with two values, such as fd.ip: the client's and the server's. */
export interface EitherSource {
  readonly kind: "either";
  readonly ends: [Source, Source];
}

/**
 * The key of a process's field, whosever it is: what is kept about a process is the same for whoever asks.
 */
export function keyOf(field: string, base: Base): string {
  return `process ${base} ${field}`;
}

/** The key without whose process it is. */
export function ownKey({ key, base }: { key: string; base?: Base }): string {
  return base === undefined ? key : key.replace(`process ${base} `, "process ");
}

/** The one NoneSource. */
export const NONE: NoneSource = { kind: "none" };
/** An i64 slot without a value: INT64_MIN. */
export const ABSENT = -(1n << 63n);
