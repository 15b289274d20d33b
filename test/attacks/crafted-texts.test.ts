// SPDX-License-Identifier: Apache-2.0
// Policies and meters know texts by a hash (rules-wasm/string-set.ts). An attacker who has read it writes a
// path that has the hash of another program's, so that its requests are counted as that program's (H64). The
// hash begins with the agent's random source, which no watched program knows.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { ShortEvents } from "../../host/policy/short-event.js";
import { DescriptorFlag } from "../../host/wire/layout.js";
import { Meter, meterNamed } from "../meters/conversation.js";
import { cleanUp } from "../rules-wasm/shared.js";

const POLICY = await meterNamed("http-server");
const HONEST = "/usr/sbin/nginx1";
const [ASKED, ANSWERED] = ["GET /a HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"];

const MASK = (1n << 64n) - 1n;
const SPREAD = 0x9e3779b97f4a7c15n;
const left = (value: bigint, by: bigint): bigint => ((value << by) | (value >> (64n - by))) & MASK;
const spread = (word: bigint): bigint => left((word * SPREAD) & MASK, 29n);

/** As in rules-wasm/string-set.ts. */
function mix(a: bigint, b: bigint): bigint {
  const first = ((a ^ spread(b)) * 0xff51afd7ed558ccdn) & MASK;
  const second = ((first ^ (first >> 32n)) * 0xc4ceb9fe1a85ec53n) & MASK;
  return second ^ (second >> 29n);
}

/** What an odd number must be multiplied by for 1, modulo 2^64: Newton's. */
function inverse(odd: bigint): bigint {
  let found = odd;
  for (let bits = 3; bits < 64; bits *= 2) found = (found * (2n - odd * found)) & MASK;
  return found & MASK;
}

/** A path of the attacker's that has the hash of `path`, where an agent's source is `source`. */
function crafted(path: string, source: bigint): string {
  const words = (text: string): bigint[] => {
    const bytes = Buffer.from(text, "latin1");
    return [bytes.readBigUInt64LE(0), bytes.readBigUInt64LE(8)];
  };
  const begin = mix(source, BigInt(path.length));
  const [one = 0n, two = 0n] = words(path);
  const end = mix(begin, one) ^ spread(two);
  const back = inverse(SPREAD);
  for (let i = 0; ; i++) {
    const own = `/tmp/${i.toString(36).padStart(3, "0")}`;
    const [word = 0n] = words(own.padEnd(16));
    const filler = Buffer.alloc(8);
    filler.writeBigUInt64LE((left(end ^ mix(begin, word), 64n - 29n) * back) & MASK);
    if (filler.every((byte) => byte > 0x20 && byte < 0x7f && byte !== 0x2f)) return own + filler.toString("latin1");
    if (i === 36 ** 3 - 1) throw new Error("no such path is plain text");
  }
}

/** By whose name the requests of these programs are told, by an agent of this source. */
class Told extends Meter {
  names(paths: readonly string[], agent: number): string[] {
    const short = new ShortEvents();
    for (const [i, exepath] of paths.entries()) {
      const proc = { name: "server", exepath, pid: 1000 + i };
      const all = { fd: { type: "4", ino: 7 + i, flags: DescriptorFlag.connected | DescriptorFlag.server }, proc };
      short.add("accept4", { ...all, res: 3 });
      short.add("recvfrom", { ...all, data: ASKED, res: ASKED.length });
      short.add("sendto", { ...all, data: ANSWERED, res: ANSWERED.length });
    }
    return this.take(short, 0, agent)
      .series("http.server.request.duration")
      .map(({ labels }) => labels?.[0] ?? "")
      .sort();
  }
}

test("H64: a path that is made to have another program's hash is told by its own name", () => {
  const forged = crafted(HONEST, 0n);
  const name = forged.slice(forged.lastIndexOf("/") + 1);
  assert.equal(new Told(POLICY, HONEST).names([HONEST, forged], 0), ["nginx1"], "whoever knew the source could");
  for (const agent of [1, 77, 255]) {
    const told = new Told(POLICY, HONEST).names([HONEST, forged], agent);
    assert.equal(told, ["nginx1", name].sort());
  }
});

test.after(cleanUp);
test.run();
