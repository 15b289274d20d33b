// SPDX-License-Identifier: Apache-2.0
// Facts: what a policy tells of an event, for rules that judge what all tasks told together (docs/fleet.md,
// "Facts"). A fact has a kind, a key and a value. All facts of one kind and one key come to one place, in
// which a rule or a meter with a parameter of type VedetteFact sees them.
//
//   const CONTACT = fact({ name: "contact", key: "fd.rip" });
//   ... CONTACT.tell(e, e.fd.sip, e.proc.name);
//
// Tell what is new and not what is usual: of one batch 100 facts of a policy count.
import { Addr, ADDR_TEXT_MAX, writeAddr } from "./addr";
import { Event } from "./event";
import { Str } from "./str";
import { utf8Size, writeNumber, writeUtf8 } from "./text";
import { textMemory } from "./wire/frame";
import { hostFact } from "./wire/host";

const NUMBER_MAX: u32 = 20;

const kinds = new Array<FactKind>();
let isLaid = false;

/** What a kind of facts is made of. Everything is a constant: the compiler reads it. */
export class FactSpec {
  /** As in `contact`: at most 64 bytes. */
  name: string = "";
  /** What the key is, by the field's name where there is one: `fd.rip`. */
  key: string = "";
}

/** One kind of facts. Made by fact(). */
export class FactKind {
  readonly name: string;
  /** Its number in the module's section. */
  number: u32 = 0;

  constructor(is: FactSpec) {
    if (isLaid) throw new Error("a kind of facts is made in a rule: declare it at the top of the file, in a const");
    this.name = is.name;
    kinds.push(this);
  }

  /**
   * Tells one of the event. Key and value are each a string, a Str, an Addr or a whole number. A key has 1 to
   * 256 bytes, else the fact is dropped and counted; of a value the first 1,024 bytes count.
   */
  tell<K, V>(e: Event, key: K, value: V): void {
    if (!isLaid) throw new Error("a file tells no fact at its top: tell it in a meter or a rule");
    setText<K>(key);
    const keyAt = textAt, keySize = textSize;
    setText<V>(value);
    hostFact(this.number, changetype<usize>(e), keyAt, keySize, textAt, textSize);
  }
}

/** Declares a kind of facts, at the top of a file. */
export function fact(is: FactSpec): FactKind {
  return new FactKind(is);
}

/** Init is done: gives each kind its number, in the order of the names in the module's section. */
export function layFacts(names: string[]): void {
  for (let i = 0; i < kinds.length; i++) kinds[i].number = <u32>names.indexOf(kinds[i].name);
  isLaid = true;
}

let textAt: usize = 0;
let textSize: u32 = 0;

/** Where a value stands as text, until the batch is judged. */
function setText<T>(value: T): void {
  if (isString<T>()) {
    const text = changetype<string>(value);
    textSize = utf8Size(text);
    textAt = textMemory(textSize);
    writeUtf8(text, textAt);
  } else if (isInteger<T>()) {
    setNumber(<i64>value);
  } else if (value instanceof Addr) {
    textAt = textMemory(<u32>ADDR_TEXT_MAX);
    textSize = writeAddr(changetype<Addr>(value), textAt);
  } else {
    const text = changetype<Str>(value);
    textSize = text.size;
    textAt = textSize == 0 ? 0 : text.address;
  }
}

/** The wire's integer without a value is an empty text. */
function setNumber(value: i64): void {
  textAt = textMemory(NUMBER_MAX);
  textSize = 0;
  if (value == i64.MIN_VALUE) return;
  const isNegative = value < 0;
  if (isNegative) store<u8>(textAt, 0x2d);
  const end = writeNumber(isNegative ? 0 - <u64>value : <u64>value, 10, textAt + usize(isNegative));
  textSize = <u32>(end - textAt);
}
