// SPDX-License-Identifier: Apache-2.0
//
// A debugger inside: gdb, strace, ltrace, programs with sanitizers, and a program that is its own debugger
// say the same bare and watched; and what strace sees of a program inside is what we record of it. Compared
// is all that they print, with numbers of processes and addresses taken out.
// Also with: VEDETTE_ASSUME_KERNEL=5.10.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Session, sameAsBare, testSessions } from "./debug-sessions.js";
import { buildFixture, multisetDifference } from "./fixtures.js";
import { compile, hasCommand, ROOT, run, scratch } from "./programs.js";
import { eventLines, STRACE_WHOLE, straceLines } from "./strace/compare.js";
import { parseStrace } from "./strace/parse.js";
import { keptFolder, trace } from "./traces.js";

const debugged = compile(
  "gcc",
  (out) => ["-g", "-O0", "-no-pie", "-pthread", "-o", out, join(ROOT, "test/fixtures/debugged.c")],
  join(ROOT, "build/fixtures/debugged-g"),
);

const gdb = (name: string, commands: string[], program: string[] = [debugged], unordered = false): Session => ({
  name: `gdb-${name}`,
  argv: ["gdb", "-nx", "-q", "-batch", ...commands.flatMap((command) => ["-ex", command]), ...program],
  unordered,
});

const GDB: Session[] = [
  gdb("break", ["break add", "run", "bt", "info args", "finish", "continue 2", "print counter", "info breakpoints"]),
  gdb("tbreak", ["tbreak main", "run", "next", "step", "step", "info locals", "set var counter=100", "continue"]),
  gdb("condition", ["break add if a==2", "run", "print a", "up", "print i", "continue"]),
  gdb("watch", ["break main", "run", "watch counter", "continue", "continue", "continue", "delete", "continue"]),
  gdb("rwatch", ["break main", "run", "rwatch table[0]", "awatch table[1]", "continue", "continue", "continue"]),
  gdb("stepi", ["break main", "run", "stepi", "nexti", "x/2i $pc", "info line", "until 80", "continue"]),
  gdb("starti", ["starti", "x/i $pc", "continue"]),
  gdb("call", ["break main", "run", "print add(5,6)", "print (int)getuid()", "print counter", "continue"]),
  gdb("exit-code", ["run", "print $_exitcode"]),
  gdb("crash", ["run crash", "bt", "print $_siginfo._sifields._sigfault.si_addr", "continue"]),
  gdb("kill", ["run kill"]),
  gdb("signal-passed", ["handle SIGUSR1 stop print pass", "run signal", "print $_siginfo.si_signo", "continue"]),
  gdb("signal-kept", ["handle SIGUSR1 stop print nopass", "run signal", "continue"]),
  gdb("signal-sent", ["break add", "run", "delete", "signal SIGUSR1"]),
  gdb("catch-call", ["catch syscall write", "run", "continue", "continue"]),
  gdb("catch-exit", ["catch syscall exit_group", "run", "bt 1", "continue"]),
  gdb("catch-fork", ["catch fork", "run fork", "bt 1", "continue"]),
  gdb("catch-exec", ["catch exec", "run exec", "continue", "continue"]),
  gdb("follow-parent", ["set follow-fork-mode parent", "break add", "run fork", "delete", "continue"]),
  // The parent that was let go and gdb write at the same time.
  gdb(
    "follow-child",
    ["set follow-fork-mode child", "break add if a==3", "run fork", "bt", "continue"],
    [debugged],
    true,
  ),
  gdb("follow-both", [
    "set detach-on-fork off",
    "set follow-fork-mode child",
    "run fork",
    "info inferiors",
    "inferior 1",
    "continue",
  ]),
  gdb("vfork", ["catch vfork", "run spawn", "continue"]),
  gdb("threads", ["break work", "run threads", "thread", "bt 2", "delete", "continue"], [debugged], true),
  gdb("thread-step", ["break work", "run threads", "next", "step", "bt 2", "kill"], [debugged], true),
  gdb("core", ["break add", "run", "generate-core-file core", "kill"]),
  gdb("record", [
    "break main",
    "run",
    "record full",
    "next",
    "next",
    "reverse-next",
    "info line",
    "record stop",
    "continue",
  ]),
  gdb("tool", ["catch syscall openat", "run", "bt 1", "kill"], ["/bin/ls", "/usr"]),
];

// Somebody attaches to a program that waits, and lets it go; then it is told to end.
const attachedBy = (tracer: string): string[] => [
  "bash",
  "--norc",
  "-c",
  `${debugged} wait > out & pid=$!; until grep -qs ready out; do read -t 0.02 <> <(:); done; ${tracer}; kill -USR2 $pid; wait $pid; echo $?; cat out`,
];

const ATTACHED: Session[] = [
  {
    name: "gdb-attach",
    argv: attachedBy(`gdb -nx -q -batch -p $pid -ex 'bt -1' -ex 'print add(1, 1)' -ex detach`),
  },
  { name: "gdb-attach-kill", argv: attachedBy(`gdb -nx -q -batch -p $pid -ex 'print counter' -ex kill`) },
  {
    name: "strace-attach",
    argv: attachedBy(
      // Attached, it may still stand before the call that it waits in: the log says when it is in it.
      `(strace -o log -p $pid 2> said & until grep -qs rt_sigsuspend log; do read -t 0.02 <> <(:); done); kill -USR1 $pid; until grep -qs SIGUSR1 log; do read -t 0.02 <> <(:); done`,
    ),
  },
  {
    name: "strace-attach-detach",
    argv: attachedBy(
      `strace -o log -p $pid 2> said & tracer=$!; until grep -qs attached said; do read -t 0.02 <> <(:); done; while kill -INT $tracer 2> /dev/null; do read -t 0.05 <> <(:); done; wait $tracer`,
    ),
  },
];

const strace = (
  name: string,
  options: string[],
  program: string[] = [debugged, "files"],
  unordered = false,
): Session => ({
  name: `strace-${name}`,
  argv: ["strace", "-o", "log", ...options, ...program],
  unordered,
});

const STRACE: Session[] = [
  strace("plain", []),
  strace("quiet", ["-qq", "-e", "trace=none"]),
  strace("calls", ["-e", "trace=openat,read,close"]),
  strace("files", ["-e", "trace=file"]),
  strace("failed", ["--status=failed"]),
  strace("path", ["-P", "/etc/hostname"]),
  strace("paths", ["-y", "-e", "trace=openat,read,close"]),
  strace("raw", ["-X", "raw", "-xx", "-e", "trace=read,write"]),
  strace("times", ["-T", "-e", "trace=openat"]),
  strace("count", ["-c", "-U", "name,calls,errors"], [debugged, "files"], true),
  strace("follow", ["-f"], [debugged, "fork"], true),
  strace("follow-files", ["-ff"], [debugged, "fork"], true),
  strace(
    "follow-threads",
    ["-f", "-e", "trace=!futex,clone3,clone,rseq,set_robust_list,madvise,munmap,mprotect,mmap"],
    [debugged, "threads"],
    true,
  ),
  strace("follow-vfork", ["-f", "-e", "trace=process"], [debugged, "spawn"], true),
  strace("exec-chain", ["-f", "-e", "trace=execve"], [debugged, "exec"]),
  strace("signal", [], [debugged, "signal"]),
  strace("crash", ["-e", "trace=none"], [debugged, "crash"]),
  strace("kill", ["-e", "trace=none"], [debugged, "kill"]),
  strace("inject-error", ["-e", "inject=openat:error=ENOENT:when=3+", "-e", "trace=openat"]),
  strace("inject-result", ["-e", "inject=read:retval=5:when=2+", "-e", "trace=read"]),
  strace("inject-signal", ["-e", "inject=close:signal=USR1:when=3", "-e", "trace=close"]),
  strace("inject-delay", ["-e", "inject=close:delay_enter=100", "-e", "trace=close"]),
  strace("seccomp", ["-f", "--seccomp-bpf", "-e", "trace=openat"], [debugged, "files"], true),
  strace("daemon", ["-D", "-e", "trace=openat"]),
  strace("stacks", ["-k", "-e", "trace=close"]),
  strace("itself", ["-f", "-e", "trace=ptrace,wait4", "strace", "-o", "/dev/null"], ["/bin/true"], true),
];

const LTRACE: Session[] = [
  { name: "ltrace", argv: ["ltrace", "-o", "log", "-e", "printf+signal", debugged, "signal"] },
];

const LEAKS = `#include <stdlib.h>
#include <stdio.h>
int main(int argc, char** argv) {
  char* volatile p = malloc(100);
  p[0] = (char)argc;
  printf("%d\\n", p[0]);
  if (argc > 1) free(p);
  p = 0;
  return argc > 2 ? p[argc] : 0;
}
`;

function sanitized(compiler: string, kind: string): string {
  const source = join(scratch(), "leaks.c");
  writeFileSync(source, LEAKS);
  return compile(
    compiler,
    (out) => [`-fsanitize=${kind}`, "-fno-sanitize-recover=all", "-g", "-O1", "-o", out, source],
    join(ROOT, `build/fixtures/leaks-${kind}`),
  );
}

const SANITIZERS: [string, string][] = [
  ["address", "gcc"],
  ["leak", "gcc"],
  ["undefined", "gcc"],
  ["thread", "gcc"],
  ["memory", "clang"],
];

test("a program that is its own debugger is answered as by the kernel", async () => {
  const program = buildFixture("debugger");
  const bare = await run([program], { cwd: scratch() });
  const { run: watched } = await trace("debuggers-own", [program], { cwd: scratch() });
  assert.is(watched.stdout, bare.stdout);
  assert.is(watched.status, 0);
});

testSessions(test, [...GDB, ...ATTACHED, ...STRACE, ...LTRACE]);

for (const [kind, compiler] of SANITIZERS) {
  const title = `the ${kind} sanitizer: the same report and status`;
  if (!hasCommand(compiler)) {
    console.log(`skip: ${title}: no ${compiler} on this machine`);
    test.skip(title);
    continue;
  }
  test(title, async () => {
    const program = sanitized(compiler, kind);
    for (const args of [[], ["free"]]) {
      await sameAsBare({
        name: `sanitizer-${kind}`,
        argv: ["bash", "--norc", "-c", '"$@" 2> log.$?; echo $?', "sh", program, ...args],
      });
    }
  });
}

test("what strace -f sees inside is what is recorded, once", async () => {
  for (const mode of ["files", "fork", "spawn", "signal"]) {
    const folder = scratch();
    const log = join(keptFolder(), `debuggers-${mode}.strace`);
    const argv = ["strace", ...STRACE_WHOLE, "-o", log, "setarch", "-R", debugged, mode];
    const { run: ended, events, path } = await trace(`debuggers-strace-${mode}`, argv, { cwd: folder });
    const { calls } = parseStrace(readFileSync(log, "latin1"));
    const begin = calls[0]!.tid;
    const first = events.findIndex((event) => event["thread.tid"] === begin && event["evt.type"] === "execve");
    const tracer = events.find((event) => event["evt.type"] === "execve")!["proc.pid"];
    const ours = eventLines(events.slice(first).filter((event) => event["proc.pid"] !== tracer));
    const difference = multisetDifference(straceLines(calls, folder), ours);
    assert.ok(calls.length > 20, "strace saw next to nothing");
    assert.is(ended.stderr, "");
    assert.is(difference.length, 0, `${mode}\n${difference.slice(0, 40).join("\n")}\nstrace: ${log}\nours: ${path}`);
  }
});

test.run();
