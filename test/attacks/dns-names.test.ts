// SPDX-License-Identifier: Apache-2.0
//
// A program sends to a name server what only looks like a query, so that a rule takes another name for the
// one that is asked for, none at all, or never comes to an end (H47).
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { run, scratch, VEDETTE } from "../e2e/programs.js";

const RULES = `- {rule: asked, desc: d, condition: "evt.type in (sendto, write) and dns.question.name exists", output: "%dns.question.name", priority: WARNING}
`;
/** Datagrams and streams to port 53, in a network of its own. The last ones are true queries. */
const SENDS = String.raw`
import os, random, socket, struct
def header(flags=0x0100, counts=(1, 0, 0, 0)): return struct.pack(">6H", 7, flags, *counts)
def labels(name): return b"".join(bytes([len(l)]) + l for l in name.split(b".")) + b"\0"
END = b"\0\1\0\1"
HOSTILE = [
  header() + b"\xc0\x0c" + END,                        # a name that points to itself
  header() + b"\1a\xc0\x0c" + END,                     # and one of labels without end
  header() + b"\1a\xc0\x10" + END + labels(b"evil.example"),
  header() + b"\x40" + b"a" * 64 + b"\0" + END,        # a label of 64 bytes
  header() + b"\x80a\0" + END,
  header() + b"\x3fa",                                 # one beyond the end
  header() + b"\1a" * 128 + b"\0" + END,               # a name of 257 bytes
  header(counts=(2, 0, 0, 0)) + labels(b"evil.example") + END + labels(b"two.example") + END,
  header(counts=(0, 0, 0, 0)) + labels(b"evil.example") + END,
  header(flags=0x8180) + labels(b"evil.example") + END, # an answer
  header(flags=0x2800) + labels(b"evil.example") + END, # an update
  header() + labels(b"evil.example") + b"\0\1\0\7",
  header()[:11], b"", b"\0" * 512,
]
listener = socket.create_server(("127.0.0.1", 53))
def stream(*parts):
  out = socket.create_connection(("127.0.0.1", 53))
  for part in parts: os.write(out.fileno(), part)
  out.close()
out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
framed = lambda one: struct.pack(">H", len(one)) + one
for one in HOSTILE:
  out.sendto(one, ("127.0.0.1", 53))
  stream(framed(one))
  stream(one)
chance = random.Random(29)
for _ in range(2000): # what chance makes of a query is one only where its header and its labels stay whole
  one = bytearray(header() + b"\3abc\4host\0" + END)
  one[chance.choice([2, 3, 4, 5, 6, 7, 12, 16, 21])] ^= 1 << chance.randrange(8)
  if one[3] & 0x30 and one[2] == 1: continue
  out.sendto(one[:chance.randrange(26)], ("127.0.0.1", 53))
out.sendto(header() + b"\x08evil.com\1x\0" + END, ("127.0.0.1", 53))
out.sendto(header() + labels(b"True.Example") + END, ("127.0.0.1", 53))
stream(framed(header() + labels(b"stream.example") + END))
query = header() + labels(b"parts.example") + END
stream(struct.pack(">H", len(query)), query)
`;
const APART = 'ip link set lo up && exec "$@"';

test("H47: what only looks like a query has no name, and a point within a label parts none", async () => {
  if (process.getuid?.() !== 0) return console.log("skip: root is missing, who may make a network of his own");
  const folder = scratch();
  writeFileSync(join(folder, "rules.yaml"), RULES);
  writeFileSync(join(folder, "sends.py"), SENDS);
  const flags = ["--falco-rules", "rules.yaml", "--snaplen", "512", "--alerts", "alerts"];
  const watched = [...VEDETTE, "run", ...flags, "--", "python3", "sends.py"];
  const { status, stderr } = await run(["unshare", "-n", "sh", "-c", APART, "sh", ...watched], { cwd: folder });
  assert.is(status, 0, stderr);
  const told = readFileSync(join(folder, "alerts"), "utf8")
    .split("\n")
    .slice(0, -1)
    .map((line) => (JSON.parse(line) as { output_fields: Record<string, string> }).output_fields["dns.question.name"]);
  assert.equal(told, ["evil\\046com.x", "true.example", "stream.example", "parts.example"]);
});

test.run();
