// SPDX-License-Identifier: Apache-2.0
// Makes of a suite's case the lines of a scene (test/fixtures/stage.c), as Falco's event-generator performs
// it: the chain of processes, and in the last of them the script before, the resources, the steps, the script
// after.
import { isIPv6 } from "node:net";
import { join } from "node:path";
import { bits, capabilitySet, hexOf, socketAddress } from "./falco-numbers.js";
import type { Line, Wings, Word } from "./falco-stage.js";
import type { Case, Plain, ProcessSpec, Resource, Step } from "./falco-suite.js";
import type { User } from "./falco-users.js";

export interface World {
  wings: Wings;
  user(name: string): User;
}

export function sceneOf({ spec }: Case, world: World): Line[] {
  const { resources = [], steps = [], context = {}, before, after } = spec;
  const chain = context.processes ?? [{ name: "eg_case" }];
  const container = (context.container ?? {}) as { env?: Record<string, string> };
  const leaf = new Leaf(world);
  return [
    ...environment(container.env),
    ...chain.flatMap((one) => processLines(world, one)),
    ...script(before),
    ...resources.flatMap((one) => leaf.resource(one)),
    ...steps.flatMap((one) => leaf.step(one)),
    ...script(after),
  ];
}

/** Addresses that the network must have. */
export function addressesOf({ spec }: Case): string[] {
  return (spec.resources ?? []).flatMap(({ type, address }) =>
    type === "clientServer" && address ? [splitAddress(address).host] : [],
  );
}

export function usersOf({ spec }: Case): string[] {
  return (spec.context?.processes ?? []).flatMap(({ user }) => user ?? []);
}

function processLines(world: World, spec: ProcessSpec): Line[] {
  const { user, capabilities = "all=iep", env } = spec;
  // A file of its own is one that is dropped: in a container it stands in the layer above the image.
  const isOwn = user !== undefined || spec.capabilities !== undefined || spec.exePath !== undefined;
  const name = spec.name ?? (spec.exePath ? undefined : "eg_case");
  const real = spec.exePath ?? (isOwn ? join("/tmp", world.wings.unused(), "event-generator") : undefined);
  const { path, lines } = program(world, name, real);
  const identity = capabilitySet(capabilities);
  const { uid, gid } = user === undefined ? { uid: 0, gid: 0 } : world.user(user);
  const isOther = user !== undefined || identity !== "all";
  return [
    ...lines,
    ...environment(env),
    ...(isOther ? [["as", uid, gid, identity] as const] : []),
    ["proc", path, spec.exe ?? baseName(path), ...splitArguments(spec.args ?? "")],
  ];
}

// Where a program stands under its name, and what has to be done before.
function program(
  { wings }: World,
  name: string | undefined,
  real: string | undefined,
): { path: string; lines: Line[] } {
  if (real === undefined) return { path: wings.program(name!), lines: [] };
  const lines: Line[] = [["place", real]];
  if (name === undefined || name === baseName(real)) return { path: real, lines };
  const path = join(real, "..", name);
  return { path, lines: [...lines, ["call", 88, `s${real}`, `s${path}`], ["made", path]] };
}

// What the last process does. Its results have numbers, which resources and steps are bound to.
class Leaf {
  readonly #results = new Map<string, number>();
  #count = 0;
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  resource(spec: Resource): Line[] {
    const make = RESOURCES[spec.type === "fd" ? `fd ${spec.subtype}` : spec.type];
    if (!make) throw new Error(`a resource of type ${spec.type} ${spec.subtype ?? ""}`);
    return make(this, spec, this.#world);
  }

  step({ name, syscall, args = {} }: Step): Line[] {
    const call = CALLS[syscall];
    if (!call) throw new Error(`a step that calls ${syscall}`);
    const [number, ...params] = call;
    const known = new Set(params.flatMap((param) => param.split("=")[0]!.split(":")[0]!));
    const unknown = Object.keys(args).find((one) => !known.has(one) && !(one === "dirfd" && known.has("dirFd")));
    if (unknown !== undefined) throw new Error(`${syscall} has no argument ${unknown}`);
    const words = params.map((param) => this.#word(param, args));
    return [this.named(`${name}.ret`, ["call", number, ...words])];
  }

  // The line, whose result the name stands for.
  named(name: string, line: Line): Line {
    this.#results.set(name, this.#count++);
    return line;
  }

  // `${cs.client.fd}`: the word for its result.
  bound(text: string): Word | undefined {
    const name = /^\$\{\s*([\w.]+)\s*\}$/.exec(text)?.[1];
    if (name === undefined) return undefined;
    const result = this.#results.get(name);
    if (result === undefined) throw new Error(`nothing is called ${name} yet`);
    return `r${result}`;
  }

  // `kind:name=default` of CALLS.
  #word(param: string, args: Record<string, Plain>): Word {
    const [, name = "", kind = "number", byDefault = "0"] = /^(\w+)(?::(\w+))?(?:=(.*))?$/.exec(param)!;
    const given = args[name] ?? (name === "dirFd" ? args.dirfd : undefined);
    if (kind === "how") {
      const { flags = "0", mode = "0", resolve = "0" } = (given ?? {}) as Record<string, string>;
      return `h${bits(flags)},${bits(mode)},${bits(resolve)}`;
    }
    if (kind === "size") return given === undefined ? SIZES[byDefault]!(args) : bits(String(given));
    const text = given === undefined || given === null ? byDefault : String(given);
    const bound = this.bound(text);
    if (bound !== undefined) return bound;
    if (kind === "text") return `s${text}`;
    if (kind === "bytes") return hexOf(Buffer.from(text));
    return kind === "address" ? hexOf(socketAddress(text)) : bits(text);
  }
}

// Number and parameters of each call that a step may make: NAME, NAME:KIND, NAME=DEFAULT.
const CALLS: Record<string, [number: number, ...params: string[]]> = {
  read: [0, "fd", "buffer:bytes=", "len:size=buffer"],
  write: [1, "fd", "buffer:bytes=", "len:size=buffer"],
  open: [2, "pathname:text", "flags", "mode"],
  dup: [32, "oldFd"],
  dup2: [33, "oldFd", "newFd"],
  socket: [41, "domain", "type", "protocol"],
  connect: [42, "fd", "address:address", "size:size=address"],
  sendto: [44, "fd", "buf:bytes=", "len:size=buf", "flags", "destAddr:address", "size:size=destAddr"],
  kill: [62, "pid", "sig"],
  link: [86, "oldPath:text", "newPath:text"],
  symlink: [88, "target:text", "linkPath:text"],
  init_module: [175, "moduleImage:bytes=", "size:size=moduleImage", "paramValues:text="],
  openat: [257, "dirFd=AT_FDCWD", "pathname:text", "flags", "mode"],
  linkat: [265, "oldDirFd=AT_FDCWD", "oldPath:text", "newDirFd=AT_FDCWD", "newPath:text", "flags"],
  symlinkat: [266, "target:text", "newDirFd=AT_FDCWD", "linkPath:text"],
  dup3: [292, "oldFd", "newFd", "flags"],
  finit_module: [313, "fd", "paramValues:text=", "flags"],
  openat2: [437, "dirFd=AT_FDCWD", "pathname:text", "how:how", "size=24"],
};

const bytesOf = (name: string) => (args: Record<string, Plain>) => Buffer.byteLength(String(args[name] ?? ""));
const addressSize = (name: string) => (args: Record<string, Plain>) => socketAddress(String(args[name])).length;
const SIZES: Record<string, (args: Record<string, Plain>) => number> = {
  buffer: bytesOf("buffer"),
  buf: bytesOf("buf"),
  moduleImage: bytesOf("moduleImage"),
  address: addressSize("address"),
  destAddr: addressSize("destAddr"),
};

type Make = (leaf: Leaf, spec: Resource, world: World) => Line[];
const one =
  (line: (spec: Resource) => Line): Make =>
  (leaf, spec) => [leaf.named(`${spec.name}.fd`, line(spec))];
const ALL_SIGNALS = hexOf(Buffer.alloc(8, 0xff));

const RESOURCES: Record<string, Make> = {
  "fd file": one(({ filePath }) => ["file", filePath!]),
  "fd directory": one(({ dirPath }) => ["folder", dirPath!]),
  "fd event": one(() => ["call", 290, 0, 0]),
  "fd signalfd": one(() => ["call", 289, -1, ALL_SIGNALS, 8, 0]),
  "fd eventpoll": one(() => ["call", 291, 0]),
  "fd inotify": one(() => ["call", 294, 0]),
  "fd memfd": one(({ fileName }) => ["call", 319, `s${fileName}`, 0]),
  "fd pipe": (leaf, { name }) => {
    const line = leaf.named(`${name}.readFd`, ["pipe"]);
    leaf.named(`${name}.writeFd`, line);
    return [line];
  },
  process: (leaf, spec, world) => {
    const { name, args = "", env, fileLess } = spec;
    if (fileLess === "true") return [...environment(env), leaf.named(`${name}.pid`, ["spawn-memory", name])];
    const { path, lines } = program(world, spec.procName ?? (spec.exePath ? undefined : "cat"), spec.exePath);
    // The lines before have results too, to which nothing is bound.
    for (const line of lines) if (line[0] === "call") leaf.named("", line);
    const argv = [spec.exe ?? baseName(path), ...splitArguments(args)];
    return [...lines, ...environment(env), leaf.named(`${name}.pid`, ["spawn", path, ...argv])];
  },
  clientServer: (leaf, spec, world) => {
    const [domain, type] = SOCKETS[spec.l4Proto!]!;
    const bytes = socketAddress(domain === 1 ? join(world.wings.room(), "server") : spec.address!);
    const address = [hexOf(bytes), bytes.length];
    const server = leaf.named(`${spec.name}.server.fd`, ["call", 41, domain, type, 0]);
    const client = `${spec.name}.client.fd`;
    const [SERVER, CLIENT] = [`\${${spec.name}.server.fd}`, `\${${client}}`];
    const calls: Line[] = [
      server,
      leaf.named("", ["call", 54, leaf.bound(SERVER)!, 1, 2, hexOf(Buffer.from([1, 0, 0, 0])), 4]), // SO_REUSEADDR
      leaf.named("", ["call", 49, leaf.bound(SERVER)!, ...address]),
    ];
    if (type === 1) calls.push(leaf.named("", ["call", 50, leaf.bound(SERVER)!, 128]));
    calls.push(leaf.named(client, ["call", 41, domain, type, 0]));
    if (type === 1) calls.push(leaf.named("", ["call", 42, leaf.bound(CLIENT)!, ...address]));
    return calls;
  },
};

const SOCKETS: Record<string, [domain: number, type: number]> = {
  tcp4: [2, 1],
  tcp6: [10, 1],
  udp4: [2, 2],
  udp6: [10, 2],
  unix: [1, 1],
};

function environment(variables: Record<string, string> | undefined): Line[] {
  return Object.entries(variables ?? {}).map(([name, value]) => ["env", `${name}=${value}`]);
}

function script(text: string | undefined): Line[] {
  if (!text) return [];
  return [["script", text.replace(/[%\t\n]/g, (c) => `%${c.charCodeAt(0).toString(16).padStart(2, "0")}`)]];
}

function splitArguments(text: string): string[] {
  return [...text.matchAll(/"([^"]+)"|'([^']+)'|(\S+)/g)].map(([, double, single, bare]) => double ?? single ?? bare!);
}

export function splitAddress(text: string): { host: string; port: number } {
  const [, host = "", port = ""] = /^\[?(.*?)\]?:(\d+)$/.exec(text) ?? [];
  return { host, port: Number(port) };
}

export const prefixOf = (address: string): string => `${address}/${isIPv6(address) ? 128 : 32}`;
const baseName = (path: string): string => path.slice(path.lastIndexOf("/") + 1);
