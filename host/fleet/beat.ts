// SPDX-License-Identifier: Apache-2.0
// A beat: what a sensor says of itself on the bus, every half a minute. The stream HB keeps the last one of
// each subject, in memory, for ten minutes. A server lets a task publish on its own subject alone, so a
// reader believes the subject, and what a beat says of its tenant and its task must agree with it. A beat
// holds no argument, no variable and no path of a watched program.
//
//   vd.hb.TENANT.TASK      {"v": 1, "tenant": .., "task": .., "state": "running", ..}
import * as z from "zod";
import type { StreamForm } from "./bus.js";
import { subjectOfBeats } from "./subject.js";

/** A beat has no more bytes: a stream refuses a larger one. */
export const BEAT_BYTES_MAX = 16 << 10;
/** How often a sensor beats, in seconds. */
export const BEAT_S = 30;
/** The stream of beats. */
export const BEATS: StreamForm = {
  name: "HB",
  subjects: ["vd.hb.*.*"],
  maxAgeMs: 600_000,
  maxBytes: 128 << 20,
  maxMessages: 1,
  maxMessageBytes: BEAT_BYTES_MAX,
  isInMemory: true,
};

const FORM = 1;
const NAME_MAX = 2048;
const WORD_MAX = 256;
const ARCH_MAX = 32;
const POLICIES_MAX = 512;
const RULES_MAX = 32;
const TIERS_MAX = 8;

const text = (most: number) => z.string().max(most);
const whole = z.int().min(0);
const tally = z.record(text(32), whole).refine((counts) => Object.keys(counts).length <= TIERS_MAX);
const Policy = z.object({
  /** Empty: the operator's own. */
  tenant: text(WORD_MAX),
  name: text(WORD_MAX),
  version: text(WORD_MAX),
  /** SHA-256 of its module, hexadecimal; empty: none of it runs. */
  digest: z.string().regex(/^([0-9a-f]{64})?$/),
  state: text(32),
});
const BeatForm = z.object({
  v: z.literal(FORM),
  tenant: text(NAME_MAX),
  task: text(NAME_MAX),
  state: z.enum(["running", "ended"]),
  version: text(WORD_MAX),
  host: text(WORD_MAX),
  kernel: text(WORD_MAX),
  arch: text(ARCH_MAX),
  /** ms since the epoch, by the sensor's clock: when it began, and when it said this. */
  started: whole,
  clock: whole,
  /** Seconds to the next beat. */
  period: whole,
  /** Why it does not judge; null: it does. */
  problem: text(WORD_MAX).nullable(),
  /** Connected agents: how many, and how many have a tier, a level of integrity, a version. */
  agents: z.object({ count: whole, tiers: tally, integrity: tally, versions: tally }),
  policies: z.array(Policy).max(POLICIES_MAX),
  /** Policies for which there was no room. */
  unlisted: whole,
  /** Files of Falco's rules, as the operator named them. */
  rules: z.array(text(WORD_MAX)).max(RULES_MAX),
  /**
   * Since it began. Of events: `lost` by agents, `forwardLost` on the way to the bus. `unsent`: alerts that
   * outputs dropped.
   */
  counters: z.object({
    events: whole,
    lost: whole,
    alerts: whole,
    unsent: whole,
    forwarded: whole,
    forwardLost: whole,
  }),
  /** What waits for the bus; `bytes`: on the disk. */
  spool: z.object({ blocks: whole, bytes: whole }),
  /** The last block that the bus has: its number in its stream, and when, ms since the epoch. */
  acked: z.object({ stream: text(WORD_MAX), seq: whole, at: whole }).nullable(),
});

/** What a sensor says of itself. */
export type Beat = Readonly<Omit<z.infer<typeof BeatForm>, "v">>;
/** A policy in it. */
export type BeatPolicy = z.infer<typeof Policy>;

/** The message. Texts are cut; policies for which there is no room are counted, and rules then left out. */
export function encodeBeat(beat: Beat): Buffer {
  const { version, host, kernel, arch, problem } = beat;
  const said = {
    ...{ v: FORM, ...beat, version: cut(version), host: cut(host), kernel: cut(kernel), arch: cut(arch, ARCH_MAX) },
    problem: problem === null ? null : cut(problem),
    rules: beat.rules.slice(0, RULES_MAX).map((name) => cut(name)),
  };
  const policies = beat.policies.map((policy) => ({
    ...policy,
    ...{ tenant: cut(policy.tenant), name: cut(policy.name), version: cut(policy.version) },
  }));
  const withOnly = (left: number, rules: readonly string[]): Buffer => {
    const unlisted = beat.unlisted + policies.length - left;
    return Buffer.from(JSON.stringify({ ...said, rules, policies: policies.slice(0, left), unlisted }));
  };
  for (let left = Math.min(policies.length, POLICIES_MAX); left > 0; left = Math.floor(left * 0.9)) {
    const message = withOnly(left, said.rules);
    if (message.length <= BEAT_BYTES_MAX) return message;
  }
  const message = withOnly(0, said.rules);
  return message.length <= BEAT_BYTES_MAX ? message : withOnly(0, []);
}

/** What somebody published on a subject; or, as a text, why it is no beat of that subject's task. */
export function readBeat(subject: string, body: Uint8Array): Beat | string {
  if (body.length > BEAT_BYTES_MAX) return "it is too large";
  const read = BeatForm.safeParse(jsonIn(body));
  if (!read.success) return "it has another form";
  const { v: _, ...beat } = read.data;
  if (subjectOfBeats(beat.tenant, beat.task) !== subject) return "it is of another task than its subject";
  return beat;
}

const cut = (said: string, most = WORD_MAX): string => said.slice(0, most);

function jsonIn(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch {
    return null;
  }
}
