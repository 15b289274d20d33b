// SPDX-License-Identifier: Apache-2.0
// What a policy must pass before it judges anything: its own tests.yaml where it has one, and a batch with
// events of every type that it subscribes to. Both run in a process that can be ended and has little memory
// (engine/trial-house.ts), so what never returns, traps at once, takes too long or costs too much is found
// there and not among the others.
import type { ExaminedPolicy } from "../engine/policy.js";
import { madeUp } from "../engine/trial.js";
import type { TrialHouse } from "../engine/trial-house.js";
import type { TestsTold } from "../engine/trial-messages.js";
import { VedetteError } from "../errors.js";
import { eventsOf } from "../wasm/metadata.js";
import type { Bundle } from "./bundle.js";
import { ShortEvents } from "./short-event.js";
import { TEST_FILE } from "./test-file.js";

const EVENTS = 128;
const WARM_MS = 5;
const CASE_MS = 2000;
/** For one event: a thousand times what a rule takes. */
const NS_PER_EVENT_MAX = 50_000;

/** Throws VEDETTE_POLICY_SELF_TEST, VEDETTE_POLICY_TOO_SLOW or VEDETTE_POLICY_TRIAL. */
export async function selfTest(policy: ExaminedPolicy, bundle: Bundle, house: TrialHouse): Promise<void> {
  const path = bundle.origin.place;
  const [told, [result]] = await Promise.all([
    ownTests(policy, bundle, house, CASE_MS),
    house.run([{ policy, batches: [madeUp(warmUp(policy))], measureMs: WARM_MS }], CASE_MS),
  ]);
  const failed = told?.failures[0];
  if (failed !== undefined) throw refusal(path, failed.name, failed.differences[0] ?? "");
  if (result?.measure == null) throw refusal(path, "events of its types", result?.fault ?? "it gave no answer");
  if (result.measure.nsPerEvent > NS_PER_EVENT_MAX)
    throw new VedetteError("VEDETTE_POLICY_TOO_SLOW", {
      path,
      us: Math.round(result.measure.nsPerEvent / 1000),
      limit: NS_PER_EVENT_MAX / 1000,
    });
}

/**
 * How the tests of a policy's bundle go, which nothing but that process reads; null: there is no tests.yaml.
 * `caseMs`: of each test. Throws what is wrong with them, or VEDETTE_POLICY_TRIAL.
 */
export async function ownTests(
  policy: ExaminedPolicy,
  bundle: Bundle,
  house: TrialHouse,
  caseMs: number,
): Promise<TestsTold | null> {
  if (!bundle.has(TEST_FILE)) return null;
  const names = bundle.names().filter((name) => name === TEST_FILE || name.endsWith(".rec"));
  const files = names.map((name) => [name, bundle.read(name)] as const);
  return house.test(policy, files, caseMs);
}

function warmUp(policy: ExaminedPolicy): Uint8Array {
  const types = eventsOf(policy.rules, policy.admitted.metadata.meters);
  if (types.length === 0) types.push("vedette.prevented"); // a policy that only prevents
  const events = new ShortEvents();
  for (let i = 0; i < EVENTS; i++) events.add(types[i % types.length] as string, {});
  return events.bytes();
}

function refusal(path: string, test: string, reason: string): VedetteError {
  return new VedetteError("VEDETTE_POLICY_SELF_TEST", {
    path,
    test,
    reason: reason.replace(/^[-+] \w+: +/, "").replace(/\.$/, ""),
  });
}
