// SPDX-License-Identifier: Apache-2.0
// `vedette outputs test NAME`: opens one output as `run` and `serve` would, sends an alert of source
// `internal` with its real code, and says what the receiver made of it.
import { VedetteError } from "../errors.js";
import { type NamedOutput, outputsOf } from "../output/registry.js";
import { testAlert } from "../output/test-alert.js";
import { print } from "./print.js";

/**
 * `outputs`: those that are configured. Gives 0 when it was taken. Throws VEDETTE_OUTPUT_UNKNOWN, or
 * VEDETTE_OUTPUT_UNDELIVERED with the reason.
 */
export async function testOutput(name: string, outputs: readonly NamedOutput[]): Promise<number> {
  const found = outputs.find((one) => one.name === name);
  if (found === undefined) {
    const known = outputs.map((one) => one.name).join(", ") || "none";
    throw new VedetteError("VEDETTE_OUTPUT_UNKNOWN", { name, known });
  }
  let first: VedetteError | null = null;
  const onFault = (error: VedetteError): void => {
    first ??= error;
  };
  const { least: _, disk: __, ...all } = found;
  const [output] = await outputsOf({ targets: [], named: [all] }, { onFault });
  output!.start();
  const begun = performance.now();
  output!.write(testAlert());
  await output!.close();
  const ms = Math.round(performance.now() - begun);
  const { sent, lastError } = output!.stats();
  if (sent === 0) {
    const reason = lastError?.message ?? "it takes nothing";
    throw new VedetteError("VEDETTE_OUTPUT_UNDELIVERED", { name, reason: reason.replace(/\.$/, "") }, { cause: first });
  }
  print([`${name} took the alert after ${ms} ms`]);
  return 0;
}
