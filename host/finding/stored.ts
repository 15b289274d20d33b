// SPDX-License-Identifier: Apache-2.0
// The way back: findings that were stored, as a batch that a condition can be asked about. It is the batch
// that snapshot.ts took them from, as far as they tell: one record for each finding, and its process,
// ancestors and descriptor. So a condition over stored findings is judged by the engine that judges events,
// and cannot mean another thing there.
//
// A finding holds less than its event. STORED_FIELDS are the fields that come out as they were; whoever asks
// for others is told, since an absent field would make `not` true. A text that was cut for being long stays
// cut. The JSON is what this process or another Vedette wrote: each value is looked at before it is used.
import { type Batch, openBatch } from "../wire/batch.js";
import { BatchBuilder, type Slots } from "../wire/builder.js";
import type { ContainerFacts } from "../wire/container.js";
import { DescriptorFlag, EVENT_OF_NAME } from "../wire/layout.js";

/** Of these a condition over stored findings may ask; `fd.*` of files, folders and IP connections. */
export const STORED_FIELDS: ReadonlySet<string> = new Set(
  `evt.type evt.type.is evt.time evt.time.s evt.time.iso8601 evt.datetime evt.datetime.s evt.rawtime evt.rawtime.s
  evt.rawtime.ns evt.outputtime evt.dir evt.source evt.is_async evt.count syscall.type
  proc.name proc.pid proc.vpid proc.cmdline proc.cwd proc.exepath proc.exe_ino proc.pid.ts proc.pname
  proc.pexepath proc.ppid.ts proc.aname proc.apid proc.aexepath proc.loginshellid thread.tid thread.ismain thread.nametid
  user.uid user.name user.loginuid container.id container.name container.image container.image.digest
  fd.name fd.directory fd.filename fd.realpath fd.type fd.typechar fd.ino fd.dev fd.dev.major fd.dev.minor
  fd.ip fd.cip fd.sip fd.lip fd.rip fd.net fd.cnet fd.snet fd.lnet fd.rnet fd.port fd.cport fd.sport fd.lport fd.rport
  fd.proto fd.cproto fd.sproto fd.lproto fd.rproto fd.l4proto fd.sockfamily fd.is_server
  fd.containername fd.containerdirectory`.split(/\s+/),
);

/** Those of one container, in the order in which they were given. */
export interface StoredBatch {
  readonly batch: Batch;
  /** Which finding each record is, by where the record begins. */
  readonly indexOf: ReadonlyMap<number, number>;
}

/** Values of a piece of JSON, where they are what they should be. */
class Told {
  readonly #values: Readonly<Record<string, unknown>>;

  constructor(value: unknown) {
    this.#values = typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  }

  get isThere(): boolean {
    return Object.keys(this.#values).length > 0;
  }

  text(name: string): string | null {
    const value = this.#values[name];
    return typeof value === "string" ? value : null;
  }

  /** JSON has whole numbers beyond 2^53 as texts. */
  int(name: string): bigint | null {
    const value = this.#values[name];
    if (typeof value === "number" && Number.isSafeInteger(value)) return BigInt(value);
    return typeof value === "string" && /^-?\d{1,20}$/.test(value) ? BigInt(value) : null;
  }

  is(name: string): boolean {
    return this.#values[name] === true;
  }

  of(name: string): Told {
    return new Told(this.#values[name]);
  }

  all(name: string): Told[] {
    const values = this.#values[name];
    return Array.isArray(values) ? values.map((value) => new Told(value)) : [];
  }
}

const PROTOCOLS: Readonly<Record<string, number>> = { icmp: 1, tcp: 6, udp: 17, raw: 255 };
const TYPES: Readonly<Record<string, string>> = { file: "f", directory: "d" };

/** `findings`: the JSON of a Finding each. One that is of no event that we know is in no batch. */
export function storedBatches(findings: readonly unknown[]): StoredBatch[] {
  const containers = new Map<string, { readonly facts: ContainerFacts | null; readonly of: number[] }>();
  for (const [index, finding] of findings.entries()) {
    const facts = factsOf(new Told(finding).of("container"));
    const key = JSON.stringify(facts);
    const those = containers.get(key) ?? { facts, of: [] };
    containers.set(key, those);
    those.of.push(index);
  }
  return [...containers.values()].map(({ facts, of }) => {
    const builder = new BatchBuilder();
    const kept = of.filter((index) => add(builder, new Told(findings[index])));
    const batch = openBatch(builder.bytes());
    batch.container = facts;
    return { batch, indexOf: new Map(kept.map((index, nth) => [batch.offsets[nth]!, index])) };
  });
}

/** False: nothing was added. */
function add(builder: BatchBuilder, finding: Told): boolean {
  const event = finding.of("event");
  const [type, time, tid] = [event.text("type") ?? "", event.int("time"), finding.int("tid")];
  if (!EVENT_OF_NAME.has(type) || time === null || time < 0n) return false;
  const process = processOf(builder, finding);
  const descriptor = descriptorOf(finding);
  builder.record(type, {
    time,
    tid: Number(tid ?? 0n),
    ...(process === null ? {} : { process }),
    ...(descriptor === null ? {} : { descriptor: builder.descriptor(descriptor) }),
  });
  return true;
}

function processOf(builder: BatchBuilder, finding: Told): number | null {
  const process = finding.of("process");
  if (!process.isThere) return null;
  const [executable, user] = [finding.of("executable"), finding.of("user")];
  const ancestors = finding.all("ancestors");
  let parent: number | undefined;
  for (const ancestor of ancestors.toReversed())
    parent = builder.process({
      pid: ancestor.int("pid"),
      start_time: ancestor.int("started"),
      name: ancestor.text("name"),
      exepath: ancestor.text("path"),
      ...(parent === undefined ? {} : { parent }),
    });
  const name = process.text("name");
  return builder.process({
    pid: process.int("pid"),
    vpid: process.int("vpid"),
    name,
    args: argumentsOf(name, process.text("commandLine")),
    cwd: process.text("cwd"),
    start_time: process.int("started"),
    session: process.int("session"),
    exepath: executable.text("path"),
    exe_ino: executable.int("ino"),
    exe_dev: executable.int("dev"),
    uid: user.int("uid"),
    user: user.text("name"),
    loginuid: user.int("loginUid"),
    ...(parent === undefined ? {} : { parent }),
  });
}

/** What stands behind the name, as one argument: where it was parted is not known any more. */
function argumentsOf(name: string | null, line: string | null): string[] | null {
  if (name === null || line === null || !line.startsWith(`${name} `)) return null;
  return [line.slice(name.length + 1)];
}

function descriptorOf(finding: Told): Slots | null {
  const [file, endpoint] = [finding.of("file"), finding.of("endpoint")];
  if (file.isThere)
    return {
      type: TYPES[file.text("type") ?? ""] ?? null,
      name: file.text("path"),
      realpath: file.text("realPath"),
      ino: file.int("ino"),
      dev: file.int("dev"),
    };
  if (!endpoint.isThere) return null;
  const isServer = endpoint.is("isServer");
  const local = { ip: endpoint.text("localIp"), port: endpoint.int("localPort") };
  const remote = { ip: endpoint.text("remoteIp"), port: endpoint.int("remotePort") };
  const [client, server] = isServer ? [remote, local] : [local, remote];
  const isWhole = client.ip !== null && client.port !== null && server.ip !== null && server.port !== null;
  return {
    type: (local.ip ?? remote.ip ?? "").includes(":") ? "6" : "4",
    flags: isServer ? DescriptorFlag.server : 0,
    l4proto: PROTOCOLS[endpoint.text("protocol") ?? ""] ?? null,
    cip: bytesOf(client.ip),
    sip: bytesOf(server.ip),
    cport: client.port,
    sport: server.port,
    name: isWhole ? `${client.ip}:${client.port}->${server.ip}:${server.port}` : null,
  };
}

/** As address.ts writes them: the address of 4 or 16 bytes; null: it is none. */
function bytesOf(ip: string | null): Uint8Array | null {
  if (ip === null) return null;
  const dotted = /^(.*:)?(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(ip);
  const v4 = dotted === null ? [] : dotted.slice(2).map(Number);
  if (v4.some((byte) => byte > 255)) return null;
  if (!ip.includes(":")) return v4.length === 4 ? Uint8Array.from(v4) : null;
  const [head = "", tail, ...more] = (dotted?.[1] === undefined ? ip : dotted[1].replace(/:$/, "")).split("::");
  if (more.length > 0) return null;
  const [before, after] = [groupsOf(head), groupsOf(tail ?? "")];
  const gap = 16 - v4.length - before.length - after.length;
  if (gap < 0 || (tail === undefined && dotted === null && gap > 0)) return null;
  return Uint8Array.from([...before, ...Array.from({ length: gap }, () => 0), ...after, ...v4]);
}

function groupsOf(text: string): number[] {
  return text
    .split(":")
    .filter((group) => group !== "")
    .flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 0xff]);
}

/** Null: it is outside of containers. */
function factsOf(container: Told): ContainerFacts | null {
  const id = container.text("id");
  if (id === null) return null;
  const [name, image, imageDigest] = [container.text("name"), container.text("image"), container.text("imageDigest")];
  const none = { imageId: null, imageRepository: null, imageTag: null, labels: null, ip: null, cluster: null };
  const task = { service: null, taskArn: null, taskFamily: null, taskRevision: null, containerArn: null };
  return { id, name, type: "ecs", image, imageDigest, ...none, ...task, availabilityZone: null };
}
