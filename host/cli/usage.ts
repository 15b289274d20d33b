// SPDX-License-Identifier: Apache-2.0
// What is said about a command line that is wrong, and how help looks.
import { type Command, type CommanderError, Help, type Option } from "commander";
import { VedetteError } from "../errors.js";
import { pathOf } from "./command-tree.js";
import { readsConfig } from "./configured.js";
import { EXAMPLES } from "./examples.js";

/** What help is broken to, also where a terminal is wider. */
const COLUMNS = 80;

/** Options of the commands that have most, by what they are about. */
const GROUPS: Readonly<Record<string, readonly string[]>> = {
  "How calls are captured:": [
    ...["snaplen", "tiers", "integrity", "believe", "tls-plaintext", "site-cache", "io-uring", "on-overload"],
  ],
  "By what it judges:": [
    ...["policy", "falco-rules", "matching", "falco-exact", "strict", "option", "tag", "without-tag", "without-rule"],
    ...["o", "workers", "respond", "watch-config"], // `o` is hidden; without a group it would begin the last one
  ],
  "Tenants:": ["policies-d", "tenants", "releases", "require-signed", "serials", "isolation"],
  "Agents that connect:": ["listen", "secret-file", "container-secret", "drain"],
  "Where alerts go:": ["alerts", "alerts-detail", "repeats", "syslog", "syslog-ca", "incidents", "no-incidents"],
  "What is kept:": ["record", "store", "evidence", "evidence-max-mib", "evidence-keep-h", "evidence-capture"],
  "The bus of many tasks:": [
    ...["bus", "bus-creds", "bus-ca", "bus-tenant", "forward", "forward-spool", "forward-spool-mib", "partitions"],
  ],
  "Who may ask it:": ["control", "control-tcp", "control-tokens", "console", "http"],
};
/** As many as fit on a screen are found without. */
const UNGROUPED_MAX = 20;

/** Gives help of a command, and of those below it, the form that all of Vedette's has. */
export function shapeHelp(command: Command): void {
  command.configureHelp({ helpWidth: COLUMNS, optionDescription });
  if (command.options.length > UNGROUPED_MAX)
    for (const [heading, names] of Object.entries(GROUPS))
      for (const option of command.options) if (names.includes(option.name())) option.helpGroup(heading);
  const examples = EXAMPLES[pathOf(command)] ?? [];
  if (examples.length > 0)
    command.addHelpText(
      "after",
      ["", "Examples:", ...examples.flatMap(({ says, line }) => [`  ${says}:`, `    ${line}`])].join("\n"),
    );
  const last = lastWords(command);
  if (last.length > 0) command.addHelpText("after", ["", ...last].join("\n"));
  for (const each of command.commands) shapeHelp(each);
}

/** Where else its options may stand. */
function lastWords(command: Command): string[] {
  if (command.parent === null)
    return [
      "Options may stand in a file (--config FILE, or VEDETTE_CONFIG) and in variables",
      "of the environment, too: `vedette config keys` lists them.",
    ];
  return command.commands.length > 0 || readsConfig(command) ? [] : ["It reads no vedette.yaml."];
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
  if (error.code === "commander.help") return noCommand(command, words);
  const stray = takesWorkload(command) ? strayWord(command, words) : undefined;
  if (stray !== undefined && !hasWorkload)
    return `The command to run must come after \`--\`, as in \`${pathOf(command)} -- ${words.slice(words.indexOf(stray)).join(" ")}\`.`;
  const [sentence = "", suggestion] = error.message.replace(/^error: /, "").split("\n");
  return [sentence, suggestion?.replace(/^\(|\)$/g, "")]
    .filter((one) => one !== undefined)
    .map(asSentence)
    .join(" ");
}

/** `vedette`, `vedette policy` and `vedette help nosuch` are answered with help, which is none here. */
function noCommand(command: Command, words: readonly string[]): string {
  if (words[0] === "help" && words[1] !== undefined) return `There is no command ${words[1]}.`;
  if (command.parent === null) return "No command of Vedette was given.";
  const names = command.commands.map((one) => one.name());
  return `No command of \`${pathOf(command)}\` was given. It has ${names.join(", ")}.`;
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
