// SPDX-License-Identifier: Apache-2.0
// The options of every command that takes Falco's rules.
import { type Command, InvalidArgumentError, Option } from "commander";
import type { FalcoFlags } from "../falco/falco.js";
import { parseSyslogUrl, type SyslogSettings } from "../output/syslog-url.js";

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
    .option("--option <key=value>", "an option of Falco's configuration; may be given again", collect, [])
    .addOption(shortOption())
    .on("option:o", () => command.setOptionValue("usesShortOption", true))
    .option("-t, --tag <tag>", "run only rules with this tag; may be given again", collect, [])
    .option("-T, --without-tag <tag>", "switch rules with this tag off; may be given again", collect, [])
    .option(
      "-D, --without-rule <part>",
      "switch rules with this part in their name off; may be given again",
      collect,
      [],
    );
}

/** Adds where alerts go to a command that raises them. */
export function alertOptions(command: Command, target: string): Command {
  return command
    .option("--alerts <where>", "stderr, stdout or a file", target)
    .option("--alerts-detail", "say in each alert's output_fields which policy, tenant, event and incident it is of")
    .addOption(
      new Option(
        "--repeats <which>",
        "all (default): every alert; first: of alerts that repeat one another the first, the 10th, the 100th ... and the last",
      ).choices(["all", "first"]),
    )
    .addOption(
      new Option(
        "--syslog <url>",
        "a syslog server too: udp://HOST, tcp://HOST:PORT, tls://HOST or unix:/dev/log",
      ).argParser(syslog),
    )
    .option("--syslog-ca <file>", "a PEM file: who may have signed the certificate of a tls:// server");
}

/** Adds to a command that guards what runs now what it does about alerts. */
export const respondOption = (): Option =>
  new Option("--respond <file>", "a YAML file that says which rules' alerts are answered, and how (default: none)");

/** Adds to a command that runs for long how it is told anew. */
export const watchOption = (): Option =>
  new Option(
    "--watch-config",
    "take rules, policies and outputs from their files whenever these change, without a start anew",
  );

function syslog(text: string): SyslogSettings {
  const settings = parseSyslogUrl(text);
  if (settings === null)
    throw new InvalidArgumentError("It must be udp://HOST[:PORT], tcp://HOST:PORT, tls://HOST[:PORT] or unix:/PATH.");
  return settings;
}

const matching = (): Option =>
  new Option(
    "--matching <which>",
    "all (default): every rule that matches an event raises its alert; first: only the first rule does",
  ).choices(["all", "first"]);

/**
 * What `--option` was called in 0.1. `-o` names an output file; only `vedette falco` has Falco's own `-o`.
 * Task definitions and scripts of 0.1 hold it, so it still works, unlisted, and sayOptions() says its new
 * name.
 */
function shortOption(): Option {
  const option = new Option("-o <key=value>").argParser(collect).hideHelp();
  option.attributeName = () => "option"; // in the order in which both were typed
  return option;
}

/** Commander's parser for an option that may be given again. */
export function collect(value: string, before: readonly string[]): string[] {
  return [...before, value];
}
