// SPDX-License-Identifier: Apache-2.0
// What `vedette judge` can be told. Its code is loaded when it is asked for.
import type { Command } from "commander";
import { REPLICAS_MAX } from "../fleet/subject.js";
import { collect } from "./falco-flags.js";
import { PARTITION_COUNT, within } from "./forwarding.js";
import type { JudgeFlags } from "./judge.js";
import { addTenantOptions } from "./policy-service.js";

/** Adds the command to the program. `done` takes the exit status. */
export function defineJudge(program: Command, done: (status: number) => void): void {
  const command = program
    .command("judge")
    .description("judge events that many tasks forward to a bus, as one of a pool of hosts, until it is stopped")
    .option("--bus <url>", "nats://HOST[:4222] or tls://HOST[:4222]; several with commas between them")
    .option("--bus-creds <file>", "a file of credentials of NATS")
    .option("--bus-ca <file>", "a PEM file: who may have signed the bus's certificate")
    .option("--store <place>", "where findings go: postgres://USER@HOST/DATABASE, or a folder where one host judges")
    .option(
      "--policy <dir>",
      "a policy's folder or module (.wasm), a folder of them, or `pack`; may be given again (default: pack)",
      collect,
      [],
    );
  addTenantOptions(command)
    .option(
      "--partitions <n>",
      "how many streams share the blocks of all tasks, 1 to 4096, as sidecars say it (default: 8)",
      within(PARTITION_COUNT),
    )
    .option(
      "--replicas <n>",
      "how many servers keep the streams and buckets that it makes, 1 to 5 (default: 1); one that is there stays as it is",
      within({ least: 1, most: REPLICAS_MAX }),
    )
    .option(
      "--http <address>",
      "where /healthz, /metrics and /api/v1/health are: ADDRESS:PORT or unix:PATH",
      "127.0.0.1:7410",
    )
    .action(async (flags: JudgeFlags) => done(await (await import("./judge.js")).judge(flags)));
}
