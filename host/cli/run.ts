// SPDX-License-Identifier: Apache-2.0
// `vedette run`: captures, judges, alerts. Policies are ready before the workload's first instruction, and
// every batch has been judged before the command ends. What fails on our side is said on stderr and never
// stops the workload; an agent that dies takes the workload with it, and that is an alert and a status of its
// own.
import { hostname } from "node:os";
import { processors, workersFor } from "../engine/processors.js";
import { OwnAgent } from "../intake/intake.js";
import type { LogFormat } from "../log.js";
import { whileShowing } from "../output/progress.js";
import { metricsOf, tracesOf } from "../output/registry.js";
import type { ServiceFlags } from "../policy/service.js";
import { Sensor } from "../sensor/sensor.js";
import { openChecked } from "../wire/batch.js";
import { containerIdOf } from "../wire/record.js";
import { isChatty, logAs, neverWait, noteLoss, report, say, sayEnding, speaking } from "./failure.js";
import { type JudgingFlags, judging } from "./falco-judging.js";
import { isTerminal, sayIncidents } from "./incidents.js";
import { EventCount, eventsText, policiesText } from "./judged.js";
import { type Again, NEVER, Reread } from "./reread.js";
import { agentOptions, type WorkloadOptions } from "./workload.js";

/** The policy of the pack that judges where programs are from. */
const OF_IMAGES = "program-not-in-image";

/** The command's flags, as they were typed. */
export interface RunOptions extends WorkloadOptions, JudgingFlags, ServiceFlags {
  /** Where the events are stored too. */
  readonly record?: string;
  /** Whether it ends with its incidents; undefined: at a terminal it does. */
  readonly incidents?: boolean;
  /** Of what it says on stderr; undefined: lines as people read them. */
  readonly logFormat?: LogFormat;
}

/**
 * `again`: how it is told anew. Without --watch-config it is not: who is watched may have our user, and could
 * have rules read anew that it wrote.
 * Gives the workload's status, or the error's where judging failed. */
export async function run(
  command: readonly string[],
  options: RunOptions,
  again: Again<RunOptions> | null = null,
): Promise<number> {
  if (options.logFormat !== undefined) logAs(options.logFormat);
  neverWait();
  const workers = options.workers ?? workersFor(processors());
  const { record, incidents: showsIncidents = isTerminal() } = options;
  let count: EventCount | null = null;
  let policies: readonly string[] = [];
  const reread = new Reread(options, again ?? NEVER, (flags, running) => judging(flags, { showsIncidents, running }));
  const { ending, failure, incidents } = await Sensor.use(
    {
      judging: async () => {
        const made = await whileShowing("loading policies", () => reread.open());
        if (isChatty()) say(`vedette: judging by ${policiesText(made)}`);
        policies = made.policies.map(({ name }) => name);
        return made;
      },
      ...(reread.isWatching ? { again: reread } : {}),
      service: { ...options, task: hostname() },
      intake: (handlers, counts) => {
        if (isChatty()) count = new EventCount(counts);
        return new OwnAgent(workers, handlers, count ?? counts);
      },
      ...(record === undefined ? {} : { record }),
      metrics: metricsOf(options.outputs),
      traces: tracesOf(options.outputs),
      snapshots: options.metrics,
      drops: options.drops,
      ...speaking,
      onLoss: noteLoss,
    },
    async (sensor) => {
      // An engine that fails does not hold the workload up: it is said now, and is the status at the end.
      let failure = 0;
      const told = sensor.failed.then((error) => {
        failure = report(error);
      });
      // What is to be denied is known before the first exec; what is to be answered may be told later.
      const responds = sensor.responds || reread.isWatching;
      const respond = responds && options.pid === undefined ? ["--respond"] : [];
      const start = [...(sensor.prevents ? ["--start", "security"] : []), ...respond];
      sensor.begin();
      if (policies.includes(OF_IMAGES) && isChatty()) sayOutside(sensor.intake);
      const ending = await sensor.intake.run(agentOptions(command, options, start));
      await sensor.finish().catch(() => told);
      return { ending, failure, incidents: sensor.incidents() };
    },
  );
  if (showsIncidents) sayIncidents(incidents, ending, judged(count));
  sayEnding(ending);
  return ending.error === null && failure !== 0 ? failure : ending.status;
}

/** Quiet and blind look alike: outside a container no file is an image's, and that policy finds nothing. */
function sayOutside(agent: OwnAgent): void {
  agent.tap(({ bytes }) => {
    const batch = openChecked(bytes);
    const [first] = batch.offsets;
    if (first === undefined) return true;
    if ((containerIdOf(batch, first) ?? "") === "")
      say("vedette: this is no container: nothing here has an image, and *Program not in the image* finds nothing");
    return false;
  });
}

const judged = (count: EventCount | null): string => (count === null ? "" : `${eventsText(count.events)}, `);
