// SPDX-License-Identifier: Apache-2.0
// `vedette outputs`: what helps whoever sets outputs up.
import type { Command } from "commander";
import type { NamedOutput } from "../output/registry.js";

/** Adds the commands to the program. `done` takes the exit status. */
export function defineOutputs(program: Command, done: (status: number) => void): void {
  const outputs = program.command("outputs").description("try the outputs of vedette.yaml");
  outputs
    .command("test")
    .description("send one alert to an output, and say what became of it")
    .argument("<name>", "what vedette.yaml, or a variable, calls the output")
    .action(async (name: string, { outputs: all = [] }: { outputs?: readonly NamedOutput[] }) =>
      done(await (await import("./outputs-test.js")).testOutput(name, all)),
    );
}
