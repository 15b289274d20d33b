// SPDX-License-Identifier: Apache-2.0
// `vedette fields`: what conditions and outputs can ask for, with types and meanings. Those of Falco that our
// events never answer are marked.
import { FIELDS, type FieldInfo } from "../falco/falco.js";
import { FIELD_NAMES } from "../wire/fields.js";
import { print, printJson } from "./print.js";

/** Prints all fields, as a table or as one JSON array. Gives status 0. */
export function printFields(options: { json?: boolean }): number {
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
