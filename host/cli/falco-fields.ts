// SPDX-License-Identifier: Apache-2.0
// `vedette fields`: what conditions and outputs can ask for, with types and meanings. Those of Falco that our
// events never answer are marked. `--event openat`: the parameters of an event; `--events`: all
// events.
import { EVENTS, type EventType, type Field } from "../../build/generated/events.js";
import { VedetteError } from "../errors.js";
import { FIELDS, type FieldInfo } from "../falco/falco.js";
import { FIELD_NAMES } from "../wire/fields.js";
import { print, printJson } from "./print.js";

/** What it is asked for: all fields, the parameters of an event, or all events. */
export interface FieldsFlags {
  readonly event?: string;
  readonly events?: boolean;
  readonly json?: boolean;
}

/** Prints all fields, or an event's parameters, as a table or as one JSON array. Gives status 0. */
export function printFields(options: FieldsFlags): number {
  const { event } = options;
  if (options.events === true) return printEvents(options.json === true);
  return event === undefined ? printAll(options) : printParameters(event, options.json === true);
}

function printEvents(asJson: boolean): number {
  if (asJson) printJson(EVENTS.map(({ name, doc }) => ({ name, doc })));
  else print(EVENTS.map(({ name, doc }) => `${name.padEnd(WIDTH)} ${doc}`));
  return 0;
}

function printParameters(name: string, asJson: boolean): number {
  const event = EVENTS.find((one) => one.name === name);
  if (event === undefined) {
    const problem = `There is no event "${name}"; \`vedette fields --events\` lists them.`;
    throw new VedetteError("VEDETTE_USAGE", { problem, command: "fields" });
  }
  if (asJson) printJson(event.params.map(({ name, type, table, doc }) => ({ name, type, flags: table, doc })));
  else print([`${event.name}: ${event.doc}`, ...parametersOf(event).map((param) => rowOf(param))]);
  return 0;
}

/** The call's own first: what each event of its kind has stands behind them. */
function parametersOf({ params }: EventType): Field[] {
  return [...params].sort((a, b) => Number(a.slot < 0) - Number(b.slot < 0));
}

function rowOf({ name, type, table, from, doc }: Field): string {
  const meaning = [table === null ? "" : `of ${table}`, from === null ? "" : `as ${from}`, doc]
    .filter(Boolean)
    .join("; ");
  return `  ${`evt.arg.${name}`.padEnd(WIDTH)} ${type.padEnd(9)} ${meaning}`.trimEnd();
}

const WIDTH = 24;

function printAll(options: { json?: boolean }): number {
  const own = FIELD_NAMES.filter((name) => !FIELDS.has(name));
  if (options.json === true) {
    const falco = [...FIELDS.values()].map(({ name, type, isList, arg, isAnswered, doc }) => ({
      name,
      type,
      list: isList,
      argument: arg,
      answered: isAnswered,
      doc,
    }));
    printJson([...falco, ...own.map((name) => ({ name, answered: true, output_only: true }))]);
    return 0;
  }
  const width = Math.max(...[...FIELDS.values()].map((field) => shown(field).length));
  print([
    ...[...FIELDS.values()].map(
      (field) => `${mark(field)} ${shown(field).padEnd(width)}  ${typeOf(field).padEnd(9)}  ${field.doc}`,
    ),
    "",
    "-: always missing here; a comparison with it is false.",
    `In outputs only: ${own.join(", ")}`,
  ]);
  return 0;
}

const mark = ({ isAnswered }: FieldInfo): string => (isAnswered ? " " : "-");
const typeOf = ({ type, isList }: FieldInfo): string => (isList ? `${type} list` : type);

function shown({ name, arg }: FieldInfo): string {
  const argument = arg.startsWith("index") ? "[N]" : arg.startsWith("key") ? "[NAME]" : "";
  return arg.endsWith("?") ? `${name}(${argument})` : `${name}${argument}`;
}
