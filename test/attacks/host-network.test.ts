// SPDX-License-Identifier: Apache-2.0
//
// A workload that hides its connection among thousands of others, behind the program that it executes
// afterwards, behind a copy of its descriptor that it closes, or behind a parent that ends (H34), and whoever
// asks the control API with conditions that would cost it its time. The honest control is a neighbour's
// connection, which stays on the operator's screen, and an operator's own question, which is answered.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { ConnectionRow } from "../../host/control/shapes.js";
import { type Answer, ask as askAt } from "../ask.js";
import { environment, hasCommand, scratch, VEDETTE } from "../e2e/programs.js";
import { until } from "../until.js";

/**
 * An honest server and its client stay, while five processes scan thousands of ports each. There is also a
 * listener by a copy of its descriptor alone, one whose parent has ended, and a process that is a shell from
 * its second connection on.
 */
const WORKLOAD = `import os, socket, sys, time
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(9)
c = socket.socket(); c.connect(s.getsockname()); a, _ = s.accept()
print(s.getsockname()[1], flush=True)
for child in range(5):
    if os.fork() == 0:
        for port in range(1, 3000):
            with socket.socket() as t:
                t.connect_ex(("127.1.%d.%d" % (child, port % 200 + 1), port))
        os._exit(0)
for child in range(5): os.wait()
d = socket.socket(); d.bind(("127.0.0.1", 0)); d.listen(1); print(d.getsockname()[1], flush=True)
copy = os.dup(d.fileno()); d.close()
told, tell = os.pipe()
if os.fork() == 0:
    e = socket.socket(); e.bind(("127.0.0.1", 0)); e.listen(1)
    if os.fork() != 0: os._exit(0)
    os.write(tell, str(e.getsockname()[1]).encode())
    e.accept()[0].recv(1)
    os._exit(0)
os.wait()
port = int(os.read(told, 9)); left = socket.create_connection(("127.0.0.1", port)); print(port, flush=True)
if os.fork() == 0:
    t = socket.create_connection(s.getsockname())
    os.execvp("bash", ["bash", "-c", "exec 9<>/dev/tcp/127.0.0.1/%d" % s.getsockname()[1]])
os.wait()
print("done", flush=True)
while sys.stdin.readline(): c.send(b"x"); a.recv(1)
`;
/** Several seconds for the compiler, which has four. */
const COSTLY = Array.from({ length: 80 }, (_, i) => `proc.cmdline regex 'x${i}(a|b)*a(a|b){12}'`).join(" or ");
/** Exponential for a matcher that tries ways one after another. */
const REGEX_BOMB = "proc.cmdline regex '^(([a-z])+.)+[A-Z]([a-z])+$'";

/** Between two looks: a viewer may ask 20 times a second, 100 at once, and is told 429 beyond that. */
const EACH_MS = 100;

const socket = join(scratch(), "control.sock");
/** In /proc/net/tcp. */
const isListening = (port: number): RegExp =>
  new RegExp(`^ *\\d+: 0100007F:${port.toString(16).toUpperCase().padStart(4, "0")} .{14}0A `, "m");
const ask = (path: string): Promise<Answer> => askAt(socket, path);
const rowsUnder = async (condition: string): Promise<ConnectionRow[]> => {
  const { status, text } = await ask(`/api/v1/connections?limit=1000&filter=${encodeURIComponent(condition)}`);
  assert.is(status, 200, text);
  return (JSON.parse(text) as { items: ConnectionRow[] }).items;
};

if (!hasCommand("python3")) console.log("skip: no python3 on this machine");
else {
  const [command, ...words] = [...VEDETTE, "run", "--control", socket, "--", "python3", "-c", WORKLOAD];
  const watched = spawn(command!, words, { cwd: scratch(), env: environment(), stdio: ["pipe", "pipe", "ignore"] });
  let said = "";
  watched.stdout!.on("data", (text: Buffer) => {
    said += text.toString();
  });
  test.after(async () => {
    watched.stdin!.end();
    await new Promise((done) => watched.once("exit", done));
  });

  test("H34: whoever scans thousands of ports fills rows of his own; a neighbour's connection stays, and is counted on", async () => {
    await until("the scan is over", () => said.includes("done"));
    const port = Number(said.split("\n")[0]);
    const honest = async () =>
      (await rowsUnder(`fd.rport = ${port} and fd.rip = 127.0.0.1 and fd.is_server = false`)).at(-1);
    const scanned = async () => (await rowsUnder("fd.rnet = 127.1.0.0/16")).length;
    await until("rows of the scan", async () => (await scanned()) > 0);
    watched.stdin!.write("go\ngo\n");
    await until("what the honest one sends is counted", async () => ((await honest())?.bytes_out ?? 0) >= 2);
    const { items, left_out } = JSON.parse((await ask("/api/v1/connections?limit=1000")).text) as {
      items: ConnectionRow[];
      left_out: number;
    };
    const rest = items.filter((row) => row.rest);
    assert.is(rest.length, 5, "further places of each scanner are one row");
    const failed = items.filter(({ process }) => rest.some((row) => row.process.key === process.key));
    const counted = failed.reduce((all, row) => all + row.failed + row.made, 0);
    assert.is(counted, 5 * 2_999, "each attempt is counted");
    assert.is(left_out, 0);
  });

  test("H34: who listens by a copy of a descriptor that it closed is shown to listen, as the kernel has it", async () => {
    const port = Number(said.split("\n")[1]);
    assert.match(readFileSync("/proc/net/tcp", "utf8"), isListening(port));
    const [row] = await rowsUnder(`evt.type = listen and fd.lport = ${port}`);
    assert.is(row?.until, null);
  });

  test("H34: who listens by a socket of a parent that has ended is shown to listen, as the kernel has it", async () => {
    const port = Number(said.split("\n")[2]);
    assert.match(readFileSync("/proc/net/tcp", "utf8"), isListening(port));
    const rows = async () => await rowsUnder(`evt.type = listen and fd.lport = ${port}`);
    await until("the parent's row, and its child's", async () => (await rows()).length === 2);
    assert.equal(
      (await rows()).map((row) => row.until === null),
      [true, false],
    );
  });

  test("H34: a shell in the place of the program that connected first is told apart from it", async () => {
    const port = Number(said.split("\n")[0]);
    const [shell] = await rowsUnder(`proc.name = bash and fd.rport = ${port} and fd.is_server = false`);
    assert.is(shell?.made, 1);
    const before = await rowsUnder(`proc.pid = ${shell!.process.pid} and proc.name startswith python`);
    assert.equal(
      before.map(({ remote, made }) => [remote.port, made]),
      [[port, 1]],
    );
  });

  test("H34: a condition of 10 MiB, one that is too long, and one that never ends in other engines cost nothing", async () => {
    const long = await ask(`/api/v1/connections?filter=${"x".repeat(10 << 20)}`).catch(() => null);
    assert.ok(long === null || long.status === 431, "node closes it: a head has at most 8 KiB");
    assert.is((await ask(`/api/v1/connections?filter=${"x".repeat(5_000)}`)).status, 400);
    for (const path of ["connections", "events"]) {
      const deep = `${"not (".repeat(700)}proc.pid=1${")".repeat(700)}`;
      const asked = await ask(`/api/v1/${path}?filter=${encodeURIComponent(deep)}`).catch(() => null);
      assert.ok(asked === null || asked.status < 500, `${path}: ${asked?.text}`);
    }
    assert.equal(await rowsUnder(REGEX_BOMB), []);
    await rowsUnder("proc.name = python3");
  });

  test("H34: a condition that takes the compiler seconds is refused in time or done, and others are answered meanwhile", async () => {
    const costly = ask(`/api/v1/connections?filter=${encodeURIComponent(COSTLY)}`).catch(() => null);
    let isOver = false;
    void costly.then(() => {
      isOver = true;
    });
    let answers = 0;
    const look = async (): Promise<boolean> => {
      if (!isOver && (await ask("/api/v1/self")).status === 200) answers++;
      return isOver;
    };
    await until("it is refused, or done", look, { everyMs: EACH_MS });
    assert.ok(answers > 5, `${answers} answers meanwhile`);
    const again = await ask(`/api/v1/connections?filter=${encodeURIComponent(COSTLY)}`);
    // A quick machine is done within the four seconds; test/host/control/condition.test.ts has the refusal.
    assert.match(`${again.status} ${again.text}`, /^(200|400 .*takes too long to compile)/);
    await rowsUnder("proc.pid = 1");
  });

  test("H34: control: an operator's own condition is answered", async () => {
    assert.ok((await rowsUnder("evt.type = listen and proc.name startswith python")).length > 0);
  });

  test.run();
}
