// SPDX-License-Identifier: Apache-2.0
// From a rule that said yes to the host. The alert's text is the rule's `output` template, which the host
// fills in; what a rule adds with note() is appended to it.
import { utf8Size, writeUtf8 } from "../text";
import { hostAlert } from "./host";
import { textMemory } from "./frame";

let raised: i32 = 0;
let noteAt: usize = 0;
let noteSize: u32 = 0;

/** Text for the alert of the rule that is running, should it say yes. The last one counts. */
export function note(text: string): void {
  noteSize = utf8Size(text);
  noteAt = textMemory(noteSize);
  writeUtf8(text, noteAt);
}

/** Takes a rule's answer about the record at `record`. */
// @ts-ignore: decorator
@inline export function judge(rule: u32, isMatch: bool, record: usize): void {
  if (isMatch) raise(rule, record);
  noteSize = 0;
}

function raise(rule: u32, record: usize): void {
  hostAlert(rule, record, noteAt, noteSize);
  raised++;
}

/** How many alerts there were since the last time it was asked. */
export function takeRaised(): i32 {
  const count = raised;
  raised = 0;
  return count;
}
