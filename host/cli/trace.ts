// SPDX-License-Identifier: Apache-2.0
// `vedette trace`: prints what the workload does. Batches are read on the main thread as they come; what is
// printed goes out whole lines at a time. When whoever reads us stops reading, printing stops and the
// workload goes on.
import { OwnAgent } from "../intake/intake.js";
import { EventJson } from "../output/event-json.js";
import { EventText } from "../output/event-text.js";
import { openSink, type Sink } from "../output/sink.js";
import { lossText, Summary, totalLost } from "../output/summary.js";
import { type Batch, openChecked } from "../wire/batch.js";
import { report, reportLoss, warn } from "./failure.js";
import { agentOptions, type WorkloadOptions } from "./workload.js";

/** The command's flags, as they were typed. */
export interface TraceOptions extends WorkloadOptions {
  readonly json?: boolean;
  readonly summary?: boolean;
  readonly output: string;
  readonly filter?: string;
}

/** Gives the workload's status. */
export async function trace(command: readonly string[], options: TraceOptions): Promise<number> {
  const sink = openSink(options.output, "w", "VEDETTE_OUTPUT_UNWRITABLE", reportLoss);
  const summary = new Summary();
  const filter = options.filter === undefined ? undefined : await filterOf(options.filter);
  const take =
    options.summary === true
      ? (batch: Batch) => summary.add(batch, filter?.(batch))
      : printer(sink, options.json === true ? new EventJson() : new EventText(), filter);
  const agent = new OwnAgent(0);
  const tap = agent.tap(({ bytes }) => {
    take(openChecked(bytes));
    return true;
  });
  const ending = await agent.run(agentOptions(command, options)).finally(() => agent.close());
  // From here on nothing more comes.
  tap.finish();
  if (options.summary === true) sink.line(options.json === true ? summary.json(ending) : summary.text(ending));
  else if (totalLost(ending) > 0) warn(`vedette: ${lossText(ending)}`);
  sink.close();
  if (ending.error !== null) report(ending.error);
  return ending.status;
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
