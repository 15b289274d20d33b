// SPDX-License-Identifier: Apache-2.0
// What a partition holds, and how its messages become batches. There are two stages. Agents' events come in
// blocks, and a partition has all of some tasks. What policies told of them comes as facts, and a partition
// has all of some keys, of whichever tasks. Both are judged by the same engine, and owned, kept and handed
// over alike.
//
//   blocks of a task -> VB_3 -> policies -> findings
//                                  `-----> facts of a key -> VF_5 -> policies -> findings

import { eventsJudgedBy, type LoadedPolicy } from "../engine/policy.js";
import { subjectToken } from "../output/nats-subject.js";
import type { BusSubject } from "../wire/batch.js";
import type { ContainerFacts } from "../wire/container.js";
import { disagreement } from "./agreement.js";
import { decodeBlock, type ForwardedBatch } from "./block.js";
import type { BusMessage, StreamForm } from "./bus.js";
import { batchesOf, decodeFacts } from "./fact-message.js";
import { blockStream, factStream, placeOfFact, tokensOf } from "./subject.js";

/** A message, read and checked. */
export interface Intake {
  /** Whose batches they are: numbers of one agent's batches grow. */
  readonly agent: string;
  readonly subject: BusSubject;
  /** Names, as whoever sent it says them; they agree with the subject. */
  readonly tenant: string;
  readonly task: string;
  readonly host: string;
  readonly container: ContainerFacts | null;
  readonly batches: readonly ForwardedBatch[];
}

/** One of the two. */
export interface Stage {
  /** Buckets of the bus's key-value store: who owns a partition, and what is kept of it. */
  readonly buckets: { readonly leases: string; readonly snapshots: string };
  /** What its messages hold, as metrics name it. */
  readonly holds: "events" | "facts";
  /** The stream of a partition, to be made. */
  stream(partition: number): StreamForm;
  /**
   * Who reads a partition makes its stream, and has an engine for it. Of the other one, whoever has a policy
   * that judges it makes the stream, for sidecars may not, and begins an engine when something comes.
   */
  readonly makesStream: boolean;
  /** Numbers of events follow one another: where some are missing, events are lost. */
  readonly countsHoles: boolean;
  /** Whether it is to judge there. */
  wants(policy: LoadedPolicy): boolean;
  /** A text: why the message is refused. Throws a VedetteError where it cannot be read. */
  read(message: BusMessage): Intake | string;
}

const FACT = "vedette.fact";

/** Agents' events. */
export const BLOCKS: Stage = {
  buckets: { leases: "VD_LEASE", snapshots: "VD_SNAP" },
  holds: "events",
  stream: blockStream,
  makesStream: true,
  countsHoles: true,
  wants: (policy) => eventsJudgedBy(policy).some((type) => type !== FACT) || (policy.prevent ?? []).length > 0,
  read: ({ subject, body }) => {
    const block = decodeBlock(body);
    const wrong = disagreement(subject, block);
    if (wrong !== null) return wrong;
    const { sender, host, container, batches } = block;
    const { tenant, task, source } = sender;
    // Who knows another task's agent may say that he is it, and must not move that agent's position.
    const agent = `${subject} ${source}`;
    return { agent, subject: tokensOf(subject), tenant, task, host, container, batches };
  },
};

/** Facts, where there are so many partitions of them. */
export function factStage(partitions: number): Stage {
  return {
    buckets: { leases: "VD_LEASE_FACTS", snapshots: "VD_SNAP_FACTS" },
    holds: "facts",
    stream: factStream,
    makesStream: false,
    countsHoles: false,
    wants: (policy) => eventsJudgedBy(policy).includes(FACT),
    read: ({ subject, body }) => {
      const message = decodeFacts(body);
      const { tenant, task, source, host, container, policy, owner } = message;
      const wrong = disagreement(subject, { sender: { tenant, task }, container });
      if (wrong !== null) return wrong;
      const tokens = tokensOf(subject);
      if (owner !== null && subjectToken(owner) !== tokens.tenant)
        return "its policy is of another tenant than its subject";
      const place = Number(subject.split(".").at(-2));
      if (message.facts.some(({ kind, key }) => placeOfFact(owner, kind, key, partitions) !== place))
        return "one of its keys belongs to another partition";
      const agent = `${subject} ${source} ${JSON.stringify([owner, policy])}`;
      const told = { tenant, task, host, container };
      return { agent, subject: { ...tokens, owner }, ...told, batches: batchesOf(message) };
    },
  };
}
