// SPDX-License-Identifier: Apache-2.0
// `vedette config`: what helps whoever writes vedette.yaml. It opens no output and starts nothing.
import type { Command } from "commander";

/** Adds the commands to the program. `done` takes the exit status. */
export function defineConfig(program: Command, done: (status: number) => void): void {
  const config = program.command("config").description("check vedette.yaml, and show what may stand in it");
  config
    .command("check")
    .description("say what is wrong in the file, or in variables of the environment")
    .argument("<file>", "vedette.yaml")
    .action(async (file: string) => done((await import("./config.js")).checkConfig(file)));
  config
    .command("keys")
    .description("print every key, its variable, and what it means")
    .action(async () => done((await import("./config.js")).printKeys(program)));
  config
    .command("schema")
    .description("print a JSON schema of the file, for editors")
    .action(async () => done((await import("./config.js")).printSchema()));
}
