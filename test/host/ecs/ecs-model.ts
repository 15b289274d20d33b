// SPDX-License-Identifier: Apache-2.0
// AWS's own model of the ECS API, as its JavaScript client carries it, made into a validator: names every
// member that a task definition may not have and every value of the wrong kind. CloudFormation spells the
// same members in PascalCase (with a few exceptions), may hold a number as text, and may have a function
// anywhere.
import { RegisterTaskDefinitionRequest$, TaskDefinition$ } from "@aws-sdk/client-ecs";

type Schema = unknown;
const [LIST, MAP, STRUCTURE] = [1, 2, 3];
const LIST_OF = 64;
const MAP_OF = 128;
/** The client's numbers for plain kinds; times come as text. */
const KINDS: Record<number, string> = { 0: "string", 1: "number", 2: "boolean", 4: "string" };

export function faultsOf(definition: unknown, isTemplate: boolean): string[] {
  const faults: string[] = [];
  const schema =
    isTemplate || !isRecord(definition) || !("revision" in definition)
      ? RegisterTaskDefinitionRequest$
      : TaskDefinition$;
  check(schema, definition, "", isTemplate, faults);
  return faults;
}

function check(given: Schema, value: unknown, at: string, isTemplate: boolean, faults: string[]): void {
  const schema = resolve(given);
  if (value === null || (isTemplate && isFunction(value))) return;
  if (typeof schema === "number") {
    checkPlain(schema, value, at, isTemplate, faults);
    return;
  }
  const [kind, , , , members, types] = schema as [number, string, string, unknown, unknown, Schema[]];
  if (kind === LIST) checkList(members, value, at, isTemplate, faults);
  else if (kind === MAP) checkMap(types as unknown, value, at, isTemplate, faults);
  else if (kind === STRUCTURE) checkStructure(members as string[], types, value, at, isTemplate, faults);
}

function checkStructure(
  members: string[],
  types: Schema[],
  value: unknown,
  at: string,
  isTemplate: boolean,
  faults: string[],
): void {
  if (!isRecord(value)) return void faults.push(`${at}: not a map`);
  for (const [key, item] of Object.entries(value)) {
    const index = members.findIndex((member) =>
      isTemplate ? member.toLowerCase() === key.toLowerCase() : member === key,
    );
    const isRead = index < 0 && /^(\$|x-)/.test(key);
    if (index < 0 && !isRead) faults.push(`${at}.${key}: unknown`);
    else if (index >= 0) check(types[index], item, `${at}.${key}`, isTemplate, faults);
  }
}

function checkList(member: Schema, value: unknown, at: string, isTemplate: boolean, faults: string[]): void {
  if (!Array.isArray(value)) return void faults.push(`${at}: not a list`);
  for (const [index, item] of value.entries()) check(member, item, `${at}[${index}]`, isTemplate, faults);
}

function checkMap(member: Schema, value: unknown, at: string, isTemplate: boolean, faults: string[]): void {
  if (!isRecord(value)) return void faults.push(`${at}: not a map`);
  for (const [key, item] of Object.entries(value)) check(member, item, `${at}.${key}`, isTemplate, faults);
}

function checkPlain(schema: number, value: unknown, at: string, isTemplate: boolean, faults: string[]): void {
  const kind = KINDS[schema];
  const isText = isTemplate && typeof value !== "object";
  if (schema >= MAP_OF) checkMap(schema - MAP_OF, value, at, isTemplate, faults);
  else if (schema >= LIST_OF) checkList(schema - LIST_OF, value, at, isTemplate, faults);
  else if (typeof value !== kind && !isText) faults.push(`${at}: a ${typeof value}, not a ${kind}`);
}

/** A schema may stand behind a function, and with traits behind it. */
function resolve(schema: Schema): Schema {
  if (typeof schema === "function") return resolve(schema());
  return Array.isArray(schema) && schema.length === 2 ? resolve(schema[0]) : schema;
}

function isFunction(value: unknown): boolean {
  if (!isRecord(value)) return false;
  const keys = Object.keys(value);
  return keys.length === 1 && (keys[0] === "Ref" || keys[0]!.startsWith("Fn::"));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
