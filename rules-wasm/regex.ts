// SPDX-License-Identifier: Apache-2.0
// Regular expressions in time that is linear in the text, whatever an attacker writes: no way through the
// pattern is tried after another, all of them are followed at once, byte by byte (R. Cox, "Regular Expression
// Matching: the Virtual Machine Approach", 2009). So there are no references to groups and no looking around.
//
//   text · [a-z] [^a-z] · \d \w \s \D \W \S · \n \r \t \xHH · \ before a sign · . any character but a line feed
//   (a|b) (?:a|b) · a* a+ a? a{2} a{2,} a{2,5} · ^ $ begin and end of the text · (?i) at the start: case is no
//   matter in ASCII
//
// A pattern is made once, at the top of a policy. One that cannot be read stops the policy there, when it is
// loaded, and says why.
import { bytesBehind, Op, Program } from "./regex-program";
import { Str } from "./str";

/** A regular expression. Make it at the top of the policy: its memory is never given back. */
export class Regex {
  private readonly program: Program;
  /** Which steps wait for the next byte, and the generation in which each was entered last. */
  private now: StaticArray<u16>;
  private next: StaticArray<u16>;
  private readonly entered: StaticArray<u32>;
  private generation: u32 = 0;
  private waiting: i32 = 0;
  private isMatch: bool = false;

  constructor(pattern: string) {
    const program = new Program(pattern), steps = program.steps;
    this.program = program;
    this.now = new StaticArray<u16>(steps);
    this.next = new StaticArray<u16>(steps);
    this.entered = new StaticArray<u32>(steps);
  }

  /** Whether all of the text matches. */
  matches(text: Str): bool {
    return this.run(text.address, text.size, true);
  }

  /** Whether some part of the text matches. */
  isIn(text: Str): bool {
    return this.run(text.address, text.size, false);
  }

  private run(at: usize, size: u32, isWhole: bool): bool {
    let count: i32 = 0, expected: i32 = 0;
    for (let i: u32 = 0; i <= size; i++) {
      // Where they wait was left in `now` by the byte before; the pattern may also begin here.
      if (i == 0) this.turn();
      if (i == 0 || !isWhole) {
        this.waiting = count;
        this.enter(this.now, 0, i, size);
        count = this.waiting;
        if (this.isMatch && (!isWhole || i == size)) return true;
      }
      if (i == size || (count == 0 && isWhole)) break;
      const byte = <u32>load<u8>(at + i);
      const goesOn = expected > 0 && (byte & 0xc0) == 0x80;
      expected = goesOn ? expected - 1 : bytesBehind(byte);
      this.turn();
      this.waiting = 0;
      for (let k = 0; k < count; k++) {
        const step = <i32>unchecked(this.now[k]);
        if (this.program.holds(step, byte, goesOn)) this.enter(this.next, step + 1, i + 1, size);
      }
      count = this.waiting;
      const free = this.now;
      this.now = this.next;
      this.next = free;
      if (this.isMatch && (!isWhole || i + 1 == size)) return true;
    }
    return false;
  }

  /** No step has been entered at this place of the text. */
  private turn(): void {
    this.isMatch = false;
    if (++this.generation != 0) return;
    for (let i = 0; i < this.entered.length; i++) unchecked((this.entered[i] = 0));
    this.generation = 1;
  }

  /** Follows the steps that take no byte. */
  private enter(list: StaticArray<u16>, first: i32, place: u32, size: u32): void {
    const program = this.program;
    for (let step = first; unchecked(this.entered[step]) != this.generation; ) {
      unchecked((this.entered[step] = this.generation));
      switch (program.op(step)) {
        case Op.SET:
        case Op.FIRST:
        case Op.MORE:
          unchecked((list[this.waiting++] = <u16>step));
          return;
        case Op.SPLIT:
          this.enter(list, program.a(step), place, size);
          step = program.b(step);
          break;
        case Op.JUMP:
          step = program.a(step);
          break;
        case Op.BEGIN:
          if (place != 0) return;
          step++;
          break;
        case Op.END:
          if (place != size) return;
          step++;
          break;
        default:
          this.isMatch = true;
          return;
      }
    }
  }
}
