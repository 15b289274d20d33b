// SPDX-License-Identifier: Apache-2.0
// Time limit: 180 s.
// Runs alone.
//
// The default pack on live programs in the lab: each attack script raises its own alerts and no others, and everyday programs
// raise none.
import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { makeRootfs, missingFor, type Rootfs } from "../lab/rootfs.js";
import { agentWords, alertsOf, fillVolume, isListening, SIDECAR, startSidecar, volume } from "../lab/sidecar.js";
import { type Container, missingForTasks, Task, until, within } from "../lab/task.js";

const missing = missingForTasks() ?? missingFor("debian");
const RUN_MS_MAX = 30_000;
/** How long an alert may take that should not come. */
const QUIET_MS = 150;
/** Addresses outside, which exist in the task's network alone (RFC 5737). */
const OUTSIDE = "203.0.113.53";

const python = (...lines: string[]) => `python3 -c '${lines.join("\n")}'`;

const ATTACKS: Record<string, { script: string; rules: string[] }> = {
  "asks for the task's credentials": {
    script: python("import socket", 'socket.create_connection(("169.254.170.2", 80))'),
    rules: ["Task credentials requested"],
  },
  "reads the shadow file": { script: "cat /etc/shadow", rules: ["Sensitive file read"] },
  "gives a shell a connection": {
    script: python(
      "import os, socket",
      's = socket.create_server(("127.0.0.1", 4001))',
      "if os.fork() == 0:",
      "  s.accept(); os._exit(0)",
      'c = socket.create_connection(("127.0.0.1", 4001))',
      "os.dup2(c.fileno(), 0)",
      'os.execv("/bin/sh", ["sh", "-c", "exit 0"])',
    ),
    rules: ["Shell on a socket"],
  },
  "runs what was not in the image": { script: "cp /usr/bin/true /tmp/x; /tmp/x", rules: ["Program not in the image"] },
  "makes a server run a shell": {
    script: python(
      "import os, socket, subprocess",
      's = socket.create_server(("127.0.0.1", 4002))',
      "if os.fork() == 0:",
      '  socket.create_connection(("127.0.0.1", 4002)); os._exit(0)',
      "s.accept()",
      'subprocess.run(["/bin/sh", "-c", "exit 0"])',
    ),
    rules: ["Shell spawned by a server"],
  },
  mines: { script: "/usr/bin/echo -o stratum+tcp://pool.example:3333", rules: ["Crypto miner started"] },
  "runs from memory": {
    script: python(
      "import os",
      'fd = os.memfd_create("x")',
      'os.write(fd, open("/usr/bin/true", "rb").read())',
      'os.execv(f"/proc/self/fd/{fd}", ["x"])',
    ),
    rules: ["Program executed from memory"],
  },
  "downloads and runs": {
    script: [
      python(
        "import os, socket",
        's = socket.create_server(("127.0.0.1", 4003))',
        'socket.create_connection(("127.0.0.1", 4003))',
        'open("/tmp/y", "wb").write(open("/usr/bin/true", "rb").read())',
        'os.chmod("/tmp/y", 0o755)',
      ),
      "/tmp/y; true",
    ].join("\n"),
    rules: ["Downloaded program executed", "Program not in the image"],
  },
  "has a terminal": {
    script: python("import pty", 'pty.spawn(["/bin/sh", "-c", "exit 0"])'),
    rules: ["Shell in a terminal"],
  },
  "installs a package": {
    script: "apt-get install -y nothing-of-that-name 2>/dev/null; true",
    rules: ["Package installed at run time"],
  },
  "attaches to another process": {
    script: python(
      "import ctypes, os, time",
      "child = os.fork()",
      "if child == 0:",
      "  time.sleep(5); os._exit(0)",
      "ctypes.CDLL(None).ptrace(16, child, 0, 0)",
      "os.kill(child, 9)",
    ),
    rules: ["Process injection"],
  },
  "preloads a library": {
    script: "LD_PRELOAD=/tmp/none.so /usr/bin/true 2>/dev/null; true",
    rules: ["Library preloaded"],
  },
  "sets the setuid bit": { script: "cp /usr/bin/true /tmp/s; chmod u+s /tmp/s", rules: ["Setuid bit set"] },
  "pulls a lever of the kernel": {
    script: "echo x 2>/dev/null > /proc/sys/kernel/core_pattern; true",
    rules: ["Kernel lever pulled"],
  },
  scans: {
    script: python(
      "import socket",
      "for port in range(6000, 6040):",
      '  socket.socket().connect_ex(("127.0.0.1", port))',
    ),
    rules: ["Port scan"],
  },
  "asks a foreign resolver": {
    script: python("import socket", `socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(("${OUTSIDE}", 53))`),
    rules: ["DNS past the resolver"],
  },
  "reads Vedette's secret": { script: "cat /vedette/secret", rules: ["Vedette's files touched"] },
  "changes its user first": {
    script: "setpriv --reuid 1000 --regid 1000 --clear-groups cat /vedette/secret",
    rules: ["Vedette's files touched"],
  },
  "plants a cron job": { script: "mkdir -p /etc/cron.d; echo x > /etc/cron.d/x", rules: ["Start-up file written"] },
};

const EVERYDAY: Record<string, string> = {
  "files and text":
    "ls -la / > /tmp/l; grep -c r /tmp/l; sort /tmp/l | uniq | wc -l; sed s/a/b/ /tmp/l | awk '{print $1}' | tail -1; tar -cf /tmp/t.tar /etc/passwd; rm /tmp/t.tar",
  "pipes and jobs": "for i in 1 2 3; do echo $i; done | while read x; do sleep 0.01 & done; wait; true",
  python: python(
    "import json, os, subprocess, tempfile",
    "t = tempfile.mkdtemp()",
    'subprocess.run(["ls", t])',
    "print(json.dumps(dict(os.environ)) != 1)",
  ),
  perl: 'perl -e \'print join(",", sort map { $_ * 2 } 1..5), "\\n"\'',
  git: "cd /tmp && git init -q r && cd r && echo a > a && git add a && git -c user.name=a -c user.email=a@b commit -qm a && git log --oneline | wc -l",
  compiler: "cd /tmp && echo 'int main(void){return 0;}' > m.c && gcc -o m m.c && ls m",
  database: "sqlite3 /tmp/d.db 'create table t(a); insert into t values(1); select count(*) from t;'",
  "a client and a server": python(
    "import socket, threading",
    's = socket.create_server(("127.0.0.1", 4010))',
    'threading.Thread(target=lambda: s.accept()[0].sendall(b"hello")).start()',
    'print(socket.create_connection(("127.0.0.1", 4010)).recv(9))',
  ),
};

const task = new Task([SIDECAR, { name: "app", image: "registry.example/app:1", digest: "sha256:0a" }]);
let sidecar: Container;
let root: Rootfs;

async function rulesRaisedBy(
  script: string,
  expected: number,
): Promise<{ rules: string[]; status: number | null; told: string }> {
  const before = alertsOf(sidecar).length;
  const container = task.start({
    name: "app",
    rootfs: root.path,
    mounts: [...root.mounts, volume(task, true)],
    environment: { VEDETTE_CONTAINER: "app", HOME: "/tmp" },
    args: [...agentWords("--start", "security"), "/bin/sh", "-c", script],
  });
  const { status, stderr } = await within(container.ended, RUN_MS_MAX, "the container did not end");
  const raised = () => alertsOf(sidecar).slice(before);
  if (expected > 0)
    await until(
      () => raised().length >= expected,
      "alerts are missing",
      () => JSON.stringify(raised()),
    );
  await sleep(QUIET_MS);
  return {
    rules: [...new Set(raised().map(({ rule }) => rule))].sort(),
    status,
    told: `${stderr}\n${raised()
      .map(({ output }) => output)
      .join("\n")}`,
  };
}

if (missing === null) {
  test.before(async () => {
    await task.open();
    execFileSync("ip", ["-n", task.name, "addr", "add", `${OUTSIDE}/32`, "dev", "lo"]);
    fillVolume(task);
    const folder = join(task.folder, "debian");
    mkdirSync(folder);
    root = makeRootfs("debian", folder);
    sidecar = startSidecar(task);
    await isListening(sidecar);
  });
  test.after(() => task.close());

  for (const [title, { script, rules }] of Object.entries(ATTACKS)) {
    test(`an attacker ${title}`, async () => {
      const raised = await rulesRaisedBy(script, 1);
      assert.equal(raised.rules, rules.toSorted(), raised.told);
    });
  }

  for (const [title, script] of Object.entries(EVERYDAY)) {
    test(`everyday: ${title}`, async () => {
      const raised = await rulesRaisedBy(script, 0);
      assert.is(raised.status, 0, raised.told);
      assert.equal(raised.rules, [], raised.told);
    });
  }
} else console.log(`skip: the default pack on live attacks: ${missing} is missing`);

test.run();
