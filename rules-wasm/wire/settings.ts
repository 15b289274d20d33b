// SPDX-License-Identifier: Apache-2.0
// The settings that the host leaves in the frame before init: values of the parameters that policy.yaml
// declares (docs/abi/v1.md draws them; host/wasm/settings.ts writes them). They stand there only until the
// first batch.
//
//   u32 "VDS1"  u32 count  then entries by name: u32 name, u32 name size, u32 kind, u32 count, u32 values, u32 0
import { isSame } from "../text";
import { FRAME } from "./frame";

/** One i64 at `values`, 0 or 1. */
export const KIND_BOOL: u32 = 0;
/** One i64 at `values`. */
export const KIND_INT: u32 = 1;
/** One span at `values`. */
export const KIND_STRING: u32 = 2;
/** `count` spans at `values`. */
export const KIND_STRINGS: u32 = 3;

const MAGIC: u32 = 0x31534456; // "VDS1"
const ENTRY: usize = 24;

let isClosed = false;

/** From here on the frame holds batches. */
export function closeSettings(): void {
  isClosed = true;
}

/** Address of the entry; stops the policy when there is none of that name and kind. */
export function settingAt(name: string, kind: u32): usize {
  if (isClosed) throw new Error(`parameter "${name}" is read in a rule: read it at the top of the file, into a const`);
  const entry = findSetting(name);
  if (entry == 0) throw new Error(`parameter "${name}" is not declared in policy.yaml`);
  if (load<u32>(entry, 8) != kind) throw new Error(`parameter "${name}" has another type in policy.yaml`);
  return entry;
}

/** The entry of a parameter; 0 where policy.yaml does not declare it. */
export function findSetting(name: string): usize {
  if (load<u32>(FRAME) != MAGIC) throw new Error("the host gave no settings");
  for (let i: u32 = 0, count = load<u32>(FRAME, 4); i < count; i++) {
    const entry = FRAME + 8 + i * ENTRY;
    if (isSame(FRAME + load<u32>(entry), load<u32>(entry, 4), name)) return entry;
  }
  return 0;
}

/** The value of an entry of KIND_INT or KIND_BOOL. */
export function integerOf(entry: usize): i64 {
  return load<i64>(FRAME + load<u32>(entry, 16));
}

/** The values of an entry of KIND_STRING or KIND_STRINGS. */
export function stringsOf(entry: usize): string[] {
  const count = load<u32>(entry, 12), values = FRAME + load<u32>(entry, 16);
  const strings = new Array<string>(count);
  for (let i: u32 = 0; i < count; i++) {
    const span = values + (i << 3);
    strings[i] = String.UTF8.decodeUnsafe(FRAME + load<u32>(span), load<u32>(span, 4));
  }
  return strings;
}
