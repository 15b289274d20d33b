// SPDX-License-Identifier: Apache-2.0
// Names that may leave, few however many are asked for. A name is a path from its end: `api.example.com` is
// `/com/example/api`, so what bounds the paths of HTTP (routes.ts) bounds names, too. They are learned
// from answers that have what was asked for. `{id}.example.com` stands for identifiers, `{any}.example.com`
// for what follows once a place has many names.
import { Routes } from "./routes";
import { setSpan } from "../wire/frame";
import { Str } from "../str";

/** Names beneath one, before there are too many: of `com`, some services ask for dozens. */
const CHILDREN_MAX: u32 = 50;
const TEXT_MAX: u32 = 256;
const SLASH: u32 = 0x2f;
const DOT: u32 = 0x2e;

const path: usize = memory.data(256);
const text: usize = memory.data(256);
const span: usize = memory.data(8);

/** Learns names. One is made at the top of a file. */
export class Names {
  private readonly routes: Routes = new Routes(CHILDREN_MAX);

  /** Before an event: forgets all names where there is no room for more. Their numbers are over then. */
  makeRoom(): void {
    this.routes.makeRoom();
  }

  /** How often all names were forgotten. */
  get round(): u64 {
    return this.routes.round;
  }

  /** The number of a name as it stands in a question, -1: it has none. `isGood`: it was found. */
  find(program: u64, name: usize, size: u32, isGood: bool): i32 {
    let to = path + max(size, 2) - 1;
    const end = to;
    for (let from: u32 = 0; from + 1 < size; ) {
      const length: u32 = load<u8>(name + from);
      to -= length;
      memory.copy(to, name + from + 1, length);
      store<u8>(--to, <u8>SLASH);
      from += length + 1;
    }
    if (size == 1) store<u8>(path, <u8>SLASH);
    return this.routes.find(program, path, <u32>(end - path), isGood);
  }

  /** The name of this number. It is good until the next is asked for. */
  text(number: u32): Str {
    const at = this.routes.address(number), size = min(this.routes.size(number), TEXT_MAX);
    let end = size, to: u32 = 0;
    for (let i = size; i > 0; i--) {
      if (<u32>load<u8>(at + i - 1) != SLASH) continue;
      if (to > 0) store<u8>(text + to++, <u8>DOT);
      memory.copy(text + to, at + i, end - i);
      to += end - i;
      end = i - 1;
    }
    if (to == 0) store<u8>(text + to++, <u8>DOT); // the root
    return changetype<Str>(setSpan(span, text, to));
  }
}
