// SPDX-License-Identifier: Apache-2.0
// `vedette completion bash | zsh | fish`: a script for the shell, made of the program's own commands. It
// starts no `vedette` when the user presses Tab: all words stand in it. Behind `--` stands the workload,
// which the shell completes as it completes any command.
//
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: what the shell is to put in
import { VedetteError } from "../errors.js";
import type { CommandFacts, OptionFacts } from "./command-tree.js";
import { print } from "./print.js";

const SHELLS = { bash, zsh, fish } as const;

/** The shells that there is a script for. */
export const SHELL_NAMES = Object.keys(SHELLS);

/** Prints the script. Gives status 0. */
export function complete(shell: string, commands: readonly CommandFacts[]): number {
  const script = SHELLS[shell as keyof typeof SHELLS];
  if (script === undefined)
    throw new VedetteError("VEDETTE_USAGE", {
      problem: `There is no completion for ${shell}: it must be one of ${SHELL_NAMES.join(", ")}.`,
      command: "completion",
    });
  print(script(commands));
  return 0;
}

const namesOf = ({ short, long }: OptionFacts): string[] => (short === null ? [long] : [short, long]);
const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
/** A pattern of `case`: each alternative in quotes. */
const alternatives = (words: readonly string[]): string => words.map(quoted).join("|");

/**
 * Where we are: the commands so far, in `path`, and what may follow, in `offers`. The same for both shells.
 */
function cases(commands: readonly CommandFacts[]): string[] {
  const values = commands.flatMap(({ path, options }) =>
    options
      .filter(({ value }) => value !== null)
      .map((option) => {
        const words = option.choices.length > 0 ? `offers=${quoted(option.choices.join(" "))}` : "files=1";
        return `    ${alternatives(namesOf(option).map((name) => `${path} ${name}`))}) ${words}; return ;;`;
      }),
  );
  const words = commands.map(({ path, options, words, commands: below }) => {
    const files = below.length === 0 && words.length === 0 ? " files=1" : "";
    const offers = [...below, ...words, ...options.flatMap(namesOf)];
    return `    ${quoted(path)}) offers=${quoted(offers.join(" "))}${files} ;;`;
  });
  return ['  case "$path $prev" in', ...values, "  esac", '  case "$path" in', ...words, "  esac"];
}

const pathsBelow = (commands: readonly CommandFacts[]): string =>
  alternatives(commands.map(({ path }) => path).filter((path) => path.includes(" ")));

function bash(commands: readonly CommandFacts[]): string[] {
  return [
    "# Completion of vedette for bash: source <(vedette completion bash)",
    "_vedette_words() {",
    ...cases(commands),
    "}",
    "_vedette() {",
    '  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} path=vedette offers="" files="" word i',
    "  COMPREPLY=()",
    "  for ((i = 1; i < COMP_CWORD; i++)); do",
    "    word=${COMP_WORDS[i]}",
    '    if [ "$word" = -- ]; then',
    '      [ "$prev" = -- ] && COMPREPLY=($(compgen -c -- "$cur")) || COMPREPLY=($(compgen -f -- "$cur"))',
    "      return",
    "    fi",
    `    case "$path $word" in ${pathsBelow(commands)}) path="$path $word" ;; esac`,
    "  done",
    "  _vedette_words",
    '  case "$cur" in -*) files="" ;; esac',
    '  COMPREPLY=($(compgen -W "$offers" -- "$cur"))',
    '  if [ -n "$files" ]; then COMPREPLY+=($(compgen -f -- "$cur")); fi',
    "}",
    "complete -o filenames -F _vedette vedette",
  ];
}

function zsh(commands: readonly CommandFacts[]): string[] {
  return [
    "#compdef vedette",
    "# Completion of vedette for zsh: source <(vedette completion zsh), or as _vedette in a folder of $fpath",
    "_vedette_words() {",
    ...cases(commands),
    "}",
    "_vedette() {",
    '  local prev=${words[CURRENT-1]} path=vedette offers="" files="" word i',
    "  for ((i = 2; i < CURRENT; i++)); do",
    "    word=${words[i]}",
    '    if [[ "$word" == -- ]]; then',
    "      shift $i words",
    "      (( CURRENT -= i ))",
    "      _normal",
    "      return",
    "    fi",
    `    case "$path $word" in ${pathsBelow(commands)}) path="$path $word" ;; esac`,
    "  done",
    "  _vedette_words",
    '  [[ "$PREFIX" == -* || -z "$files" ]] || _files',
    "  compadd -- ${=offers}",
    "}",
    'if [[ "$zsh_eval_context" == *func ]]; then _vedette "$@"; else compdef _vedette vedette; fi',
  ];
}

function fish(commands: readonly CommandFacts[]): string[] {
  const lines = commands.flatMap((command) => {
    const below = command.commands.map(
      (name) => `${fishLine(command)} -f -a ${quoted(name)} -d ${quoted(summary(commands, `${command.path} ${name}`))}`,
    );
    const options = command.options.map((option) => {
      const short = option.short === null ? "" : ` -s ${option.short.slice(1)}`;
      const value =
        option.value === null ? "" : option.choices.length > 0 ? ` -x -a ${quoted(option.choices.join(" "))}` : " -r";
      return `${fishLine(command)}${short} -l ${option.long.slice(2)}${value} -d ${quoted(firstClause(option.description))}`;
    });
    const words = command.words.length === 0 ? [] : [`${fishLine(command)} -f -a ${quoted(command.words.join(" "))}`];
    return [...below, ...words, ...options];
  });
  return [
    "# Completion of vedette for fish: vedette completion fish | source",
    "function __vedette_at",
    "  set -l path vedette",
    "  for word in (commandline -opc)[2..]",
    '    test "$word" = --; and return 1',
    `    contains -- "$path $word" ${commands.map(({ path }) => quoted(path)).join(" ")}; and set path "$path $word"`,
    "  end",
    '  test "$path" = "$argv[1]"',
    "end",
    ...lines,
  ];
}

const fishLine = ({ path }: CommandFacts): string => `complete -c vedette -n ${quoted(`__vedette_at "${path}"`)}`;
const summary = (commands: readonly CommandFacts[], path: string): string =>
  firstClause(commands.find((one) => one.path === path)?.description ?? "");
const firstClause = (text: string): string => text.split(/[:;(]/)[0]!.trim();
