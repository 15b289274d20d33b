// SPDX-License-Identifier: Apache-2.0
// Events as tests.yaml has them, made into a batch. Only what matters is written; the rest is what an
// ordinary program of root would have. What follows from something that is written follows: an open that is
// named has a descriptor of that name, a connect to an address has a socket with it.
//
//   - openat: {proc: {name: cat}, name: /etc/shadow, flags: O_RDONLY}
//   - execve: {res: ENOENT, at: 2s, proc: {name: sh, stdin: tcp 10.0.0.5:4000->203.0.113.9:443, parent: {name: nginx}}}
//   - read:   {fd: /etc/hosts, res: 12, data: 127.0.0.1}
import { DESCRIPTOR_FIELDS, type EventType, type Field, PROCESS_FIELDS } from "../../build/generated/events.js";
import { BatchBuilder, type SlotValue } from "../wire/builder.js";
import { DescriptorFlag, EVENT_OF_NAME } from "../wire/layout.js";
import { joinPath } from "../wire/path.js";
import { durationOf, endpointOf, resultOf, slotValue } from "./values.js";

/** When the first event of a test happens. */
export const TEST_EPOCH = 1_700_000_000_000_000_000n;
const STEP = 1_000_000n;

type Written = Readonly<Record<string, unknown>>;

/** What was written under a key that is not a parameter. */
const OWN_KEYS = new Set(["proc", "fd", "res", "tid", "at", "latency"]);
const INIT = { pid: 1, ppid: 0, name: "init", exepath: "/sbin/init", parent: null };
const OPENS_MODE = /^(open|openat|openat2|creat|open_by_handle_at)$/;

/** What is wrong with an event, and where in it. */
export class ShortEventError extends Error {
  override readonly name = "ShortEventError";
  constructor(
    readonly key: string,
    reason: string,
  ) {
    super(reason);
  }
}

/** Collects the events of one test. The first event's time is fixed. */
export class ShortEvents {
  readonly #builder = new BatchBuilder({ clock: TEST_EPOCH });
  readonly #processes = new Map<string, number>();
  readonly #descriptors = new Map<string, number>();
  #time = TEST_EPOCH - STEP;

  /** Adds one event; gives its time, which no other has. Throws ShortEventError. */
  add(type: string, written: Written): bigint {
    const event = EVENT_OF_NAME.get(type);
    if (event === undefined)
      throw new ShortEventError(type, `there is no event "${type}"; \`vedette fields --events\` lists them`);
    const params = paramsOf(event, written);
    const result = at("res", () => (written.res === undefined ? defaultResult(event, written) : resultOf(written.res)));
    const descriptor = at("fd", () => this.#eventDescriptor(event, written, result));
    this.#time = at("at", () => this.#timeOf(written.at));
    this.#builder.record(type, {
      process: at("proc", () => this.#process((written.proc ?? {}) as Written)),
      ...(descriptor === null ? {} : { descriptor }),
      result,
      time: this.#time,
      tid: Number(written.tid ?? (written.proc as Written | undefined)?.pid ?? 1000),
      fd: fdNumber(event, result, descriptor),
      latency: Number(written.latency ?? 1000),
      params,
    });
    return this.#time;
  }

  /** The batch of all events. */
  bytes(): Uint8Array {
    return this.#builder.bytes();
  }

  #timeOf(written: unknown): bigint {
    const time = written === undefined ? this.#time + STEP : TEST_EPOCH + durationOf(written);
    if (time <= this.#time) throw new Error("events come in the order of their times");
    return time;
  }

  #process(written: Written): number {
    const name = String(written.name ?? "program");
    const { parent, stdin, stdout, stderr, ...rest } = written;
    const defaults = {
      pid: 1000,
      ppid: 1,
      vpid: 1000,
      uid: 0,
      gid: 0,
      loginuid: -1,
      tty: 0,
      name,
      exe: rest.exepath ?? name,
      exepath: `/usr/bin/${name}`,
      args: [],
      cwd: "/",
      user: "root",
      group: "root",
      exe_flags: 0,
      exe_of_image: isNew(rest) ? 0 : 1,
    };
    const slots: Record<string, SlotValue> = {
      ...slotsOf(PROCESS_FIELDS, { ...defaults, ...rest }),
      parent:
        parent === null
          ? null
          : this.#process(parent === undefined ? INIT : { pid: Number(rest.pid ?? 1000) - 1, ...(parent as Written) }),
      stdin: this.#descriptor(stdin),
      stdout: this.#descriptor(stdout),
      stderr: this.#descriptor(stderr),
    };
    return kept(this.#processes, slots, () => this.#builder.process(slots));
  }

  #eventDescriptor(event: EventType, written: Written, result: number | bigint): number | null {
    if (written.fd !== undefined) return this.#descriptor(written.fd);
    const name = written.name ?? written.path;
    if (OPENS_MODE.test(event.name) && typeof name === "string") {
      const path = joinPath(String((written.proc as Written | undefined)?.cwd ?? "/"), name);
      return this.#descriptor({
        type: "f",
        name: path,
        nameraw: name,
        ...(result >= 0 ? { realpath: path } : {}),
        ...(written.flags === undefined ? {} : { open_flags: written.flags }),
      });
    }
    if (typeof written.addr === "string" && !written.addr.startsWith("/"))
      return this.#descriptor(`tcp 10.0.0.5:40000->${written.addr}`);
    return null;
  }

  #descriptor(written: unknown): number | null {
    if (written === null || written === undefined) return null;
    const map = typeof written === "string" ? descriptorOf(written) : { type: "f", ...(written as Written) };
    const { type, ...rest } = map as Written & { type: string };
    const slots = { ...slotsOf(DESCRIPTOR_FIELDS, { flags: 0, ...rest }), type: String(type) };
    return kept(this.#descriptors, slots, () => this.#builder.descriptor(slots));
  }
}

/** Whether what was written says that the executable is none of the image. */
function isNew({ exe_flags, exe_ctime, exepath }: Written): boolean {
  if (/EXE_(UPPER_LAYER|FROM_MEMFD)/.test(String(exe_flags))) return true;
  if (String(exepath).endsWith(" (deleted)")) return true;
  return exe_ctime !== undefined && BigInt(String(exe_ctime)) >= TEST_EPOCH;
}

/** `/path`, `dir /path`, `tcp A->B`, `udp A->B`, `unix PATH`, `pipe`, `memfd NAME`. */
function descriptorOf(text: string): Written {
  const [kind = "", rest = ""] = text.split(/ (.*)/s);
  switch (kind) {
    case "tcp":
      return { socktype: 1, l4proto: 6, ...socketOf(rest) };
    case "udp":
      return { socktype: 2, l4proto: 17, ...socketOf(rest) };
    case "unix":
      return { type: "u", family: "AF_LOCAL", name: `0->0 ${rest}` };
    case "pipe":
      return { type: "p", name: "pipe:[1]" };
    case "dir":
      return { type: "d", name: rest, realpath: rest };
    case "memfd":
      return { type: "m", name: `/memfd:${rest}` };
    default:
      if (!text.startsWith("/"))
        throw new Error(
          `"${text}" is no descriptor: write /path, dir /path, tcp A->B, udp A->B, unix PATH, pipe or memfd NAME`,
        );
      return { type: "f", name: text, nameraw: text, realpath: text };
  }
}

function socketOf(text: string): Written {
  const [from, to] = text.split("->");
  if (from === undefined || to === undefined)
    throw new Error(`"${text}" is no connection: write 10.0.0.5:40000->203.0.113.9:443`);
  const [client, server] = [endpointOf(from), endpointOf(to)];
  const isSix = client.address.length === 16;
  return {
    type: isSix ? "6" : "4",
    family: isSix ? "AF_INET6" : "AF_INET",
    cip: from.replace(/:\d+$/, "").replace(/[[\]]/g, ""),
    sip: to.replace(/:\d+$/, "").replace(/[[\]]/g, ""),
    cport: client.port,
    sport: server.port,
    name: text,
    flags: server.port === 0 ? 0 : DescriptorFlag.connected,
  };
}

function slotsOf(fields: readonly Field[], written: Written): Record<string, SlotValue> {
  const slots: Record<string, SlotValue> = {};
  for (const [name, value] of Object.entries(written)) {
    const field = fields.find((one) => one.name === name);
    if (field === undefined)
      throw new Error(`there is no "${name}" here; there are ${fields.map((one) => one.name).join(", ")}`);
    if (field.type !== "process" && field.type !== "descriptor") slots[name] = slotValue(field, value);
  }
  return slots;
}

function paramsOf(event: EventType, written: Written): Record<string, SlotValue> {
  const params: Record<string, SlotValue> = {};
  for (const [name, value] of Object.entries(written)) {
    if (OWN_KEYS.has(name)) continue;
    const field = event.params.find((one) => one.name === name);
    if (field === undefined)
      throw new ShortEventError(
        name,
        `${event.name} has no "${name}"; it has ${event.params
          .filter((one) => one.slot >= 0)
          .map((one) => one.name)
          .join(", ")}`,
      );
    if (field.slot < 0) throw new ShortEventError(name, `"${name}" of ${event.name} is ${field.from}: write it there`);
    params[name] = at(name, () => slotValue(field, value));
  }
  return params;
}

/** A call that gives a descriptor gives 3; one that moves bytes moves what is written as data. */
function defaultResult(event: EventType, written: Written): number {
  if (event.params[0]?.type === "fd" && event.params[0].from === "res") return 3;
  return typeof written.data === "string" ? written.data.length : 0;
}

function fdNumber(event: EventType, result: number | bigint, descriptor: number | null): number {
  if (event.params[0]?.type === "fd" && event.params[0].from === "res") return result >= 0 ? Number(result) : -1;
  return descriptor === null ? -1 : 3;
}

/** The same entry again is the same index. */
function kept(known: Map<string, number>, slots: Record<string, SlotValue>, make: () => number): number {
  const key = JSON.stringify(slots, (_name, value) => (typeof value === "bigint" ? String(value) : value));
  const index = known.get(key) ?? make();
  known.set(key, index);
  return index;
}

function at<T>(key: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (error instanceof ShortEventError) throw error;
    throw new ShortEventError(key, (error as Error).message);
  }
}
