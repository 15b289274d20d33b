// SPDX-License-Identifier: Apache-2.0
// Texts that a workload chooses, cut to so many bytes. What is cut ends with a mark that says how long it
// was:
//
//   curl -H xxxxxxxx...(cut: 61440 bytes)

/** No character takes more bytes of UTF-8 for each of its code units. */
const BYTES_PER_UNIT = 3;

/** A text whose bytes of JSON are its characters, which most are. */
const PLAIN = /^[ !#-[\]-~]*$/;

/** The text, or what of it stands in `most` bytes with its mark. */
export function cutText(text: string, most: number): string {
  if (text.length * BYTES_PER_UNIT <= most) return text;
  const bytes = Buffer.from(text);
  if (bytes.length <= most) return text;
  const mark = `...(cut: ${bytes.length} bytes)`;
  return wholeCharacters(bytes, Math.max(0, most - mark.length)) + mark;
}

/** The first `end` bytes, without a character that they would cut in two. */
function wholeCharacters(bytes: Buffer, end: number): string {
  let at = end;
  while (at > 0 && ((bytes[at] as number) & 0xc0) === 0x80) at--;
  return bytes.toString("utf8", 0, at);
}

/** Hands out what several texts may take together, in bytes of JSON: escapes count. */
export class TextBudget {
  #left: number;
  #isCut = false;

  constructor(bytes: number) {
    this.#left = bytes;
  }

  /** Some text was cut. */
  get isCut(): boolean {
    return this.#isCut;
  }

  /** The text, in at most `most` bytes. */
  take(text: string, most: number): string {
    const room = Math.min(most, this.#left);
    if (text.length <= room && PLAIN.test(text)) {
      this.#left -= text.length;
      return text;
    }
    let taken = cutText(text, room);
    let cost = jsonBytes(taken);
    // Escapes make it longer than its own bytes: cut by as much as it is too long, until it fits.
    for (let end = room; cost > room && end > 0; ) {
      end = Math.floor((end * room) / cost) - 1;
      taken = cutText(text, Math.max(0, end));
      if (jsonBytes(taken) === cost) break;
      cost = jsonBytes(taken);
    }
    if (cost > room) taken = "";
    this.#isCut ||= taken !== text;
    this.#left -= Math.min(this.#left, jsonBytes(taken));
    return taken;
  }
}

/** Between its quotes. */
function jsonBytes(text: string): number {
  return Buffer.byteLength(JSON.stringify(text)) - 2;
}
