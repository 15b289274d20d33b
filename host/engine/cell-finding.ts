// SPDX-License-Identifier: Apache-2.0
// Reads a finding that a tenant's process sends. The host reads it as it reads any peer's words: bounded, and
// only in the documented form. The host itself says whose rule it was, which agent the event came from, and
// which container it is about: trustedFinding() fills these in. It also sees to it that the process is one
// whose events the cell was shown.
import * as z from "zod";
import { ANCESTORS_MAX, FINDING_BYTES_MAX, type Finding } from "../finding/finding.js";
import type { ContainerFacts } from "../wire/container.js";
import type { Shown } from "./shown.js";

const text = z.string().max(FINDING_BYTES_MAX).nullable();
const number = z.number().int().nullable();
/** What a field has at most: the host writes it in decimals, and a million of them take it long. */
export const Whole = z
  .bigint()
  .min(-(2n ** 63n))
  .max(2n ** 64n - 1n);
const decimals = z.string().regex(/^-?\d{1,20}$/); // in JSON, which has no bigints
const wide = z.union([Whole, z.number().int(), decimals]).transform(BigInt);

/** The form in which a cell may say a finding. Texts are bounded in characters. */
export const SaidFinding = z.strictObject({
  event: z.strictObject({ source: z.string().max(32), num: z.number().int(), time: wide, type: z.string().max(64) }),
  policy: z.string().max(256),
  version: z.string().max(256),
  rule: z.string().max(512),
  tenant: text,
  tags: z.array(z.string().max(256)).max(32),
  tid: z.number().int(),
  process: z
    .strictObject({
      pid: number,
      vpid: number,
      name: text,
      commandLine: text,
      cwd: text,
      started: wide.nullable(),
      session: number,
    })
    .nullable(),
  ancestors: z
    .array(z.strictObject({ pid: number, started: wide.nullable(), name: text, path: text }))
    .max(ANCESTORS_MAX),
  lineage: z
    .strictObject({
      pid: number,
      started: wide.nullable(),
      first: z.strictObject({ pid: number, started: wide.nullable() }),
    })
    .nullable(),
  executable: z
    .strictObject({
      path: text,
      ino: wide.nullable(),
      dev: wide.nullable(),
      changed: wide.nullable(),
      isOfImage: z.boolean(),
    })
    .nullable(),
  file: z
    .strictObject({ path: text, realPath: text, ino: wide.nullable(), dev: wide.nullable(), type: text })
    .nullable(),
  endpoint: z
    .strictObject({
      localIp: text,
      localPort: number,
      remoteIp: text,
      remotePort: number,
      protocol: text,
      isServer: z.boolean().nullable(),
    })
    .nullable(),
  user: z.strictObject({ uid: number, name: text, loginUid: number }).nullable(),
  container: z.strictObject({ id: z.string().max(512), name: text, image: text, imageDigest: text }).nullable(),
  task: z.strictObject({ arn: text, family: text, revision: text, cluster: text, availabilityZone: text }).nullable(),
  prevention: z.strictObject({ mode: text, call: text, subject: text, action: text }).nullable(),
  isCut: z.boolean(),
});

/** What the host knows itself. */
export interface HostsWord extends Pick<Finding, "policy" | "version" | "rule" | "tenant" | "tags"> {
  /** What the cell was shown of the agent's stream; null: it named a stream that it was not shown. */
  readonly shown: Shown | null;
  readonly time: bigint;
  readonly container: ContainerFacts | null;
}

/** Of an event whose process nobody knows: no response answers it. */
const OF_NOBODY = { process: null, ancestors: [], lineage: null, executable: null, user: null } as const;

/**
 * What a cell said, with the host's word in the place of the cell's wherever the host has one; undefined: it
 * is of no event that the cell saw. If it names a process that it was shown no event of, it is of nobody.
 */
export function trustedFinding(said: Finding | undefined, word: HostsWord): Finding | undefined {
  const { shown, time, container: facts, ...whose } = word;
  if (said === undefined || shown === null) return undefined;
  const known = facts !== null;
  const isOfShown = said.process !== null && shown.has(said.process);
  return {
    ...said,
    ...(isOfShown ? {} : OF_NOBODY),
    ...whose,
    event: { ...said.event, source: shown.source, time },
    container: known
      ? { id: facts.id, name: facts.name, image: facts.image, imageDigest: facts.imageDigest }
      : said.container,
    task:
      !known || said.task === null
        ? null
        : {
            arn: facts.taskArn,
            family: facts.taskFamily,
            revision: facts.taskRevision,
            cluster: facts.cluster,
            availabilityZone: facts.availabilityZone,
          },
  };
}
