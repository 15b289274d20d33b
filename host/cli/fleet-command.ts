// SPDX-License-Identifier: Apache-2.0
// `vedette fleet`: many tasks together.
import type { Command } from "commander";
import type { CollectFlags } from "./fleet-collect.js";

/** Adds the commands to the program. `done` takes the exit status. */
export function defineFleet(program: Command, done: (status: number) => void): void {
  const fleet = program.command("fleet").description("bring findings of many tasks together");
  fleet
    .command("collect")
    .description("write what tasks publish on a bus into a store, until it is stopped")
    .requiredOption("--bus <url>", "nats://HOST[:4222] or tls://HOST[:4222]; several with commas between them")
    .option("--store <place>", "a folder, or postgres://...")
    .option("--bus-creds <file>", "a file of credentials of NATS")
    .option("--bus-ca <file>", "a PEM file: who may have signed the bus's certificate")
    .option("--stream <name>", "the stream of alerts, which is made where it is not there", "VA")
    .option("--once", "end when nothing waits")
    .action(async (flags: CollectFlags) => done(await (await import("./fleet-collect.js")).collect(flags)));
}
