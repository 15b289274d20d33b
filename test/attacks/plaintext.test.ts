// SPDX-License-Identifier: Apache-2.0
//
// What --tls-plaintext tells is a program's own word, and of itself alone.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { compile, hasCommand, ROOT, scratch } from "../e2e/programs.js";
import { type Event, notices, ofType, trace } from "../e2e/traces.js";
import { answersOf, attack } from "./attack.js";

const told = (events: Event[]): Event[] => [...ofType(events, "tls_read"), ...ofType(events, "tls_write")];
const ANSWERS = { file: "EBADF", closed: "EBADF", own: "EBADF", nowhere: "EBADF", endless: "EBADF" };

test("I16: plaintext that never passed a TLS library is told of its program alone, and of its own socket", async () => {
  const { run, events } = await attack("forged_plaintext", [], { flags: ["--tls-plaintext"] });
  assert.equal(answersOf(run), ANSWERS);
  assert.ok(told(events).length >= 3, JSON.stringify(told(events)));
  for (const event of told(events)) {
    assert.match(String(event["proc.exepath"]), /forged_plaintext$/);
    assert.ok(event["fd.num"] === -1 || event["fd.type"] === "unix", JSON.stringify(event));
  }
});

test("I16: without the option it is a write to no descriptor", async () => {
  const { run, events } = await attack("forged_plaintext", []);
  assert.equal(answersOf(run), ANSWERS);
  assert.equal(told(events), []);
});

test("I17: of plaintext only what --snaplen allows is told; with 0 nothing, and nothing of what it could be", async () => {
  const bare = spawnSync("python3", ["-c", "import ssl"]);
  if (bare.status !== 0 || !hasCommand("openssl"))
    return console.log("skip: python3 has no ssl, or openssl is missing");
  const program = `
import os, socket, ssl, subprocess, threading
subprocess.run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=a -keyout k -out c -days 2", shell=True, stderr=subprocess.DEVNULL)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER); context.load_cert_chain("c", "k")
a, b = socket.socketpair()
def serve():
    with context.wrap_socket(a, server_side=True) as s: s.recv(100)
t = threading.Thread(target=serve); t.start()
c = ssl.create_default_context(); c.check_hostname = False; c.verify_mode = ssl.CERT_NONE
with c.wrap_socket(b) as s: s.sendall(b"open sesame, " + bytes("s3cr" + "et", "ascii"))
t.join()`;
  const traced = (snaplen: string) =>
    trace("plaintext", ["python3", "-c", program], {
      cwd: scratch(),
      flags: ["--tls-plaintext", "--snaplen", snaplen],
    });
  const some = await traced("4");
  assert.ok(told(some.events).length >= 2, JSON.stringify(told(some.events)));
  for (const event of told(some.events)) assert.is(event["evt.arg.data"], "open");
  const none = await traced("0");
  assert.ok(told(none.events).length >= 2);
  for (const event of told(none.events))
    assert.ok([null, undefined, ""].includes(event["evt.arg.data"] as null), JSON.stringify(event));
  assert.not.match(JSON.stringify([...some.events, ...none.events]), /s3cret/);
});

test("I18: a library whose functions cannot be moved, or lie, is left alone and counted, and nothing ends", async () => {
  const folder = scratch();
  const source = join(ROOT, "test/attacks/odd_tls_library.c");
  const library = compile("gcc", (to) => ["-shared", "-fPIC", "-o", to, source], join(folder, "libodd.so"));
  const program = `
import ctypes
library = ctypes.CDLL("${library}")
buffer = ctypes.create_string_buffer(16); size = ctypes.c_size_t(16)
print(library.SSL_read(0, buffer, 16) & 255, library.SSL_write(0, buffer, 16), library.SSL_read_ex(0, buffer, 16, ctypes.byref(size)), size.value)`;
  const { run, events } = await trace("plaintext", ["python3", "-c", program], {
    cwd: folder,
    deceives: true,
    flags: ["--tls-plaintext"],
  });
  assert.is(run.status, 0, run.stderr);
  assert.is(run.stdout, `3 9 1 ${0x7fffffff}\n`);
  const left = notices(events, "UNPATCHED").filter((text) => text.includes("libodd"));
  assert.is(left.length, 2, left.join("\n"));
  assert.ok(
    left.some((text) => text.endsWith("libodd.so SSL_write: branch into the window")),
    left.join("\n"),
  );
  assert.ok(
    left.some((text) => / SSL_read: (control flow in the window|not movable)$/.test(text)),
    left.join("\n"),
  );
});

test.run();
