// SPDX-License-Identifier: Apache-2.0
//
// Chance that can be had again: the same seed gives the same numbers (mulberry32), though not the same
// interleaving.

export class Chance {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** From 0 to below 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  below(most: number): number {
    return Math.floor(this.next() * most);
  }

  one<T>(of: readonly T[]): T {
    return of[this.below(of.length)] as T;
  }

  bytes(most: number): Buffer {
    return Buffer.from(Array.from({ length: this.below(most) + 1 }, () => this.below(256)));
  }

  /** The bytes with a few of them changed, some taken out, doubled, or the end cut off. */
  spoilt(bytes: Uint8Array): Buffer {
    let spoilt = Buffer.from(bytes);
    for (let i = this.below(4); i >= 0; i--) {
      const at = this.below(spoilt.length + 1);
      const size = this.below(16);
      const part = spoilt.subarray(at, at + size);
      switch (this.below(6)) {
        case 0:
          spoilt = spoilt.subarray(0, at);
          break;
        case 1:
          spoilt = Buffer.concat([spoilt.subarray(0, at), spoilt.subarray(at + size)]);
          break;
        case 2:
          spoilt = Buffer.concat([spoilt.subarray(0, at), part, spoilt.subarray(at)]);
          break;
        case 3:
          spoilt.fill(this.one([0x00, 0x7f, 0x80, 0xff]), at, Math.min(at + size, spoilt.length));
          break;
        default:
          if (at < spoilt.length) spoilt[at] = this.below(256);
      }
    }
    return spoilt;
  }
}
