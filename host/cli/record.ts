// SPDX-License-Identifier: Apache-2.0
// `vedette record -o FILE -- CMD`: stores the workload's batches, to be judged again with `vedette replay`.
import { OwnAgent } from "../intake/intake.js";
import { Sensor } from "../sensor/sensor.js";
import { report, sayEnding, speaking } from "./failure.js";
import { agentOptions, type WorkloadOptions } from "./workload.js";

/** The command's flags. `output` is the recording's path. */
export interface RecordOptions extends WorkloadOptions {
  readonly output: string;
}

/** Gives the workload's status, or the error's where the recording failed. */
export async function record(command: readonly string[], options: RecordOptions): Promise<number> {
  let failure: number | null = null;
  const onFault = (error: unknown): void => {
    failure = report(error);
  };
  const intake = (handlers: ConstructorParameters<typeof OwnAgent>[1]) => new OwnAgent(0, handlers);
  const ending = await Sensor.use({ record: options.output, intake, ...speaking, onFault }, async (sensor) => {
    const ending = await sensor.intake.run(agentOptions(command, options));
    await sensor.finish();
    return ending;
  });
  sayEnding(ending);
  return failure ?? ending.status;
}
