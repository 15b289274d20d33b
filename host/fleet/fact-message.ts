// SPDX-License-Identifier: Apache-2.0
// Facts as one message of the bus: what one policy told of one batch of an agent, as far as one partition of
// facts takes it. Whoever reads it makes batches of it, with one record of the type vedette.fact each: a
// policy judges facts as it judges calls.
//
//   JSON {v, tenant, task, source, host, container, policy, owner, facts: [{seq, num, time, tid, kind, key, value, process}]}
//
// The facts of one policy about one agent come in the order of their `seq`, and a host that judges a batch
// again tells the same facts with the same numbers. So a reader knows each that it has had.
import * as z from "zod";
import type { FactProcess } from "../engine/fact.js";
import { VedetteError } from "../errors.js";
import { containerFactsIn } from "../recording/recording.js";
import { openBatch } from "../wire/batch.js";
import { BatchBuilder } from "../wire/builder.js";
import type { ContainerFacts } from "../wire/container.js";
import type { ForwardedBatch } from "./block.js";

/** A fact, and its number among all of its policy about its agent. */
export interface SentFact {
  readonly seq: number;
  readonly num: number;
  readonly time: bigint;
  readonly tid: number;
  readonly kind: string;
  readonly key: string;
  readonly value: string;
  readonly process: FactProcess | null;
}

/** Whose facts they are. */
export interface FactOrigin {
  /** Of the task whose agent it was. */
  readonly tenant: string;
  readonly task: string;
  readonly host: string;
  readonly container: ContainerFacts | null;
  /** The policy that told them. */
  readonly policy: string;
  /** The policy's tenant; null: it is the operator's. */
  readonly owner: string | null;
}

/** A message, read. */
export interface FactMessage extends FactOrigin {
  /** The agent's, hexadecimal. */
  readonly source: string;
  readonly facts: readonly SentFact[];
}

/** The most bytes of a message. */
export const FACT_MESSAGE_BYTES_MAX = 1 << 20;
const FORM = 1;
const whole = z.int().min(0);
const text = (most: number) => z.string().max(most);
const nanoseconds = text(20)
  .regex(/^\d{1,19}$/)
  .transform(BigInt);
const NAME_MAX = 2_048;
const Process = z.strictObject({
  pid: z.int().nullable(),
  vpid: z.int().nullable(),
  started: nanoseconds.nullable(),
  uid: z.int().nullable(),
  user: text(NAME_MAX).nullable(),
  name: text(NAME_MAX).nullable(),
  exe: text(NAME_MAX).nullable(),
  exepath: text(NAME_MAX).nullable(),
  args: z.array(text(NAME_MAX)).max(64),
  containerId: text(NAME_MAX).nullable(),
});
const Message = z.strictObject({
  v: z.literal(FORM),
  tenant: text(NAME_MAX),
  task: text(NAME_MAX),
  source: z.string().regex(/^[0-9a-f]{32}$/),
  host: text(NAME_MAX),
  container: z.unknown(),
  policy: text(NAME_MAX),
  owner: text(NAME_MAX).nullable(),
  facts: z
    .array(
      z.strictObject({
        seq: whole,
        num: whole,
        time: nanoseconds,
        tid: whole.max(0xffffffff),
        kind: text(256).min(1),
        key: text(1_024).min(1),
        value: text(4_096),
        process: Process.nullable(),
      }),
    )
    .max(1_000),
});

/** The message's bytes. */
export function encodeFacts(message: FactMessage): Buffer {
  return Buffer.from(
    JSON.stringify({ v: FORM, ...message }, (_, value) => (typeof value === "bigint" ? `${value}` : value)),
  );
}

/** Reads what somebody published. Throws VEDETTE_FACTS_CORRUPT. */
export function decodeFacts(body: Uint8Array): FactMessage {
  if (body.length > FACT_MESSAGE_BYTES_MAX) return refuse("it is too large");
  const read = Message.safeParse(jsonIn(body));
  if (!read.success) {
    const issue = read.error.issues[0];
    return refuse(`${issue?.path.join(".") || "it"}: ${issue?.message ?? "unexpected"}`);
  }
  const { v: _, container: said, ...rest } = read.data;
  const container = said === null ? null : containerFactsIn(Buffer.from(JSON.stringify(said ?? "")));
  if (said !== null && container === null) return refuse("what it says of its container does not read");
  return { ...rest, container };
}

/** A batch for each fact: it has its event's number, time and process, and its agent's name. */
export function batchesOf({ source, policy, task, container, facts }: FactMessage): ForwardedBatch[] {
  return facts.map(({ seq, num, time, tid, kind, key, value, process }) => {
    const builder = new BatchBuilder({ source: Buffer.from(source, "hex"), seq, first: num, clock: time });
    const params = {
      ...{ kind, key, value, policy, task },
      family: container?.taskFamily ?? null,
      service: container?.service ?? null,
      image_digest: container?.imageDigest ?? null,
    };
    const index = process === null ? {} : { process: builder.process(slotsOf(process)) };
    const batch = openBatch(builder.record("vedette.fact", { ...index, tid, time, params }).bytes());
    batch.container = container;
    return { batch, count: 1, numbers: null };
  });
}

function slotsOf({ started, containerId, ...others }: FactProcess) {
  return { ...others, start_time: started, container_id: containerId };
}

function jsonIn(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch {
    return undefined;
  }
}

function refuse(reason: string): never {
  throw new VedetteError("VEDETTE_FACTS_CORRUPT", { reason });
}
