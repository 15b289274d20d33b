// SPDX-License-Identifier: Apache-2.0
//
// What breaks in production: the host dies, the agent dies, payloads hold secrets. The workload must not pay
// for our host's death, must not go on unwatched after our agent's, and a snapshot length of 0 must leave no
// payload anywhere.
// Also with: VEDETTE_ASSUME_KERNEL=5.10.
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { until } from "../until.js";
import { AGENT, run, scratch, start, VEDETTE } from "./programs.js";

// Processes by what /proc says: [pid, parent, executable].
function processes(): { pid: number; ppid: number; exe: string }[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, "utf8");
        const [, ppid] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
        return [
          { pid: Number(name), ppid: Number(ppid), exe: readFileSync(`/proc/${name}/cmdline`, "utf8").split("\0")[0]! },
        ];
      } catch {
        return []; // it ended while we looked
      }
    });
}

function agentOf(host: number): number | undefined {
  return processes().find(({ ppid, exe }) => ppid === host && exe.includes("vedette-capture"))?.pid;
}

function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

test("the host is killed while the workload writes 100 MB: the file and the status are right, the rest is counted", async () => {
  const folder = scratch();
  const script = `echo $$ > pid; dd if=/dev/urandom of=big bs=4096 count=25600 status=none; sha256sum < big > sum; echo done > finished; exit 3`;
  const errors = join(folder, "stderr");
  const argv = [
    "bash",
    "-c",
    `exec "$@" 2> ${errors}`,
    "bash",
    ...VEDETTE,
    "run",
    "--alerts",
    "alerts.jsonl",
    "--",
    "bash",
    "-c",
    script,
  ];
  const host = start(argv, { cwd: folder, limitMs: 120_000 });
  await until("the workload to be in the middle", () => {
    const big = join(folder, "big");
    return existsSync(big) && statSync(big).size > 1_000_000 ? true : undefined;
  });
  const agent = agentOf(host.child.pid!)!;
  assert.ok(agent > 0, "the agent runs");
  assert.ok(statSync(join(folder, "big")).size < 104_857_600, "the workload had ended already");
  process.kill(host.child.pid!, "SIGKILL");
  await until("the workload to finish", () => existsSync(join(folder, "finished")), { ms: 90_000 });
  await until("the agent to end", () => !isAlive(agent));
  assert.is(statSync(join(folder, "big")).size, 104_857_600);
  const again = await run(["sha256sum", join(folder, "big")]);
  assert.is(again.stdout.split(" ")[0], readFileSync(join(folder, "sum"), "utf8").split(" ")[0]);
  assert.match(
    readFileSync(errors, "utf8"),
    /[1-9]\d* (events|records)/,
    "the agent says how many it could not deliver",
  );
});

test("the agent is killed: the workload is killed with it, and the host says so and fails", async () => {
  const folder = scratch();
  const script = "echo $$ > pid; for i in $(seq 1000); do sleep 0.05; done; echo survived > survived";
  const host = start([...VEDETTE, "run", "--alerts", "alerts.jsonl", "--", "bash", "-c", script], { cwd: folder });
  const pid = await until("the workload's pid", () => {
    const path = join(folder, "pid");
    return existsSync(path) && readFileSync(path, "utf8").trim() !== ""
      ? Number(readFileSync(path, "utf8"))
      : undefined;
  });
  const agent = await until("the agent", () => agentOf(host.child.pid!));
  assert.ok(isAlive(pid));
  process.kill(agent, "SIGKILL");
  const ended = await host.ended;
  assert.is(ended.status, 122);
  assert.match(ended.stderr, "VEDETTE_AGENT_KILLED");
  assert.match(ended.stderr, `${agent}`);
  await until("the workload to be gone", () => !isAlive(pid));
  assert.not.ok(existsSync(join(folder, "survived")));
});

const SECRETS = `
import os, socket, subprocess
secret = open("secret", "rb").read()
with open("copy", "wb") as copy: copy.write(secret)
a, b = socket.socketpair(); a.sendall(secret); b.recv(100); a.sendmsg([secret[:8], secret[8:]]); b.recvmsg(100)
os.pwrite(os.open("copy", os.O_RDWR), secret, 0); os.setxattr("copy", "user.note", secret)
r, w = os.pipe(); os.writev(w, [secret, b"x"]); os.read(r, 100)
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); udp.sendto(secret, ("127.0.0.1", 9))
subprocess.run(["true"], env={"TOKEN": secret.decode(), "PATH": "/usr/bin:/bin"})
`;

async function secretRun(snaplen: number): Promise<string> {
  const folder = scratch();
  const setup = `printf %s "$SECRET" > secret; cat > main.py`;
  const secret = "hunter2-correct-horse-battery";
  await run(["bash", "-c", setup], { cwd: folder, input: SECRETS, env: { SECRET: secret } });
  const args = [
    "trace",
    "--json",
    "--snaplen",
    String(snaplen),
    "-o",
    "trace.jsonl",
    "--",
    "/usr/bin/python3",
    "main.py",
  ];
  const ended = await run([...VEDETTE, ...args], { cwd: folder });
  assert.is(ended.status, 0, ended.stderr);
  const left = readFileSync(join(folder, "trace.jsonl"), "utf8") + ended.stdout + ended.stderr;
  assert.ok(left.includes('"write"'), "there is a trace");
  return left.includes(secret) ||
    left.includes(Buffer.from(secret).toString("base64")) ||
    left.includes(secret.slice(0, 8))
    ? "found"
    : "none";
}

test("a snapshot length of 0 leaves no payload in the trace", async () => {
  assert.is(await secretRun(80), "found", "with payload the secret is there, so the search can find it");
  assert.is(await secretRun(0), "none");
});

test("a snapshot length of 0 leaves no payload on the socket to the host either", async () => {
  // The host's end is a recorder here: whatever the agent says is kept as it came.
  const folder = scratch();
  const secret = "hunter2-correct-horse-battery";
  await run(["bash", "-c", `printf %s "$SECRET" > secret; cat > main.py`], {
    cwd: folder,
    input: SECRETS,
    env: { SECRET: secret },
  });
  const recorder = `
    import net from "node:net"; import fs from "node:fs";
    const server = net.createServer((socket) => { socket.pipe(fs.createWriteStream("stream")).on("finish", () => process.exit(0)); }).listen("host.sock", () => fs.writeFileSync("listens", ""));`;
  const recording = start([process.execPath, "--input-type=module", "-e", recorder], { cwd: folder });
  await until("the recorder", () => (existsSync(join(folder, "listens")) ? true : undefined));
  const agent = await run([AGENT, "--host", "unix:host.sock", "--snaplen", "0", "--", "/usr/bin/python3", "main.py"], {
    cwd: folder,
  });
  assert.is(agent.status, 0, agent.stderr);
  await recording.ended;
  const stream = readFileSync(join(folder, "stream"));
  assert.ok(stream.includes("vedette"), "batches came");
  assert.ok(stream.includes("main.py"), "arguments are not payload");
  assert.not.ok(stream.includes(secret.slice(0, 8)), "the secret is on the wire");
});

test.run();
