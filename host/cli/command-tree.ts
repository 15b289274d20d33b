// SPDX-License-Identifier: Apache-2.0
// The commands and options of the program as plain data, read from what `--help` is made of: completions
// (completion.ts), the manual page (man.ts) and tests read it, so none of them can differ from the program.
import type { Command } from "commander";

/** One option of a command. */
export interface OptionFacts {
  readonly short: string | null;
  readonly long: string;
  readonly description: string;
  /** What its value is called in the help; null: it takes none. */
  readonly value: string | null;
  /** The words that it takes; none: any. */
  readonly choices: readonly string[];
}

/** One command, `vedette` itself included. */
export interface CommandFacts {
  /** `vedette policy build`. */
  readonly path: string;
  readonly description: string;
  /** What follows the path in its usage. */
  readonly usage: string;
  readonly options: readonly OptionFacts[];
  /** Words that its arguments take; none: any. */
  readonly words: readonly string[];
  /** Names of the commands below it. */
  readonly commands: readonly string[];
}

/** `vedette policy build`. */
export function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`;
}

/** All commands, each before those below it. */
export function commandsOf(program: Command): CommandFacts[] {
  return [factsOf(program), ...program.commands.flatMap(commandsOf)];
}

function factsOf(command: Command): CommandFacts {
  const help = command.createHelp();
  return {
    path: pathOf(command),
    description: command.description(),
    usage: command.usage(),
    options: help.visibleOptions(command).map((option) => ({
      short: option.short ?? null,
      long: option.long ?? "",
      description: help.optionDescription(option),
      value: /[<[].*[>\]]/.exec(option.flags)?.[0] ?? null,
      choices: option.argChoices ?? [],
    })),
    words: command.registeredArguments.flatMap(({ argChoices = [] }) => argChoices),
    commands: command.commands.map((one) => one.name()),
  };
}
