// SPDX-License-Identifier: Apache-2.0
//
// Hundreds of threads that languages' runtimes start and end quickly: each program says what it says bare,
// and nobody is accused.
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { environment, hasCommand, run, scratch, VEDETTE } from "./programs.js";

interface Storm {
  readonly name: string;
  readonly needs: readonly string[];
  readonly file: string;
  readonly text: string;
  readonly prepare?: readonly string[];
  readonly argv: readonly string[];
}

const LIMIT_MS = 100_000;

const STORMS: readonly Storm[] = [
  {
    name: "Java",
    needs: ["javac", "java"],
    file: "Storm.java",
    text: `
      import java.nio.file.*;
      public class Storm {
        public static void main(String[] words) throws Exception {
          for (int round = 0; round < 4; round++) {
            Thread[] threads = new Thread[300];
            for (int i = 0; i < threads.length; i++) {
              threads[i] = new Thread(() -> {
                try { Files.readAllBytes(Path.of("/etc/passwd")); } catch (Exception e) { System.out.println(e); }
              });
              threads[i].start();
            }
            for (Thread thread : threads) thread.join();
          }
          System.out.println("done");
        }
      }`,
    prepare: ["javac", "Storm.java"],
    argv: ["java", "Storm"],
  },
  {
    name: "Go",
    needs: ["go"],
    file: "main.go",
    text: `
      package main
      import ("fmt"; "os"; "runtime"; "sync")
      func main() {
        for round := 0; round < 10; round++ {
          var group sync.WaitGroup
          for i := 0; i < 100; i++ {
            group.Add(1)
            go func() {
              defer group.Done()
              runtime.LockOSThread() // the thread ends with it
              if _, err := os.ReadFile("/etc/passwd"); err != nil { fmt.Println(err) }
            }()
          }
          group.Wait()
        }
        fmt.Println("done")
      }`,
    prepare: ["go", "build", "-o", "storm", "main.go"],
    argv: ["./storm"],
  },
  {
    name: "Python",
    needs: ["python3"],
    file: "storm.py",
    text: `
import subprocess, threading
def read():
    for _ in range(20):
        open("/etc/passwd").read()
for _ in range(10):
    threads = [threading.Thread(target=read) for _ in range(50)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
def start():
    subprocess.run(["true"], check=True)
threads = [threading.Thread(target=start) for _ in range(40)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print("done")
`,
    argv: ["python3", "storm.py"],
  },
  {
    name: "Ruby",
    needs: ["ruby"],
    file: "storm.rb",
    text: `
10.times { (1..50).map { Thread.new { 20.times { File.read("/etc/passwd") } } }.each(&:join) }
(1..20).map { Thread.new { system("true") or abort("no") } }.each(&:join)
puts "done"
`,
    argv: ["ruby", "storm.rb"],
  },
  {
    name: "Erlang",
    needs: ["erlc", "erl"],
    file: "storm.erl",
    text: `
-module(storm).
-export([run/0]).
run() ->
  Own = self(),
  [spawn(fun() -> {ok, _} = file:read_file("/etc/passwd"), Own ! read end) || _ <- lists:seq(1, 2000)],
  [receive read -> ok end || _ <- lists:seq(1, 2000)],
  Said = [os:cmd("echo " ++ integer_to_list(N)) || N <- lists:seq(1, 30)],
  io:format("done ~p~n", [length(Said)]),
  halt().
`,
    prepare: ["erlc", "storm.erl"],
    argv: ["erl", "+S", "4", "+A", "32", "-noshell", "-s", "storm", "run"],
  },
];

for (const storm of STORMS) {
  const title = `${storm.name}: a storm of threads ends as bare, and nobody is accused`;
  const missing = storm.needs.find((command) => !hasCommand(command));
  if (missing !== undefined) {
    console.log(`skip: ${title}: no ${missing} on this machine`);
    test.skip(title);
    continue;
  }
  test(title, async () => {
    const folder = scratch();
    writeFileSync(join(folder, storm.file), storm.text);
    const env = { CGO_ENABLED: "0" };
    if (storm.prepare !== undefined)
      execFileSync(storm.prepare[0]!, storm.prepare.slice(1), { cwd: folder, env: environment(env), stdio: "pipe" });
    const options = { cwd: folder, limitMs: LIMIT_MS };
    const bare = await run([...storm.argv], options);
    assert.match(bare.stdout, /^done/m);
    const alerts = join(folder, "alerts.jsonl");
    const watched = await run([...VEDETTE, "run", "--alerts", alerts, "--", ...storm.argv], options);
    assert.equal([watched.stdout, watched.status], [bare.stdout, bare.status], watched.stderr);
    assert.is(readFileSync(alerts, "utf8"), "");
  });
}

test.run();
