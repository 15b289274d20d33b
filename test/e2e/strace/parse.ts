// SPDX-License-Identifier: Apache-2.0
//
// Reads what `strace -f -X raw -xx -y -o FILE` writes, into calls with values:
//
//   1243  openat(-100</tmp>, "\x61", 0x241, 0640) = 3</tmp/a>
//
// Numbers are decimal, 0x or 0-octal, and may be or-ed; a descriptor carries its path in <>; text is hex;
// structures and lists nest. A call that another thread interrupts comes in two halves (`<unfinished ...>`,
// `<... openat resumed>`), which are joined.
export type Value =
  | { kind: "number"; value: bigint; path?: string }
  | { kind: "text"; bytes: Buffer; cut: boolean; abstract: boolean }
  | { kind: "list"; items: Value[] }
  | { kind: "struct"; fields: Map<string, Value> }
  | { kind: "nothing" };

export interface Call {
  tid: number;
  name: string;
  args: Value[];
  /** Undefined when the call did not return: exit, or death on the way. */
  result: bigint | undefined;
}

export interface Exit {
  tid: number;
  status?: number;
  signal?: string;
}

export function parseStrace(text: string): { calls: Call[]; exits: Exit[] } {
  const calls: Call[] = [];
  const exits: Exit[] = [];
  const unfinished = new Map<string, string>();
  for (const line of text.split("\n")) {
    const match = /^(\d+) +(.*)$/s.exec(line);
    if (match === null) continue;
    const [, tid, rest] = match as unknown as [string, string, string];
    const exit = /^\+\+\+ (?:exited with (\d+)|killed by (\w+).*) \+\+\+$/.exec(rest);
    if (exit !== null) {
      exits.push({ tid: Number(tid), ...(exit[1] ? { status: Number(exit[1]) } : { signal: exit[2]! }) });
    } else if (rest.endsWith("<unfinished ...>")) {
      unfinished.set(tid, rest.slice(0, -"<unfinished ...>".length));
    } else if (!rest.startsWith("---") && !rest.startsWith("+++")) {
      const resumed = /^<\.\.\. \w+ resumed>(.*)$/s.exec(rest);
      calls.push(parseCall(Number(tid), resumed === null ? rest : (unfinished.get(tid) ?? "") + resumed[1]!));
      if (resumed !== null) unfinished.delete(tid);
    }
  }
  // What never came back: exit_group, and calls that died.
  for (const [tid, half] of unfinished) calls.push(parseCall(Number(tid), `${half}) = ?`));
  return { calls, exits };
}

function parseCall(tid: number, text: string): Call {
  const open = text.indexOf("(");
  const reader = new Reader(text, open + 1);
  const args = reader.list(")");
  const result = /^\s*= (0x[0-9a-f]+|-?\d+|\?)(?:<[^ ]*>(?:\(deleted\))?)?(?: (E[A-Z0-9]+|[A-Z]+))?/.exec(
    text.slice(reader.at),
  );
  if (result === null) throw new Error(`no result in ${text}`);
  return { tid, name: text.slice(0, open), args, result: resultOf(result[1]!, result[2]) };
}

function resultOf(text: string, error: string | undefined): bigint | undefined {
  if (text === "?") return undefined;
  if (text !== "-1" || error === undefined) return BigInt.asIntN(64, BigInt(text));
  const number = ERRNO[error];
  if (number === undefined) throw new Error(`strace names an error we do not know: ${error}`);
  return BigInt(-number);
}

class Reader {
  readonly #text: string;

  constructor(
    text: string,
    public at: number,
  ) {
    this.#text = text;
  }

  list(end: string): Value[] {
    const items: Value[] = [];
    for (;;) {
      this.#skip();
      if (this.#text[this.at] === end) {
        this.at++;
        return items;
      }
      if (this.at >= this.#text.length) throw new Error(`no ${end} in ${this.#text}`);
      items.push(this.value());
    }
  }

  value(): Value {
    this.#skip();
    if (this.#text[this.at] === "|") this.at++; // how strace 6.13 prints statx's flags when the sync type is 0
    const rest = this.#text.slice(this.at, this.at + 40);
    if (rest.startsWith("[")) return this.#listThenAfter();
    if (rest.startsWith("{")) return this.#struct();
    if (rest.startsWith('"') || rest.startsWith('@"')) return this.#string();
    if (/^-?\d/.test(rest)) return this.#number();
    this.#word();
    return { kind: "nothing" };
  }

  // `[2] => [7]`: what was passed, and what stood there after.
  #listThenAfter(): Value {
    this.at++;
    const items = this.list("]");
    const after = /^\s*=> /.exec(this.#text.slice(this.at));
    if (after !== null) {
      this.at += after[0].length;
      this.value();
    }
    return { kind: "list", items };
  }

  #struct(): Value {
    this.at++;
    const fields = new Map<string, Value>();
    for (;;) {
      this.#skip();
      if (this.#text[this.at] === "}") break;
      const name = /^(\w+)=/.exec(this.#text.slice(this.at, this.at + 60));
      if (name === null) {
        this.value();
        continue;
      }
      this.at += name[0].length;
      fields.set(name[1]!, this.value());
    }
    this.at++;
    const after = /^\s*=> /.exec(this.#text.slice(this.at, this.at + 10));
    if (after !== null) {
      this.at += after[0].length;
      this.value();
    }
    return { kind: "struct", fields };
  }

  #string(): Value {
    const abstract = this.#text[this.at] === "@";
    const begin = this.at + (abstract ? 2 : 1);
    const end = this.#text.indexOf('"', begin);
    this.at = end + 1;
    const cut = this.#text.startsWith("...", this.at);
    if (cut) this.at += 3;
    return { kind: "text", bytes: unhex(this.#text.slice(begin, end)), cut, abstract };
  }

  #number(): Value {
    let value = 0n;
    for (;;) {
      const match = /^-?(?:0x[0-9a-f]+|\d+)/.exec(this.#text.slice(this.at, this.at + 30))!;
      value |= integer(match[0]);
      this.at += match[0].length;
      if (this.#text[this.at] !== "|") break;
      this.at++;
    }
    if (this.#text[this.at] !== "<") return { kind: "number", value };
    const end = this.#text.indexOf(">", this.at);
    const path = unhex(this.#text.slice(this.at + 1, end)).toString("utf8");
    this.at = end + 1;
    if (this.#text.startsWith("(deleted)", this.at)) this.at += "(deleted)".length;
    return { kind: "number", value, path };
  }

  #word(): void {
    const match = /^[^,\])}]+/.exec(this.#text.slice(this.at));
    if (match === null) throw new Error(`cannot read ${this.#text.slice(this.at, this.at + 40)} in ${this.#text}`);
    this.at += match[0].length;
  }

  #skip(): void {
    for (;;) {
      const blank = /^(?:[\s,]|\/\*.*?\*\/)+/.exec(this.#text.slice(this.at));
      if (blank === null) return;
      this.at += blank[0].length;
    }
  }
}

function integer(text: string): bigint {
  if (/^-?0\d/.test(text)) return BigInt(`0o${text.replace(/^0+/, "") || "0"}`);
  return text.startsWith("-") ? -BigInt(text.slice(1)) : BigInt(text);
}

function unhex(text: string): Buffer {
  return Buffer.from(text.replace(/\\x/g, ""), "hex");
}

// The kernel's (asm-generic/errno-base.h, errno.h), and those that only tracers see.
const ERRNO: Record<string, number> = Object.fromEntries([
  ..."EPERM ENOENT ESRCH EINTR EIO ENXIO E2BIG ENOEXEC EBADF ECHILD EAGAIN ENOMEM EACCES EFAULT ENOTBLK EBUSY EEXIST EXDEV ENODEV ENOTDIR EISDIR EINVAL ENFILE EMFILE ENOTTY ETXTBSY EFBIG ENOSPC ESPIPE EROFS EMLINK EPIPE EDOM ERANGE EDEADLK ENAMETOOLONG ENOLCK ENOSYS ENOTEMPTY ELOOP"
    .split(" ")
    .map((name, index) => [name, index + 1]),
  ["ENOMSG", 42],
  ["EIDRM", 43],
  ["ENODATA", 61],
  ["EPROTO", 71],
  ["EOVERFLOW", 75],
  ..."ENOTSOCK EDESTADDRREQ EMSGSIZE EPROTOTYPE ENOPROTOOPT EPROTONOSUPPORT ESOCKTNOSUPPORT EOPNOTSUPP EPFNOSUPPORT EAFNOSUPPORT EADDRINUSE EADDRNOTAVAIL ENETDOWN ENETUNREACH ENETRESET ECONNABORTED ECONNRESET ENOBUFS EISCONN ENOTCONN ESHUTDOWN ETOOMANYREFS ETIMEDOUT ECONNREFUSED EHOSTDOWN EHOSTUNREACH EALREADY EINPROGRESS ESTALE"
    .split(" ")
    .map((name, index) => [name, index + 88]),
  ["ENOKEY", 126],
  ["ERESTARTSYS", 512],
  ["ERESTARTNOINTR", 513],
  ["ERESTARTNOHAND", 514],
  ["ERESTART_RESTARTBLOCK", 516],
]);
