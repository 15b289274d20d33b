// SPDX-License-Identifier: Apache-2.0
// The options of every command that takes Falco's rules.
import { type Command, Option } from "commander";
import type { FalcoFlags } from "../falco/falco.js";

export type { FalcoFlags };

/** Adds them to a command that judges events. */
export function falcoOptions(command: Command, isImport = false): Command {
  if (!isImport)
    command.option(
      "--falco-rules <path>",
      "a file of Falco rules, or a folder of them; may be given again, in order",
      collect,
      [],
    );
  return command
    .addOption(matching())
    .option("--falco-exact", "reproduce Falco's behaviour exactly, including its known bugs")
    .option("--strict", "refuse rules that no event here can match")
    .option("-o, --option <key=value>", "an option of Falco's configuration; may be given again", collect, [])
    .option("-t, --tag <tag>", "run only rules with this tag; may be given again", collect, [])
    .option("-T, --without-tag <tag>", "switch rules with this tag off; may be given again", collect, [])
    .option(
      "-D, --without-rule <part>",
      "switch rules with this part in their name off; may be given again",
      collect,
      [],
    );
}

/** Of every command that raises alerts. */
export const ALERTS_DETAIL = [
  "--alerts-detail",
  "say in each alert's output_fields which policy, tenant and event it is of",
] as const;

const matching = (): Option =>
  new Option(
    "--matching <which>",
    "all (default): every rule that matches an event raises its alert; first: only the first rule does",
  ).choices(["all", "first"]);

/** Commander's parser for an option that may be given again. */
export function collect(value: string, before: readonly string[]): string[] {
  return [...before, value];
}
