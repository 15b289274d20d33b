// SPDX-License-Identifier: Apache-2.0
//
// strace as the oracle: a deterministic program is run under `strace -f` and under Vedette, in the same
// directory made anew and with the same addresses (setarch -R), and the multisets of (call, arguments,
// result) must be equal. What is compared of each call stands in test/e2e/strace/roles.ts, what is not in
// test/e2e/strace/compare.ts.
// Also with: VEDETTE_ASSUME_KERNEL=5.10 VEDETTE_TEST_TIERS=trace.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { buildFixture, fixtures, multisetDifference } from "./fixtures.js";
import { hasCommand, type Run, run, scratch, selected } from "./programs.js";
import { eventLines, STRACE_WHOLE, straceLines } from "./strace/compare.js";
import { parseStrace } from "./strace/parse.js";
import { type Event, keptFolder, trace } from "./traces.js";

interface Watched {
  name: string;
  argv: string[];
  needs?: string;
  files?: Record<string, string>;
  prepare?: string;
}

const sh = (script: string): string[] => ["/bin/sh", "-c", script];

const PROGRAMS: Watched[] = [
  { name: "ls", argv: ["ls", "-laR", "--time-style=+%Y", "/usr/share/doc/bash", "."], files: { a: "1", b: "22" } },
  { name: "cat", argv: ["cat", "a", "/etc/passwd", "missing", "b"], files: { a: "1", b: "x".repeat(300_000) } },
  { name: "cp-rm", argv: sh("cp -r d e && cp a d/f && rm -r d && ls e"), prepare: "mkdir d; echo x > d/x; echo a > a" },
  { name: "grep", argv: ["grep", "-rn", "needle", "."], files: { a: "hay\nneedle\n", b: "hay" } },
  { name: "sort", argv: ["sort", "-u", "-o", "sorted", "numbers"], prepare: "seq 5000 | tac > numbers" },
  { name: "find", argv: ["find", "/etc/apt", ".", "-type", "f", "-size", "+1k"], files: { a: "1".repeat(3000) } },
  { name: "tar", argv: ["tar", "--mtime=@0", "-cf", "x.tar", "a", "b"], files: { a: "1", b: "22" } },
  {
    name: "gzip",
    argv: ["gzip", "-kn", "a"],
    files: { a: "text ".repeat(5000) },
    prepare: "touch -d @1000000000 a",
  },
  { name: "sed", argv: ["sed", "s/e/E/w changed", "a"], files: { a: "text\nlines\n" } },
  {
    name: "awk",
    argv: ["awk", '{ n += $1; print $1 > "out" } END { print n }', "numbers"],
    prepare: "seq 300 > numbers",
  },
  {
    name: "python",
    argv: [
      "/usr/bin/python3",
      "-S",
      "-c",
      "import json; json.dump({'a': 1}, open('out', 'w')); print(open('out').read())",
    ],
  },
  {
    name: "sqlite",
    argv: [
      "sqlite3",
      "test.db",
      "pragma journal_mode = memory; create table t(a); insert into t values (1), (2); select sum(a) from t;",
    ],
    needs: "sqlite3",
  },
  {
    name: "git",
    argv: ["git", "-C", "repo", "log", "--oneline"],
    prepare:
      "export GIT_AUTHOR_DATE=@0 GIT_COMMITTER_DATE=@0; git init -q -b main repo; cd repo; git -c user.name=n -c user.email=e commit -q --allow-empty -m one",
  },
  {
    name: "bash",
    argv: [
      "/usr/bin/bash",
      "--norc",
      "-c",
      "for i in 1 2 3; do echo $i > f$i; done; cat f* > all; read x < all; echo $x; cd /; exec true",
    ],
  },
  {
    name: "busybox",
    argv: ["busybox", "sh", "-c", "mkdir d && cd d && echo x > y && ln -s y z && cat z && rm y; stat z"],
    needs: "busybox",
  },
];

// Fixtures whose run is not the same twice: threads in any order, ports that the kernel picks, endless ones.
const NOT_TWICE = new Set("go_files rust_files sockets_inet sockets_udp".split(" "));
// Fixtures whose own output holds numbers that the kernel gives out: of what they write to stdout the count
// is compared.
const PRINTS_NUMBERS = new Set("clone3 credentials processes vfork_exec kernel_surface queues".split(" "));
// io_uring is refused by Vedette and not by strace; the rest of the surface stays comparable.
const DIFFERENT_BY_DESIGN = /^io_uring_/;

async function runUnderStrace(watched: Watched, folder: string): Promise<{ ended: Run; log: string }> {
  const log = join(keptFolder(), `${watched.name}.strace`);
  return {
    ended: await run(["strace", ...STRACE_WHOLE, "-o", log, "setarch", "-R", ...watched.argv], { cwd: folder }),
    log,
  };
}

async function compare(watched: Watched): Promise<void> {
  const folder = join(scratch(), "run");
  const anew = async (): Promise<void> => {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder);
    for (const [name, text] of Object.entries(watched.files ?? {})) writeFileSync(join(folder, name), text);
    if (watched.prepare !== undefined) await run(["bash", "-ec", watched.prepare], { cwd: folder });
  };
  await anew();
  const oracle = await runUnderStrace(watched, folder);
  await anew();
  const traced = await trace(`${watched.name}-oracle`, ["setarch", "-R", ...watched.argv], { cwd: folder });
  assert.is(traced.run.status, oracle.ended.status, traced.run.stderr);
  const { calls, exits } = parseStrace(readFileSync(oracle.log, "latin1"));
  const theirs = comparable(watched, straceLines(calls, folder));
  const ours = comparable(watched, eventLines(traced.events));
  assert.ok(theirs.length > 10, "strace saw next to nothing");
  const difference = multisetDifference(theirs, ours);
  const where = `strace: ${oracle.log}\nours: ${traced.path}\nagain: npm test -- ${watched.name}`;
  assert.is(
    difference.length,
    0,
    `${theirs.length} calls by strace, ${ours.length} by us\n${difference.slice(0, 40).join("\n")}\n${where}`,
  );
  assert.is(processEnds(traced.events), exits.length, `ends of processes and threads\n${where}`);
}

function comparable(watched: Watched, lines: string[]): string[] {
  const kept = lines.filter((line) => !DIFFERENT_BY_DESIGN.test(line));
  if (!PRINTS_NUMBERS.has(watched.name)) return kept;
  return kept.map((line) => (/^write .* fd=1 /.test(line) ? "write fd=1" : line));
}

function processEnds(events: Event[]): number {
  return events.filter((event) => event["evt.type"] === "procexit").length;
}

buildFixture("leave");
const watchedFixtures: Watched[] = fixtures()
  .filter((fixture) => fixture.expects && !NOT_TWICE.has(fixture.name))
  .map((fixture) => ({ name: fixture.name, argv: [buildFixture(fixture.name)] }));

for (const watched of selected([...watchedFixtures, ...PROGRAMS])) {
  const title = `${watched.name}: the same calls, arguments and results as strace records`;
  const needed = ["strace", "setarch", ...(watched.needs === undefined ? [] : [watched.needs])];
  const missing = needed.filter((command) => !hasCommand(command));
  if (missing.length > 0) {
    console.log(`skip: ${title}: no ${missing.join(", ")} on this machine`);
    test.skip(title);
    continue;
  }
  test(title, () => compare(watched));
}

test.run();
