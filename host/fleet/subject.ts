// SPDX-License-Identifier: Apache-2.0
// On which subject a task publishes its blocks and its beats, and which stream takes them. There are N
// partitions of blocks, fixed by the operator. Who publishes computes the partition, by FNV-1a over the
// task's token, so that no server need be configured for it.
//
//   vd.b.TENANT.PARTITION.TASK      the stream VB_PARTITION takes vd.b.*.PARTITION.*
//   vd.f.TENANT.PARTITION.TASK      the stream VF_PARTITION takes vd.f.*.PARTITION.*: what policies told of the task
//   vd.hb.TENANT.TASK               the stream HB takes vd.hb.*.*
//   vd.dead.PARTITION               the stream VB_DEAD takes vd.dead.*
import { subjectToken } from "../output/nats-subject.js";
import type { BusSubject } from "../wire/batch.js";
import type { StreamForm } from "./bus.js";

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** Partitions where the operator does not say. */
export const PARTITIONS = 8;
/** The most that there may be: each is a stream of the server's. */
export const PARTITIONS_MAX = 4096;

/** The most servers that may keep a stream of JetStream. */
export const REPLICAS_MAX = 5;

/** A place on the bus. `stream` takes `subjects`, among them `subject`. */
export interface Place {
  readonly partition: number;
  readonly subject: string;
  readonly stream: string;
  readonly subjects: readonly string[];
}

/** Where a task's blocks go. */
export function placeOfBlocks(tenant: string, task: string, partitions: number): Place {
  const token = subjectToken(task);
  const partition = partitionOf(token, partitions);
  return {
    partition,
    subject: `vd.b.${subjectToken(tenant)}.${partition}.${token}`,
    stream: streamOf(partition),
    subjects: blockStream(partition).subjects,
  };
}

/** Whose a message of a subject is, as a server vouches for: tokens. */
export function tokensOf(subject: string): BusSubject {
  const [tenant = "", , task = ""] = subject.split(".").slice(-3);
  return { tenant, task };
}

/** Where a task's beats go. */
export function subjectOfBeats(tenant: string, task: string): string {
  return `vd.hb.${subjectToken(tenant)}.${subjectToken(task)}`;
}

/** The stream of a partition's blocks. */
export const streamOf = (partition: number): string => `VB_${partition}`;

/** That stream, to be made. */
export const blockStream = (partition: number): StreamForm => ({
  name: streamOf(partition),
  subjects: [`vd.b.*.${partition}.*`],
  maxAgeMs: 2 * 3_600_000,
  maxBytes: 512 << 20,
});

/**
 * Which partition of facts has all of one key. `owner`: the tenant whose policy tells it; null: the operator.
 */
export function placeOfFact(owner: string | null, kind: string, key: string, partitions: number): number {
  return partitionOf([owner ?? "", kind, key].join("\0"), partitions);
}

/** Where facts about a task go. */
export function subjectOfFacts(tenant: string, task: string, partition: number): string {
  return `vd.f.${subjectToken(tenant)}.${partition}.${subjectToken(task)}`;
}

/** The stream of a partition's facts, to be made. */
export const factStream = (partition: number): StreamForm => ({
  name: `VF_${partition}`,
  subjects: [`vd.f.*.${partition}.*`],
  maxAgeMs: 2 * 3_600_000,
  maxBytes: 128 << 20,
});

/** Where a block goes that no host of the pool can judge. */
export const deadSubject = (partition: number): string => `vd.dead.${partition}`;

/** The stream of those. */
export const DEAD_STREAM: StreamForm = {
  name: "VB_DEAD",
  subjects: ["vd.dead.*"],
  maxAgeMs: 7 * 86_400_000,
  maxBytes: 64 << 20,
};

/** FNV-1a of 32 bits over the token's UTF-8, modulo `partitions`: as `partition()` of nats-server has it. */
export function partitionOf(token: string, partitions: number): number {
  let hash = FNV_OFFSET;
  for (const byte of Buffer.from(token)) hash = Math.imul(hash ^ byte, FNV_PRIME) >>> 0;
  return hash % partitions;
}
