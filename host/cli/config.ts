// SPDX-License-Identifier: Apache-2.0
// What `vedette config` prints. The tables are the reference of docs/configuration.md: a test holds one
// against the other.
import type { Command, Option } from "commander";
import type * as z from "zod";
import { configSchema, KEYS, kindOf, OUTPUT_TYPES, readConfiguration, variableName } from "../config/config.js";
import { counted } from "../output/counted.js";
import { pathOf } from "./command-tree.js";
import { keysOf, readsConfig } from "./configured.js";
import { print } from "./print.js";

const KINDS = { text: "text", number: "number", switch: "true or false", list: "list", map: "mapping" };

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
  const readers = readersIn(program);
  const rows = Object.entries(KEYS).map(([key, { option, schema }]) => {
    const having = readers.filter((one) => keysOf(one).has(key));
    const { description = "" } = keysOf(having[0] as Command).get(key) as Option;
    const names = having.map((one) => `\`${pathOf(one).replace(/^vedette /, "")}\``).join(", ");
    const who = having.length === readers.length ? "all" : names;
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

/**
 * Commands that read the file; `run` and `serve`, which have most keys, before those that have parts of
 * these.
 */
function readersIn(program: Command): Command[] {
  const all = [program, ...program.commands.flatMap((one) => [one, ...one.commands])].filter(readsConfig);
  const isFirst = (one: Command): boolean => ["run", "serve"].includes(one.name());
  return [...all.filter(isFirst), ...all.filter((one) => !isFirst(one))];
}

const cell = (text: string): string => text.replaceAll("|", "\\|");

function done(lines: readonly string[]): number {
  print(lines);
  return 0;
}
