// SPDX-License-Identifier: Apache-2.0
// Where every `throw`, failed assertion and index out of range of a policy ends: the host is told why and
// where, and the instance is gone. The compiler puts it in the place of AssemblyScript's own abort
// (`--use abort=...`), which is no import of ours.
import { utf8Size, writeUtf8 } from "../text";
import { hostAbort } from "./host";

const TEXT_MAX: u32 = 512;

/** Both texts, in a place of their own: there may be no memory left to take. */
const scratch: usize = memory.data(1024 + 512);

/** Tells the host where and why, then ends the instance. It never returns. */
export function abortPolicy(message: string | null, file: string | null, line: u32, column: u32): void {
  const size = copyText(message, scratch, 2 * TEXT_MAX);
  const fileSize = copyText(file, scratch + 2 * TEXT_MAX, TEXT_MAX);
  hostAbort(scratch, size, scratch + 2 * TEXT_MAX, fileSize, line, column);
  unreachable();
}

function copyText(text: string | null, to: usize, most: u32): u32 {
  if (text === null) return 0;
  const whole = changetype<string>(text);
  let units = whole.length;
  while (<u32>String.UTF8.byteLength(whole.length > units ? whole.substring(0, units) : whole) > most) units >>= 1;
  const part = whole.length > units ? whole.substring(0, units) : whole;
  writeUtf8(part, to);
  return utf8Size(part);
}
