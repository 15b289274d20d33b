// SPDX-License-Identifier: Apache-2.0
//
// Code that became executable without a record. Attacks: a segment attached by a gate of the boot's,
// READ_IMPLIES_EXEC. Controls: programs that make code all the time and say so.
import { writeFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { compile, hasCommand, ROOT, scratch } from "../e2e/programs.js";
import { type Event, notices, ofType, trace } from "../e2e/traces.js";
import { answersOf, attack, buildAttack, control, judged } from "./attack.js";

const LONG = "3.5"; // two looks, a second apart, are in it
const FOUND = /code at [0-9a-f]+-[0-9a-f]+ of \/SYSV\S*.*, which no recorded call has made executable/;
const ON_TEXT = { env: { VEDETTE_ASSUME_KERNEL: "5.10" } };

// How long before the program's end it was found.
function msBeforeEnd(events: readonly Event[]): number {
  const at = (event: Event | undefined): bigint => BigInt(String(event?.["evt.time"] ?? 0));
  const found = ofType(events, "vedette.notice").find((event) => event["evt.arg.kind"] === "TAMPER");
  return Number((at(ofType(events, "procexit").at(-1)) - at(found)) / 1_000_000n);
}

const codeOf = (events: readonly Event[]): string[] =>
  ["TAMPER", "UNCERTAIN"].flatMap((kind) => notices(events, kind)).filter((text) => text.startsWith("code at"));

for (const [when, args, options] of [
  ["while it is there", [LONG, "true"], {}],
  ["while it is there, by the text of /proc/PID/maps", [LONG, "true"], ON_TEXT],
  ["when the program ends", ["0"], {}],
  ["when it executes another", ["0", "true"], {}],
] as const) {
  test(`I12: a segment that became code by a gate is found ${when}`, async () => {
    const { run, events } = await attack("hidden_code", ["gate", ...args], options);
    assert.equal(answersOf(run), { code: "42" });
    const told = notices(events, "TAMPER");
    assert.is(told.length, 1, told.join("\n"));
    assert.match(told[0]!, FOUND);
    assert.is(notices(events, "TIER_DEGRADED").length, 1);
    if (when.startsWith("while")) assert.ok(msBeforeEnd(events) > 200, `${msBeforeEnd(events)} ms`);
  });
}

test("I12: the pack tells of it", async () => {
  const { alerts } = await judged([buildAttack("hidden_code"), "gate", "0"]);
  const tampered = alerts.filter(({ rule }) => rule === "Records tampered with");
  assert.is(tampered.length, 1);
  assert.match(tampered[0]!.output, FOUND);
  assert.match(tampered[0]!.output, /hidden_code/);
});

test("I12: control: a segment that shmat makes executable", async () => {
  for (const seconds of ["0", LONG]) {
    const { run, events } = await control("hidden_code", ["control", seconds]);
    assert.equal(answersOf(run), { code: "42" });
    assert.equal(codeOf(events), []);
  }
});

test("I12: control: executable memory that is moved is told of without an alert", async () => {
  const { run, events } = await control("hidden_code", ["moved", LONG]);
  assert.equal(answersOf(run), { code: "42" });
  assert.is(notices(events, "UNCERTAIN").length, 1);
  assert.equal(notices(events, "TIER_DEGRADED"), []);
  assert.equal((await judged([buildAttack("hidden_code"), "moved", LONG])).alerts, []);
});

const WAIT_NODE =
  "let s = 0; const end = Date.now() + 3500; while (Date.now() < end) { for (let i = 0; i < 1e6; i++) s += f(i); eval('f = (x) => x + ' + (s % 7)); }";
const FFI =
  "import ctypes, time; ctypes.CDLL('libm.so.6'); f = ctypes.CFUNCTYPE(ctypes.c_int)(lambda: 1); f(); time.sleep(3.5)";
const NESTED = `
#include <unistd.h>
static int call(int (*f)(int)) { return f(1); }
int main(int argc, char** argv) { (void)argv; int add(int x) { return x + argc; } usleep(3500000); return call(add) - 2; }`;

function execstack(): string {
  const source = `${scratch()}/nested.c`;
  writeFileSync(source, NESTED);
  return compile(
    "gcc",
    (to) => ["-Wl,-z,execstack", "-Wno-trampolines", "-o", to, source],
    `${ROOT}/build/attacks/nested_function`,
  );
}

const HONEST: [string, string | undefined, () => string[]][] = [
  ["node's compiler", undefined, () => [process.execPath, "-e", `let f = (x) => x; ${WAIT_NODE}`]],
  ["python's closures, and a library that it opens", "python3", () => ["python3", "-c", FFI]],
  [
    "luajit",
    "luajit",
    () => [
      "luajit",
      "-e",
      "local t = os.clock(); local s = 0; while os.clock() - t < 3 do for i = 1, 1e6 do s = s + i end end",
    ],
  ],
  [
    "java's compiler",
    "jshell",
    () => ["sh", "-c", "echo 'long s = 0; for (long i = 0; i < 3000000000L; i++) s += i;' | jshell -s"],
  ],
  ["a program with an executable stack", undefined, () => [execstack()]],
];

for (const [what, command, argv] of HONEST) {
  if (command !== undefined && !hasCommand(command)) continue;
  const byText = command === undefined ? ([[", by the text of /proc/PID/maps", ON_TEXT]] as const) : [];
  for (const [how, options] of [["", {}], ...byText] as const) {
    test(`I12: control: ${what}${how}`, async () => {
      const { run, events } = await trace(`honest-code-${what}${how}`, argv(), options);
      assert.is(run.status, 0, run.stderr);
      assert.equal(codeOf(events), []);
      assert.equal(notices(events, "TIER_DEGRADED"), []);
    });
  }
}

for (const [tiers, flags] of [
  ["recorded inline", []],
  ["traced", ["--tiers", "trace"]],
] as const) {
  test(`C5: what READ_IMPLIES_EXEC makes executable is told of, ${tiers}`, async () => {
    const { run, events } = await attack("hidden_code", ["personality", "0", "true"], { flags: [...flags] });
    assert.equal(answersOf(run), { code: "42" });
    const asked = ofType(events, "personality").map((event) => event["evt.num"] as number);
    const after = (type: string): unknown[] =>
      ofType(events, type)
        .filter((event) => (event["evt.num"] as number) > asked.at(-1)! && event["proc.name"] === "hidden_code")
        .map((event) => event["evt.arg.prot"]);
    assert.equal(after("mmap")[0], "PROT_READ|PROT_WRITE|PROT_EXEC");
    assert.equal(after("mprotect"), ["PROT_READ|PROT_EXEC"]);
    assert.ok(notices(events, "TIER_DEGRADED").some((text) => text.includes("whatever it maps to be read")));
    // The kernel takes it from the next program, whose calls do not stop any more.
    const next = ofType(events, "mmap").filter((event) => event["proc.name"] === "true");
    assert.ok(next.length > 0 && next.every((event) => String(event["evt.arg.prot"]).includes("PROT_EXEC")));
  });
}

test("C5: control: a personality without it, and one that is only asked for", async () => {
  const { run, events } = await trace("honest-personality", ["setarch", "--addr-no-randomize", "cat", "/dev/null"]);
  assert.is(run.status, 0, run.stderr);
  assert.equal(notices(events, "TIER_DEGRADED"), []);
});

test.run();
