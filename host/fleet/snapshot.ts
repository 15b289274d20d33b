// SPDX-License-Identifier: Apache-2.0
// What a partition's next owner needs to go on where the last one was: how far each agent is judged, and what
// each policy remembers. Its position in the stream stands in the row that points to it (snapshots.ts).
//
//   deflated:  u32 size of the head   head, JSON {v, sources: [[source, seq, num, task, at]], states: [..], losses: [..], limits: [..]}
//              then the states' bytes, one behind the other
import { createHash } from "node:crypto";
import { deflateRawSync, inflateRawSync } from "node:zlib";
import * as z from "zod";
import type { KeptState } from "../engine/keep.js";
import type { KeptLimits } from "../engine/kept-limits.js";
import { HOLE_CAUSES, type Position } from "./positions.js";

/** A policy, by whose it is and its name. `tenant` null: the operator's. */
export interface PolicyKey {
  readonly tenant: string | null;
  readonly policy: string;
}

/** What one policy remembers. */
export interface PolicyMemory extends PolicyKey {
  /** What its author says that its state means (policy.yaml: state). */
  readonly word: string | null;
  readonly state: KeptState;
}

/** What is used up of one policy's limits. */
export interface PolicyLimits extends PolicyKey {
  readonly limits: KeptLimits;
}

/** What is kept of a partition. */
export interface Snapshot {
  readonly sources: readonly (readonly [source: string, Position])[];
  readonly memories: readonly PolicyMemory[];
  readonly limits: readonly PolicyLimits[];
}

const FORM = 1;
const LEVEL = 1;
/** Unpacked: a hundred policies' states of half a MiB. */
const BYTES_MAX = 64 << 20;
/** Of all policies together. */
const MEMORIES_MAX = BYTES_MAX / 2;
const whole = z.int().min(0);
const UsedBucket = z.object({ place: z.string(), tokens: z.number(), at: z.number() });
const Limits = z.object({
  own: z.array(UsedBucket.extend({ rule: z.string(), suppressed: whole })),
  shared: z.array(UsedBucket).exactOptional(),
});
const Head = z.object({
  v: z.literal(FORM),
  sources: z.array(z.tuple([z.string(), whole, whole, z.string(), z.number()])),
  states: z.array(
    z.object({
      tenant: z.string().nullable(),
      policy: z.string(),
      word: z.string().nullable().default(null),
      schema: z.string().regex(/^\d+$/),
      size: whole,
    }),
  ),
  // What an earlier version kept has none of these.
  losses: z.array(z.tuple([z.string(), whole.nullable(), whole, whole, z.enum(HOLE_CAUSES)])).default([]),
  limits: z.array(z.object({ tenant: z.string().nullable(), policy: z.string(), limits: Limits })).default([]),
});

/** Its bytes. Memories that would make it too large are left out: `left` says how many. */
export function encodeSnapshot({ sources, memories, limits }: Snapshot): {
  readonly bytes: Buffer;
  readonly left: number;
} {
  const kept = fitting(memories);
  const head = Buffer.from(
    JSON.stringify({
      v: FORM,
      sources: sources.map(([source, { seq, num, task, at }]) => [source, seq, num, task, at]),
      states: kept.map(({ tenant, policy, word, state: { schema, bytes } }) => ({
        ...{ tenant, policy, word, schema: String(schema), size: bytes.length },
      })),
      losses: sources.map(([source, { lost, owed, doubt, cause }]) => [source, lost, owed, doubt, cause]),
      limits,
    }),
  );
  const size = Buffer.alloc(4);
  size.writeUInt32LE(head.length);
  const raw = Buffer.concat([size, head, ...kept.map(({ state }) => state.bytes)]);
  return { bytes: deflateRawSync(raw, { level: LEVEL }), left: memories.length - kept.length };
}

/**
 * Those for which there is room. The operator's own come first. What they leave is shared out evenly, so that
 * no tenant's memories push out another's.
 */
function fitting(memories: readonly PolicyMemory[]): PolicyMemory[] {
  const tenants = new Set(memories.flatMap(({ tenant }) => tenant ?? []));
  const own = within(MEMORIES_MAX, memories, null);
  const left = MEMORIES_MAX - own.reduce((sum, { state }) => sum + state.bytes.length, 0);
  return [...own, ...[...tenants].flatMap((tenant) => within(left / tenants.size, memories, tenant))];
}

function within(most: number, memories: readonly PolicyMemory[], whose: string | null): PolicyMemory[] {
  let room = most;
  return memories.filter(({ tenant, state }) => {
    if (tenant !== whose || state.bytes.length > room) return false;
    room -= state.bytes.length;
    return true;
  });
}

/** Null: it is none. */
export function decodeSnapshot(bytes: Uint8Array): Snapshot | null {
  try {
    const raw = inflateRawSync(bytes, { maxOutputLength: BYTES_MAX });
    let at = 4 + raw.readUInt32LE(0);
    const { sources, states, losses, limits } = Head.parse(JSON.parse(raw.subarray(4, at).toString()));
    const memories = states.map(({ tenant, policy, word, schema, size }) => {
      const own = raw.subarray(at, at + size);
      at += size;
      if (own.length !== size) throw new Error("a state is cut off");
      return { tenant, policy, word, state: { schema: BigInt(schema), bytes: own } };
    });
    const books = new Map(losses.map(([source, lost, owed, doubt, cause]) => [source, { lost, owed, doubt, cause }]));
    const none = { lost: null, owed: 0, doubt: 0, cause: "hole" } as const;
    const known = sources.map(
      ([source, seq, num, task, time]) =>
        [source, { seq, num, task, at: time, ...(books.get(source) ?? none) }] as const,
    );
    return { sources: known, memories, limits };
  } catch {
    return null;
  }
}

/** By which a row says which bytes it means. */
export const digestOf = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
