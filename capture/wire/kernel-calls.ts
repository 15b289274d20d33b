// SPDX-License-Identifier: Apache-2.0
// The account of every call of the kernel: kernel-calls.yaml says which there are, left-out.yaml why one
// makes no event, events.yaml which event tells of it. What the tables of capture/decode really capture,
// test/capture/wire/every-call.test.ts holds against this.
import { readFileSync } from "node:fs";
import { parse } from "yaml";

export const PROCESSORS = ["x86_64", "arm64", "i386"] as const;
export type Processor = (typeof PROCESSORS)[number];

export interface Reason {
  /** One word: reads, waits, own ... */
  readonly kind: string;
  /** The class's sentence, true of each of its calls. */
  readonly why: string;
  /** What is to be said of this one besides. */
  readonly more: string | null;
}

export interface KernelCalls {
  /** The newest kernel whose calls are in the lists. */
  readonly linux: string;
  readonly numbers: Readonly<Record<Processor, ReadonlyMap<string, number>>>;
  readonly leftOut: ReadonlyMap<string, Reason>;
}

interface RawClass {
  why: string;
  calls: (string | Record<string, string>)[];
}

/**
 * Reads the two tables that stand in `folder`. Throws an Error that names a call that stands in two classes,
 * or in no kernel.
 */
export function readKernelCalls(folder: string): KernelCalls {
  const read = (file: string) => parse(readFileSync(`${folder}/${file}`, "utf8"));
  const lists = read("kernel-calls.yaml") as { linux: string } & Record<Processor, Record<string, number>>;
  const numbersOf = (processor: Processor) => new Map(Object.entries(lists[processor]));
  const numbers = { x86_64: numbersOf("x86_64"), arm64: numbersOf("arm64"), i386: numbersOf("i386") };
  const leftOut = readLeftOut(read("left-out.yaml"));
  for (const name of leftOut.keys()) {
    if (!PROCESSORS.some((processor) => numbers[processor].has(name))) {
      throw new Error(`left-out.yaml: ${name} is no call of kernel-calls.yaml`);
    }
  }
  return { linux: lists.linux, numbers, leftOut };
}

function readLeftOut(classes: Record<string, RawClass>): Map<string, Reason> {
  const reasons = new Map<string, Reason>();
  for (const [kind, { why, calls }] of Object.entries(classes)) {
    for (const call of calls) {
      const [name, more] = typeof call === "string" ? [call, null] : (Object.entries(call)[0] as [string, string]);
      if (reasons.has(name)) throw new Error(`left-out.yaml: ${name} stands in two classes`);
      reasons.set(name, { kind, why, more });
    }
  }
  return reasons;
}

/** What one processor's numbers lack, in words: neither captured nor left out, or both. */
export function unaccounted(
  numbers: ReadonlyMap<string, number>,
  captured: ReadonlySet<number>,
  leftOut: ReadonlyMap<string, Reason>,
): string[] {
  return [...numbers].flatMap(([name, number]) => {
    const reason = leftOut.get(name);
    if (!captured.has(number) && reason === undefined) return [`${name} (${number}): nobody accounts for it`];
    if (captured.has(number) && reason !== undefined) {
      return [`${name} (${number}): captured, and left out as "${reason.kind}"`];
    }
    return [];
  });
}

/** The reference, in Markdown. `eventOf`: which event tells of a call, by the kernel's name. */
export function emitCallReference(calls: KernelCalls, eventOf: ReadonlyMap<string, string>): string {
  const classes = new Map([...calls.leftOut.values()].map(({ kind, why }) => [kind, why]));
  const names = [...new Set(PROCESSORS.flatMap((processor) => [...calls.numbers[processor].keys()]))].sort();
  const number = (name: string, processor: Processor) => calls.numbers[processor].get(name) ?? "";
  const account = (name: string) => {
    const reason = calls.leftOut.get(name);
    if (reason === undefined) return eventOf.has(name) ? `event \`${eventOf.get(name)}\`` : "captured";
    return reason.more === null ? reason.kind : `${reason.kind}: ${reason.more}`;
  };
  const rows = names.map(
    (name) => `| ${name} | ${PROCESSORS.map((one) => number(name, one)).join(" | ")} | ${account(name)} |`,
  );
  return `# Every system call

Generated from capture/wire/kernel-calls.yaml and left-out.yaml. Every call of Linux up to ${calls.linux}: the event that tells of it, or
why none does.

${[...classes].map(([kind, why]) => `- **${kind}**: ${why}`).join("\n")}

| call | x86-64 | arm64 | i386 | account |
|---|---|---|---|---|
${rows.join("\n")}
`;
}
