// SPDX-License-Identifier: Apache-2.0
// Whether this host is in a small task: it has less than one processor for itself and the workloads. Such a
// host pays for waking up, and hardly for events: 200 events a second cost it as much as 20,000 do. So agents
// bring it calls like read in larger batches, and it acknowledges them in fewer turns. It makes no machine
// code of JavaScript, either (heap.ts). This file alone knows that it is so.
import { compileNoScripts } from "./heap.js";

/** ms. Any other event makes its batch as prompt as ever (docs/wire.md). */
const BATCH_AGE_MS = 20;
const TURN_MS = { small: 20, usual: 5 };

let isSmall = false;

/** For this process, from now on: ECS or our cgroup says that there is less than one processor. */
export function becomeSmall(): void {
  isSmall = true;
  compileNoScripts();
}

/** How old agents may let a batch of calls like read become, in ms; null: as they would by themselves. */
export const batchAgeMs = (): number | null => (isSmall ? BATCH_AGE_MS : null);

/** How soon a judged batch is acknowledged, in ms. */
export const turnMs = (): number => (isSmall ? TURN_MS.small : TURN_MS.usual);
