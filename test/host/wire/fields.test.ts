// SPDX-License-Identifier: Apache-2.0
// Falco's fields: who did it, whose child it is, to what, and what is null where an event has no such thing.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { EVENTS } from "../../../build/generated/events.js";
import { openBatch } from "../../../host/wire/batch.js";
import { FIELD_NAMES, fieldValue } from "../../../host/wire/fields.js";
import { BatchBuilder } from "./builder.js";

function family(): BatchBuilder {
  const batch = new BatchBuilder({ first: 10 });
  const init = batch.process({ pid: 1, name: "init", exe: "/sbin/init", args: [] });
  const web = batch.process({
    pid: 20,
    ppid: 1,
    parent: init,
    name: "nginx",
    exe: "nginx",
    exepath: "/usr/sbin/nginx",
    args: ["-g", "daemon off;"],
  });
  const socket = batch.descriptor({
    type: "4",
    name: "10.0.0.9:4000->10.0.0.1:80",
    flags: 2 | 8,
    cip: Uint8Array.of(10, 0, 0, 9),
    sip: Uint8Array.of(10, 0, 0, 1),
    cport: 4000,
    sport: 80,
    l4proto: 6,
    family: 2,
  });
  const shell = batch.process({
    pid: 30,
    ppid: 20,
    parent: web,
    sid: 30,
    pgid: 30,
    vpid: 3,
    name: "sh",
    exe: "/bin/sh",
    exepath: "/bin/dash",
    args: ["-c", "id; ls"],
    env: ["PATH=/bin", "A=b=c", "A=second"],
    stdin: socket,
    uid: 33,
    user: "www-data",
    gid: 33,
    group: "www-data",
    loginuid: -1,
    start_time: 1_700_000_000_000_000_000n,
    clone_seen: true,
    exe_flags: 2,
    integrity_reason: 4,
    cap_effective: 0x200000,
  });
  batch.record("execve", {
    process: shell,
    time: 1_700_000_000_250_000_000n,
    tid: 30,
    params: { filename: "/bin/sh" },
  });
  batch.record("read", { process: shell, descriptor: socket, fd: 0, tid: 31, result: 5, params: { size: 10 } });
  batch.record("openat", {
    process: shell,
    descriptor: batch.descriptor({ type: "f", name: "/var/log/x", dev: 0x801, ino: 77 }),
    fd: 4,
    result: 4,
    params: { dirfd: -100, name: "x", flags: 0x241, mode: 0o755 },
  });
  batch.record("close", { process: shell, fd: 4, flags: 1 });
  batch.record("close", { process: web, fd: 5 });
  return batch;
}

const EXPECTED: Readonly<Record<string, readonly [record: number, value: unknown]>> = {
  "evt.num": [0, 10],
  "evt.type": [0, "execve"],
  "evt.time": [0, 1_700_000_000_250_000_000n],
  "evt.time.iso8601": [0, "2023-11-14T22:13:20.250000000+0000"],
  "proc.pid": [0, 30],
  "proc.ppid": [0, 20],
  "proc.vpid": [0, 3],
  "proc.name": [0, "sh"],
  "proc.exepath": [0, "/bin/dash"],
  "proc.cmdline": [0, "sh -c id; ls"],
  "proc.exeline": [0, "/bin/sh -c id; ls"],
  "proc.args": [0, "-c id; ls"],
  "proc.cmdnargs": [0, 2],
  "proc.pname": [0, "nginx"],
  "proc.pcmdline": [0, "nginx -g daemon off;"],
  "proc.aname": [0, ["nginx", "init"]],
  "proc.aname[0]": [0, "sh"],
  "proc.aname[2]": [0, "init"],
  "proc.aname[3]": [0, null],
  "proc.acmdline[2]": [0, "init"],
  "proc.apid[1]": [0, 20],
  "proc.env[A]": [0, "b=c"],
  "proc.env[B]": [0, null],
  "proc.duration": [0, 250_000_000],
  "proc.is_exe_upper_layer": [0, true],
  "proc.is_exe_from_memfd": [0, false],
  "proc.is_sid_leader": [0, true],
  "proc.stdin.type": [0, "ipv4"],
  "proc.stdin.name": [0, "10.0.0.9:4000->10.0.0.1:80"],
  "proc.stdout.type": [0, null],
  "thread.tid": [1, 31],
  "thread.ismain": [1, false],
  "thread.cap_effective": [0, "CAP_SYS_ADMIN"],
  "user.name": [0, "www-data"],
  "user.uid": [0, 33],
  "user.loginuid": [0, -1],
  "group.name": [0, "www-data"],
  "container.id": [0, "host"],
  "k8s.ns.name": [0, null],
  "fd.num": [1, 0],
  "fd.type": [1, "ipv4"],
  "fd.typechar": [1, "4"],
  "fd.cip": [1, "10.0.0.9"],
  "fd.sip": [1, "10.0.0.1"],
  "fd.sport": [1, 80],
  "fd.lip": [1, "10.0.0.1"],
  "fd.rport": [1, 4000],
  "fd.ip": [1, ["10.0.0.9", "10.0.0.1"]],
  "fd.l4proto": [1, "tcp"],
  "fd.is_server": [1, true],
  "fd.connected": [1, true],
  "fd.family": [1, "AF_INET"],
  "fd.directory": [2, "/var/log"],
  "fd.filename": [2, "x"],
  "fd.dev.major": [2, 8],
  "fd.dev.minor": [2, 1],
  "fd.ino": [2, 77],
  "evt.is_io_read": [1, true],
  "evt.io_dir": [1, "read"],
  "evt.is_open_write": [2, true],
  "evt.is_open_read": [2, false],
  "evt.is_open_exec": [2, true],
  "evt.is_open_create": [2, true],
  "evt.type.is.read": [1, 1],
  "vedette.tier": [1, "trace"],
  "vedette.integrity": [1, "stops"],
  "vedette.integrity.reason": [1, "CAUGHT"],
};

for (const [field, [record, value]] of Object.entries(EXPECTED)) {
  test(`${field} is ${JSON.stringify(value, (_, one) => (typeof one === "bigint" ? `${one}` : one))}`, () => {
    const batch = openBatch(family().bytes());
    assert.equal(fieldValue(field)?.(batch, batch.offsets[record] as number), value);
  });
}

test("a process whose parent chain is a circle has ancestors, but not for ever", () => {
  const builder = new BatchBuilder();
  builder.process({ pid: 1, parent: 1, name: "a" });
  builder.process({ pid: 2, parent: 0, name: "b" });
  const batch = openBatch(builder.record("close", { process: 0 }).bytes());
  assert.ok(((fieldValue("proc.aname")?.(batch, 0) ?? []) as string[]).length <= 256);
  assert.is(fieldValue("proc.aname[999]")?.(batch, 0), null);
});

test("every field can be asked of every event, even of one without process and descriptor", () => {
  const builder = new BatchBuilder();
  for (const event of EVENTS) builder.record(event.name);
  const batch = openBatch(builder.bytes());
  for (const name of FIELD_NAMES) for (const at of batch.offsets) fieldValue(name)?.(batch, at);
  for (const event of EVENTS)
    for (const param of event.params) for (const at of batch.offsets) fieldValue(`evt.arg.${param.name}`)?.(batch, at);
});

test("a name that is no field is undefined", () => {
  for (const name of ["proc.nothing", "proc", "proc.name[1]", "proc.aname[x]", "constructor", "__proto__", "evt.arg."])
    assert.is(fieldValue(name), undefined, name);
});

test.run();
