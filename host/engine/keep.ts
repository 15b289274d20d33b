// SPDX-License-Identifier: Apache-2.0
// A policy's state, kept outside of its instance: after each batch the state region is copied here, and a new
// instance (after a trap, in a new worker, or of a new version that declares the same state) begins with it.
// Shared memory, since the worker may be ended at any instruction: there are two copies, and a word that says
// which one is whole.
//
//   u32 which copy is whole (0: none)   u32 size   u64 schema   copy 1   copy 2
import type { PolicyState } from "../wasm/instance.js";

const HEAD = 16;
/** A page of memory, on most machines. */
const PART_BYTES = 4096;

/** A state as it stands outside of every process, of this form (see StateKeep.fits). */
export interface KeptState {
  readonly schema: bigint;
  readonly bytes: Uint8Array;
}

/** The kept state of one policy. A worker that is ended inside save() leaves the older copy whole. */
export class StateKeep {
  readonly #words: Uint32Array;
  readonly #schema: BigUint64Array;

  constructor(readonly memory: SharedArrayBuffer) {
    this.#words = new Uint32Array(memory, 0, 2);
    this.#schema = new BigUint64Array(memory, 8, 1);
  }

  /** A place for a state of this form; nothing is in it yet. */
  static for(state: PolicyState): StateKeep {
    const keep = new StateKeep(new SharedArrayBuffer(HEAD + 2 * state.bytes.length));
    keep.#words[1] = state.bytes.length;
    keep.#schema[0] = state.schema;
    return keep;
  }

  /** One that begins with this state. */
  static with({ schema, bytes }: KeptState): StateKeep {
    const keep = new StateKeep(new SharedArrayBuffer(HEAD + 2 * bytes.length));
    keep.#words[1] = bytes.length;
    keep.#schema[0] = schema;
    keep.#copy(1).set(bytes);
    Atomics.store(keep.#words, 0, 1);
    return keep;
  }

  /** What is kept, in memory of its own; null: nothing yet. Nobody may save meanwhile. */
  get state(): KeptState | null {
    const whole = Atomics.load(this.#words, 0);
    return whole === 0 ? null : { schema: this.#schema[0] as bigint, bytes: this.#copy(whole).slice() };
  }

  /** Whether it holds something, and a state that is kept in `next` could not begin with it. */
  isLeftBy(next: SharedArrayBuffer | null): boolean {
    if (Atomics.load(this.#words, 0) === 0) return false;
    if (next === null) return true;
    const other = new StateKeep(next);
    return this.#words[1] !== other.#words[1] || this.#schema[0] !== other.#schema[0];
  }

  /** Whether a state of this form can be kept here, and what is here be given to it. */
  fits(state: PolicyState): boolean {
    return this.#words[1] === state.bytes.length && this.#schema[0] === state.schema;
  }

  save(state: PolicyState): void {
    const next = Atomics.load(this.#words, 0) === 1 ? 2 : 1;
    copyWhatDiffers(this.#copy(next), state.bytes);
    Atomics.store(this.#words, 0, next);
  }

  /** Gives the state back, if there is one. */
  restore(state: PolicyState): void {
    const whole = Atomics.load(this.#words, 0);
    if (whole !== 0) state.bytes.set(this.#copy(whole));
  }

  #copy(which: number): Uint8Array {
    const size = this.#words[1] as number;
    return new Uint8Array(this.memory, HEAD + (which - 1) * size, size);
  }
}

/** Most of a state is room that is not used yet: a page that nothing was written to takes no memory. */
function copyWhatDiffers(to: Uint8Array, from: Uint8Array): void {
  const [copy, state] = [to, from].map(({ buffer, byteOffset, length }) => Buffer.from(buffer, byteOffset, length));
  for (let at = 0; at < from.length; at += PART_BYTES) {
    const end = Math.min(at + PART_BYTES, from.length);
    if (copy!.compare(state!, at, end, at, end) !== 0) to.set(from.subarray(at, end), at);
  }
}
