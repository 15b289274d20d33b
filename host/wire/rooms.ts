// SPDX-License-Identifier: Apache-2.0
// Memory for batches that come and go by the hundred a second. V8 gives a Buffer's memory back only when it
// looks for garbage, and Buffers seldom make it look: 40 MiB waited so. What is given back here is used
// again.
const SIZE_MIN = 128;
/** More than this is left to V8. */
const FREE_BYTES_MAX = 1 << 20;

/** Rooms of few sizes, so that one fits many batches. */
export class Rooms {
  readonly #free = new Map<number, ArrayBuffer[]>();
  #freeBytes = 0;

  /** A copy of `bytes`, good until it is given back. `buffer.byteLength` says what it takes. */
  copy(bytes: Uint8Array): Buffer<ArrayBuffer> {
    const size = roomFor(bytes.length);
    const room = this.#free.get(size)?.pop();
    if (room !== undefined) this.#freeBytes -= size;
    const copy = Buffer.from(room ?? Buffer.allocUnsafeSlow(size).buffer, 0, bytes.length);
    copy.set(bytes);
    return copy;
  }

  giveBack({ buffer }: Buffer<ArrayBuffer>): void {
    const size = buffer.byteLength;
    if (this.#freeBytes + size > FREE_BYTES_MAX) return;
    const free = this.#free.get(size);
    if (free === undefined) this.#free.set(size, [buffer]);
    else free.push(buffer);
    this.#freeBytes += size;
  }
}

/** Four sizes from each power of two to the next: a fifth is lost at most. */
function roomFor(size: number): number {
  if (size <= SIZE_MIN) return SIZE_MIN;
  const step = 2 ** (Math.floor(Math.log2(size - 1)) - 2);
  return Math.ceil(size / step) * step;
}
