// SPDX-License-Identifier: Apache-2.0
//
// Every call of the inline table is recorded exactly once, with its result and its payload to the byte, by
// one thread and by 64, whatever the program was built with: each prints the calls it made
// (test/fixtures/every_call/), and what was recorded must be that multiset. A call that the table gets and no
// program makes fails the test too.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Exactness } from "../../bench/measure/exactness.js";
import { comparable, markedRegion, multisetDifference, parseExpected } from "./fixtures.js";
import { compile, hasCommand, ROOT, run, scratch, selected } from "./programs.js";
import { isOwn, trace } from "./traces.js";

const FOLDER = join(ROOT, "build/fixtures");
const source = (extension: string): string => join(ROOT, `test/fixtures/every_call/main.${extension}`);
const c = (compiler: string, ...flags: string[]) => ({
  compiler,
  args: (out: string) => ["-O2", ...flags, "-o", out, source("c"), "-lpthread"],
});

const BUILDS: { name: string; compiler: string; args: (out: string) => string[]; env?: Record<string, string> }[] = [
  { name: "glibc-dynamic", ...c("gcc") },
  { name: "glibc-static", ...c("gcc", "-static") },
  { name: "glibc-static-pie", ...c("gcc", "-static-pie") },
  { name: "musl-static", ...c("musl-gcc", "-static") },
  { name: "musl-dynamic", ...c("musl-gcc") },
  {
    name: "go",
    compiler: "go",
    // Every goroutine is preempted by signals, on more processors than there are.
    env: { GOMAXPROCS: "16", GODEBUG: "asyncpreemptoff=0" },
    args: (out: string) => ["build", "-o", out, source("go")],
  },
  {
    name: "rust",
    compiler: "rustc",
    args: (out: string) => ["-O", "-C", "target-feature=+crt-static", "-o", out, source("rs")],
  },
];
const RUNS = [
  { threads: 1, rounds: 60 },
  { threads: 64, rounds: 6 },
];
const INLINE_SHARE_MIN = 0.8; // of so short a run: each thread's first calls trap

/** The inline table. */
const TABLE = [
  ...readFileSync(join(ROOT, "capture/inline/x86_64/calls.cc"), "utf8").matchAll(/\{SYS_(\w+), Shape/g),
].map((match) => match[1]!.replace(/^(p(?:read|write))64$/, "$1"));

const test = suite("exactly once");
const made = new Set<string>();
const rows = BUILDS.flatMap((build) =>
  RUNS.map((run) => ({ build, run, name: `${build.name} ${run.threads}x${run.rounds}` })),
);
const chosen = selected(rows);
for (const { build, run, name } of chosen) {
  const title = `${name}: the program's own log is what was recorded`;
  if (!hasCommand(build.compiler)) {
    console.log(`skip: ${title}: no ${build.compiler} on this machine`);
    test.skip(title);
    continue;
  }
  test(title, async () => {
    const program = join(FOLDER, `every_call-${build.name}`);
    compile(build.compiler, build.args, program);
    const traced = await trace(`exactly-once-${name}`, [program, `${run.threads}`, `${run.rounds}`], {
      cwd: scratch(),
    });
    assert.is(traced.run.status, 0, traced.run.stderr);
    const { only, lines } = parseExpected(traced.run.stdout);
    for (const line of lines) made.add(line.type);
    const region = markedRegion(traced.events, only).filter((event) => !isOwn(event));
    const both = comparable(lines, region);
    const difference = multisetDifference(both.expected, both.recorded);
    assert.is(difference.length, 0, `\n${difference.slice(0, 40).join("\n")}\ntrace: ${traced.path}`);
    assert.is(region.length, lines.length);
    const mayBe = region.filter((event) => TABLE.includes(String(event["evt.type"])));
    const inline = mayBe.filter((event) => event["vedette.tier"] === "inline").length;
    if (run.threads === 1) assert.ok(inline > INLINE_SHARE_MIN * mayBe.length, `${inline} of ${mayBe.length} inline`);
  });
}

if (chosen.length === rows.length) {
  test("every call of the inline table was made", () => {
    assert.ok(TABLE.length > 30);
    assert.equal(
      TABLE.filter((call) => !made.has(call)),
      [],
    );
  });
}

test("hundreds of thousands of calls by 1 and by 16 threads: each record is the next one, to the byte, and eBPF counts the same", async () => {
  const { stdout, status, stderr } = await run(
    [
      process.execPath,
      "--import",
      "tsx",
      join(ROOT, "bench/exact.ts"),
      "--calls",
      "300000",
      "--threads",
      "1,16",
      "--json",
    ],
    { limitMs: 120_000 },
  );
  const { runs } = JSON.parse(stdout || `{"runs": []}`) as { runs: Exactness[] };
  for (const one of runs) {
    assert.equal(one.faults, []);
    assert.is(one.right, one.made);
    assert.is(one.lost, 0);
    if (one.counts[0]!.ebpf === null) console.log(`no count by eBPF: ${one.ebpf}`);
    assert.ok(one.agrees, `${one.ebpf}: ${JSON.stringify(one.counts)}`);
  }
  assert.is(runs.length, 2, stderr);
  assert.is(status, 0, stderr);
});

test.run();
