// SPDX-License-Identifier: Apache-2.0
// What a feed of indicators looks like: rules over lists of thousands of addresses, names and paths.
const MANY = 4_000;

/** A file of rules. */
export const indicators: string = [
  `- {list: bad_addresses, items: [${list((i) => `"${11 + (i % 90)}.${i % 251}.${(i >> 4) % 256}.${i % 256}"`)}]}`,
  `- {list: bad_names, items: [${list((i) => `evil-${i}`)}]}`,
  `- {list: bad_paths, items: [${list((i) => `/opt/bad/${i}`)}]}`,
  "- {rule: Indicator, desc: d, priority: INFO, output: o, condition: 'evt.type in (connect, sendto) and fd.sip in (bad_addresses)'}",
  "- {rule: Named, desc: d, priority: INFO, output: o, condition: 'evt.type in (execve, openat) and (proc.name in (bad_names) or fd.name in (bad_paths))'}",
].join("\n");

function list(make: (i: number) => string): string {
  return Array.from({ length: MANY }, (_, i) => make(i)).join(", ");
}
