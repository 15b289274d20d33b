// SPDX-License-Identifier: Apache-2.0
// `vedette fleet`: many tasks together.
import type { Command } from "commander";
import type { CollectFlags } from "./fleet-collect.js";
import type { SensorsFlags } from "./fleet-sensors.js";

/** Adds the commands to the program. `done` takes the exit status. */
export function defineFleet(program: Command, done: (status: number) => void): void {
  const fleet = program
    .command("fleet")
    .description("what many tasks tell over a bus: their findings, and how their sensors are");
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
  fleet
    .command("sensors")
    .description("list the sensors that beat on a bus: each `vedette serve --bus` says every 30 seconds how it is")
    .requiredOption("--bus <url>", "nats://HOST[:4222] or tls://HOST[:4222]; several with commas between them")
    .option("--bus-creds <file>", "a file of credentials of NATS")
    .option("--bus-ca <file>", "a PEM file: who may have signed the bus's certificate")
    .option("--expect <file>", "tasks that should have a sensor: a task, or TENANT TASK, a line")
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      "\nEnds with 1 where a sensor is silent for two minutes or does not judge, or\nan expected task has no sensor that is live.",
    )
    .action(async (flags: SensorsFlags) => done(await (await import("./fleet-sensors.js")).sensors(flags)));
}
