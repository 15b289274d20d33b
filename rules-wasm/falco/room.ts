// SPDX-License-Identifier: Apache-2.0
// The place of a text that is put together while an event is judged. The next text takes the place of the
// last, so texts without end take no memory: a batch costs a few times its longest text.
import { Str } from "../str";
import { utf8Size, writeUtf8 } from "../text";
import { frameNumber, setSpan, textMemory } from "../wire/frame";

const ABSENT: u32 = 0xffffffff;

/** Memory for one text. */
@final
export class Room {
  private readonly span: usize = heap.alloc(8);
  private begin: usize = 0;
  private size: u32 = 0;
  private frame: u32 = 0;

  /** Memory for a text of at most `size` bytes. */
  take(size: u32): usize {
    const isOver = this.frame != frameNumber();
    if (isOver || this.size < size) {
      this.frame = frameNumber();
      this.size = isOver ? size : max(size, 2 * this.size);
      this.begin = textMemory(this.size);
    }
    return this.begin;
  }

  /** What was written there, up to `end`. */
  text(end: usize): Str {
    return this.at(this.begin, <u32>(end - this.begin));
  }

  /** A text that stands elsewhere. */
  at(address: usize, size: u32): Str {
    return changetype<Str>(setSpan(this.span, address, size));
  }

  /** No text. */
  none(): Str {
    store<u32>(this.span, ABSENT);
    store<u32>(this.span, 0, 4);
    return changetype<Str>(this.span);
  }
}

/** A text that the code knows, as a Str. */
@final
export class Word {
  private readonly span: usize = heap.alloc(8);
  private readonly bytes: usize;
  private readonly size: u32;

  constructor(text: string) {
    this.size = utf8Size(text);
    this.bytes = heap.alloc(this.size + 8); // room for loads of eight bytes
    writeUtf8(text, this.bytes);
  }

  get text(): Str {
    return changetype<Str>(setSpan(this.span, this.bytes, this.size));
  }
}
