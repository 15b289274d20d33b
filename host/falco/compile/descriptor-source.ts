// SPDX-License-Identifier: Apache-2.0
// Sources of fd.*: fields of an entry of the descriptor table. Twin of host/wire/fields/fd.ts.
import { KINDS, NO_KIND } from "../../wire/category.js";
import { DESCRIPTOR_AT, DescriptorFlag } from "../../wire/layout.js";
import { and, call, type FuncContext, get, i64, load, load64, select, set, sym } from "./func-context.js";
import { namesSource } from "./names-source.js";
import type { Program } from "./program.js";
import {
  ABSENT,
  type BoolSource,
  type IntSource,
  type IpSource,
  NONE,
  type Scope,
  type Source,
  type TextSource,
} from "./source.js";
import { eventText, fixedText, L, noText, P, readSpan } from "./text-source.js";
import type { Tree } from "./wasm.js";

/** Which entry: that of the record, or of a standard stream. */
export interface Which {
  readonly name: string;
  readonly scope: Scope;
  address(f: FuncContext): Tree;
}

/** The descriptor that the event is about. */
export const OWN_DESCRIPTOR: Which = { name: "own", scope: "event", address: () => get("$d") };

/** The source of an fd.* field; undefined where there is no such field. */
export function descriptorSource(program: Program, field: string, which: Which): Source | undefined {
  return ROWS[field]?.(new DescriptorFields(program, which));
}

type End = "c" | "s" | "l" | "r";

const ROWS: Record<string, (of: DescriptorFields) => Source> = {
  "fd.type": (of) => of.type(),
  "fd.typechar": (of) => of.typeChar(),
  "fd.name": (of) => of.span("name"),
  "fd.nameraw": (of) => of.span("nameraw"),
  "fd.realpath": (of) => of.span("realpath"),
  "fd.directory": (of) => of.directory(),
  "fd.filename": (of) => of.fileName(),
  "fd.cip": (of) => of.ip("c"),
  "fd.sip": (of) => of.ip("s"),
  "fd.lip": (of) => of.ip("l"),
  "fd.rip": (of) => of.ip("r"),
  "fd.cnet": (of) => of.ip("c"),
  "fd.snet": (of) => of.ip("s"),
  "fd.lnet": (of) => of.ip("l"),
  "fd.rnet": (of) => of.ip("r"),
  "fd.ip": (of) => ({ kind: "either", ends: [of.ip("c"), of.ip("s")] }),
  "fd.net": (of) => ({ kind: "either", ends: [of.ip("c"), of.ip("s")] }),
  "fd.proto": (of) => ({ kind: "either", ends: [of.port("c"), of.port("s")] }),
  "fd.cproto": (of) => of.portText("c"),
  "fd.sproto": (of) => of.portText("s"),
  "fd.lproto": (of) => of.portText("l"),
  "fd.rproto": (of) => of.portText("r"),
  "fd.cport": (of) => of.port("c"),
  "fd.sport": (of) => of.port("s"),
  "fd.lport": (of) => of.port("l"),
  "fd.rport": (of) => of.port("r"),
  "fd.port": (of) => ({ kind: "either", ends: [of.port("c"), of.port("s")] }),
  "fd.l4proto": (of) => of.protocol(),
  "fd.sockfamily": (of) => of.socketFamily(),
  "fd.is_server": (of) => of.flag(DescriptorFlag.server),
  "fd.connected": (of) => of.flag(DescriptorFlag.connected),
  "fd.name_changed": (of) => of.flag(DescriptorFlag.nameChanged),
  "fd.dev": (of) => of.int("dev"),
  "fd.dev.major": (of) => of.device(["i64.and", ["i64.shr_u", get("$dev"), i64(8)], i64(0xfff)], 32),
  "fd.dev.minor": (of) => of.device(["i64.and", get("$dev"), i64(0xff)], 12),
  "fd.ino": (of) => of.int("ino"),
  "evt.category": (of) => of.category(),
};

const at = (field: string): number => DESCRIPTOR_AT[field]!;

// fd.type for each fd.typechar, as host/wire/descriptor.ts has it.
const TYPE_NAMES: [string, string][] = [
  ["f", "file"],
  ["d", "directory"],
  ["4", "ipv4"],
  ["6", "ipv6"],
  ["u", "unix"],
  ["n", "netlink"],
  ["p", "pipe"],
  ["e", "event"],
  ["s", "signalfd"],
  ["l", "eventpoll"],
  ["i", "inotify"],
  ["t", "timerfd"],
  ["m", "memfd"],
  ["b", "bpf"],
  ["r", "io_uring"],
  ["o", "other"],
];
const PROTOCOLS: [number, string][] = [
  [1, "icmp"],
  [6, "tcp"],
  [17, "udp"],
  [58, "icmp"],
  [255, "raw"],
];

class DescriptorFields {
  readonly #program: Program;
  readonly #which: Which;

  constructor(program: Program, which: Which) {
    this.#program = program;
    this.#which = which;
  }

  span(field: string): TextSource {
    return {
      kind: "text",
      key: this.#key(field),
      scope: this.#which.scope,
      cost: 1.5,
      vocabulary: `descriptor ${field}`,
      cached: null,
      make: (f) => readSpan(f, this.#which.address(f), at(field)),
    };
  }

  int(field: string): IntSource {
    const value = (f: FuncContext) => load64(this.#which.address(f), at(field));
    return { kind: "int", key: this.#key(field), scope: this.#which.scope, isCheap: true, value };
  }

  typeChar(): Source {
    return namesSource(this.#program, {
      key: this.#key("typechar"),
      scope: this.#which.scope,
      table: null,
      form: "char",
      value: (f) => this.#code(f),
    });
  }

  // The code of fd.typechar; none for 0.
  #code(f: FuncContext): Tree {
    const type = load64(this.#which.address(f), at("type"));
    return select(i64(ABSENT), type, ["i64.eqz", type]);
  }

  type(): Source {
    const names = TYPE_NAMES.map(([char, name]) => [char.charCodeAt(0), name] as const);
    return this.#chosen("type", names, (f) => ["i32.wrap_i64", load64(this.#which.address(f), at("type"))]);
  }

  // Of calls whose descriptor decides.
  category(): Source {
    const words = Object.entries(KINDS).map(([char, word]) => [char.charCodeAt(0), word] as const);
    const code = (f: FuncContext): Tree => ["i32.wrap_i64", load64(this.#which.address(f), at("type"))];
    return this.#chosen("category", words, code, NO_KIND);
  }

  protocol(): Source {
    const code = (f: FuncContext): Tree =>
      select(["i32.wrap_i64", load64(this.#which.address(f), at("l4proto"))], 0, this.#isInternet(f));
    return this.#chosen("l4proto", PROTOCOLS, code);
  }

  socketFamily(): Source {
    const names = [
      ["4".charCodeAt(0), "ip"],
      ["6".charCodeAt(0), "ip"],
      ["u".charCodeAt(0), "unix"],
    ] as const;
    return this.#chosen("sockfamily", names, (f) => ["i32.wrap_i64", load64(this.#which.address(f), at("type"))]);
  }

  // A text that some codes have.
  #chosen(
    what: string,
    names: readonly (readonly [number, string])[],
    code: (f: FuncContext) => Tree,
    rest: string | null = null,
  ): TextSource {
    const make = (f: FuncContext): Tree[] => {
      const chosen = f.local("$code");
      const otherwise = rest === null ? noText(f) : fixedText(f, this.#program, rest);
      const chain = names.reduceRight<Tree[]>(
        (rest, [value, name]) => [
          ["if", null, ["i32.eq", get(chosen), value], fixedText(f, this.#program, name), rest],
        ],
        otherwise,
      );
      return [set(chosen, code(f)), ...chain];
    };
    return {
      kind: "text",
      key: this.#key(what),
      scope: this.#which.scope,
      cost: 4,
      vocabulary: `descriptor ${what}`,
      cached: null,
      make,
    };
  }

  directory(): Source {
    return this.#partOfName("directory", (f, slash) => [
      ["if", null, ["i32.le_s", get(slash), 0], fixedText(f, this.#program, "/"), [set(L, get(slash))]],
    ]);
  }

  fileName(): Source {
    return this.#partOfName("filename", (_, slash) => [
      set(P, ["i32.add", get(P), ["i32.add", get(slash), 1]]),
      set(L, ["i32.sub", get(L), ["i32.add", get(slash), 1]]),
    ]);
  }

  #partOfName(what: string, cut: (f: FuncContext, slash: string) => Tree[]): Source {
    if (this.#which.scope === "process") return NONE;
    return eventText(this.#program, this.#key(what), 8, (f) => {
      const slash = f.local("$slash");
      const type = load(this.#which.address(f), at("type"));
      const isFile: Tree = ["i32.or", ["i32.eq", type, "f".charCodeAt(0)], ["i32.eq", type, "d".charCodeAt(0)]];
      return [
        ...readSpan(f, this.#which.address(f), at("name")),
        set(L, select(get(L), -1, isFile)),
        [
          "if",
          null,
          ["i32.ge_s", get(L), 0],
          [set(slash, call("$last_slash", get(P), get(L))), ...cut(f, slash)],
          null,
        ],
      ];
    });
  }

  ip(end: End): IpSource {
    const make = (f: FuncContext): Tree[] => readSpan(f, this.#endAddress(f, end, "cip", "sip"), at("cip"));
    return { kind: "ip", key: this.#key(`${end}ip`), scope: this.#which.scope, make };
  }

  port(end: End): IntSource {
    const value = (f: FuncContext): Tree =>
      select(load64(this.#endAddress(f, end, "cport", "sport"), at("cport")), i64(ABSENT), this.#isInternet(f));
    return { kind: "int", key: this.#key(`${end}port`), scope: this.#which.scope, isCheap: true, value };
  }

  portText(end: End): Source {
    const { key, scope, value } = this.port(end);
    return namesSource(this.#program, {
      key: `${key} as digits`,
      scope,
      table: "decimal",
      form: "value",
      rows: [],
      value,
    });
  }

  // An address from which the client's field is that of the end.
  #endAddress(f: FuncContext, end: End, client: string, server: string): Tree {
    const step = at(server) - at(client);
    const address = this.#which.address(f);
    if (end === "c") return address;
    if (end === "s") return ["i32.add", address, step];
    const isServer = this.#hasFlag(f, DescriptorFlag.server);
    const [yes, no] = end === "l" ? [step, 0] : [0, step];
    return ["i32.add", address, select(yes, no, isServer)];
  }

  flag(bit: number): BoolSource {
    const value = (f: FuncContext): Tree =>
      select(this.#hasFlag(f, bit), 2, ["i32.ne", this.#which.address(f), sym("NULL_DESCRIPTOR")]);
    return { kind: "bool", key: this.#key(`flag ${bit}`), scope: this.#which.scope, value };
  }

  // makedev(3): the low bits of a part stand apart from the others.
  device(low: Tree, shift: number): IntSource {
    const value = (f: FuncContext): Tree => {
      const dev = f.local("$dev", "i64");
      const mask = shift === 32 ? ~0xfffn : ~0xffn;
      const whole: Tree = ["i64.or", low, ["i64.and", ["i64.shr_u", get(dev), i64(shift)], i64(mask)]];
      return [
        "block",
        f.label(),
        "i64",
        set(dev, load64(this.#which.address(f), at("dev"))),
        select(whole, i64(ABSENT), ["i64.ne", get(dev), i64(ABSENT)]),
      ];
    };
    return { kind: "int", key: this.#key(`dev>>${shift}`), scope: this.#which.scope, isCheap: true, value };
  }

  #isInternet(f: FuncContext): Tree {
    const type = load(this.#which.address(f), at("type"));
    return ["i32.or", ["i32.eq", type, "4".charCodeAt(0)], ["i32.eq", type, "6".charCodeAt(0)]];
  }

  #hasFlag(f: FuncContext, bit: number): Tree {
    return and(["i32.shr_u", load(this.#which.address(f), at("flags")), Math.log2(bit)], 1);
  }

  #key(what: string): string {
    return `descriptor ${this.#which.name} ${what}`;
  }
}
