// SPDX-License-Identifier: Apache-2.0
// What policies remember, between an engine and a snapshot: a policy goes on with what was kept under its
// tenant and its name, if its author means the same by it.
import type { Engine } from "../engine/engine.js";
import type { KeptState } from "../engine/keep.js";
import type { LoadedPolicy } from "../engine/policy.js";
import type { PolicyMemory } from "./snapshot.js";

/** What each policy of the engine remembers. Where nothing comes meanwhile and all is judged. */
export function memoriesOf(engine: Pick<Engine, "states">): PolicyMemory[] {
  return engine.states().map(({ policy, state }) => ({ ...keyOf(policy), word: policy.state ?? null, state }));
}

/** Gives what was kept of a policy; null: nothing that it may have. `onCold`: it means something else now. */
export function keptIn(
  memories: readonly PolicyMemory[],
  onCold: (policy: LoadedPolicy) => void,
): (policy: LoadedPolicy) => KeptState | null {
  return (policy) => {
    const own = keyOf(policy);
    const memory = memories.find(({ tenant, policy: name }) => tenant === own.tenant && name === own.policy);
    if (memory === undefined) return null;
    if (memory.word === (policy.state ?? null)) return memory.state;
    onCold(policy);
    return null;
  };
}

function keyOf({ tenancy, name }: LoadedPolicy): { readonly tenant: string | null; readonly policy: string } {
  return { tenant: tenancy?.tenant ?? null, policy: name };
}
