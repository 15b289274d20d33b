// SPDX-License-Identifier: Apache-2.0
// What policies remember and what is used up of their limits, between an engine and a snapshot: a policy goes
// on with what was kept under its tenant and its name, and with its memory if its author means the same by
// it.
import type { Engine, Kept } from "../engine/engine.js";
import type { LoadedPolicy } from "../engine/policy.js";
import type { PolicyKey, PolicyLimits, PolicyMemory, Snapshot } from "./snapshot.js";

/** What each policy of the engine remembers. Where nothing comes meanwhile and all is judged. */
export function memoriesOf(engine: Pick<Engine, "states">): PolicyMemory[] {
  return engine.states().map(({ policy, state }) => ({ ...keyOf(policy), word: policy.state ?? null, state }));
}

/** What is used up of each policy's limits. Where nothing comes meanwhile, before its last word. */
export async function limitsOf(engine: Pick<Engine, "limits">): Promise<PolicyLimits[]> {
  return (await engine.limits()).map(({ policy, limits }) => ({ ...keyOf(policy), limits }));
}

/** The same when all has been told that was suppressed. */
export function withoutUntold(all: readonly PolicyLimits[]): PolicyLimits[] {
  return all.map(({ limits, ...key }) => ({
    ...key,
    limits: { ...limits, own: limits.own.map((row) => ({ ...row, suppressed: 0 })) },
  }));
}

/** Gives what was kept of a policy. `onCold`: what it remembered means something else now. */
export function keptIn(
  { memories, limits }: Pick<Snapshot, "memories" | "limits">,
  onCold: (policy: LoadedPolicy) => void,
): (policy: LoadedPolicy) => Kept {
  return (policy) => {
    const own = keyOf(policy);
    const isOwn = (one: PolicyKey): boolean => one.tenant === own.tenant && one.policy === own.policy;
    const memory = memories.find(isOwn);
    const isCold = memory !== undefined && memory.word !== (policy.state ?? null);
    if (isCold) onCold(policy);
    return { state: isCold ? null : (memory?.state ?? null), limits: limits.find(isOwn)?.limits ?? null };
  };
}

function keyOf({ tenancy, name }: LoadedPolicy): PolicyKey {
  return { tenant: tenancy?.tenant ?? null, policy: name };
}
