// SPDX-License-Identifier: Apache-2.0
//
// From what strace printed for one argument to what our event should say: one row for each role of roles.ts
// that is more than a number or a text. A row gives the parameters that the argument fills; what a call has
// no parameter for is dropped later.
import { join, normalize } from "node:path";
import { isText, type Param, render } from "./contract.js";
import type { Call, Value } from "./parse.js";

const SNAPLEN = 80;
const READS = new Set(
  "read pread64 readv preadv preadv2 recvfrom recvmsg recvmmsg process_vm_readv mq_timedreceive".split(" "),
);

export interface Place {
  call: Call;
  params: Map<string, Param>;
  cwd: string;
  /** What the descriptor before this argument names; empty for AT_FDCWD. */
  base: string | undefined;
}

type Filled = Record<string, string>;

export const ROLE_VALUES: Record<string, (name: string, value: Value | undefined, place: Place) => Filled> = {
  vec: (name, value, { call }) => ({ [name]: vectorText(value, call), size: String(vectorSize(value)) }),
  msg: (_, value, { call }) => message(value, call),
  msgs: (_, value, { call }) => ({
    ...message(field(itemsOf(value)[0], "msg_hdr"), { ...call, result: -1n }),
    size: String(itemsOf(value).reduce((sum, item) => sum + (numberOf(field(item, "msg_len")) ?? 0n), 0n)),
  }),
  addr: (name, value) => ({ [name]: addressText(value) }),
  place: (name, value) => ({ [name]: `0x${(numberOf(value) ?? 0n).toString(16)}` }),
  at: (name, value) => ({ [name]: textOrNull(numberOf(itemsOf(value)[0])) }),
  int: (name, value) => ({ [name]: textOrNull(BigInt.asUintN(32, numberOf(value) ?? 0n)) }),
  pair: (_, value) => ({ fd1: textOrNull(numberOf(itemsOf(value)[0])), fd2: textOrNull(numberOf(itemsOf(value)[1])) }),
  limit: (_, value) => ({ newcur: limitText(value, "rlim_cur"), newmax: limitText(value, "rlim_max") }),
  old: (_, value) => ({ oldcur: limitText(value, "rlim_cur"), oldmax: limitText(value, "rlim_max") }),
  own: (_, value) => ({ cur: limitText(value, "rlim_cur"), max: limitText(value, "rlim_max") }),
  how: (_, value, { params }) =>
    Object.fromEntries(
      ["flags", "mode", "resolve"].map((key) => [key, render(params.get(key)!, numberOf(field(value, key)) ?? 0n)]),
    ),
  times: (_, value) => ({ atime: timeText(itemsOf(value)[0]), mtime: timeText(itemsOf(value)[1]) }),
  timespec: (_, value) => ({ time: timeText(value) }),
  timeval: (_, value) => ({ time: timevalText(value) }),
  timevals: (_, value) => ({ atime: timevalText(itemsOf(value)[0]), mtime: timevalText(itemsOf(value)[1]) }),
  utimbuf: (_, value) => ({ atime: secondsText(value, "actime"), mtime: secondsText(value, "modtime") }),
  socktype: (_, value, { params }) => {
    const number = numberOf(value) ?? 0n;
    const flags = params.get("flags");
    return { type: String(number & 15n), ...(flags && { flags: render(flags, number & ~15n) }) };
  },
  args: (name, value) => ({ [name]: value?.kind === "list" ? escaped(value.items.map(textOf).join(" ")) : "null" }),
  out: (name, value, { call }) => ({ [name]: call.result! >= 0n ? escaped(textOf(value)) : "null" }),
  rel: (name, value, { base, cwd }) => ({ [name]: relativeText(value, base, cwd) }),
  "": (name, value, place) => ({ [name]: plainText(name, value, place) }),
};

function plainText(name: string, value: Value | undefined, { params, cwd, call }: Place): string {
  const param = params.get(name);
  if (param === undefined) return "null";
  if (value === undefined) return name === "mode" ? "0" : "null"; // strace leaves out a mode that open does not look at
  if (param.type === "bytes") {
    if (value.kind === "text") return payload(value.bytes);
    // A read that failed has no data; a write's pointer that cannot be read offers none.
    return READS.has(call.name) || value.kind === "nothing" ? "null" : "";
  }
  if (value.kind === "text") return escaped(param.type === "path" ? joined(cwd, textOf(value)) : textOf(value));
  if (value.kind === "number" && !isText(param)) return render(param, value.value);
  return "null";
}

function relativeText(value: Value | undefined, base: string | undefined, cwd: string): string {
  if (value?.kind !== "text") return "null";
  const path = textOf(value);
  if (path === "" && base !== undefined && base !== "") return escaped(base); // AT_EMPTY_PATH: the descriptor itself
  return escaped(base === undefined ? path : joined(base === "" ? cwd : base, path));
}

function message(value: Value | undefined, call: Call): Filled {
  if (value?.kind !== "struct") return { data: "null", size: "null", addr: "null" };
  const vector = field(value, "msg_iov");
  return {
    data: vectorText(vector, call),
    size: String(vectorSize(vector)),
    addr: addressText(field(value, "msg_name")),
  };
}

function vectorText(value: Value | undefined, call: Call): string {
  const parts: Buffer[] = [];
  for (const item of itemsOf(value)) {
    const part = field(item, "iov_base");
    if (part?.kind !== "text") break;
    parts.push(part.bytes);
  }
  const whole = Buffer.concat(parts);
  if (call.result! < 0n && READS.has(call.name) && whole.length === 0) return "null";
  return payload(call.result! < 0n ? whole : whole.subarray(0, Number(call.result)));
}

function vectorSize(value: Value | undefined): bigint {
  return itemsOf(value).reduce((sum, item) => sum + (numberOf(field(item, "iov_len")) ?? 0n), 0n);
}

function addressText(value: Value | undefined): string {
  if (value?.kind !== "struct") return "null";
  const bytes = (key: string): Buffer => {
    const found = value.fields.get(key);
    return found?.kind === "text" ? found.bytes : Buffer.alloc(2);
  };
  const path = value.fields.get("sun_path");
  if (path !== undefined) return path.kind === "text" ? escaped(`${path.abstract ? "@" : ""}${textOf(path)}`) : "";
  if (value.fields.has("sin_port")) return `${bytes("sin_addr").join(".")}:${bytes("sin_port").readUInt16BE(0)}`;
  if (value.fields.has("sin6_port")) return `${ipv6Text(bytes("sin6_addr"))}:${bytes("sin6_port").readUInt16BE(0)}`;
  return `family ${numberOf(value.fields.get("sa_family"))}`;
}

// RFC 5952: the longest run of zeros, of two groups or more, is `::`.
function ipv6Text(bytes: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(index * 2).toString(16)).join(":");
  const runs = [...groups.matchAll(/(?:^|:)0(?::0)+(?:$|:)/g)].sort((a, b) => b[0].length - a[0].length);
  return runs[0] === undefined ? groups : groups.replace(runs[0][0], "::");
}

function limitText(value: Value | undefined, key: string): string {
  const limit = numberOf(field(value, key));
  return limit === undefined ? "null" : String(BigInt.asIntN(64, limit));
}

function timeText(value: Value | undefined): string {
  const nanoseconds = numberOf(field(value, "tv_nsec"));
  if (nanoseconds === undefined || nanoseconds >= 1_000_000_000n) return "null"; // UTIME_NOW, UTIME_OMIT
  return String((numberOf(field(value, "tv_sec")) ?? 0n) * 1_000_000_000n + nanoseconds);
}

function timevalText(value: Value | undefined): string {
  const micros = numberOf(field(value, "tv_usec"));
  if (micros === undefined || micros >= 1_000_000n) return "null";
  return String((numberOf(field(value, "tv_sec")) ?? 0n) * 1_000_000_000n + micros * 1000n);
}

function secondsText(value: Value | undefined, key: string): string {
  const seconds = numberOf(field(value, key));
  return seconds === undefined ? "null" : String(seconds * 1_000_000_000n);
}

/** Absolute and empty paths stay as they were passed. */
export function joined(base: string, path: string): string {
  if (path.startsWith("/") || path === "") return path;
  const whole = normalize(join(base, path));
  return whole.length > 1 ? whole.replace(/\/$/, "") : whole;
}

// What cannot be printed is a dot; cut at the snapshot length.
function payload(bytes: Buffer): string {
  return escaped(
    bytes
      .subarray(0, SNAPLEN)
      .toString("latin1")
      .replace(/[^ -~]/g, "."),
  );
}

export function escaped(text: string): string {
  return text.replace(/[^!-~]/g, (char) => `\\x${char.codePointAt(0)!.toString(16).padStart(2, "0")}`);
}

export function textOf(value: Value | undefined): string {
  return value?.kind === "text" ? value.bytes.toString("utf8") : "";
}

export function pathOf(value: Value | undefined): string | undefined {
  return value?.kind === "number" ? value.path : undefined;
}

export function numberOf(value: Value | undefined): bigint | undefined {
  return value?.kind === "number" ? value.value : undefined;
}

function textOrNull(number: bigint | undefined): string {
  return number === undefined ? "null" : String(number);
}

function itemsOf(value: Value | undefined): Value[] {
  return value?.kind === "list" ? value.items : [];
}

function field(value: Value | undefined, key: string): Value | undefined {
  return value?.kind === "struct" ? value.fields.get(key) : undefined;
}
