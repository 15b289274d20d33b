// SPDX-License-Identifier: Apache-2.0
// evt.arg.NAME by type: a row is an event, its slots, and what each argument reads as. Falco's forms, by
// libsinsp.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { openBatch } from "../../../host/wire/batch.js";
import { fieldValue } from "../../../host/wire/fields.js";
import { BatchBuilder, type RecordOptions, type Slots } from "./builder.js";

interface Case {
  readonly title: string;
  readonly event: string;
  readonly record?: Omit<RecordOptions, "params">;
  readonly params?: Slots;
  readonly process?: Slots;
  readonly descriptor?: Slots;
  readonly reads: Readonly<Record<string, unknown>>;
}

const inet = (port: number, ...address: number[]): Uint8Array =>
  Uint8Array.from([2, 0, port >> 8, port & 255, ...address, 0, 0, 0, 0, 0, 0, 0, 0]);
const inet6 = (port: number, ...address: number[]): Uint8Array =>
  Uint8Array.from([10, 0, port >> 8, port & 255, 0, 0, 0, 0, ...address, 0, 0, 0, 0]);

const CASES: readonly Case[] = [
  {
    title: "open flags are joined in the table's order",
    event: "open",
    record: { result: 3, fd: 3 },
    params: { flags: 0x80241, mode: 0o644 },
    reads: { "evt.arg.flags": "O_TRUNC|O_CREAT|O_WRONLY|O_CLOEXEC", "evt.arg.mode": "0644", "evt.arg.fd": "3" },
  },
  {
    title: "no flag at all is O_RDONLY",
    event: "open",
    params: { flags: 0, mode: 0 },
    reads: { "evt.arg.flags": "O_RDONLY", "evt.arg.mode": "0" },
  },
  {
    title: "O_RDWR is neither of the others",
    event: "open",
    params: { flags: 2 },
    reads: { "evt.arg.flags": "O_RDWR" },
  },
  {
    title: "a failed open has the error's name for a descriptor",
    event: "openat",
    record: { result: -2 },
    params: { dirfd: -100 },
    reads: {
      "evt.arg.fd": "ENOENT",
      "evt.arg.dirfd": "AT_FDCWD",
      "fd.num": -1,
      "evt.res": "ENOENT",
      "evt.rawres": -2,
      "evt.failed": true,
    },
  },
  {
    title: "an error without a name is its number",
    event: "close",
    record: { result: -4000 },
    reads: { "evt.arg.res": "-4000", "evt.res": "-4000" },
  },
  {
    title: "a call that never returned has no result",
    event: "read",
    record: { result: -(2n ** 63n), flags: 0x10 },
    reads: { "evt.rawres": null, "evt.res": null, "evt.arg.res": null, "vedette.inflight": true },
  },
  {
    title: "a mode names its bits",
    event: "fchmod",
    params: { mode: 0o4755 },
    reads: { "evt.arg.mode": "S_IXOTH|S_IROTH|S_IXGRP|S_IRGRP|S_IXUSR|S_IWUSR|S_IRUSR|S_ISUID" },
  },
  { title: "a mode of nothing is 0", event: "fchmod", params: { mode: 0 }, reads: { "evt.arg.mode": "0" } },
  {
    title: "no protection has a name of its own",
    event: "mprotect",
    params: { addr: 0x7f00_0000_1000, prot: 0 },
    reads: { "evt.arg.prot": "PROT_NONE", "evt.arg.addr": "0x7f0000001000" },
  },
  {
    title: "an address of the upper half is not negative",
    event: "mmap",
    record: { result: 4096 },
    params: { addr: -4096 },
    reads: { "evt.arg.addr": "0xfffffffffffff000", "evt.arg.res": "0x1000" },
  },
  {
    title: "an enumeration is one name, or its number",
    event: "socket",
    record: { result: 3, fd: 3 },
    params: { domain: 17, type: 3, proto: 768 },
    reads: { "evt.arg.domain": "AF_PACKET", "evt.arg.type": "3" },
  },
  {
    title: "a number that the enumeration has not stays a number",
    event: "ptrace",
    params: { request: 99 },
    reads: { "evt.arg.request": "99" },
  },
  {
    title: "a signal has its name",
    event: "kill",
    params: { pid: 12, sig: 9 },
    reads: { "evt.arg.sig": "SIGKILL", "evt.arg.pid": "12" },
  },
  { title: "a real-time signal is its number", event: "kill", params: { sig: 40 }, reads: { "evt.arg.sig": "40" } },
  {
    title: "a truth is a word, and raw a number",
    event: "procexit",
    params: { core: 1, status: 256 },
    reads: { "evt.arg.core": "true", "evt.rawarg.core": 1, "evt.arg.status": "256" },
  },
  {
    title: "the process's own user goes by name, root too, others by number",
    event: "setresuid",
    process: { uid: 33, user: "www-data" },
    params: { ruid: 33, euid: 0, suid: 1000 },
    reads: { "evt.arg.ruid": "www-data", "evt.arg.euid": "root", "evt.arg.suid": "1000", "evt.rawarg.suid": 1000 },
  },
  {
    title: "no user is <NONE>",
    event: "setresuid",
    params: { ruid: -1, euid: 0xffff_ffff },
    reads: { "evt.arg.ruid": "<NONE>", "evt.arg.euid": "<NONE>" },
  },
  {
    title: "a relative path is joined with the working directory and collapsed",
    event: "unlink",
    process: { cwd: "/srv/app" },
    params: { path: "../x//./y" },
    reads: { "evt.arg.path": "/srv/x/y" },
  },
  {
    title: "an absolute path stays as it was passed",
    event: "unlink",
    process: { cwd: "/srv" },
    params: { path: "/etc/../etc/shadow" },
    reads: { "evt.arg.path": "/etc/../etc/shadow" },
  },
  {
    title: "a chdir that succeeded names the directory that the process stands in now",
    event: "chdir",
    record: { result: 0 },
    process: { cwd: "/srv/app" },
    params: { path: "app" },
    reads: { "evt.arg.path": "/srv/app" },
  },
  {
    title: "a chdir that failed is joined with where the process still is",
    event: "chdir",
    record: { result: -2 },
    process: { cwd: "/srv" },
    params: { path: "app" },
    reads: { "evt.arg.path": "/srv/app" },
  },
  {
    title: "too many .. end at the root",
    event: "unlink",
    process: { cwd: "/a" },
    params: { path: "../../../etc/passwd" },
    reads: { "evt.arg.path": "/etc/passwd" },
  },
  {
    title: "a path of nobody's stays relative",
    event: "unlink",
    params: { path: "x" },
    reads: { "evt.arg.path": "x" },
  },
  {
    title: "AT_FDCWD means the working directory",
    event: "unlinkat",
    process: { cwd: "/srv" },
    params: { dirfd: -100, name: "x" },
    reads: { "evt.arg.name": "/srv/x" },
  },
  {
    title: "a directory descriptor is joined when the record is about it",
    event: "unlinkat",
    record: { fd: 5 },
    process: { cwd: "/srv" },
    descriptor: { type: "d", name: "/data" },
    params: { dirfd: 5, name: "x" },
    reads: { "evt.arg.name": "/data/x" },
  },
  {
    title: "an open relative to a descriptor takes the name that the agent joined",
    event: "openat",
    record: { fd: 7, result: 7 },
    descriptor: { type: "f", name: "/data/x", nameraw: "x" },
    params: { dirfd: 5, name: "x" },
    reads: { "evt.arg.name": "/data/x", "evt.arg.dirfd": "5" },
  },
  {
    title: "a directory descriptor that nobody knows leaves the path as passed",
    event: "unlinkat",
    process: { cwd: "/srv" },
    params: { dirfd: 5, name: "x" },
    reads: { "evt.arg.name": "x" },
  },
  {
    title: "bytes that cannot be printed are dots",
    event: "write",
    record: { result: 6 },
    params: { data: Buffer.from([0x61, 0x0a, 0x00, 0xff, 0x22, 0x7e]), size: 6 },
    reads: { "evt.arg.data": 'a..."~', "evt.buffer": 'a..."~', "evt.buflen": null },
  },
  {
    title: "the size of what was read is the result, however little was captured",
    event: "read",
    descriptor: { type: "f", name: "/data/x" },
    record: { result: 4096 },
    params: { data: Buffer.from("abc"), size: 8192 },
    reads: {
      "evt.buflen": 4096,
      "evt.buflen.in": 4096,
      "evt.buflen.out": null,
      "evt.buflen.file": 4096,
      "evt.buflen.file.in": 4096,
      "evt.buflen.file.out": null,
      "evt.buflen.net": null,
    },
  },
  {
    title: "and of what was sent",
    event: "sendto",
    descriptor: { type: "4", name: "10.0.0.1:5->10.0.0.2:80" },
    record: { result: 7 },
    reads: { "evt.buflen": 7, "evt.buflen.net.out": 7, "evt.buflen.net.in": null, "evt.buflen.file": null },
  },
  {
    title: "a read that failed moved nothing",
    event: "read",
    descriptor: { type: "f", name: "/data/x" },
    record: { result: -5 },
    reads: { "evt.buflen": null, "evt.buflen.file.in": null },
  },
  {
    title: "no payload is none",
    event: "write",
    params: { size: 6 },
    reads: { "evt.buffer": null, "evt.buflen": null, "evt.arg.data": null },
  },
  {
    title: "a list is joined by blanks",
    event: "execve",
    process: { args: ["-c", "a b"], exe_flags: 5 },
    params: { argv: ["sh", "-c", "a b"] },
    reads: { "evt.arg.argv": "sh -c a b", "evt.arg.args": "-c a b", "evt.arg.flags": "EXE_WRITABLE|EXE_FROM_MEMFD" },
  },
  {
    title: "an IPv4 address and its port",
    event: "bind",
    params: { addr: inet(8080, 127, 0, 0, 1) },
    reads: { "evt.arg.addr": "127.0.0.1:8080" },
  },
  {
    title: "an IPv6 address is compressed",
    event: "bind",
    params: { addr: inet6(53, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 2) },
    reads: { "evt.arg.addr": "2001:db8::1:0:0:2:53" },
  },
  {
    title: "the unspecified IPv6 address",
    event: "bind",
    params: { addr: inet6(53, ...Array(16).fill(0)) },
    reads: { "evt.arg.addr": ":::53" },
  },
  {
    title: "a Unix path ends at its NUL",
    event: "bind",
    params: { addr: Buffer.from("\x01\x00/run/x.sock\0junk") },
    reads: { "evt.arg.addr": "/run/x.sock" },
  },
  {
    title: "an abstract Unix name begins with @",
    event: "bind",
    params: { addr: Buffer.from("\x01\x00\0name") },
    reads: { "evt.arg.addr": "@name" },
  },
  {
    title: "another family is its number",
    event: "bind",
    params: { addr: Buffer.from([16, 0, 1, 2]) },
    reads: { "evt.arg.addr": "family 16" },
  },
  {
    title: "a tuple is the descriptor's",
    event: "connect",
    record: { fd: 3 },
    descriptor: { type: "4", name: "10.0.0.1:5->10.0.0.2:80" },
    reads: { "evt.arg.tuple": "10.0.0.1:5->10.0.0.2:80" },
  },
  {
    title: "a position counts Falco's parameters",
    event: "openat",
    record: { result: 4, fd: 4 },
    params: { dirfd: -100, name: "/x" },
    reads: { "evt.arg[0]": "4", "evt.arg[1]": "AT_FDCWD", "evt.arg[2]": "/x", "evt.rawarg[1]": -100 },
  },
  {
    title: "what another event has, this one has not",
    event: "close",
    reads: { "evt.arg.flags": null, "evt.arg[6]": null, "evt.buffer": null },
  },
];

for (const one of CASES) {
  test(one.title, () => {
    const builder = new BatchBuilder();
    builder.record(one.event, {
      ...one.record,
      process: builder.process(one.process ?? {}),
      ...(one.descriptor === undefined ? {} : { descriptor: builder.descriptor(one.descriptor) }),
      params: one.params ?? {},
    });
    const batch = openBatch(builder.bytes());
    for (const [field, wanted] of Object.entries(one.reads)) assert.equal(fieldValue(field)?.(batch, 0), wanted, field);
  });
}

test("a parameter that no event has, Falco's neither, is no field; one of Falco's alone is never there", () => {
  assert.is(fieldValue("evt.arg.nothing"), undefined);
  const batch = openBatch(new BatchBuilder().record("close").bytes());
  assert.is(fieldValue("evt.arg[99]")?.(batch, 0), null);
  assert.is(fieldValue("evt.arg.dqb_curspace")?.(batch, 0), null);
  assert.is(fieldValue("evt.arg"), undefined);
});

test.run();
