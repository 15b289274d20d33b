// SPDX-License-Identifier: Apache-2.0
// What a call asks a name server for: the question of the query that it sends to port 53 (RFC 1035, 4.1),
// on UDP or on TCP, where two bytes with its length stand before it or were sent before. Whoever sends it
// chooses each byte. So it is a query with one question, all of it is there, and no pointer in it is
// followed, or there is none. A byte of a label that would read as something else, such as a point, is
// written by its number: `\046`. Twin of rules-wasm/dns and of ../falco/compile/runtime/dns.ts.
import type { Batch } from "./batch.js";
import { descriptorInt, isInternet } from "./descriptor.js";
import { DESCRIPTOR_AT } from "./layout.js";
import { PerEvent } from "./per-event.js";
import { descriptorAt, resultOf } from "./record.js";
import { paramBytes } from "./render.js";

/** A question: its name as `api.example.com`, in small letters, and the number of its type. */
export interface Question {
  readonly name: string;
  readonly type: number;
}

/** Calls that send bytes in their order. */
export const QUERY_CALLS: ReadonlySet<string> = new Set(["sendto", "sendmsg", "sendmmsg", "write", "writev"]);
/** The port of name servers. */
export const DNS_PORT = 53;
/** The protocol of datagrams. Else bytes are a stream. */
export const DATAGRAMS = 17;

const TYPES = `
  1 A 2 NS 5 CNAME 6 SOA 12 PTR 13 HINFO 15 MX 16 TXT 17 RP 18 AFSDB 24 SIG 25 KEY 28 AAAA 29 LOC 33 SRV
  35 NAPTR 36 KX 37 CERT 39 DNAME 42 APL 43 DS 44 SSHFP 45 IPSECKEY 46 RRSIG 47 NSEC 48 DNSKEY 49 DHCID
  50 NSEC3 51 NSEC3PARAM 52 TLSA 53 SMIMEA 55 HIP 59 CDS 60 CDNSKEY 61 OPENPGPKEY 62 CSYNC 63 ZONEMD
  64 SVCB 65 HTTPS 99 SPF 108 EUI48 109 EUI64 249 TKEY 250 TSIG 251 IXFR 252 AXFR 255 ANY 256 URI 257 CAA
  32768 TA 32769 DLV
`;
/** Types of questions by IANA's names: https://www.iana.org/assignments/dns-parameters. */
export const QUESTION_TYPES: readonly { readonly name: string; readonly value: bigint; readonly mask: bigint }[] = [
  ...TYPES.matchAll(/\b(\d+) (\S+)/g),
].map(([, number, name]) => ({ name: name!, value: BigInt(number!), mask: -1n }));

const HEADER = 12;
const LEAST = HEADER + 5;
const LABEL_MAX = 63;
const NAME_MAX = 255;
const CLASSES = new Set([1, 3, 4, 254, 255]);

/** What the record at byte `at` asks for; null: nothing. */
export function questionOf(batch: Batch, at: number): Question | null {
  const read = CALLS.of(batch, at);
  const descriptor = descriptorAt(batch, at);
  if (read === null || !isInternet(batch, descriptor)) return null;
  if (descriptorInt(batch, descriptor, DESCRIPTOR_AT.sport!) !== DNS_PORT) return null;
  const [data, result] = [read.data(batch, at), resultOf(batch, at)];
  if (data === null || result === null || result <= 0) return null;
  const whole = read.countsMessages ? Number.POSITIVE_INFINITY : Number(result);
  return sentQuestion(data, whole, descriptorInt(batch, descriptor, DESCRIPTOR_AT.l4proto!) !== DATAGRAMS);
}

const CALLS = new PerEvent((event) => {
  const param = event.params.find((one) => one.name === "data" && one.type === "bytes");
  if (!QUERY_CALLS.has(event.name) || param === undefined) return null;
  return { data: paramBytes(param), countsMessages: event.name === "sendmmsg" };
});

/** The question in what one call has sent: `whole` bytes, of which the first are there. */
export function sentQuestion(data: Buffer, whole: number, isStream: boolean): Question | null {
  const seen = data.subarray(0, Math.min(data.length, whole));
  const length = isStream && seen.length >= 2 ? seen.readUInt16BE() : 0;
  const framed = length + 2 <= whole ? question(seen.subarray(2, 2 + length)) : null;
  return framed ?? question(seen);
}

/** Of a message, as much of which is there. */
function question(seen: Buffer): Question | null {
  if (seen.length < LEAST || !isQuery(seen)) return null;
  const labels: string[] = [];
  let at = HEADER;
  for (let length = -1; length !== 0; at += length + 1) {
    if (at >= seen.length) return null;
    length = seen[at]!;
    if (length > LABEL_MAX || at + length + 1 - HEADER > NAME_MAX) return null;
    if (length > 0) labels.push(labelText(seen.subarray(at + 1, at + 1 + length)));
  }
  if (at + 4 > seen.length || !CLASSES.has(seen.readUInt16BE(at + 2))) return null;
  return { name: labels.length === 0 ? "." : labels.join("."), type: seen.readUInt16BE(at) };
}

/** Whether the header is that of a plain query with one question. */
function isQuery(seen: Buffer): boolean {
  const [flags, questions, answers, authorities, others] = [2, 4, 6, 8, 10].map((at) =>
    seen.readUInt16BE(at),
  ) as number[];
  return (flags! & 0xf84f) === 0 && questions === 1 && answers === 0 && authorities! <= 1 && others! <= 3;
}

function labelText(label: Uint8Array): string {
  return Array.from(label, (byte) => {
    const sign = String.fromCharCode(byte);
    if (byte <= 0x20 || byte >= 0x7f || sign === "." || sign === "\\") return `\\${String(byte).padStart(3, "0")}`;
    return sign.toLowerCase();
  }).join("");
}
