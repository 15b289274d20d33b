// SPDX-License-Identifier: Apache-2.0
// What `vedette falco` prints of rules, fields and events, in Falco's forms.
import { EVENTS, type EventType } from "../../build/generated/events.js";
import { VedetteError } from "../errors.js";
import { checkedPolicy, type FalcoFlags, FIELDS, type FieldInfo, optionsIn } from "../falco/falco.js";
import { EVENT_NAMES, EVENTS_BY_NAME } from "../wire/known-names.js";
import { print, printJson } from "./print.js";

interface Form {
  readonly names?: boolean;
  readonly markdown?: boolean;
}

const NAME_WIDTH = 50;
const LINE_WIDTH = 110;

/** `-L`, `-l NAME`: rules that are enabled, with what they are for. */
export async function printRules(flags: FalcoFlags, form: { name: string | null; isJson: boolean }): Promise<number> {
  const { loaded } = await checkedPolicy(flags, optionsIn(flags));
  if (!loaded.ok) {
    print(loaded.results.filter((one) => !one.successful).map((one) => one.text(loaded.contents).trimEnd()));
    return 1;
  }
  const rules = loaded.rules.filter(({ name }) => form.name === null || name === form.name);
  if (form.name !== null && rules.length === 0)
    throw new VedetteError("VEDETTE_USAGE", { problem: `The rule "${form.name}" is not loaded.`, command: "falco" });
  if (form.isJson) {
    const told = rules.map(({ name, desc, output, priority, source, tags, enabled, events }) => ({
      info: { name, description: desc, output, priority, source, tags, enabled },
      details: { events },
    }));
    printJson(form.name === null ? { rules: told } : (told[0] ?? {}));
    return 0;
  }
  const line = (name: string, text: string): string => `${name.padEnd(NAME_WIDTH)} ${text}`;
  print([line("Rule", "Description"), line("----", "-----------")]);
  for (const { name, desc } of rules) print([...wrapped(name, desc), ""]);
  return 0;
}

function wrapped(name: string, text: string): string[] {
  const lines: string[] = [];
  let line = name.padEnd(NAME_WIDTH);
  for (const word of text.split(/\s+/).filter((one) => one !== "")) {
    if (line.length + 1 + word.length > LINE_WIDTH && line.trim() !== "") {
      lines.push(line);
      line = " ".repeat(NAME_WIDTH);
    }
    line += ` ${word}`;
  }
  return [...lines, line];
}

const TYPES: Readonly<Record<FieldInfo["type"], string>> = {
  text: "CHARBUF",
  bytes: "BYTEBUF",
  int: "INT64",
  bool: "BOOL",
  ip: "IPADDR",
  net: "IPNET",
  port: "PORT",
  arg: "CHARBUF",
};

/** `--list`, `-N` for the names alone. */
export function printList({ names, markdown }: Form): number {
  if (names) {
    print([...FIELDS.keys()]);
    return 0;
  }
  const fields = [...FIELDS.values()];
  const classes = new Map<string, FieldInfo[]>();
  for (const field of fields) {
    const name = field.name.slice(0, field.name.indexOf("."));
    classes.set(name, [...(classes.get(name) ?? []), field]);
  }
  for (const [name, its] of classes) print(markdown ? asMarkdown(name, its) : asText(name, its));
  return 0;
}

function asText(name: string, fields: readonly FieldInfo[]): string[] {
  const line = "-".repeat(31);
  const head = ["", line, `Field Class:                  ${name}`, "Event Sources:                syscall", ""];
  return [...head, ...fields.flatMap((field) => wrapped(field.name, `(Type: ${typeOf(field)}) ${docOf(field)}`))];
}

function asMarkdown(name: string, fields: readonly FieldInfo[]): string[] {
  const head = [
    `## Field Class: ${name}`,
    "",
    "Event Sources: syscall",
    "",
    "Name | Type | Description",
    ":----|:-----|:-----------",
  ];
  return [...head, ...fields.map((field) => `\`${field.name}\` | ${typeOf(field)} | ${docOf(field)}`), ""];
}

const typeOf = ({ type, isList }: FieldInfo): string => (isList ? `LIST(${TYPES[type]})` : TYPES[type]);
const docOf = ({ doc, isAnswered }: FieldInfo): string => (isAnswered ? doc : `${doc} (never there here)`);

/** `--list-events`. Each event is one at a call's return. */
export function printListEvents({ markdown }: Form): number {
  if (markdown) print(["Dir | Name | Params", ":---|:-----|:-----"]);
  print(
    EVENTS.map((event) =>
      markdown ? `\`<\` | \`${event.name}\` | ${paramsOf(event)}` : `< ${event.name}(${paramsOf(event)})`,
    ),
  );
  return 0;
}

const paramsOf = ({ params }: EventType): string =>
  params
    .map(({ name, type }) => `${type.toUpperCase()} **${name}**`)
    .join(", ")
    .replaceAll("**", "");

/** `-i`: names that rules may ask for, and that make no event here. */
export function printIgnored(): number {
  const recorded = new Set(EVENTS.flatMap((event) => [event.name, ...event.calls]));
  const ignored = [...EVENT_NAMES].filter((name) => !recorded.has(name) && !EVENTS_BY_NAME.has(name)).sort();
  print(["Ignored syscall(s):", ...ignored.map((name) => `- ${name}`)]);
  return 0;
}
