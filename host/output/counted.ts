// SPDX-License-Identifier: Apache-2.0
// A number and its noun, as sentences have them.

/** `1 rule`, `2 rules`. */
export function counted(count: number, noun: string, nouns = `${noun}s`): string {
  return `${count} ${count === 1 ? noun : nouns}`;
}
