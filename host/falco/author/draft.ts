// SPDX-License-Identifier: Apache-2.0
// An event in the short form of tests.yaml that grows by what a rule asks of its fields. Parts of one text
// are put together: what it begins with, what is in it, what it ends with.
import { EVENTS, type Field } from "../../../build/generated/events.js";

/** As tests.yaml has it. */
export type Written = Record<string, unknown>;
/** How a value is asked for. */
export type Part = "whole" | "begin" | "middle" | "end";

interface Parts {
  whole: string | null;
  begin: string;
  readonly middle: string[];
  end: string;
}

const OPENS = /^(open|openat|openat2|creat|open_by_handle_at)$/;
const CONTAINER = "0123456789ab";

/** One event. What cannot be written is left out: whoever made it asks the rule afterwards. */
export class Draft {
  readonly #texts = new Map<string, Parts>();
  readonly #values = new Map<string, unknown>();
  readonly #flags = new Map<string, Set<string>>();

  constructor(readonly type: string) {}

  text(field: string, part: Part, value: string): void {
    const parts = this.#texts.get(field) ?? { whole: null, begin: "", middle: [], end: "" };
    if (part === "whole") parts.whole ??= value;
    else if (part === "middle") parts.middle.push(value);
    else if (value.length > parts[part].length) parts[part] = value;
    this.#texts.set(field, parts);
  }

  value(field: string, value: unknown): void {
    if (!this.#values.has(field)) this.#values.set(field, value);
  }

  flag(field: string, name: string): void {
    this.#flags.set(field, (this.#flags.get(field) ?? new Set()).add(name));
  }

  written(): Written {
    const process = this.#process(0);
    const params = this.#params();
    const res = this.#values.get("res");
    const fd = this.#descriptor(params);
    return {
      ...(Object.keys(process).length === 0 ? {} : { proc: process }),
      ...(fd === undefined ? {} : { fd }),
      ...params,
      ...(res === undefined ? {} : { res }),
    };
  }

  #joined(field: string): string | undefined {
    const parts = this.#texts.get(field);
    if (parts === undefined) return undefined;
    const { whole, begin, middle, end } = parts;
    if (whole !== null) return whole;
    const inner = middle.filter((text) => !begin.includes(text) && !end.includes(text));
    return `${begin}${inner.join(" ")}${end}`;
  }

  /** 0 is the process itself, 1 its parent. */
  #process(level: number): Written {
    const own = (name: string): string | undefined => this.#joined(`${level}:${name}`);
    const value = (name: string): unknown => this.#values.get(`${level}:${name}`);
    const line = own("cmdline")?.split(" ");
    const args = [...(line?.slice(1) ?? []), ...(own("args")?.split(" ") ?? [])].filter((word) => word !== "");
    const name = own("name") ?? (line === undefined || line[0] === "" ? undefined : line[0]);
    const wanted: Written = { name: name?.slice(0, 15), args: args.length === 0 ? undefined : args };
    for (const text of ["exe", "exepath", "cwd", "user", "group", "home", "shell", "loginname", "cgroup"])
      wanted[text] = own(text);
    for (const number of ["pid", "ppid", "vpid", "sid", "pgid", "tty", "uid", "gid", "loginuid"])
      wanted[number] = value(number);
    for (const flags of ["cap_permitted", "cap_effective", "cap_inheritable", "exe_flags"])
      wanted[flags] = this.#joinedFlags(`${level}:${flags}`);
    if (value("container") === true) wanted.container_id = CONTAINER;
    if (value("privileged") === true) wanted.container_privileged = 1;
    const ids = [...this.#texts.keys(), ...this.#values.keys()].map((key) => Number(key.split(":")[0]));
    if (ids.some((id) => id > level)) wanted.parent = this.#process(level + 1);
    return Object.fromEntries(Object.entries(wanted).filter(([, one]) => one !== undefined));
  }

  #joinedFlags(field: string): string | undefined {
    const flags = this.#flags.get(field);
    return flags === undefined ? undefined : [...flags].join("|");
  }

  #params(): Written {
    const event = EVENTS.find(({ name }) => name === this.type);
    const params: Written = {};
    for (const param of event?.params ?? []) {
      const key = `arg:${param.name}`;
      const value = this.#joined(key) ?? this.#values.get(key) ?? this.#joinedFlags(key);
      if (value !== undefined && param.slot >= 0) params[param.name] = ofType(param, value);
    }
    const path = this.#path();
    const isOpen =
      OPENS.test(this.type) && event?.params.some(({ name, slot }) => name === "name" && slot >= 0) === true;
    if (isOpen && path !== undefined && params.name === undefined) params.name = path;
    return params;
  }

  #path(): string | undefined {
    const [directory, file] = [this.#joined("fd:directory"), this.#joined("fd:filename")];
    if (directory === undefined && file === undefined) return this.#joined("fd:name");
    return `${directory === "/" ? "" : (directory ?? "/x")}/${file ?? "x"}`;
  }

  #descriptor(params: Written): Written | string | undefined {
    const type = this.#values.get("fd:type");
    if (this.#isOfNetwork()) return this.#socket();
    const path = this.#path();
    const isNamed = params.name !== undefined && OPENS.test(this.type) && (type === undefined || type === "f");
    if (isNamed || (path === undefined && type === undefined)) return undefined;
    return path !== undefined && type === undefined
      ? path
      : { type: type ?? "f", ...(path === undefined ? {} : { name: path }) };
  }

  #isOfNetwork(): boolean {
    const type = this.#values.get("fd:type");
    return (
      type === "4" ||
      type === "6" ||
      ["sip", "cip", "sport", "cport", "l4proto"].some((key) => this.#values.has(`fd:${key}`))
    );
  }

  #socket(): string {
    const isSix = this.#values.get("fd:type") === "6";
    const end = (address: string, port: string, usual: string, number: number): string => {
      const ip = String(this.#values.get(`fd:${address}`) ?? usual);
      return `${ip.includes(":") ? `[${ip}]` : ip}:${String(this.#values.get(`fd:${port}`) ?? number)}`;
    };
    const [client, server] = isSix ? ["fd00::5", "2001:db8::9"] : ["10.0.0.5", "203.0.113.9"];
    const protocol = this.#values.get("fd:l4proto") === "udp" ? "udp" : "tcp";
    return `${protocol} ${end("cip", "cport", client as string, 40000)}->${end("sip", "sport", server as string, 443)}`;
  }
}

/** A number where the parameter is one. */
function ofType({ type }: Field, value: unknown): unknown {
  return type === "strlist" ? [value] : value;
}
