// SPDX-License-Identifier: Apache-2.0
// What is said about a command line that is wrong, and how help looks.
import { type Command, type CommanderError, Help, type Option } from "commander";
import { VedetteError } from "../errors.js";
import { pathOf } from "./command-tree.js";
import { EXAMPLES } from "./examples.js";

/** What help is broken to, also where a terminal is wider. */
const COLUMNS = 80;

/** Gives help of a command, and of those below it, the form that all of Vedette's has. */
export function shapeHelp(command: Command): void {
  command.configureHelp({ helpWidth: COLUMNS, optionDescription });
  const examples = EXAMPLES[pathOf(command)] ?? [];
  if (examples.length > 0)
    command.addHelpText(
      "after",
      ["", "Examples:", ...examples.flatMap(({ says, line }) => [`  ${says}:`, `    ${line}`])].join("\n"),
    );
  for (const each of command.commands) shapeHelp(each);
}

/** An empty list is no default that anybody wants to read of. */
function optionDescription(this: Help, option: Option): string {
  return Help.prototype.optionDescription.call(this, option).replace(/ \(default: \[\]\)$/, "");
}

/** Help and version are answers; everything else is a mistake in the command line. */
export function endOfParsing(
  error: CommanderError,
  program: Command,
  words: readonly string[],
  hasWorkload: boolean,
): number {
  if (error.exitCode === 0) return 0;
  const command = commandOf(program, words);
  const name = command === program ? "" : pathOf(command).replace(/^\S+ /, "");
  throw new VedetteError("VEDETTE_USAGE", { problem: problemOf(error, command, words, hasWorkload), command: name });
}

function problemOf(error: CommanderError, command: Command, words: readonly string[], hasWorkload: boolean): string {
  if (error.code === "commander.help") return "No command of Vedette was given.";
  const stray = takesWorkload(command) ? strayWord(command, words) : undefined;
  if (stray !== undefined && !hasWorkload)
    return `The command to run must come after \`--\`, as in \`${pathOf(command)} -- ${words.slice(words.indexOf(stray)).join(" ")}\`.`;
  const [sentence = "", suggestion] = error.message.replace(/^error: /, "").split("\n");
  return [sentence, suggestion?.replace(/^\(|\)$/g, "")]
    .filter((one) => one !== undefined)
    .map(asSentence)
    .join(" ");
}

const asSentence = (text: string): string =>
  `${text.charAt(0).toUpperCase()}${text.slice(1).replace(/\.$/, "")}${text.endsWith("?") ? "" : "."}`;

const takesWorkload = (command: Command): boolean => command.usage().includes("-- COMMAND");

/** The command that the words lead to, as far as they do. */
function commandOf(program: Command, words: readonly string[]): Command {
  let command = program;
  for (const word of words) {
    const next = command.commands.find((one) => one.name() === word);
    if (next === undefined) break;
    command = next;
  }
  return command;
}

/**
 * The first word that is no option of the command, and no option's value. Undefined: there are no more such
 * words than the command takes as arguments.
 */
function strayWord(command: Command, words: readonly string[]): string | undefined {
  const depth = pathOf(command).split(" ").length - 1;
  const plain: string[] = [];
  for (let at = depth; at < words.length; at++) {
    const word = words[at]!;
    const option = command.options.find(({ short, long }) => short === word || long === word);
    if (option?.required === true) at++;
    if (!word.startsWith("-")) plain.push(word);
  }
  return plain.length > command.registeredArguments.length ? plain[0] : undefined;
}
