// SPDX-License-Identifier: Apache-2.0
// `vedette man`: the manual page, made of the program's own help. `vedette man | man -l -` shows it; the npm
// package has it as vedette.1.
import type { CommandFacts } from "./command-tree.js";
import { EXAMPLES } from "./examples.js";
import { EXIT_STATUSES } from "./exit-statuses.js";
import { print } from "./print.js";

/** Prints the page. Gives status 0. */
export function printManual(commands: readonly CommandFacts[], version: string): number {
  print(manual(commands, version));
  return 0;
}

function manual(commands: readonly CommandFacts[], version: string): string[] {
  const [program, ...rest] = commands as [CommandFacts, ...CommandFacts[]];
  return [
    `.TH VEDETTE 1 "" "vedette ${version}" "User commands"`,
    ".SH NAME",
    `vedette \\- ${roff(program.description.replace(/\.$/, "").toLowerCase())}`,
    ".SH SYNOPSIS",
    `.B vedette`,
    "COMMAND [OPTION]...",
    ...section("COMMANDS"),
    ...rest.flatMap(commandLines),
    ...section("OPTIONS"),
    ...optionLines(program),
    ...section("FILES"),
    roff(
      "vedette.yaml, which --config or VEDETTE_CONFIG names, holds options by their keys. Each key is a variable of " +
        "the environment, too. `vedette config keys` lists both. The command line wins over the environment, and " +
        "the environment over the file.",
    ),
    ...section("EXIT STATUS"),
    ...EXIT_STATUSES.flatMap(([status, meaning]) => [".TP", `.B ${status ?? "other"}`, roff(meaning)]),
  ];
}

const section = (title: string): string[] => [`.SH ${title}`];

function commandLines(command: CommandFacts): string[] {
  const examples = EXAMPLES[command.path] ?? [];
  return [
    `.SS ${roff(`${command.path} ${command.usage}`)}`,
    roff(`${command.description}.`),
    ...optionLines(command),
    ...examples.flatMap(({ line, says }) => [".PP", roff(`${says}:`), ".PP", ".nf", `.RS 4`, roff(line), ".RE", ".fi"]),
  ];
}

function optionLines({ options }: CommandFacts): string[] {
  return options.flatMap(({ short, long, value, description }) => {
    const flags = short === null ? long : `${short}, ${long}`;
    return [".TP", `.B ${roff(value === null ? flags : `${flags} ${value}`)}`, roff(description)];
  });
}

/** A dash that is to be copied, and a line that begins with a dot or an apostrophe. */
function roff(text: string): string {
  return text
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replace(/^([.'])/, "\\&$1");
}
