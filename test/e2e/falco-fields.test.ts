// SPDX-License-Identifier: Apache-2.0
// Fields on live events, in conditions and in outputs: a program does one deed for each and says itself what
// it did, by the numbers that the kernel gave it. A rule's condition asks for what can be known before, its
// output for the rest.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { run, scratch, VEDETTE } from "./programs.js";

const folder = scratch();
const place = join(folder, "place");
mkdirSync(join(place, "dev"), { recursive: true });
mkdirSync(join(place, "old"));
mkdirSync(join(place, "new"));

const PROGRAM = `
import json, mmap, os, pwd, socket, threading, time
os.chdir(${JSON.stringify(place)})
def say(**what): print(json.dumps(what), flush=True)
def tried(deed, *args, **named):
    try: return deed(*args, **named)
    except OSError as error: return error.errno
say(pid=os.getpid(), tid=threading.get_native_id(), comm=open("/proc/self/comm").read().strip())
user = pwd.getpwuid(os.geteuid())
up = time.time_ns() - time.clock_gettime_ns(time.CLOCK_BOOTTIME)
ticks = int(open("/proc/1/stat").read().rsplit(")")[-1].split()[19])
init = up + ticks * 1_000_000_000 // os.sysconf("SC_CLK_TCK")
say(home=user.pw_dir, shell=user.pw_shell, init=init, changed=os.stat("/proc/self/exe").st_ctime_ns - init)
tried(os.open, "/nonesuch/file", os.O_RDONLY)
os.mkdir("old/../made", dir_fd=os.open(".", os.O_RDONLY))
old, new = os.open("old", os.O_RDONLY), os.open("new", os.O_RDONLY)
os.close(os.open("old/a", os.O_CREAT | os.O_WRONLY))
os.rename("a", "b", src_dir_fd=old, dst_dir_fd=new)
os.rename("new/b", "./c", src_dir_fd=os.open(".", os.O_RDONLY))
refused = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
tried(refused.connect, ("127.0.0.1", 1))
say(refused=refused.fileno())
datagram = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
datagram.connect(("127.0.0.1", 9))
say(local=datagram.getsockname()[1])
tried(socket.socket, 99, socket.SOCK_STREAM)
writable = os.open("c", os.O_RDWR); os.write(writable, b"x" * 4096); os.close(writable)
tried(mmap.mmap, os.open("c", os.O_WRONLY), 4096, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_EXEC)
log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
log.bind("dev/log")
client = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
client.connect(${JSON.stringify(join(place, "dev/log"))})
os.write(client.fileno(), b"<14>hello")
ends = os.pipe()
def late():
    say(other=threading.get_native_id())
    os.mkdir("by-another-thread")
    time.sleep(0.05)
    os.write(ends[1], b"late")
thread = threading.Thread(target=late)
thread.start()
begun = time.monotonic_ns()
os.read(ends[0], 4)
say(waited=time.monotonic_ns() - begun)
thread.join()
`;

interface Deed {
  readonly name: string;
  readonly condition: string;
  readonly output: string;
}
const python = "proc.name startswith python3 and";
const now = BigInt(Date.now()) * 1_000_000n;
// A process 1 of a namespace is what the namespace begins with, and its child inherits that.
const mayUnshare = process.getuid?.() === 0;
const NAMESPACE: readonly Deed[] = !mayUnshare
  ? []
  : [
      {
        name: "first of a namespace",
        condition: "evt.type=execve and proc.vpid=1 and proc.name=sh and proc.pidns_init_start_ts = val(proc.pid.ts)",
        output: "%proc.pid.ts",
      },
      {
        name: "second of a namespace",
        condition: "evt.type=execve and proc.pvpid=1 and proc.name=true and container.start_ts = val(proc.ppid.ts)",
        output: "%proc.pidns_init_start_ts",
      },
    ];
const DEEDS: readonly Deed[] = [
  {
    name: "failed open",
    condition: `${python} evt.type in (open, openat) and fd.name=/nonesuch/file and evt.category=file and evt.count.error.file=1
      and not evt.count.error.net exists and not evt.count.error.other exists and fd.uid endswith "-1" and evt.is_wait=false
      and evt.is_async=false and evt.count.procinfo=0 and evt.count.threadinfo=0`,
    output: "%fd.uid %thread.nametid %thread.vtid %proc.loginshellid %proc.nchilds %evt.latency %evt.latency.human",
  },
  {
    name: "mkdirat",
    condition: `${python} evt.type=mkdirat and evt.abspath=${place}/made and evt.abspath.dst=${place}/made and evt.category=file`,
    output: "%evt.abspath",
  },
  {
    name: "renameat of two directories",
    condition: `${python} evt.type in (renameat, renameat2) and evt.abspath.src endswith /a and evt.abspath.dst endswith /b`,
    output: "%evt.abspath.src %evt.abspath.dst",
  },
  {
    name: "renameat to here",
    condition: `${python} evt.type in (renameat, renameat2) and evt.abspath.dst=${place}/c`,
    output: "%evt.abspath.src %evt.abspath",
  },
  {
    name: "refused connection",
    condition: `${python} evt.type=connect and fd.sproto="1" and fd.rproto in ("1", "2") and fd.proto=1 and evt.category=net
      and evt.count.error.net=1 and not evt.count.error.file exists and fd.containername endswith ":1"`,
    output: "%fd.uid",
  },
  {
    name: "datagrams",
    condition: `${python} evt.type=connect and fd.sproto="9" and fd.rproto="9" and fd.cproto exists and evt.count.error.net=0`,
    output: "%fd.cproto %fd.lproto",
  },
  {
    name: "no such family",
    condition: `${python} evt.type=socket and evt.failed=true and evt.count.error.other=1 and evt.category=net
      and not evt.count.error.net exists`,
    output: "%evt.count.error.other %evt.count.error.memory",
  },
  {
    name: "memory",
    condition: `${python} evt.type=mmap and evt.failed=true and evt.category=memory and evt.count.error.memory=1`,
    output: "%evt.count.error.memory",
  },
  {
    name: "system log",
    condition: `${python} evt.type=write and evt.is_syslog=true and evt.category=ipc and evt.count.error.other=0 or evt.is_syslog=true and
      evt.type=write and evt.count.error.net=0`,
    output: "%evt.category %evt.count.error.net %evt.buffer",
  },
  {
    name: "write to a file",
    condition: `${python} evt.type=write and evt.is_syslog=false and evt.category=file and fd.containerdirectory endswith ":${place}"
      and fd.containername endswith ":${place}/c" and evt.count.error.file=0`,
    output: "%container.id %container.full_id %fd.containername %fd.containerdirectory",
  },
  {
    name: "another thread",
    condition: `${python} evt.type in (mkdir, mkdirat) and evt.arg.path endswith by-another-thread and thread.ismain=false and proc.nchilds=1`,
    output: "%thread.vtid %thread.nametid %proc.loginshellid",
  },
  {
    name: "late read",
    condition: `${python} evt.type=read and fd.type=pipe and evt.buffer contains late and evt.latency.human endswith ms and
      evt.latency.human != 0ns and evt.category=ipc`,
    output: "%evt.latency %evt.latency.human %evt.outputtime %evt.time",
  },
  {
    name: "who and where",
    condition: `${python} evt.type=socket and evt.failed=true and user.homedir startswith / and user.shell startswith / and
      container.duration > 0 and container.start_ts = val(proc.pidns_init_start_ts)`,
    output:
      "%user.homedir %user.shell %container.start_ts %proc.exe_ino.ctime_duration_pidns_start %evt.rawtime %container.duration",
  },
  ...NAMESPACE,
  {
    name: "around now",
    condition: `${python} evt.type=connect and fd.sport=1 and evt.around[${now}]=600000 and not evt.around[${now}]=0`,
    output: "%evt.hostname",
  },
];
const NEVER: readonly string[] = [
  `${python} evt.around[${now - 3_600_000_000_000n}]=60000`,
  `${python} evt.is_wait=true or evt.is_async=true`,
  `${python} evt.abspath exists and evt.type in (mkdir, open, rename)`,
  `${python} evt.count.error.memory exists and not evt.category=memory`,
];

/** What Falco prints of so many ns. */
function human(ns: number): string {
  if (ns >= 1e9) return `${(Math.floor(ns / 1e7) / 100).toFixed(2)}s`;
  if (ns >= 1e7) return `${Math.floor(ns / 1e6)}ms`;
  if (ns >= 1e6) return `${(Math.floor(ns / 1e4) / 100).toFixed(2)}ms`;
  if (ns >= 1e4) return `${Math.floor(ns / 1e3)}us`;
  return ns >= 1e3 ? `${(Math.floor(ns / 10) / 100).toFixed(2)}us` : `${ns}ns`;
}

/** The furthest ancestor of this test that is a shell, by the kernel's word. */
function oldestShell(): number | undefined {
  let found: number | undefined;
  for (let pid = process.pid; pid > 0; ) {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    if (/^Name:\t.*sh$/m.test(status)) found = pid;
    pid = Number(/^PPid:\t(\d+)$/m.exec(status)?.[1] ?? 0);
  }
  return found;
}

test("each field tells what the program did, in conditions and in outputs", async () => {
  const [rules, alerts, program] = [join(folder, "rules.yaml"), join(folder, "alerts"), join(folder, "deeds.py")];
  const named = [...DEEDS, ...NEVER.map((condition) => ({ name: `never: ${condition}`, condition, output: "o" }))];
  writeFileSync(program, PROGRAM);
  writeFileSync(
    rules,
    JSON.stringify(named.map(({ name, ...rest }) => ({ rule: name, desc: "d", priority: "info", ...rest }))),
  );
  const unshare = mayUnshare ? "unshare --pid --fork sh -c '/bin/true; /bin/true'" : "true";
  const script = `echo $$; /usr/bin/python3 -S -B ${program}; ${unshare}`;
  const argv = [...VEDETTE, "run", "--falco-rules", rules, "--alerts", alerts, "--", "/bin/sh", "-c", script];
  const { stdout, stderr, status } = await run(argv);
  assert.is(status, 0, stderr);
  const [shell, ...lines] = stdout.trim().split("\n");
  const said = Object.assign({}, ...lines.map((line) => JSON.parse(line))) as Record<string, number> & { comm: string };
  const told = readFileSync(alerts, "utf8")
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as { rule: string; hostname: string; output_fields: Record<string, unknown> });
  const fields = (name: string) => told.find((alert) => alert.rule === name)?.output_fields ?? {};
  const context = `${stdout}\n${stderr}\n${told.map((alert) => JSON.stringify(alert)).join("\n")}`;
  assert.equal([...new Set(told.map(({ rule }) => rule))].sort(), DEEDS.map(({ name }) => name).sort(), context);

  const { pid, tid, comm, other, refused } = said;
  const opened = fields("failed open");
  assert.is(opened["fd.uid"], `${tid}-1`, context);
  assert.is(opened["thread.nametid"], `${comm}${tid}`);
  assert.is(opened["thread.vtid"], pid);
  assert.is(opened["proc.nchilds"], 0);
  assert.is(opened["evt.latency.human"], human(opened["evt.latency"] as number));
  assert.is(fields("renameat to here")["evt.abspath.src"], `${place}/new/b`);
  assert.is(fields("renameat to here")["evt.abspath"], `${place}/new/b`);
  const moved = fields("renameat of two directories");
  assert.ok([`${place}/old/a`, "<UNKNOWN>/a"].includes(String(moved["evt.abspath.src"])), context);
  assert.ok([`${place}/new/b`, "<UNKNOWN>/b"].includes(String(moved["evt.abspath.dst"])), context);
  assert.is(fields("refused connection")["fd.uid"], `${tid}${refused}`);
  assert.is(fields("datagrams")["fd.cproto"], String(said.local));
  assert.is(fields("datagrams")["fd.lproto"], String(said.local));
  assert.is(fields("no such family")["evt.count.error.memory"], null);
  assert.is(fields("another thread")["thread.vtid"], other);
  assert.is(fields("another thread")["thread.nametid"], `${comm}${other}`);
  assert.is(fields("another thread")["proc.loginshellid"], oldestShell() ?? Number(shell));
  const written = fields("write to a file");
  const id = written["container.id"] === "host" ? "" : String(written["container.id"]);
  assert.is(written["fd.containername"], `${id}:${place}/c`);
  assert.is(written["fd.containerdirectory"], `${id}:${place}`);
  assert.ok(String(written["container.full_id"]).startsWith(String(written["container.id"])), context);
  const who = fields("who and where");
  assert.equal([who["user.homedir"], who["user.shell"]], [said.home, said.shell]);
  const isNear = (a: unknown, b: unknown): boolean => Math.abs(Number(a) - Number(b)) < 50e6;
  assert.ok(isNear(who["container.start_ts"], said.init), context);
  assert.ok(isNear(Number(who["evt.rawtime"]) - (said.init as number), who["container.duration"]), context);
  const changed = who["proc.exe_ino.ctime_duration_pidns_start"];
  assert.ok((said.changed as number) > 0 ? isNear(changed, said.changed) : changed === null, context);
  assert.is(fields("first of a namespace")["proc.pid.ts"], fields("second of a namespace")["proc.pidns_init_start_ts"]);
  const late = fields("late read");
  const latency = late["evt.latency"] as number;
  assert.ok(latency >= 40e6 && latency <= (said.waited as number), context);
  assert.is(late["evt.latency.human"], human(latency));
  assert.is(late["evt.outputtime"], late["evt.time"]);
  assert.is(fields("around now")["evt.hostname"], told[0]!.hostname);
});

test.run();
