// SPDX-License-Identifier: Apache-2.0
// A recording beside tests.yaml: real events as a test of the alerts that they should raise. A test names an
// event by its evt.num, as `vedette replay --json` prints it.
import { EVENTS } from "../../build/generated/events.js";
import type { TrialBatch } from "../engine/trial.js";
import { VedetteError } from "../errors.js";
import { reasonOf } from "../reason.js";
import { recordingIn } from "../recording/recording.js";
import type { ContainerFacts } from "../wire/container.js";
import type { Bundle } from "./bundle.js";

/** A recording as batches to judge, with the numbers that tests name events by. */
export interface TestRecording {
  readonly batches: readonly TrialBatch[];
  /** How many events of each type. */
  readonly types: ReadonlyMap<string, number>;
  /** evt.num of the event that happened then. */
  readonly numbers: ReadonlyMap<bigint, number>;
}

const NAME_OF = new Map(EVENTS.map((event) => [event.id, event.name]));

/** Reads all of `name` in the policy's folder; an Error in words where it is not there, or damaged. */
export function readTestRecording(bundle: Bundle, name: string): TestRecording {
  if (!bundle.has(name)) throw new Error(`there is no file ${name} in the policy's folder`);
  const batches: TrialBatch[] = [];
  const types = new Map<string, number>();
  const numbers = new Map<bigint, number>();
  const containers = new Map<number, ContainerFacts>();
  try {
    for (const entry of recordingIn(bytesOf(bundle, name), name)) {
      if (entry.kind === "container") containers.set(entry.stream, entry.facts);
      if (entry.kind !== "batch") continue;
      const { batch, stream } = entry;
      batches.push({ bytes: Uint8Array.from(batch.bytes), container: containers.get(stream) ?? null });
      for (const [i, offset] of batch.offsets.entries()) {
        const type = NAME_OF.get(batch.recordView.getUint16(offset, true)) ?? "";
        types.set(type, (types.get(type) ?? 0) + 1);
        const time = batch.recordView.getBigUint64(offset + 8, true);
        if (!numbers.has(time)) numbers.set(time, batch.first + i);
      }
    }
  } catch (error) {
    if (!(error instanceof VedetteError)) throw error;
    throw new Error(error.message);
  }
  return { batches, types, numbers };
}

function bytesOf(bundle: Bundle, name: string): Uint8Array {
  try {
    return bundle.read(name);
  } catch (error) {
    throw new VedetteError("VEDETTE_RECORDING_UNREADABLE", { path: name, reason: reasonOf(error) }, { cause: error });
  }
}
