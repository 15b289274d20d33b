// SPDX-License-Identifier: Apache-2.0
//
// Every system call is accounted for: the numbers of each processor are captured (the tables of
// capture/decode) or left out with a reason (capture/wire/left-out.yaml). The kernel's own headers are the
// oracle: a number that a newer one brings fails here.
import { existsSync, readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { PROCESSORS, type Processor, readKernelCalls, unaccounted } from "../../../capture/wire/kernel-calls.js";

const calls = readKernelCalls("capture/wire");

const TABLES: Record<Processor, string> = {
  x86_64: "capture/decode/x86_64.h",
  arm64: "capture/decode/aarch64.h",
  i386: "capture/decode/i386.h",
};

// Debian's: linux-libc-dev (g++ needs it), and the cross compiler's for arm64. Where that is missing, the
// list that arm64 shares with all younger processors serves, without what only 32-bit ones have.
const HEADERS: Record<Processor, readonly string[]> = {
  x86_64: ["/usr/include/x86_64-linux-gnu/asm/unistd_64.h"],
  arm64: ["/usr/aarch64-linux-gnu/include/asm/unistd_64.h", "/usr/include/asm-generic/unistd.h"],
  i386: ["/usr/include/x86_64-linux-gnu/asm/unistd_32.h"],
};
const NOT_CALLS = new Set(["syscalls", "arch_specific_syscall"]);
const ONLY_32_BIT = /time64$|^clock_(settime|adjtime|gettime|getres)64$|^timer(fd)?_[gs]ettime64$/;

/** Number to name, as the C++ table has it; the calls of socketcall(2) are no numbers of the kernel's. */
function captured(processor: Processor): Map<number, string> {
  const table = readFileSync(TABLES[processor], "utf8").split("kSocketNumbers")[0]!;
  return new Map([...table.matchAll(/\{(\d+), "(\w+)"/g)].map((row) => [Number(row[1]), row[2]!]));
}

function headerNumbers(path: string): Map<string, number> {
  const lines = readFileSync(path, "utf8").matchAll(/^#define __NR(?:3264)?_(\w+)\s+(\d+)\s*$/gm);
  const all = [...lines].map((line): [string, number] => [line[1]!, Number(line[2])]);
  const isGeneric = path.includes("asm-generic");
  return new Map(all.filter(([name]) => !NOT_CALLS.has(name) && !(isGeneric && ONLY_32_BIT.test(name))));
}

for (const processor of PROCESSORS) {
  test(`${processor}: every number up to Linux ${calls.linux} is captured or left out with a reason`, () => {
    const numbers = calls.numbers[processor];
    assert.ok(numbers.size > 300, `only ${numbers.size} numbers`);
    assert.is(new Set(numbers.values()).size, numbers.size, "a number stands twice");
    assert.equal(unaccounted(numbers, new Set(captured(processor).keys()), calls.leftOut), []);
  });

  test(`${processor}: the numbers that are captured are the kernel's`, () => {
    const byNumber = new Map([...calls.numbers[processor]].map(([name, number]) => [number, name]));
    const unknown = [...captured(processor)].filter(([number, name]) =>
      processor === "i386" ? !byNumber.has(number) : byNumber.get(number) !== name,
    );
    assert.equal(unknown, []);
  });

  const header = HEADERS[processor].find((path) => existsSync(path));
  const title = `${processor}: the lists have every call of this machine's kernel headers`;
  if (header === undefined) {
    console.log(`skip: ${title}: no ${HEADERS[processor][0]} on this machine`);
    test.skip(title);
    continue;
  }
  test(title, () => {
    const theirs = headerNumbers(header);
    assert.ok(theirs.size > 200, `${header} has only ${theirs.size}`);
    const missing = [...theirs].filter(([name, number]) => calls.numbers[processor].get(name) !== number);
    assert.equal(missing, [], `take them into kernel-calls.yaml, and capture them or say why not: ${header}`);
  });
}

test("a number that nobody accounts for is named, and one that is both", () => {
  const numbers = new Map([
    ["read", 0],
    ["brand_new", 470],
    ["getpid", 39],
  ]);
  assert.equal(unaccounted(numbers, new Set([0, 39]), calls.leftOut), [
    "brand_new (470): nobody accounts for it",
    'getpid (39): captured, and left out as "reads"',
  ]);
});

test("the lists end where Linux 6.18 does", () => {
  for (const processor of PROCESSORS) assert.is(Math.max(...calls.numbers[processor].values()), 469);
  const code = readFileSync("capture/decode/syscalls.h", "utf8");
  assert.is(/kCallsEnd = (\d+);/.exec(code)?.[1], "470", "the filter stops what is younger");
});

test.run();
