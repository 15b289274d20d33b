// SPDX-License-Identifier: Apache-2.0
// The options of `run` and `serve` that open the engine to tenants; some of them are `judge`'s, too.
import { type Command, InvalidArgumentError, Option } from "commander";

const WORKERS_MAX = 8;
/** As in host/config/keys.ts, which is not loaded for them. */
const EVIDENCE_MIB = { least: 128, most: 1_048_576 };
const EVIDENCE_H = { least: 1, most: 8760 };

/** Those of all who judge by tenants' policies. Gives the command back. */
export function addTenantOptions(command: Command): Command {
  return command
    .option("--policies-d <dir>", "a watched folder: DIR/TENANT/POLICY/ is loaded, replaced and removed as it changes")
    .option("--tenants <file>", "tenants.yaml: who may load policies, what they see, and their limits")
    .option("--releases", "fetch the policies of tenants' lists of releases (tenants.yaml) into --policies-d")
    .option("--require-signed", "take policies from --policies-d only with a signature of their tenant's key")
    .option("--serials <file>", "keep the serials of accepted signatures here over restarts: an older list is refused");
}

/** Adds the options and gives the command back. */
export function addServiceOptions(command: Command): Command {
  return addTenantOptions(command)
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
    .option(
      "--evidence-max-mib <n>",
      "let that folder have at most so many MiB, 128 to 1048576: the oldest files make room (default: 1024)",
      within(EVIDENCE_MIB),
    )
    .option(
      "--evidence-keep-h <n>",
      "let no file of it go that is younger than so many hours, 1 to 8760: rather begin none (default: 24)",
      within(EVIDENCE_H),
    )
    .addOption(
      new Option(
        "--evidence-capture <form>",
        "make a capture of each such recording, too, for Falco, sysdig and tshark: scap, or scap.gz (gzipped)",
      ).choices(["scap", "scap.gz"]),
    );
}

function within({ least, most }: { readonly least: number; readonly most: number }): (text: string) => number {
  return (text) => {
    const count = Number(text);
    if (/^\d{1,9}$/.test(text) && count >= least && count <= most) return count;
    throw new InvalidArgumentError(`It must be a number from ${least} to ${most}.`);
  };
}

function workers(text: string): number {
  const count = Number(text);
  if (!/^\d$/.test(text) || count < 1 || count > WORKERS_MAX)
    throw new InvalidArgumentError(`It must be a number from 1 to ${WORKERS_MAX}.`);
  return count;
}
