// SPDX-License-Identifier: Apache-2.0
//
// Debuggers of languages inside: delve on a Go program, and what attaches to a JVM, by its own socket (jcmd,
// jstack) and by ptrace (jhsdb). What they print is the same bare and watched.
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import { type Session, testSessions } from "./debug-sessions.js";
import { compile, hasCommand, ROOT, scratch } from "./programs.js";

const FIXTURES = join(ROOT, "test/fixtures");

/** Starts a program whose input stays open, runs a script when it is ready, then gives it a line. */
const beside = (program: string, script: string): string[] => [
  "bash",
  "--norc",
  "-c",
  `mkfifo in; ${program} < in > out & pid=$!; exec 3> in; until grep -qs ready out; do read -t 0.02 <> <(:); done; { ${script}; } 2>&1; echo $?; echo >&3; wait $pid; echo $?; cat out`,
];

function delve(): Session[] {
  const program = compile(
    "go",
    (out) => ["build", "-gcflags=all=-N -l", "-o", out, join(FIXTURES, "debugged_go.go")],
    join(ROOT, "build/fixtures/debugged_go-g"),
  );
  const dlv = (commands: string[], how: string): string => {
    const script = join(scratch(), "commands");
    writeFileSync(script, [...commands, ""].join("\n"));
    return `dlv ${how} --allow-non-terminal-interactive=true --init ${script} < /dev/null`;
  };
  const started = (name: string, commands: string[]): Session => ({
    name: `delve-${name}`,
    argv: ["sh", "-c", dlv([...commands, "quit"], `exec ${program}`)],
    needs: ["dlv", "go"],
  });
  return [
    started("break", ["break main.add", "continue", "args", "stack 3", "continue", "clear 1", "continue"]),
    started("step", ["break main.add", "continue", "next", "step", "stepout", "stack 1", "clear 1", "continue"]),
    started("condition", [
      "break here debugged_go.go:15",
      "condition here a==1",
      "continue",
      "print a",
      "clear here",
      "continue",
    ]),
    started("set", ["break main.add", "continue", "set a = 100", "clear 1", "continue"]),
    started("disassemble", ["break main.add", "continue", "disassemble -a 0 1", "regs", "step-instruction", "exit"]),
    started("restart", ["break main.add", "continue", "restart", "continue", "args", "clear 1", "continue"]),
    {
      name: "delve-attach",
      argv: beside(
        `${program} waits`,
        `${dlv(["threads", "exit -c"], "attach $pid")} > threads; grep -c "Thread .* at" threads | sed s/[0-9]*/some/`,
      ),
      needs: ["dlv", "go"],
    },
  ];
}

function jvm(): Session[] {
  const classes = scratch();
  execFileSync("javac", ["-d", classes, join(FIXTURES, "Waits.java")], { stdio: "pipe" });
  const attached = (name: string, script: string): Session => ({
    name: `jvm-${name}`,
    argv: beside(`java -Xint -cp ${classes} Waits`, script),
    needs: ["javac", "java", "jcmd", "jhsdb"],
  });
  return [
    attached("jcmd", "jcmd $pid VM.command_line"),
    attached("threads", "jcmd $pid Thread.print | grep -A3 '\"worker\"'"),
    attached("jstack", "jstack $pid | grep -A4 '\"main\"'"),
    attached("histogram", "jcmd $pid GC.class_histogram | grep -c java.lang.String"),
    attached("jhsdb", "jhsdb jstack --pid $pid | grep -c Waits.main"),
  ];
}

testSessions(test, [...(hasCommand("go") ? delve() : []), ...(hasCommand("javac") ? jvm() : [])]);

test.run();
