// SPDX-License-Identifier: Apache-2.0
//
// What interposers have stumbled over: call sites in awkward places, code that changes, signals in every kind
// of call, crowds of threads and processes. The program must print and end as it does bare, and its calls be
// recorded, each once. docs/scenarios.md says which scenario stands where.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { until } from "../until.js";
import { buildFixture } from "./fixtures.js";
import { AGENT, agentOf, hasCommand, ROOT, run, scratch, selected, start, VEDETTE } from "./programs.js";
import { type Event, keptFolder, notices, ofType, readEvents, summary, trace } from "./traces.js";

const test = suite("inline scenarios");

interface Scenario {
  name: string;
  argv: () => string[];
  // What must have been recorded beyond the output being the same.
  holds?: (events: Event[]) => void;
}

const places = (mode: string, ...more: string[]) => ({
  name: mode,
  argv: () => [buildFixture("inline_places"), mode, ...more],
});
const signals = (mode: string, ...more: string[]) => ({
  name: mode,
  argv: () => [buildFixture("inline_signals"), mode, ...more],
});

const SAME: Scenario[] = [
  {
    ...places("own_sites"),
    holds: (events) => {
      for (const [fd, tier] of [
        [9000, "inline"],
        [9001, "inline"],
        [9002, "trace"],
        [9003, "inline"],
      ] as const) {
        const made = ofType(events, "lseek").filter((event) => Number(event["evt.arg.fd"]) === fd);
        assert.is(made.length, 50, `lseek ${fd}`);
        assert.ok(made.filter((event) => event["vedette.tier"] === tier).length >= 48, `${fd} ${tier}`);
      }
      assert.match(notices(events, "UNPATCHED").join(), /branch into the window/);
    },
  },
  {
    ...places("mixed"),
    holds: (events) => {
      const made = (type: string, tier: string) =>
        ofType(events, type).filter((event) => event["vedette.tier"] === tier).length;
      assert.is(made("connect", "trace"), 800);
      assert.is(made("connect", "inline"), 0);
      assert.is(ofType(events, "accept").length, 800);
      assert.is(ofType(events, "write").filter((event) => event["evt.arg.data"] === "mixed").length, 800);
      assert.is(ofType(events, "openat").filter((event) => event["evt.arg.name"] === "/dev/zero").length, 800);
      assert.ok(made("read", "inline") > 700, `${made("read", "inline")} reads inline`);
    },
  },
  {
    ...places("written_code"),
    holds: (events) => {
      const made = ofType(events, "lseek").filter((event) => Number(event["evt.arg.offset"]) % 2 === 1);
      assert.is(made.length, 2 * 10 * 5 + 4, "from the code, and warming up");
      assert.ok(made.filter((event) => event["vedette.tier"] === "trace").length >= 100);
    },
  },
  {
    name: "libraries",
    argv: () => [buildFixture("inline_places"), "libraries", siteLibrary("lseek", 8), siteLibrary("dup", 32)],
    holds: (events) => {
      const made = (type: string) =>
        ofType(events, type).filter((event) => String(event["evt.rawres"]) === "-9").length;
      assert.is(made("lseek"), 100);
      assert.is(made("dup"), 100);
    },
  },
  {
    ...places("exec_in_crowd"),
    holds: (events) => assert.is(ofType(events, "execve").filter((event) => event["proc.name"] === "true").length, 10),
  },
  {
    ...places("crowd"),
    holds: (events) => {
      const marks = ofType(events, "write").flatMap((event) => {
        const mark = /^me (\d+);/.exec(String(event["evt.arg.data"] ?? ""))?.[1];
        return mark === undefined ? [] : [{ mark, tid: String(event["thread.tid"]) }];
      });
      assert.is(marks.length, 4 * (1000 + 10 * 3));
      for (const { mark, tid } of marks) assert.is(tid, mark);
    },
  },
  {
    ...places("copied_rings"),
    holds: (events) => {
      assert.equal(notices(events, "TAMPER"), []);
      assert.equal(notices(events, "TIER_DEGRADED"), []);
      for (const fd of [9000, 9001])
        assert.is(ofType(events, "lseek").filter((event) => Number(event["evt.arg.fd"]) === fd).length, 300 * 50);
    },
  },
  {
    ...places("lost_buffers"),
    holds: (events) => {
      assert.is(ofType(events, "write").filter((event) => Number(event["evt.arg.size"]) === 100).length, 3000);
      assert.is(ofType(events, "read").filter((event) => event["fd.name"] === "/dev/zero").length, 3000);
      assert.equal(notices(events, "TIER_DEGRADED"), []);
    },
  },
  {
    ...places("no_tsc"),
    holds: (events) => {
      assert.is(ofType(events, "write").filter((event) => event["evt.arg.data"] === "untimed").length, 20);
      assert.is(ofType(events, "lseek").length, 28);
      assert.match(notices(events, "TIER_DEGRADED").join(), /time stamp counter/);
    },
  },
  {
    ...places("zero_gs"),
    holds: (events) =>
      assert.is(ofType(events, "write").filter((event) => event["evt.arg.data"] === "nobody's").length, 50),
  },
  signals("restarts"),
  signals("stops"),
  {
    ...signals("jumps", "1000"),
    holds: (events) => {
      const marks = ofType(events, "write").flatMap(
        (event) => /^jump (\d+);/.exec(String(event["evt.arg.data"] ?? ""))?.[1] ?? [],
      );
      assert.equal(
        marks.map(Number),
        Array.from({ length: 1000 }, (_, index) => index),
        "in order, each once",
      );
    },
  },
  {
    ...signals("small_stack", "500"),
    holds: (events) => {
      const handled = ofType(events, "write").filter((event) => event["evt.arg.data"] === "on its own stack").length;
      assert.ok(handled >= 500 && handled < 600, `${handled} handlers`);
      assert.not(ofType(events, "lseek").some((event) => String(event["evt.rawres"]) !== "-9"));
    },
  },
  signals("unwinding", "500"),
  {
    name: "go_small_stacks",
    argv: () => [buildFixture("go_small_stacks")],
    holds: (events) => {
      const marks = ofType(events, "write").filter((event) => String(event["evt.arg.data"]).startsWith("goroutine "));
      assert.is(marks.length, 30_000);
      assert.is(new Set(marks.map((event) => event["evt.arg.data"])).size, 10_000);
    },
  },
];

for (const { name, argv, holds } of selected(SAME)) {
  test(`${name}: the same as bare, and each call recorded`, async () => {
    if (name.startsWith("go_") && !hasCommand("go")) return console.log(`skip: ${name}: no go on this machine`);
    const program = argv();
    const bare = await run(program, { cwd: scratch() });
    const watched = await trace(`scenario-${name}`, program, { cwd: scratch() });
    assert.is(watched.run.stdout, bare.stdout, watched.run.stderr);
    assert.is(bare.status, 0, bare.stdout);
    assert.is(watched.run.status, 0);
    holds?.(watched.events);
  });
}

function siteLibrary(name: string, number: number): string {
  const out = join(ROOT, "build/fixtures", `site_${name}.so`);
  const source = join(ROOT, "test/fixtures/site_library.c");
  execFileSync("gcc", ["-O1", "-shared", "-fPIC", `-DNUMBER=${number}`, "-o", out, source], { stdio: "pipe" });
  return out;
}

for (const compiler of ["gcc", "musl-gcc"]) {
  test(`cancelled, ${compiler}: blocked threads are cancelled, and no byte is lost`, async () => {
    if (!hasCommand(compiler)) return console.log(`skip: cancelled: no ${compiler} on this machine`);
    const program = join(ROOT, "build/fixtures", `cancelled-${compiler}`);
    execFileSync(compiler, ["-O1", "-o", program, join(ROOT, "test/fixtures/cancelled.c"), "-lpthread"], {
      stdio: "pipe",
    });
    const { run: ended, events } = await trace(`scenario-cancelled-${compiler}`, [program], { cwd: scratch() });
    assert.is(ended.stdout, "cancelled\n".repeat(10));
    const read = ofType(events, "read").filter((event) => event["fd.type"] === "pipe" && event["evt.rawres"] === 1);
    assert.is(read.length, 50);
  });
}

// The images that the kernel itself would put where the gates are.
const SQUATTERS: { name: string; build: (source: string, out: string) => string[] }[] = [
  {
    name: "a program",
    build: (source, out) => ["gcc", "-nostdlib", "-static", "-no-pie", "-Wl,-Ttext-segment=0x10000", "-o", out, source],
  },
  {
    name: "an interpreter",
    build: (source, out) => [
      "sh",
      "-c",
      `gcc -nostdlib -static -no-pie -Wl,-Ttext-segment=0x10000 -o "$2.so" "$1" &&
        echo "int main(void) { return 0; }" | gcc -x c -o "$2" -Wl,--dynamic-linker="$2.so" -`,
      "sh",
      source,
      out,
    ],
  },
  {
    name: "a 32-bit program",
    build: (source, out) => [
      "sh",
      "-c",
      `gcc -E -x assembler-with-cpp "$1" | as --32 --defsym BITS=32 -o "$2.o" - && ld -m elf_i386 -Ttext-segment=0x10000 -o "$2" "$2.o"`,
      "sh",
      source,
      out,
    ],
  },
];
for (const { name, build } of SQUATTERS) {
  test(`${name} that lies on the gates' addresses hides no call there`, async () => {
    const program = join(ROOT, "build/fixtures", `squatter ${name}`.replaceAll(" ", "_"));
    const [command, ...args] = build(join(ROOT, "test/fixtures/squatter.S"), program);
    execFileSync(command!, args, { stdio: "pipe" });
    const bare = await run([program], { cwd: scratch() });
    const { run: ended, events } = await trace("scenario-squatter", [program], { cwd: scratch() });
    assert.is(bare.status, 7, bare.stderr);
    assert.is(ended.status, 7, ended.stderr);
    for (const fd of [9000, 9001]) {
      const made = ofType(events, "lseek").filter((event) => Number(event["evt.arg.fd"]) === fd);
      const places = made.map((event) => Number(event["evt.arg.offset"]));
      assert.equal(
        places,
        Array.from({ length: 0x4000 - 8 }, (_, index) => 0x12000 + index),
        `${fd}`,
      );
    }
    assert.is(ofType(events, "socket").length, 1);
    assert.is(ofType(events, "mkdir").filter((event) => event["evt.rawres"] === 0).length, 1);
    assert.match(notices(events, "TIER_DEGRADED").join(), /lies where the agent's page goes/);
    assert.equal(notices(events, "TAMPER"), []);
  });
}

test("a program whose code leaves no room behind it begins as after any exec, and is recorded inline", async () => {
  const program = join(ROOT, "build/fixtures/full_page");
  execFileSync("gcc", ["-nostdlib", "-static", "-o", program, join(ROOT, "test/fixtures/full_page.S")], {
    stdio: "pipe",
  });
  const { run: ended, events } = await trace("scenario-full_page", [program], { cwd: scratch() });
  assert.is(ended.status, 7, ended.stderr);
  const made = ofType(events, "lseek");
  assert.is(made.length, 50);
  assert.ok(made.filter((event) => event["vedette.tier"] === "inline").length >= 48);
});

test("a program that faults before any of its calls has stopped dies of it, once", async () => {
  const program = join(ROOT, "build/fixtures/faults_at_once");
  execFileSync("gcc", ["-nostdlib", "-static", "-o", program, join(ROOT, "test/fixtures/faults_at_once.S")], {
    stdio: "pipe",
  });
  const bare = await run([program], { cwd: scratch() });
  const { run: ended, events } = await trace("scenario-faults_at_once", [program], { cwd: scratch() });
  assert.is(bare.signal, "SIGSEGV");
  assert.is(ended.status, 128 + constants.signals.SIGSEGV, ended.stderr);
  assert.equal(notices(events, "TIER_DEGRADED"), []);
});

test("own memory: /proc/self/mem cannot change the agent's page, and the agent is nobody's debugger", async () => {
  const { run: ended, events } = await trace("scenario-own_memory", [buildFixture("inline_places"), "own_memory"]);
  assert.is(ended.stdout, "mem -1\ntraceme -1\nattach 0\n");
  const opened = ofType(events, "openat").filter((event) =>
    /^\/proc\/(self|\d+)\/mem$/.test(String(event["evt.arg.name"])),
  );
  assert.is(opened.length, 1);
  assert.match(String(opened[0]!["evt.arg.flags"]), "O_RDWR");
  assert.is(ofType(events, "pwrite").filter((event) => String(event["evt.rawres"]) === "-5").length, 1);
  assert.is(ofType(events, "lseek").length, 16);
  assert.is(events.filter((event) => event["evt.arg.kind"] === "TRACER_WANTED").length, 1);
});

test("1,000 short programs: the tree of execs is complete", async () => {
  const script = "for ((i = 0; i < 1000; i++)); do /bin/true $i; done";
  const { run: ended, events } = await trace("scenario-storm", ["bash", "-c", script], {
    flags: ["-f", "evt.type in (execve, procexit, clone, fork, vfork)"],
  });
  assert.is(ended.status, 0);
  const bash = events.find((event) => String(event["proc.cmdline"]).includes("/bin/true $i"))!["proc.pid"];
  const execs = ofType(events, "execve").filter((event) => event["proc.name"] === "true" && event["evt.rawres"] === 0);
  assert.equal(
    execs.map((event) => Number(String(event["proc.cmdline"]).split(" ")[1])),
    Array.from({ length: 1000 }, (_, index) => index),
  );
  assert.ok(execs.every((event) => event["proc.ppid"] === bash));
  const exits = ofType(events, "procexit").filter((event) => event["proc.name"] === "true");
  assert.equal(exits.map((event) => event["proc.pid"]).sort(), execs.map((event) => event["proc.pid"]).sort());
});

test("a reader that is frozen: the program waits, and nothing is lost", async () => {
  const threads = 4;
  const rounds = 6000;
  const out = join(keptFolder(), "scenario-frozen.jsonl");
  rmSync(out, { force: true });
  const program = [buildFixture("hot_calls"), `${threads}`, `${rounds}`];
  const host = start(
    [...VEDETTE, "trace", "--json", "-o", out, "-f", "evt.type in (pwrite, pread, sendto)", "--", ...program],
    {
      cwd: scratch(),
      limitMs: 100_000,
    },
  );
  const agent = await agentOf(host.child.pid!);
  // In its midst, however fast it is.
  await until("its first calls are told", () => existsSync(out) && statSync(out).size > 0, { everyMs: 2 });
  process.kill(agent, "SIGSTOP");
  await sleep(2_000);
  process.kill(agent, "SIGCONT");
  const ended = await host.ended;
  assert.is(ended.status, 0, ended.stderr);
  const events = readEvents(out);
  for (const type of ["pwrite", "pread", "sendto"])
    assert.is(
      ofType(events, type).filter((event) => Number(event["evt.arg.size"]) === 100).length,
      threads * rounds,
      type,
    );
});

// ------------------------------------------------------------------ little memory, few descriptors, no
// /dev/shm

const LIMITED = [
  { name: "64 MiB of address space for the program", script: `ulimit -v 65536; exec "$@"` },
  { name: "8 descriptors", script: `ulimit -n 8; exec "$@"` },
];
for (const { name, script } of LIMITED) {
  test(`${name}: the program runs as it does bare`, async () => {
    const argv = ["bash", "-c", script, "bash", buildFixture("hot_calls"), "1", "200"];
    const bare = await run(argv, { cwd: scratch() });
    const { run: ended, summary: counted } = await summary(argv, { cwd: scratch() });
    assert.is(ended.stdout, bare.stdout);
    assert.is(ended.status, bare.status);
    if (bare.status === 0) assert.ok(counted.calls.pwrite!.count >= 200);
  });
}

// From room for the program alone to room for all of ours: its first steps find no page, or its boot no ring.
test("little address space: a program goes without what has no room, and each call is recorded", async () => {
  const program = join(ROOT, "build/fixtures/full_page");
  execFileSync("gcc", ["-nostdlib", "-static", "-o", program, join(ROOT, "test/fixtures/full_page.S")], {
    stdio: "pipe",
  });
  const without: number[] = [];
  for (let limit = 160_000; limit <= 400_000; limit += 20_000) {
    const argv = ["prlimit", `--as=${limit}`, program];
    const { run: ended, events } = await trace("scenario-address_space", argv, { cwd: scratch() });
    assert.is(ended.status, 7, `${limit}: ${ended.stderr}`);
    assert.is(ofType(events, "lseek").length, 50, `${limit}`);
    if (notices(events, "TIER_DEGRADED").join() === "its memory takes no segment") without.push(limit);
  }
  assert.ok(without.includes(160_000) && !without.includes(400_000), without.join());
});

// Somewhere among these it is enough for the program, but not for code that is writable while it is patched.
test("little memory for data: a program runs as it does bare, whatever its boot is refused", async () => {
  for (let limit = 100_000; limit <= 300_000; limit += 20_000) {
    const argv = ["prlimit", `--data=${limit}`, "/bin/true"];
    const bare = await run(argv, { cwd: scratch() });
    const { run: ended, events } = await trace("scenario-data", argv, { cwd: scratch() });
    assert.is(ended.status, bare.status, `${limit}`);
    assert.equal(notices(events, "TIER_DEGRADED"), [], `${limit}`);
  }
});

// prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN), as systemd's MemoryDenyWriteExecute= has it; since Linux 6.3.
test("no code may become writable: the dynamic linker's calls are recorded inline all the same", async () => {
  const refuse =
    "import ctypes, os; ctypes.CDLL(None).prctl(65, 1, 0, 0, 0); os.execv('/bin/sh', ['sh', '-c', '/bin/true; echo on'])";
  const { run: ended, events } = await trace("scenario-mdwe", ["python3", "-c", refuse], { cwd: scratch() });
  assert.is(ended.stdout, "on\n");
  assert.is(ended.status, 0);
  assert.equal(notices(events, "TIER_DEGRADED"), []);
  const opened = ofType(events, "openat").filter((event) => event["proc.name"] === "true");
  assert.ok(opened.some((event) => event["vedette.tier"] === "inline"));
});

// Version 1 or 2, wherever this machine has its memory controller.
const MEMORY = [
  { root: "/sys/fs/cgroup/memory", limit: "memory.limit_in_bytes", kills: "memory.oom_control" },
  { root: "/sys/fs/cgroup", limit: "memory.max", kills: "memory.events" },
].find(({ root }) => existsSync(join(root, "cgroup.procs")));

test("a cgroup of 64 MiB, without /dev/shm: the agent and a program with threads fit", async () => {
  const group = join(MEMORY?.root ?? "", `vedette-test-${process.pid}`);
  try {
    mkdirSync(group);
    writeFileSync(join(group, MEMORY!.limit), `${64 << 20}`);
  } catch {
    return console.log("skip: a cgroup of 64 MiB: this machine lets us make none");
  }
  const script = `echo $$ > ${group}/cgroup.procs && exec unshare -m bash -c 'umount -l /dev/shm 2>/dev/null; exec "$@"' bash "$@"`;
  const argv = [AGENT, "--host", "discard", "--", buildFixture("hot_calls"), "16", "500"];
  const ended = await run(["bash", "-c", script, "bash", ...argv], { cwd: scratch() });
  const kills = readFileSync(join(group, MEMORY!.kills), "utf8");
  rmdirSync(group);
  assert.is(ended.stdout, "alarms 0\n", ended.stderr);
  assert.is(ended.status, 0);
  assert.match(kills, /oom_kill 0/);
});

test.run();
