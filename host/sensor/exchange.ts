// SPDX-License-Identifier: Apache-2.0
// Other policies in the place of those that judge, while batches come: all of them, or none. Each batch is
// judged by one of the two that have a place, never by both.
import { isDeepStrictEqual } from "node:util";
import type { Engine } from "../engine/engine.js";
import type { LoadedPolicy } from "../engine/policy.js";

/** What of the engine it takes. */
export type Seats = Pick<Engine, "status" | "add" | "replace" | "remove">;

/**
 * Gives those that judge now: of two that say the same, the earlier one stays. Throws what the engine throws
 * where one of them cannot start; then those of `before` judge again.
 */
export async function exchange(
  engine: Seats,
  before: readonly LoadedPolicy[],
  after: readonly LoadedPolicy[],
): Promise<LoadedPolicy[]> {
  const left = new Set(before);
  const now: LoadedPolicy[] = [];
  const undo: (() => Promise<unknown>)[] = [];
  const idOf = (policy: LoadedPolicy): number => engine.status().find((seat) => seat.policy === policy)?.id ?? -1;
  try {
    for (const policy of after) {
      const old = [...left].find(({ name, place }) => name === policy.name && place === policy.place);
      if (old !== undefined) left.delete(old);
      if (old !== undefined && isSame(old, policy)) {
        now.push(old);
        continue;
      }
      now.push(policy);
      if (old === undefined) {
        const id = await engine.add(policy);
        undo.push(() => engine.remove(id));
      } else {
        const id = await engine.replace(idOf(old), policy);
        undo.push(() => engine.replace(id, old));
      }
    }
  } catch (error) {
    for (const step of undo.reverse()) await step();
    throw error;
  }
  for (const policy of left) await engine.remove(idOf(policy));
  return now;
}

function isSame({ admitted, ...one }: LoadedPolicy, { admitted: others, ...other }: LoadedPolicy): boolean {
  return Buffer.compare(admitted.bytes, others.bytes) === 0 && isDeepStrictEqual(one, other);
}
