// SPDX-License-Identifier: Apache-2.0
// What a policy costs, by event type: each type that it subscribes to, in a batch of that type alone. The
// events are those of tests.yaml, again and again, or one with defaults where it has none of the type.
// Instructions are counted by a module that counts (wasm/fuel.ts): the same on every machine.
import type { LoadedPolicy } from "../engine/policy.js";
import { madeUp, runTrials, type TrialMeasure } from "../engine/trial.js";
import { VedetteError } from "../errors.js";
import { addFuel } from "../wasm/fuel.js";
import { eventsOf } from "../wasm/metadata.js";
import type { Bundle } from "./bundle.js";
import { ShortEvents } from "./short-event.js";
import { type PolicyTest, readTests, TEST_FILE } from "./test-file.js";

const EVENTS = 4096;
const MEASURE_MS = 400;
const CASE_MS = 20_000;

/** What an event of one type costs. */
export interface TypeCost {
  readonly type: string;
  /** Of the quickest of many passes, by the clock: nobody took the processor away in that one. */
  readonly nsPerEvent: number;
  readonly instructionsPerEvent: number;
  /** The median of many passes, by the clock. */
  readonly worstBatchMs: number;
}
/** What a policy costs. */
export interface PolicyCost {
  readonly types: readonly TypeCost[];
  /** An event of a type that the policy does not judge. */
  readonly other: TypeCost;
  /** Events in each batch. */
  readonly batchEvents: number;
  readonly memoryBytes: number;
}

/** Measures; throws VEDETTE_POLICY_TRAPPED when the policy fails at it. `bytes` are those of its module. */
export async function measurePolicy(policy: LoadedPolicy, bundle: Bundle, bytes: Uint8Array): Promise<PolicyCost> {
  const tests = bundle.has(TEST_FILE) ? readTests(bundle).tests : [];
  const types = eventsOf(policy.rules, policy.admitted.metadata.meters);
  const other = OTHERS.find((type) => !types.includes(type)) as string;
  const counted = { ...policy.admitted, module: await WebAssembly.compile(addFuel(bytes, policy.place)) };
  const cases = [...types, other].map((type) => madeUp(batchOf(type, tests)));
  const results = await runTrials(
    cases.flatMap((batch) => [
      { policy, batches: [batch], measureMs: MEASURE_MS },
      { policy: { ...policy, admitted: counted }, batches: [batch], measureMs: 1 },
    ]),
    CASE_MS,
  );
  const costs = [...types, other].map((type, i) => costOf(policy, type, results[2 * i], results[2 * i + 1]));
  return {
    types: costs.slice(0, -1),
    other: costs.at(-1) as TypeCost,
    batchEvents: EVENTS,
    memoryBytes: Math.max(...results.map((result) => result.measure?.memoryBytes ?? 0)),
  };
}

const OTHERS = ["close", "lseek", "dup", "getdents64", "fchdir", "setsid", "eventfd2"];

function batchOf(type: string, tests: readonly PolicyTest[]): Uint8Array {
  const written = tests.flatMap((test) =>
    test.events.filter((event) => event.type === type).map((event) => event.written),
  );
  const events = new ShortEvents();
  for (let i = 0; i < EVENTS; i++) {
    const { at: _, ...rest } = written[i % written.length] ?? {};
    events.add(type, rest);
  }
  return events.bytes();
}

function costOf(policy: LoadedPolicy, type: string, plain?: Result, counted?: Result): TypeCost {
  const fault = plain?.fault ?? counted?.fault ?? null;
  if (plain?.measure == null || counted?.measure == null)
    throw new VedetteError("VEDETTE_POLICY_TRAPPED", {
      policy: policy.name,
      event: `of type ${type}`,
      reason: fault ?? "nothing was measured",
    });
  const { nsPerEvent, worstBatchMs } = plain.measure;
  return { type, nsPerEvent, worstBatchMs, instructionsPerEvent: Number(counted.measure.fuel) / EVENTS };
}

type Result = { readonly fault: string | null; readonly measure: TrialMeasure | null };
