// SPDX-License-Identifier: Apache-2.0
// Connections: a row for each process and place, what it counts, who is shown it, and its bounds.
import { execFileSync, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Connections, PLACES_MAX } from "../../../host/control/connections.js";
import type { ConnectionRow } from "../../../host/control/shapes.js";
import { ShortEvents } from "../../../host/policy/short-event.js";
import { type Batch, openBatch } from "../../../host/wire/batch.js";
import { mapOf } from "../../../web/map-edges.js";
import { ask } from "../../ask.js";
import { environment, scratch as newScratch, VEDETTE } from "../../e2e/programs.js";
import { until } from "../../until.js";
import { alertOf } from "../incident/shared.js";
import { closeAll, newPath, opened, TENANTS, tenantsOf } from "./door.js";

test.after.each(closeAll);

type Short = readonly [type: string, written: Readonly<Record<string, unknown>>];
function batchOf(...shorts: readonly Short[]): Batch {
  const events = new ShortEvents();
  for (const [type, written] of shorts) events.add(type, written);
  return openBatch(events.bytes());
}

const CURL = { name: "curl", exepath: "/usr/bin/curl", pid: 41, args: ["https://203.0.113.9"] };
const APP = { name: "app", exepath: "/srv/app", pid: 42 };
const OUT = "tcp 10.0.0.5:40000->203.0.113.9:443";
const served = (from: string) => ({
  type: "4",
  socktype: 1,
  l4proto: 6,
  flags: 2 | 8,
  sip: "10.0.0.5",
  sport: 80,
  cip: from,
  cport: 5_000,
});
/** Where a record has its descriptor's number (docs/wire.md). */
const FD_AT = 36;
const listening = { type: "4", socktype: 1, l4proto: 6, flags: 2 | 16, sip: "0.0.0.0", sport: 80 };
const WORK = batchOf(
  ["connect", { proc: CURL, fd: OUT, res: "EINPROGRESS" }],
  ["sendto", { proc: CURL, fd: OUT, res: 120 }],
  ["recvfrom", { proc: CURL, fd: OUT, res: 4_000 }],
  ["connect", { proc: CURL, fd: "tcp 10.0.0.5:40001->203.0.113.9:443", res: 0 }],
  ["connect", { proc: CURL, fd: "tcp 10.0.0.5:40002->198.51.100.1:22", res: "ECONNREFUSED" }],
  ["listen", { proc: APP, fd: listening, res: 0 }],
  ["accept4", { proc: APP, fd: served("192.0.2.7"), res: 5 }],
  ["read", { proc: APP, fd: served("192.0.2.7"), res: 10 }],
  ["write", { proc: APP, fd: "/var/log/x", res: 10 }],
);

async function pageOf(socket: string, query = "") {
  const { status, json } = await ask(socket, `/api/v1/connections${query}`);
  assert.is(status, 200, JSON.stringify(json));
  return json as { items: ConnectionRow[]; next: string | null; left_out: number; not_judged: string[] };
}
const places = (items: readonly ConnectionRow[]): string[] =>
  items.map(({ direction, remote, local }) => `${direction} ${remote.address}:${remote.port} ${local.port}`);

test("a row is a process and a place: connections of it are counted, with bytes and failures", async () => {
  const path = newPath();
  const control = await opened({ control: path });
  control.onBatch(WORK);
  const { items, next } = await pageOf(path);
  assert.equal(places(items), [
    "in 192.0.2.7:null 80",
    "listening null:null 80",
    "out 198.51.100.1:22 null",
    "out 203.0.113.9:443 null",
  ]);
  assert.is(next, null);
  const [taken, waits, refused, made] = items;
  assert.equal([made!.made, made!.failed, made!.bytes_out, made!.bytes_in], [2, 0, 120, 4_000]);
  assert.equal([refused!.made, refused!.failed, refused!.error], [0, 1, "ECONNREFUSED"]);
  assert.equal([taken!.made, taken!.bytes_in, taken!.process.pid], [1, 10, 42]);
  assert.equal([waits!.local.address, waits!.until], ["0.0.0.0", null]);
});

test("who listens no more is said: the socket was closed, or the process ended", async () => {
  const connections = new Connections();
  connections.add(WORK);
  connections.add(batchOf(["close", { proc: APP, fd: listening, res: 0 }]));
  const listener = () => connections.rows().find(({ direction }) => direction === "listening")!;
  assert.ok(listener().until !== null);
  connections.add(batchOf(["listen", { proc: APP, fd: listening, res: 0 }]));
  assert.is(listener().until, null, "it listens again");
  connections.add(batchOf(["procexit", { proc: CURL }]));
  assert.ok(
    connections
      .rows()
      .filter(({ process }) => process.pid === 41)
      .every(({ until }) => until !== null),
  );
  connections.add(batchOf(["close", { proc: { name: "x", pid: 77 }, fd: OUT, res: 0 }]));
  assert.not.ok(
    connections.rows().some(({ process }) => process.pid === 77),
    "to close begins no row",
  );
});

test("a socket that has another descriptor listens on, and so does who takes a connection", () => {
  const connections = new Connections();
  const hidden = { ...listening, sport: 81 };
  const untilAfter = (fd: number, type: string, written: Short[1] = {}): bigint | null => {
    const batch = batchOf([type, { proc: APP, fd: hidden, res: 0, ...written }]);
    batch.recordView.setInt32(batch.offsets[0]! + FD_AT, fd, true);
    connections.add(batch);
    return connections.rows().find(({ direction }) => direction === "listening")!.until;
  };
  assert.is(untilAfter(3, "listen"), null);
  assert.is(untilAfter(4, "dup", { res: 4, oldfd: 3 }), null);
  assert.is(untilAfter(3, "close"), null);
  assert.is(untilAfter(4, "fcntl", { cmd: "F_DUPFD_CLOEXEC", res: 5 }), null);
  assert.is(untilAfter(4, "fcntl", { cmd: "F_GETFD", res: 1 }), null);
  assert.is(untilAfter(4, "close"), null);
  assert.is(untilAfter(5, "close", { res: "EIO" }), null);
  assert.is.not(untilAfter(5, "close"), null);
  const taken = { ...served("192.0.2.7"), sport: 81 };
  assert.is.not(untilAfter(3, "accept4", { fd: taken, res: "EAGAIN" }), null);
  assert.is(untilAfter(9, "accept4", { fd: taken, res: 9 }), null, "it got the socket from another process, say");
  assert.is.not(untilAfter(-1, "procexit"), null);
});

test("whoever was forked with a listening socket listens on when its parent ends, until it closes it", () => {
  const connections = new Connections();
  const hidden = { ...listening, sport: 81 };
  const taken = { ...served("192.0.2.7"), sport: 81 };
  const add = (fd: number, type: string, written: Short[1]): void => {
    const batch = batchOf([type, { fd: hidden, res: 0, ...written }]);
    batch.recordView.setInt32(batch.offsets[0]! + FD_AT, fd, true);
    connections.add(batch);
  };
  const waiting = (): string[] =>
    connections
      .rows()
      .filter(({ direction, until }) => direction === "listening" && until === null)
      .map(({ process, localAddress, localPort }) => `${process.pid} ${localAddress}:${localPort}`)
      .sort();
  const [takes, waits] = [43, 44].map((pid) => ({ ...APP, pid }));
  add(3, "listen", { proc: APP });
  add(3, "fcntl", { proc: waits, cmd: "F_SETFL", res: 0 });
  add(3, "close", { proc: { ...APP, pid: 45 } });
  add(-1, "procexit", { proc: APP });
  add(9, "accept4", { proc: takes, fd: taken, res: 9 });
  add(9, "accept4", { proc: takes, fd: taken, res: 9 });
  assert.equal(waiting(), ["43 0.0.0.0:81", "44 0.0.0.0:81"]);
  add(9, "accept4", { proc: { ...APP, pid: 46 }, fd: { ...taken, sport: 82 }, res: 9 });
  add(3, "close", { proc: takes });
  assert.equal(waiting(), ["44 0.0.0.0:81"]);
  add(-1, "procexit", { proc: waits });
  assert.equal(waiting(), []);
});

test("what a process executes later has rows of its own, of which a scope and a condition are asked", async () => {
  const path = newPath();
  const control = await opened({ control: path }, tenantsOf(TENANTS));
  const from = { name: "app", exepath: "/srv/app", pid: 42, uid: 33 };
  const nc = { name: "nc", exepath: "/tmp/nc", pid: 42, uid: 33, args: ["203.0.113.9", "443"] };
  const other = { ...nc, args: ["203.0.113.9", "444"] };
  control.onBatch(batchOf(["connect", { proc: from, fd: OUT, res: 0 }], ["connect", { proc: nc, fd: OUT, res: 0 }]));
  control.onBatch(batchOf(["sendto", { proc: nc, fd: OUT, res: 7 }], ["sendto", { proc: from, fd: OUT, res: 9 }]));
  control.onBatch(
    batchOf(["connect", { proc: other, fd: OUT, res: 0 }], ["connect", { proc: { ...from, uid: 0 }, fd: OUT, res: 0 }]),
  );
  const told = async (socket: string, query = "") =>
    (await pageOf(socket, query)).items.map(({ process, bytes_out }) => [process.cmdline, process.user, bytes_out]);
  assert.equal(await told(path), [
    ["app", "root", 0],
    ["nc 203.0.113.9 444", "root", 0],
    ["nc 203.0.113.9 443", "root", 7],
    ["app", "root", 9],
  ]);
  assert.is((await told(path, "?filter=proc.name%20%3D%20nc")).length, 2);
  assert.is((await told(`${path}.a`)).length, 2, "the scope of a is /srv");
  control.onBatch(batchOf(["procexit", { proc: other }]));
  assert.ok((await pageOf(path)).items.every(({ until }) => until !== null));
});

test("a tenant sees connections of its scope, with its own findings alone", async () => {
  const path = newPath();
  const control = await opened({ control: path }, tenantsOf(TENANTS));
  control.onBatch(WORK);
  const { items } = await pageOf(`${path}.a`);
  assert.equal(new Set(items.map(({ process }) => process.exepath)), new Set(["/srv/app"]));
  const [of] = items;
  const [, pid, start] = /\/(\d+)@(.*)$/.exec(of!.process.key)!;
  const about = alertOf({ tenant: null, file: 1 });
  const event = { ...about.finding!.event, source: "ab".repeat(16) };
  const process = { ...about.finding!.process!, pid: Number(pid), started: start === "" ? null : BigInt(start!) };
  control.onAlert({ ...about, finding: { ...about.finding!, event, process } });
  const foundBy = async (socket: string) =>
    (await pageOf(socket)).items.map(({ process, findings }) => [process.pid, findings]);
  assert.equal(await foundBy(`${path}.a`), [
    [42, 0],
    [42, 0],
  ]);
  assert.equal(await foundBy(path), [
    [42, 1],
    [42, 1],
    [41, 0],
    [41, 0],
  ]);
});

test("a condition of Falco's narrows them, and one that asks for what no row knows is refused", async () => {
  const path = newPath();
  const control = await opened({ control: path });
  control.onBatch(WORK);
  const under = async (condition: string, more = "") =>
    places((await pageOf(path, `?filter=${encodeURIComponent(condition)}${more}`)).items);
  assert.equal(await under("fd.rip = 203.0.113.9"), ["out 203.0.113.9:443 null"]);
  assert.equal(await under("fd.snet = 198.51.100.0/24 and fd.rport = 22"), ["out 198.51.100.1:22 null"]);
  assert.equal(await under("proc.cmdline contains https and fd.sport != 22"), ["out 203.0.113.9:443 null"]);
  assert.equal(await under("evt.type = listen and fd.lport = 80 and proc.exepath startswith /srv"), [
    "listening null:null 80",
  ]);
  assert.equal(await under("fd.is_server = true and fd.l4proto = tcp", "&direction=in"), ["in 192.0.2.7:null 80"]);
  assert.equal(await under("evt.type = accept"), ["in 192.0.2.7:null 80"]);
  assert.equal(await under("fd.lport = 80", "&direction=in"), ["in 192.0.2.7:null 80"]);
  assert.equal(await under("fd.rport exists and not fd.rport = 22", "&direction=listening"), []);
  assert.equal(await under("proc.pid = 9"), []);
  for (const [condition, why] of [
    ["proc.aname = sh", /proc\.aname is not known of a connection/],
    ["evt.buffer contains x", /evt\.buffer is not known/],
    ["evt.type = connect and fd.cproto = x", /goes out has another fd\.cproto/],
    ["evt.type = accept and fd.rport = 1", /goes in has another fd\.rport/],
    ["fd.rip = ", /column \d+/],
    ["x".repeat(5_000), /at most 4096/],
  ] as const) {
    const { status, json } = await ask(path, `/api/v1/connections?filter=${encodeURIComponent(condition)}`);
    assert.is(status, 400, condition.slice(0, 40));
    assert.match(json.title, why);
  }
});

test("a port that no row of a direction knows hides none of its rows without a word", async () => {
  const path = newPath();
  const control = await opened({ control: path });
  control.onBatch(WORK);
  const under = async (condition: string, more = "") => {
    const { items, not_judged } = await pageOf(path, `?filter=${encodeURIComponent(condition)}${more}`);
    return [...items.map(({ direction }) => direction), "without", ...not_judged];
  };
  assert.equal(await under("fd.lport = 80"), ["in", "listening", "without", "out"]);
  assert.equal(await under("fd.lport != 80"), ["without", "out"]);
  assert.equal(await under("fd.rport != 22"), ["out", "without", "in"]);
  assert.equal(await under("fd.rport != 22", "&direction=out"), ["out", "without"]);
  assert.equal(await under("evt.type = listen and fd.lport = 80"), ["listening", "without"]);
  assert.equal(await under("proc.pid > 1"), ["in", "listening", "out", "out", "without"]);
});

test("a node of the map has a condition that is true of its rows alone, and hides no direction", async () => {
  const path = newPath();
  const control = await opened({ control: path });
  const inside = { ...CURL, pid: 43, container_id: "0123456789ab" };
  control.onBatch(WORK);
  control.onBatch(
    batchOf(
      ["connect", { proc: CURL, fd: "tcp 10.0.0.5:40003->203.0.113.9:80", res: 0 }],
      ["connect", { proc: inside, fd: OUT, res: 0 }],
      ["accept4", { proc: inside, fd: served("203.0.113.9"), res: 5 }],
    ),
  );
  const items = (await pageOf(path)).items.filter(({ direction }) => direction !== "listening");
  const { programs, places: ends } = mapOf(items, new Set());
  for (const [node, rows] of [
    ["curl · host", ["out 203.0.113.9:80 null", "out 198.51.100.1:22 null", "out 203.0.113.9:443 null"]],
    ["curl · 0123456789ab", ["in 203.0.113.9:null 80", "out 203.0.113.9:443 null"]],
    ["203.0.113.9 :443", ["out 203.0.113.9:443 null", "out 203.0.113.9:443 null"]],
    ["203.0.113.9 → :80", ["in 203.0.113.9:null 80"]],
  ] as const) {
    const { condition } = [...programs, ...ends].find(({ name }) => name === node)!;
    const page = await pageOf(path, `?filter=${encodeURIComponent(condition!)}`);
    assert.equal(places(page.items), rows, condition!);
    assert.equal(page.not_judged, [], condition!);
  }
});

test("a row that does not know what a condition asks is shown as undecided, and in no other case", async () => {
  const path = newPath();
  const control = await opened({ control: path });
  const nmap = { name: "nmap", exepath: "/tmp/nmap", pid: 60 };
  const fdTo = (host: number): string => `tcp 10.0.0.5:9->192.0.2.${host}:80`;
  const scan = Array.from({ length: 120 }, (_, i): Short => ["connect", { proc: nmap, fd: fdTo(i + 1), res: 0 }]);
  const long = { name: "java", exepath: "/usr/bin/java", pid: 61, exe: "java", args: ["-cp", "x".repeat(4_087)] };
  const middle = {
    name: "java",
    exepath: "/usr/bin/java",
    pid: 62,
    exe: "java",
    args: ["-cp", "y".repeat(4_080), "Evil"],
  };
  const unread = { name: "java", exepath: "/usr/bin/java", pid: 63, exe: null, args: null };
  control.onBatch(
    batchOf(...scan, ...[long, middle, unread].map((proc): Short => ["connect", { proc, fd: OUT, res: 0 }])),
  );
  const under = async (condition: string): Promise<string[]> =>
    (await pageOf(path, `?filter=${encodeURIComponent(condition)}`)).items.map(
      ({ process, undecided, rest }) => `${process.pid}${rest ? " rest" : ""}${undecided ? "?" : ""}`,
    );
  assert.equal(await under("fd.rip = 192.0.2.119"), ["60 rest?"], "it went there, and its row does not say so");
  assert.equal(await under("fd.rip = 192.0.2.7"), ["60 rest?", "60"]);
  assert.equal(await under("evt.type = listen and fd.lip = 192.0.2.7"), []);
  assert.equal(await under("proc.name = curl"), []);
  assert.equal(await under("proc.cmdline contains Evil"), ["63?", "62", "61?"]);
  assert.equal(await under("proc.name = java and fd.rport = 443"), ["63", "62", "61", "60 rest?"]);
});

test("paths and commands of bytes that are no text, each three when it is decoded, do not stop a condition", async () => {
  const path = newPath();
  const control = await opened({ control: path });
  const bad = "\ufffd".repeat(4_096);
  for (let pid = 100; pid < 180; pid++)
    control.onBatch(batchOf(["connect", { proc: { name: "x", exepath: bad, args: [bad], pid }, fd: OUT, res: 0 }]));
  assert.is((await pageOf(path, `?limit=1000&filter=${encodeURIComponent("fd.rport = 443")}`)).items.length, 80);
});

test("pages follow one another without a gap, while rows are made", async () => {
  const path = newPath();
  const control = await opened({ control: path });
  control.onBatch(WORK);
  const first = await pageOf(path, "?limit=2");
  control.onBatch(batchOf(["connect", { proc: CURL, fd: "tcp 10.0.0.5:1->192.0.2.99:1", res: 0 }]));
  const second = await pageOf(path, `?limit=2&before=${first.next}`);
  assert.equal(places([...first.items, ...second.items]), places((await pageOf(path)).items.slice(1)));
  assert.is(second.next, null);
});

test("a place is new where the container went there first long after its first connection", () => {
  const connections = new Connections();
  connections.add(
    batchOf(
      ["connect", { proc: CURL, fd: OUT, res: 0 }],
      ["connect", { at: "601s", proc: CURL, fd: "tcp 10.0.0.5:2->192.0.2.1:80", res: 0 }],
      ["connect", { at: "602s", proc: { name: "wget", pid: 50 }, fd: "tcp 10.0.0.5:3->203.0.113.9:443", res: 0 }],
    ),
  );
  const isNew = connections.rows().map((row) => [row.remoteAddress, row.isNew]);
  assert.equal(isNew, [
    ["203.0.113.9", false],
    ["192.0.2.1", true],
    ["203.0.113.9", false],
  ]);
});

test("whoever scans a network fills rows of his own, and what had to go is counted", () => {
  const connections = new Connections();
  connections.add(WORK);
  const scan = (pid: number) =>
    batchOf(
      ...Array.from(
        { length: 300 },
        (_, i): Short => [
          "connect",
          { proc: { name: "nmap", pid }, fd: `tcp 10.0.0.5:9->192.0.2.1:${i + 1}`, res: "ECONNREFUSED" },
        ],
      ),
    );
  connections.add(scan(1_000));
  const own = connections.rows().filter(({ process }) => process.pid === 1_000);
  assert.is(own.length, PLACES_MAX + 1);
  const rest = own.find(({ isRest }) => isRest)!;
  assert.is(rest.failed, 300 - PLACES_MAX);
  assert.is(connections.rows().length - own.length, 4, "of others nothing went");
  for (let pid = 2_000; pid < 2_040; pid++) connections.add(scan(pid));
  assert.ok(connections.rows().length <= 2_000);
  assert.is(connections.rows().length + connections.leftOut, 4 + 41 * (PLACES_MAX + 1));
});

const SERVER = `import os, socket, sys
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(5)
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.bind(("127.0.0.1", 0))
c = socket.socket(); c.connect(s.getsockname()); a, _ = s.accept()
c.sendall(b"x" * 3000); a.recv(5000); a.sendall(b"y" * 70); c.recv(100)
t, n = open("/proc/net/tcp").read(), os.stat(f"/proc/self/fd/{s.fileno()}").st_ino
print(s.getsockname()[1], u.getsockname()[1], c.getsockname()[1], flush=True)
sys.stdin.read()
`;

test("what really listens and talks is there as the kernel has it, with its bytes", async () => {
  const socket = join(newScratch(), "control.sock");
  const [command, ...words] = [...VEDETTE, "run", "--control", socket, "--", "python3", "-c", SERVER];
  const watched = spawn(command!, words, { cwd: newScratch(), env: environment(), stdio: ["pipe", "pipe", "ignore"] });
  try {
    const ports = await new Promise<string>((said) => watched.stdout!.once("data", (text) => said(String(text))));
    const [tcp, udp, client] = ports.trim().split(" ").map(Number) as [number, number, number];
    const inKernel = (file: string, port: number): boolean =>
      new RegExp(`^ *\\d+: 0100007F:${port.toString(16).toUpperCase().padStart(4, "0")} `, "m").test(
        readFileSync(file, "utf8"),
      );
    assert.ok(inKernel("/proc/net/tcp", tcp) && inKernel("/proc/net/udp", udp) && inKernel("/proc/net/tcp", client));
    const isLocal = ({ local, remote }: ConnectionRow): boolean =>
      local.address === "127.0.0.1" || remote.address === "127.0.0.1";
    const items = await until("four rows", async () => {
      const found = (await pageOf(socket)).items.filter(isLocal);
      return found.length >= 4 && found;
    });
    const told = items.map(
      ({ direction, protocol, remote, local, made, bytes_in, bytes_out }) =>
        `${direction} ${protocol} ${remote.port ?? local.port}: ${made} ${bytes_in} ${bytes_out}`,
    );
    assert.equal(told.sort(), [
      `in tcp ${tcp}: 1 3000 70`,
      `listening tcp ${tcp}: 0 0 0`,
      `listening udp ${udp}: 0 0 0`,
      `out tcp ${tcp}: 1 70 3000`,
    ]);
  } finally {
    watched.stdin!.end();
    await new Promise((done) => watched.once("exit", done));
  }
});

if (execFileSync("sh", ["-c", "command -v python3 || true"], { encoding: "utf8" }) !== "") test.run();
else console.log("skip: connections: python3 is missing");
