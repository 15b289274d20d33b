// SPDX-License-Identifier: Apache-2.0
// A draft: a policy with another text of its index.ts, as an author tries it in the console before it goes
// into the folder. It is made in memory of the files that are there now, compiled past the folders in which
// modules are kept, and judges in a process in the jail. So nothing of it is loaded, and nothing is written.
import type { ExaminedPolicy, LoadedPolicy } from "../engine/policy.js";
import type { TrialBatch, TrialResult } from "../engine/trial.js";
import type { TrialHouse } from "../engine/trial-house.js";
import type { TestsTold } from "../engine/trial-messages.js";
import { VedetteError } from "../errors.js";
import { NotPlain } from "../plain-file.js";
import type { ModuleLimits } from "../wasm/admission.js";
import { kindOf, resolveParameters } from "../wasm/settings.js";
import { type Bundle, MemoryBundle, MODULE_FILE, openBundle, sharedFiles } from "./bundle.js";
import { type Compiled, SOURCE_FILE } from "./compile.js";
import { examinePolicy } from "./load.js";
import { readPolicyFile } from "./policy-file.js";
import { ownTests } from "./self-test.js";
import { importsShared } from "./shared-code.js";
import { takeSnapshot } from "./snapshot.js";

/** Of the files beside it, where they are the operator's own. */
const BYTES_MAX = 8 << 20;
/** Of one test, and of all that just happened. */
const TEST_MS = 2_000;
const JUDGE_MS = 4_000;

/** What became of a draft. */
export interface DraftTried {
  /** Why there is no module, or why it is none of a policy; and what the compiler warns of. */
  readonly errors: readonly VedetteError[];
  readonly warnings: readonly VedetteError[];
  /** Null: there is no tests.yaml, or nothing to test. A text: why its tests could not be run. */
  readonly tests: TestsTold | string | null;
  /** What the draft said of the batches; null: there are errors. */
  readonly draft: TrialResult | null;
  /** What the policy that is loaded said of them; null: nobody asked it. */
  readonly loaded: TrialResult | null;
}

/**
 * A policy's files as they are now, with `text` as its index.ts; null: it has none. `isOthers`: another user
 * may change them. Throws the system's error, NotPlain, or VEDETTE_POLICY_UNREADABLE.
 */
export function draftAt(place: string, text: string, isOthers: boolean): Bundle | null {
  const changed = new Map([[SOURCE_FILE, Buffer.from(text)]]);
  if (isOthers) {
    // Nothing of it is looked at before: it may be a link by now, or a file that is called like a module.
    const files = takeSnapshot(place, changed);
    return files.owners.has(SOURCE_FILE) ? files : null;
  }
  const own = openBundle(place);
  return own.origin.kind === "module" || !own.has(SOURCE_FILE) ? null : inMemory(own, changed);
}

function inMemory(own: Bundle, changed: ReadonlyMap<string, Buffer>): Bundle {
  const { place } = own.origin;
  const isImporting = [...changed.values()].some((text) => importsShared(text));
  const names = [...(isImporting ? sharedFiles(place, true) : []), ...own.names()];
  const files = new Map<string, Uint8Array>();
  let left = BYTES_MAX;
  for (const name of new Set(names)) {
    if (name === MODULE_FILE) continue;
    const bytes = withName(name, () => own.read(name, left));
    left -= bytes.length;
    files.set(name, bytes);
  }
  return new MemoryBundle({ kind: "memory", place }, new Map([...files, ...changed]));
}

/** Says of which file it is that it has no room, among all that a draft may have. */
function withName(name: string, read: () => Uint8Array): Uint8Array {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof NotPlain)) throw error;
    throw new NotPlain(`${name}: ${error.message}; a draft's files have at most ${BYTES_MAX >> 20} MiB together`);
  }
}

/** The draft as a policy that can be tried, with the values of what is loaded. Throws as loadPolicy does. */
export function draftOf(policy: LoadedPolicy, bundle: Bundle, bytes: Uint8Array, limits: ModuleLimits): ExaminedPolicy {
  const file = readPolicyFile(bundle);
  const { tenancy = null, place } = policy;
  const draft = examinePolicy(bundle, { file, bytes, limits, set: {}, tenancy });
  // Where policy.yaml has another type by now, its value is the default.
  const values = Object.entries(policy.parameters).filter(([name, value]) => {
    return Object.hasOwn(draft.parameters, name) && kindOf(draft.parameters[name]!) === kindOf(value);
  });
  const set = { ...draft.parameters, ...Object.fromEntries(values) };
  return { ...draft, parameters: resolveParameters(draft.admitted.metadata, set, place) };
}

/** Runs the tests of the draft's files. */
export async function testsOf(draft: ExaminedPolicy, bundle: Bundle, house: TrialHouse): Promise<DraftTried["tests"]> {
  try {
    return await ownTests(draft, bundle, house, TEST_MS);
  } catch (error) {
    if (error instanceof VedetteError) return error.message;
    throw error;
  }
}

/** What a policy says of the batches; where its process is lost, that is its fault. */
export async function saidOf(
  policy: ExaminedPolicy,
  batches: readonly TrialBatch[],
  house: TrialHouse,
): Promise<TrialResult> {
  try {
    const [result] = await house.run([{ policy, batches, isBrief: true }], JUDGE_MS);
    return result!;
  } catch (error) {
    if (error instanceof VedetteError)
      return { alerts: [], logs: [], measured: [], fault: error.message, measure: null };
    throw error;
  }
}

/** Compiled, of which nothing came. */
export function failed(error: VedetteError): Compiled {
  return { wasm: null, errors: [error], warnings: [] };
}
