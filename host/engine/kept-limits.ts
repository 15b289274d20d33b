// SPDX-License-Identifier: Apache-2.0
// What is used up of limits on alerts, as it stands outside of a worker, and about which place a limit
// counts: a container, and of what came over a bus a container of one task of one tenant. The bus's server
// vouches for tenant and task, and nobody for a container's id: by the id alone a task could use up another
// one's.
import type { Batch } from "../wire/batch.js";

/** Of one bucket that is not full. `at`: when it was asked last, ns, by the limit's clock. */
export interface UsedBucket {
  /** As limitPlace() has it. */
  readonly place: string;
  readonly tokens: number;
  readonly at: number;
}

/** Of one rule about one place. `suppressed`: alerts that were not raised, and of which nothing was told. */
export interface UsedLimit extends UsedBucket {
  readonly rule: string;
  readonly suppressed: number;
}

/** Of one policy. `shared`: of its tenant's policies together, with one of them. */
export interface KeptLimits {
  readonly own: readonly UsedLimit[];
  readonly shared?: readonly UsedBucket[];
}

/** Rows of a worker's policies together. */
export const LIMIT_ROWS_MAX = 16_384;
/** Rows of one policy. */
export const POLICY_ROWS_MAX = 256;

/** Behind the tokens of a subject, which hold none. */
const END = "\0";

/** What a limit counts by. */
export function limitPlace({ container, subject }: Pick<Batch, "container" | "subject">): string {
  const id = container?.id ?? "";
  return subject === null ? id : `${subject.tenant}.${subject.task}${END}${id}`;
}

/** The container's id in it. */
export const containerAt = (place: string): string => place.slice(place.indexOf(END) + 1);
