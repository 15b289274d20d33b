// SPDX-License-Identifier: Apache-2.0
// Takes from a batch what its processes did beside findings: programs that they ran, and connections that
// they made. A batch has at most 200 of them, and the texts of each are short, so that a storm of processes
// costs the main thread little.
import { cutText } from "../finding/finding.js";
import type { Batch } from "../wire/batch.js";
import { fieldValue } from "../wire/fields.js";
import { EVENT_OF_NAME, PROCESS_AT } from "../wire/layout.js";
import { ancestorsOf, commandLine, processInt, processText } from "../wire/process.js";
import { containerIdOf, descriptorAt, processAt, resultOf, tidOf, timeOf, typeOf } from "../wire/record.js";
import { addressText } from "./group.js";
import { processKey } from "./joints.js";
import type { Step } from "./parts.js";

const PER_BATCH_MAX = 200;
const ANCESTORS_MAX = 8;
const TEXT_MAX = 256;
/** The connection is being made, and nobody waits for it: errno(3). */
const EINPROGRESS = -115;

const KINDS: ReadonlyMap<string, Step["kind"]> = new Map([
  ["execve", "exec"],
  ["execveat", "exec"],
  ["connect", "connect"],
]);
/** Names of the events that steps are made of. */
export const STEP_EVENTS: readonly string[] = [...KINDS.keys()];
/** Their ids. */
export const STEP_TYPES: readonly number[] = STEP_EVENTS.map((name) => EVENT_OF_NAME.get(name)!.id);
const KIND_OF_TYPE: (Step["kind"] | undefined)[] = [];
for (const [name, kind] of KINDS) KIND_OF_TYPE[EVENT_OF_NAME.get(name)!.id] = kind;

const REMOTE_IP = fieldValue("fd.rip")!;
const REMOTE_PORT = fieldValue("fd.rport")!;
const AT = (field: string): number => PROCESS_AT[field] as number;

/** Gives each step to `onStep`, and counts those beyond its bound. */
export class StepTaker {
  readonly #onStep: (step: Step) => void;
  #missed = 0;

  constructor(onStep: (step: Step) => void) {
    this.#onStep = onStep;
  }

  /** Steps beyond the bound of a batch. */
  get missed(): number {
    return this.#missed;
  }

  take(batch: Batch): void {
    let count = 0;
    let source: string | null = null;
    for (const at of batch.offsets) {
      const kind = kindOf(batch, at);
      if (kind === null) continue;
      if (++count > PER_BATCH_MAX) {
        this.#missed++;
        continue;
      }
      source ??= Buffer.from(batch.source).toString("hex");
      const step = stepOf(batch, at, kind, source);
      if (step !== null) this.#onStep(step);
    }
  }
}

function kindOf(batch: Batch, at: number): Step["kind"] | null {
  const kind = KIND_OF_TYPE[typeOf(batch, at)];
  const result = kind === undefined ? null : resultOf(batch, at);
  if (result === null) return null;
  if (kind === "exec") return result >= 0 ? "exec" : null;
  return (result >= 0 || Number(result) === EINPROGRESS) && descriptorAt(batch, at) >= 0 ? "connect" : null;
}

function stepOf(batch: Batch, at: number, kind: Step["kind"], source: string): Step | null {
  const place = processAt(batch, at);
  if (place < 0) return null;
  const command = commandLine(batch, place);
  const subject = kind === "exec" ? command : remoteOf(batch, at);
  if (subject === null) return null;
  const exepath = processText(batch, place, AT("exepath"));
  return {
    kind,
    source,
    container: containerIdOf(batch, at),
    time: timeOf(batch, at),
    tid: tidOf(batch, at),
    process: {
      key: keyOf(batch, place),
      pid: Number(processInt(batch, place, AT("pid"))),
      name: processText(batch, place, AT("name")),
      command: command === null ? null : cutText(command, TEXT_MAX),
    },
    ancestors: ancestorsOf(batch, place)
      .slice(0, ANCESTORS_MAX)
      .map((one) => keyOf(batch, one)),
    subject: cutText(subject, TEXT_MAX),
    facts: batch.container,
    own: processText(batch, place, AT("container_id")),
    uid: Number(processInt(batch, place, AT("uid")) ?? -1),
    exepath: exepath === null ? null : cutText(exepath, TEXT_MAX),
  };
}

function keyOf(batch: Batch, place: number): string {
  const [pid, started] = ["pid", "start_time"].map((field) => processInt(batch, place, AT(field)));
  return processKey(pid == null ? null : Number(pid), started == null ? null : BigInt(started));
}

/** Null: it is no connection of the internet. */
function remoteOf(batch: Batch, at: number): string | null {
  const [ip, port] = [REMOTE_IP(batch, at), REMOTE_PORT(batch, at)];
  return typeof ip === "string" ? addressText(ip, port === null ? null : Number(port)) : null;
}
