// SPDX-License-Identifier: Apache-2.0
// Lines for the author, in the host's log under the policy's name. The host bounds how many it takes.
import { utf8Size, writeUtf8 } from "./text";
import { textMemory } from "./wire/frame";
import { hostLog } from "./wire/host";

export namespace log {
  export function debug(text: string): void { send(0, text); }
  export function info(text: string): void { send(1, text); }
  export function warning(text: string): void { send(2, text); }
  export function error(text: string): void { send(3, text); }
}

function send(level: u32, text: string): void {
  const size = utf8Size(text), copy = textMemory(size);
  writeUtf8(text, copy);
  hostLog(level, copy, size);
}
