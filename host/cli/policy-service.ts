// SPDX-License-Identifier: Apache-2.0
// The options of `run` and `serve` that open the engine to tenants.
import { type Command, InvalidArgumentError, Option } from "commander";

const WORKERS_MAX = 8;

/** Adds the options and gives the command back. */
export function addServiceOptions(command: Command): Command {
  return command
    .option("--policies-d <dir>", "a watched folder: DIR/TENANT/POLICY/ is loaded, replaced and removed as it changes")
    .option("--tenants <file>", "tenants.yaml: who may load policies, what they see, and their limits")
    .option("--require-signed", "take policies from --policies-d only with a signature of their tenant's key")
    .option("--serials <file>", "keep the serials of accepted signatures here over restarts: an older list is refused")
    .addOption(
      new Option("--isolation <how>", "where tenants' policies run: a thread, or a process without files and network")
        .choices(["thread", "process"])
        .default("thread"),
    )
    .addOption(
      new Option(
        "--workers <count>",
        "how many threads judge; each tenant has one of them (default: half of our processors, at most 4)",
      ).argParser(workers),
    )
    .option(
      "--control <path>",
      "answer the control API on this Unix socket; a tenant's owner asks at the same path with .TENANT at its end",
    )
    .option(
      "--control-tcp <address>",
      "also answer the control API at this address of this machine, for those who have a token",
    )
    .option(
      "--control-tokens <file>",
      "a file with the SHA-256 of each token that may ask over TCP, and whom the token speaks for",
    )
    .option(
      "--console",
      "show the web console at --control-tcp (default: 127.0.0.1:7411); `vedette console` prints an address that lets you in",
    )
    .option(
      "--store <place>",
      "keep findings, incidents and what people decide over restarts: in this folder (at most 2 GiB and 90 days), or in " +
        "PostgreSQL at postgres://USER@HOST/DATABASE; without it the control API has the latest 10,000 findings in memory",
    )
    .option(
      "--evidence <dir>",
      "keep what came before and after a finding in this folder, as a recording for `vedette replay` (at most 1 GiB)",
    )
    .addOption(
      new Option(
        "--evidence-capture <form>",
        "make a capture of each such recording, too, for Falco, sysdig and tshark: scap, or scap.gz (gzipped)",
      ).choices(["scap", "scap.gz"]),
    );
}

function workers(text: string): number {
  const count = Number(text);
  if (!/^\d$/.test(text) || count < 1 || count > WORKERS_MAX)
    throw new InvalidArgumentError(`It must be a number from 1 to ${WORKERS_MAX}.`);
  return count;
}
