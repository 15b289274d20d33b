// SPDX-License-Identifier: Apache-2.0
//
// `--pid`: a program that runs already is watched for a while. From its first recorded call on, each thread's
// calls are recorded without a gap, against the program's own count; calls that wait do not notice; and when
// Vedette ends, whatever ends it, nothing of it is left in the program.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { until } from "../until.js";
import { buildFixture } from "./fixtures.js";
import { AGENT, environment, hasCommand, type Run, run, scratch, start, VEDETTE } from "./programs.js";
import { type Event, ofType, readEvents } from "./traces.js";

const STATUS = 7; // the fixture's
const WAYS = ["0", "1", "2", "child", "thread", "signal"] as const;
type Way = (typeof WAYS)[number];

interface Watched {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly folder: string;
  printed(): string;
  /** Lets it come to its end. */
  finish(): Promise<{ status: number | null; signal: NodeJS.Signals | null; stdout: string }>;
}

const programs: ChildProcess[] = [];
process.on("exit", () => {
  for (const child of programs) child.kill("SIGKILL");
});

async function fixture(mode: "busy" | "waits"): Promise<Watched> {
  const folder = scratch();
  const pipe = join(folder, "pipe");
  execFileSync("mkfifo", [pipe]);
  const child = spawn(buildFixture("attached"), [mode, pipe], {
    cwd: folder,
    env: environment(),
    stdio: ["ignore", "pipe", "inherit"],
  });
  let stdout = "";
  child.stdout!.on("data", (chunk: Buffer) => (stdout += String(chunk)));
  const ended = new Promise<{ status: number | null; signal: NodeJS.Signals | null }>((done) =>
    child.on("close", (status, signal) => done({ status, signal })),
  );
  programs.push(child);
  await until("the fixture to be ready", () => stdout.includes("ready\n"));
  return {
    child,
    pid: child.pid!,
    folder,
    printed: () => stdout,
    finish: async () => {
      writeFileSync(pipe, "go\n");
      return { ...(await ended), stdout };
    },
  };
}

const statusOf = (pid: number): string[] => {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((thread) => {
      try {
        return [readFileSync(`/proc/${pid}/task/${thread}/status`, "utf8")];
      } catch {
        return []; // it has ended meanwhile
      }
    });
  } catch {
    return [];
  }
};
const field = (status: string, name: string): string => new RegExp(`^${name}:\\s*(.*)$`, "m").exec(status)?.[1] ?? "";
const isTraced = (pid: number): boolean => statusOf(pid).every((status) => field(status, "TracerPid") !== "0");
const isFree = (pid: number): boolean => statusOf(pid).every((status) => field(status, "TracerPid") === "0");

/** All its threads, and whoever it has made. */
const attachedTo = (pid: number): Promise<unknown> => until(`all threads of ${pid} to be traced`, () => isTraced(pid));

function traceOf(pid: number, path: string, ...flags: string[]) {
  return start([...VEDETTE, "trace", "--json", "-o", path, ...flags, "--pid", String(pid)], { limitMs: 120_000 });
}

const lines = (path: string): number => (existsSync(path) ? readFileSync(path, "utf8").split("\n").length : 0);

/** Each thread has been heard of. */
const eachWay = (path: string): Promise<unknown> =>
  until("an event of each thread", () => {
    const text = existsSync(path) ? readFileSync(path, "utf8") : "";
    return WAYS.every((way) => text.includes(way === "signal" ? '"evt.rawres":-4,' : `/attached/${way}/`));
  });

/** Which numbers of each way were recorded. */
function numbersIn(events: readonly Event[]): Map<Way, number[]> {
  const found = new Map<Way, number[]>(WAYS.map((way) => [way, []]));
  for (const event of events) {
    const [, way, number] = /^\/attached\/(\w+)\/(\d+)$/.exec(String(event["evt.arg.name"])) ?? [];
    if (way !== undefined) found.get(way as Way)!.push(Number(number));
    if (event["evt.type"] === "read" && event["evt.rawres"] === -4)
      found.get("signal")!.push(Number(event["evt.arg.size"]));
  }
  for (const numbers of found.values()) numbers.sort((a, b) => a - b);
  return found;
}

const countsIn = (stdout: string): Map<string, number> =>
  new Map([...stdout.matchAll(/^(\w+) (\d+)$/gm)].map(([, way, count]) => [way!, Number(count)]));

/** No number is missing between the first and the last, and none is there twice. */
function expectWhole(way: Way, numbers: readonly number[], last?: number): void {
  assert.ok(numbers.length > 0, `${way}: nothing was recorded`);
  const first = numbers[0]!;
  const to = last ?? numbers.at(-1)!;
  const wanted = Array.from({ length: to - first + 1 }, (_, at) => first + at);
  const missing = wanted.filter((one) => !numbers.includes(one)).slice(0, 5);
  if (numbers.length < 5_000) assert.equal(missing, [], `${way}: missing of ${first} to ${to}`);
  assert.is(numbers.length, wanted.length, `${way}: ${first} to ${to}, last recorded ${numbers.at(-1)}`);
  assert.ok(
    numbers.every((one, at) => one === first + at),
    `${way}: one is there twice`,
  );
}

test("each call of a running program is recorded from the attachment to its end, of all threads and of children born later", async () => {
  const program = await fixture("busy");
  const path = join(program.folder, "events.jsonl");
  const vedette = traceOf(program.pid, path);
  await attachedTo(program.pid);
  await eachWay(path);
  const ended = await program.finish();
  const watching = await vedette.ended;
  assert.is(ended.status, STATUS, ended.stdout);
  assert.is(watching.status, STATUS, watching.stderr);
  const events = readEvents(path);
  assert.equal(ofType(events, "vedette.notice"), []);
  const numbers = numbersIn(events);
  const counts = countsIn(ended.stdout);
  for (const way of WAYS) expectWhole(way, numbers.get(way)!, counts.get(way));
  const [end] = ofType(events, "procexit").filter((event) => event["proc.pid"] === program.pid);
  assert.is(end?.["evt.arg.ret"], `${STATUS}`, "the program's own end");
  const opens = ofType(events, "openat").filter((event) => String(event["evt.arg.name"]).startsWith("/attached/0/"));
  assert.ok(opens.every((event) => event["proc.name"] === "attached" && event["proc.pid"] === program.pid));
  assert.ok(opens.every((event) => event["vedette.tier"] === "trace"));
});

for (const [what, end] of [
  ["Ctrl-C", (vedette: ChildProcess) => process.kill(-vedette.pid!, "SIGINT")],
  ["SIGTERM", (vedette: ChildProcess) => vedette.kill("SIGTERM")],
  ["a SIGKILL of the agent", (vedette: ChildProcess) => process.kill(agentBelow(vedette.pid!), "SIGKILL")],
  ["a SIGKILL of the host", (vedette: ChildProcess) => vedette.kill("SIGKILL")],
] as const) {
  test(`after ${what} the program goes on as before, and nothing of ours is in it`, async () => {
    const program = await fixture("busy");
    const path = join(program.folder, "events.jsonl");
    const vedette = traceOf(program.pid, path);
    await attachedTo(program.pid);
    await eachWay(path);
    end(vedette.child);
    const watching = await vedette.ended;
    await until("the program to be let go", () => isFree(program.pid));
    for (const status of statusOf(program.pid)) {
      assert.is(field(status, "Seccomp"), "0");
      assert.is(field(status, "NoNewPrivs"), "0");
    }
    assert.not.match(readFileSync(`/proc/${program.pid}/maps`, "utf8"), /vedette|SYSV/);
    const ended = await program.finish();
    assert.equal([ended.status, ended.signal], [STATUS, null], ended.stdout);
    const counts = countsIn(ended.stdout);
    if (!what.includes("SIGKILL")) {
      assert.is(watching.status, 0, watching.stderr);
      const numbers = numbersIn(readEvents(path));
      for (const way of WAYS) {
        if (way !== "child" && way !== "thread") expectWhole(way, numbers.get(way)!);
        assert.ok(numbers.get(way)!.at(-1)! <= counts.get(way)!, `${way}: more than it made`);
      }
    } else if (what.includes("agent")) {
      assert.match(watching.stderr, /VEDETTE_WATCH_ENDED/);
    }
  });
}

const agentBelow = (host: number): number => {
  const children = readFileSync(`/proc/${host}/task/${host}/children`, "utf8").trim().split(" ");
  return Number(children.find((pid) => readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("vedette-capture")));
};

for (const leaves of ["not", "by SIGINT", "by a SIGKILL of the agent", "ten times"] as const) {
  test(`no call that waits notices that Vedette comes; it leaves ${leaves}`, async () => {
    const program = await fixture("waits");
    for (let round = 0; round < (leaves === "ten times" ? 10 : 1); round++) {
      const number = readdirSync(`/proc/${program.pid}/task`).at(-round - 1)!; // of any of its threads
      const vedette = start([AGENT, "--host", "discard", "--attach", number], { limitMs: 120_000 });
      await attachedTo(program.pid);
      await until("its threads to wait again", () =>
        statusOf(program.pid).every((status) => field(status, "State").startsWith("S")),
      );
      if (leaves === "not") continue;
      vedette.child.kill(leaves === "by a SIGKILL of the agent" ? "SIGKILL" : "SIGINT");
      const { status, signal } = await vedette.ended;
      assert.equal([status, signal], leaves === "by a SIGKILL of the agent" ? [null, "SIGKILL"] : [0, null]);
      await until("the program to be let go", () => isFree(program.pid));
    }
    const ended = await program.finish();
    assert.is(ended.stdout, "ready\nwaited 1\n");
    assert.is(ended.status, STATUS);
  });
}

test("a stopped program stays stopped, and goes on by SIGCONT alone", async () => {
  const program = await fixture("busy");
  program.child.kill("SIGSTOP");
  await until("the stop", () => statusOf(program.pid).every((status) => field(status, "State").startsWith("T")));
  const path = join(program.folder, "events.jsonl");
  const vedette = traceOf(program.pid, path);
  await attachedTo(program.pid);
  await until("its threads to be stopped again", () =>
    statusOf(program.pid).every((status) => /^[tT]/.test(field(status, "State"))),
  );
  assert.is(ofType(existsSync(path) ? readEvents(path) : [], "openat").length, 0);
  program.child.kill("SIGCONT");
  await until("events", () => lines(path) > 100);
  program.child.kill("SIGSTOP");
  await until("the stop", () => statusOf(program.pid).every((status) => /^[tT]/.test(field(status, "State"))));
  vedette.child.kill("SIGINT");
  assert.is((await vedette.ended).status, 0);
  await until("the program to be let go", () => isFree(program.pid));
  assert.ok(
    statusOf(program.pid).every((status) => field(status, "State").startsWith("T")),
    "it stays stopped",
  );
  program.child.kill("SIGCONT");
  assert.is((await program.finish()).status, STATUS);
});

test("descendants that were there before are watched, too", async () => {
  const folder = scratch();
  const script = "sh -c 'while [ ! -e go ]; do cat /etc/hostname > copy; done; exit 3'; echo $?";
  const program = start(["sh", "-c", script], { cwd: folder });
  const path = join(folder, "events.jsonl");
  await until("the first copy", () => existsSync(join(folder, "copy")));
  const vedette = traceOf(
    program.child.pid!,
    path,
    "-f",
    "evt.type = execve and proc.name = cat and proc.aname[2] = sh",
  );
  await until("an exec of cat", () => lines(path) > 1);
  writeFileSync(join(folder, "go"), "");
  assert.is((await program.ended).stdout, "3\n");
  assert.is((await vedette.ended).status, 0);
});

test("descriptors, folder and ancestors of what was there before are known", async () => {
  const folder = scratch();
  const script = "exec 7< /etc/hostname; while [ ! -e go ]; do read x <&7; : < nonesuch; done 2> /dev/null";
  const program = start(["bash", "-c", script], { cwd: folder });
  const path = join(folder, "events.jsonl");
  await until("the loop", () => {
    try {
      return execFileSync("readlink", [`/proc/${program.child.pid}/fd/7`], { encoding: "utf8" }) !== "";
    } catch {
      return false;
    }
  });
  const vedette = traceOf(program.child.pid!, path);
  await until("reads", () => lines(path) > 100);
  writeFileSync(join(folder, "go"), "");
  assert.is((await vedette.ended).status, (await program.ended).status);
  const events = readEvents(path);
  const reads = ofType(events, "read").filter((event) => event["fd.num"] === 0); // 7, for a moment
  assert.ok(reads.length > 0 && reads.every((event) => event["fd.name"] === "/etc/hostname"), JSON.stringify(reads[0]));
  const opens = ofType(events, "openat").filter((event) => event["evt.rawres"] === -2);
  assert.ok(
    opens.length > 0 && opens.every((event) => event["evt.arg.name"] === join(folder, "nonesuch")),
    JSON.stringify(opens[0]),
  );
  assert.is(events.at(-1)!["proc.cmdline"], `bash -c ${script}`);
});

test("`run --pid` raises the pack's alert of what a running program does", async () => {
  const folder = scratch();
  const program = start(["sh", "-c", "until [ -e go ]; do sleep 0.1; done; cat /etc/shadow | wc -l"], { cwd: folder });
  const alerts = join(folder, "alerts.jsonl");
  const vedette = start([...VEDETTE, "run", "--alerts", alerts, "--pid", String(program.child.pid)], {
    limitMs: 120_000,
  });
  await until("the attachment", () => statusOf(program.child.pid!).length > 0 && isTraced(program.child.pid!));
  writeFileSync(join(folder, "go"), "");
  const [ended, watching] = await Promise.all([program.ended, vedette.ended]);
  assert.is(ended.status, 0);
  assert.is(watching.status, 0, watching.stderr);
  assert.match(readFileSync(alerts, "utf8"), /Sensitive file read|shadow/i);
});

interface Refused {
  readonly title: string;
  readonly code: string;
  readonly status: number;
  readonly says: RegExp;
  readonly argv: (pid: number) => string[];
}

const watch = (pid: number | string): string[] => [...VEDETTE, "trace", "--pid", String(pid)];
const asNobody = (argv: readonly string[]): string[] => [
  ...["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--"],
  ...argv,
];

const REFUSED: readonly Refused[] = [
  {
    title: "a number that nobody has",
    code: "VEDETTE_PROCESS_MISSING",
    status: 2,
    says: /process 4194303 .*nobody/,
    argv: () => watch(4194303),
  },
  {
    title: "what starts Vedette",
    code: "VEDETTE_ATTACH_UNWISE",
    status: 2,
    says: /has started Vedette/,
    argv: () => watch(process.pid),
  },
  {
    title: "the host itself",
    code: "VEDETTE_ATTACH_UNWISE",
    status: 2,
    says: /Vedette's own host|has started Vedette/,
    argv: () => ["sh", "-c", `exec ${[...VEDETTE, "trace", "--pid"].map((word) => `'${word}'`).join(" ")} $$`],
  },
  {
    title: "the agent itself",
    code: "VEDETTE_ATTACH_UNWISE",
    status: 2,
    says: /Vedette's own agent/,
    argv: () => ["sh", "-c", `exec '${AGENT}' --host discard --attach $$`],
  },
  {
    title: "a thread of the kernel",
    code: "VEDETTE_ATTACH_REFUSED",
    status: 125,
    says: /a thread of the kernel/,
    argv: () => watch(2),
  },
  {
    title: "another user's process",
    code: "VEDETTE_ATTACH_REFUSED",
    status: 125,
    says: /it is of user 0, and we have no SYS_PTRACE/,
    argv: (pid) => asNobody([AGENT, "--host", "discard", "--attach", String(pid)]),
  },
  {
    title: "both a command and a process",
    code: "VEDETTE_USAGE",
    status: 2,
    says: /not both/,
    argv: (pid) => [...watch(pid), "--", "true"],
  },
  { title: "no number", code: "VEDETTE_USAGE", status: 2, says: /number of a process/, argv: () => watch("redis") },
];

async function expectRefused(row: Omit<Refused, "argv" | "title">, ended: Run): Promise<void> {
  assert.is(ended.status, row.status, ended.stderr);
  assert.ok(ended.stderr.includes(`[${row.code}]`), ended.stderr);
  assert.match(ended.stderr, row.says);
}

for (const row of REFUSED) {
  test(`refused: ${row.title}`, async () => {
    const sleeping = start(["sleep", "1000"]);
    await expectRefused(row, await run(row.argv(sleeping.child.pid!)));
    sleeping.child.kill();
    assert.is((await sleeping.ended).signal, "SIGTERM");
  });
}

test("refused: what another traces, and the tracer is named", async () => {
  const program = await fixture("waits");
  const first = start([AGENT, "--host", "discard", "--attach", String(program.pid)]);
  await attachedTo(program.pid);
  await expectRefused(
    { code: "VEDETTE_PROCESS_TRACED", status: 125, says: /process \d+ \(vedette-capture\)/ },
    await run(watch(program.pid)),
  );
  first.child.kill("SIGTERM");
  assert.is((await first.ended).status, 0);
  assert.is((await program.finish()).stdout, "ready\nwaited 1\n");
});

test("refused: one that has ended and waits for its parent", async () => {
  const parent = start(["sh", "-c", "sleep 0 & echo $!; exec sleep 1000"]);
  const zombie = await until("its number", () => Number(parent.printed()) || undefined);
  await until("its end", () => readFileSync(`/proc/${zombie}/status`, "utf8").includes("Z (zombie)"));
  await expectRefused(
    { code: "VEDETTE_PROCESS_MISSING", status: 2, says: /has ended, and waits/ },
    await run(watch(zombie)),
  );
  parent.child.kill();
  await parent.ended;
});

test("policies that deny calls are not begun with: a process that ran before us is denied nothing", async () => {
  const folder = scratch();
  execFileSync("mkdir", [join(folder, "deny")]);
  writeFileSync(
    join(folder, "deny/policy.yaml"),
    "name: deny\nversion: 1.0.0\ndescription: denies\nprevent:\n  - name: none\n    deny: ptrace\n    mode: enforce\n",
  );
  const sleeping = start(["sleep", "1000"]);
  const ended = await run([...VEDETTE, "run", "--policy", join(folder, "deny"), "--pid", String(sleeping.child.pid)]);
  assert.is(ended.status, 125, ended.stderr);
  assert.match(ended.stderr, /is denied nothing.*\[VEDETTE_PREVENT_TABLE\]/);
  sleeping.child.kill();
  await sleeping.ended;
});

if (hasCommand("python3")) {
  test("python3 with threads and processes of its own goes on through ten attachments", async () => {
    const folder = scratch();
    writeFileSync(
      join(folder, "busy.py"),
      `
import os, subprocess, threading, time
ends = time.monotonic() + 300
def work():
    while not os.path.exists("go") and time.monotonic() < ends:
        assert open("/etc/passwd").read()
        time.sleep(0.001)
threads = [threading.Thread(target=work) for _ in range(8)]
for one in threads: one.start()
print("ready", flush=True)
n = 0
while not os.path.exists("go"):
    assert subprocess.run(["sh", "-c", "exit 4"]).returncode == 4
    n += 1
for one in threads: one.join()
print("fine", n > 0)
`,
    );
    const python = start(["python3", "busy.py"], { cwd: folder, limitMs: 300_000 });
    await until("python to be ready", () => python.printed().includes("ready"));
    for (let round = 0; round < 10; round++) {
      const path = join(folder, `events-${round}.jsonl`);
      const vedette = traceOf(python.child.pid!, path);
      await until("events", () => lines(path) > 300);
      if (round % 2 === 0) vedette.child.kill("SIGINT");
      else process.kill(agentBelow(vedette.child.pid!), "SIGKILL");
      const { status, stderr } = await vedette.ended;
      assert.is(status, round % 2 === 0 ? 0 : 122, stderr);
    }
    writeFileSync(join(folder, "go"), "");
    const ended = await python.ended;
    assert.equal([ended.status, ended.stdout, ended.stderr], [0, "ready\nfine True\n", ""]);
  });
}

if (hasCommand("redis-server") && hasCommand("redis-cli")) {
  test("redis-server answers as before while it is watched, and after", async () => {
    const folder = scratch();
    const socket = join(folder, "redis.sock");
    const server = start(["redis-server", "--port", "0", "--unixsocket", socket, "--dir", folder, "--save", ""], {
      limitMs: 300_000,
    });
    const ask = (...words: string[]): Promise<Run> => run(["redis-cli", "-s", socket, ...words]);
    await until("an answer", async () => (await ask("ping")).stdout === "PONG\n");
    const path = join(folder, "events.jsonl");
    const vedette = traceOf(server.child.pid!, path);
    await attachedTo(server.child.pid!);
    for (let i = 0; i < 20; i++) assert.is((await ask("incr", "n")).stdout, `${i + 1}\n`);
    vedette.child.kill("SIGINT");
    assert.is((await vedette.ended).status, 0);
    assert.is((await ask("incr", "n")).stdout, "21\n");
    const sent = readEvents(path).filter((event) => event["evt.type"] === "write" && event["fd.name"] !== undefined);
    assert.ok(sent.length >= 20, `${sent.length} answers`);
    server.child.kill("SIGTERM");
    assert.is((await server.ended).status, 0);
  });
}

test.run();
