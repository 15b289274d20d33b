// SPDX-License-Identifier: Apache-2.0
// `vedette trace`: prints what the workload does. Batches are read on the main thread as they come; what is printed goes out whole
// lines at a time. When whoever reads us stops reading, printing stops and the workload goes on.
import { RingReader } from "../capture/ring.js";
import { Session } from "../capture/session.js";
import { EventJson } from "../output/event-json.js";
import { EventText } from "../output/event-text.js";
import { openSink, type Sink } from "../output/sink.js";
import { lossText, Summary, totalLost } from "../output/summary.js";
import { type Batch, openChecked } from "../wire/batch.js";
import { report, say } from "./failure.js";
import { agentOptions, type WorkloadOptions } from "./workload.js";

export interface TraceOptions extends WorkloadOptions {
  readonly json?: boolean;
  readonly summary?: boolean;
  readonly output: string;
  readonly filter?: string;
}

/** So many batches before signals and the agent's news get a turn. */
const BATCHES_A_TURN = 16;

export async function trace(command: readonly string[], options: TraceOptions): Promise<number> {
  const sink = openSink(options.output, "w", "VEDETTE_OUTPUT_UNWRITABLE", report);
  const summary = new Summary();
  const filter = options.filter === undefined ? undefined : await filterOf(options.filter);
  const take =
    options.summary === true
      ? (batch: Batch) => summary.add(batch, filter?.(batch))
      : printer(sink, options.json === true ? new EventJson() : new EventText(), filter);
  const session = new Session({ onWake: () => drainLater() });
  const reader = new RingReader(session.capture.ring, session.capture.reader());
  const drainLater = (): void => {
    if (drain(reader, take)) setImmediate(drainLater);
  };
  session.start(agentOptions(command, options));

  const ending = await session.ending;
  // From here on nothing more comes into the ring.
  while (drain(reader, take));
  if (options.summary === true) sink.line(options.json === true ? summary.json(ending) : summary.text(ending));
  else if (totalLost(ending) > 0) say(`vedette: ${lossText(ending)}`);
  sink.close();
  if (ending.error !== null) report(ending.error);
  return ending.status;
}

/** Takes what stands in the ring; true when there may be more. */
function drain(reader: RingReader, take: (batch: Batch) => void): boolean {
  for (let i = 0; i < BATCHES_A_TURN; i++) {
    const raw = reader.next(0);
    if (raw === null) return false;
    take(openChecked(raw.bytes));
  }
  reader.release();
  return true;
}

type Chosen = (batch: Batch) => Iterable<number>;

/** The records that a condition matches. Its compiler is loaded only where there is one. */
async function filterOf(condition: string): Promise<Chosen> {
  const { Filter } = await import("../falco/falco.js");
  const filter = await Filter.of(condition);
  return (batch) => filter.matching(batch);
}

function printer(
  sink: Sink,
  form: EventJson | EventText,
  chosen: Chosen = (batch) => batch.offsets,
): (batch: Batch) => void {
  return (batch) => {
    if (sink.isBroken) return;
    for (const at of chosen(batch)) sink.line(form.line(batch, at));
    sink.flush();
  };
}
