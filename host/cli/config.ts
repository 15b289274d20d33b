// SPDX-License-Identifier: Apache-2.0
// What `vedette config` prints. The tables are the reference of docs/configuration.md: a test holds one
// against the other.
import type { Command, Option } from "commander";
import type * as z from "zod";
import { configSchema, KEYS, kindOf, OUTPUT_TYPES, readConfiguration, variableName } from "../config/config.js";
import { counted } from "../output/counted.js";
import { print } from "./print.js";

const KINDS = { text: "text", number: "number", switch: "true or false", list: "list", map: "mapping" };
/** Commands that read the file. */
const READERS = ["run", "serve"];

/** Throws what is wrong. */
export function checkConfig(path: string): number {
  const { outputs } = readConfiguration(path, process.env);
  return done([`${path} is right: ${counted(outputs.length, "output")}${listed(outputs.map(({ name }) => name))}`]);
}

const listed = (names: readonly string[]): string => (names.length === 0 ? "" : ` (${names.join(", ")})`);

/** As docs/configuration.md has them. */
export function printKeys(program: Command): number {
  return done([...keyTable(program), "", ...Object.keys(OUTPUT_TYPES).flatMap((type) => [...outputTable(type), ""])]);
}

/** Indented, as people write them. */
export function printSchema(): number {
  return done(JSON.stringify(configSchema(), null, 2).split("\n"));
}

/** A row for each key that is an option, too. */
export function keyTable(program: Command): string[] {
  const commands = program.commands.filter((one) => READERS.includes(one.name()));
  const rows = Object.entries(KEYS).map(([key, { option, schema }]) => {
    const having = commands.filter((one) => optionOf(one, option) !== undefined);
    const { description = "" } = optionOf(having[0] as Command, option) ?? {};
    const who = having.map((one) => `\`${one.name()}\``).join(", ");
    return `| \`${key}\` | ${KINDS[kindOf(schema)]} | \`${variableName(key)}\` | ${who} | \`--${option}\`: ${cell(description)} |`;
  });
  return ["| key | kind | variable | of | what it is |", "|---|---|---|---|---|", ...rows];
}

/** A row for each key of an output of that type. */
export function outputTable(type: string): string[] {
  const { shape } = OUTPUT_TYPES[type as keyof typeof OUTPUT_TYPES];
  const rows = Object.entries(shape as Record<string, z.ZodType>)
    .filter(([key]) => key !== "type")
    .map(([key, schema]) => {
      const isNeeded = !schema.safeParse(undefined).success;
      return `| \`${key}\` | ${KINDS[kindOf(schema)]}${isNeeded ? ", needed" : ""} | ${cell(schema.description ?? "")} |`;
    });
  return [`| key of \`type: ${type}\` | kind | what it is |`, "|---|---|---|", ...rows];
}

const optionOf = (command: Command, name: string): Option | undefined =>
  command.options.find((one) => one.name() === name && !one.negate);

const cell = (text: string): string => text.replaceAll("|", "\\|");

function done(lines: readonly string[]): number {
  print(lines);
  return 0;
}
