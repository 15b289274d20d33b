// SPDX-License-Identifier: Apache-2.0
// TypeScript from the contract: events.ts, flags.ts and errors.ts, as plain readonly data.
import type { Model } from "./model.js";

const HEAD = "// Generated from capture/wire; do not edit.\n";

export function emitEventsModule(model: Model): string {
  return `${HEAD}
/**
 * One value of an event, process or descriptor; \`slot\` is -1 where \`from\` names the field that gives it.
 */
export interface Field {
  readonly name: string;
  readonly type: string;
  readonly table: string | null;
  readonly from: string | null;
  readonly slot: number;
  readonly doc: string;
}
export interface EventType {
  readonly name: string;
  readonly id: number;
  readonly calls: readonly string[];
  readonly tier: "guarded" | "hot" | "warm" | "cold";
  readonly mayBeInline: boolean;
  readonly doc: string;
  readonly params: readonly Field[];
  readonly slots: number;
}

export const SCHEMA = 0x${model.schema.toString(16)}n;
export const SCHEMA_MAJOR = ${model.major};
export const SCHEMA_MINOR = ${model.minor};
export const HEADER_SIZE = 48;
export const PROCESS_SIZE = ${model.process.length * 8};
export const DESCRIPTOR_SIZE = ${model.descriptor.length * 8};

export const EVENTS: readonly EventType[] = ${rows(model.events)};
export const PROCESS_FIELDS: readonly Field[] = ${rows(model.process)};
export const DESCRIPTOR_FIELDS: readonly Field[] = ${rows(model.descriptor)};
export const LOST: readonly { readonly name: string; readonly doc: string }[] = ${rows(model.lost)};
`;
}

export function emitFlagsModule(model: Model): string {
  const table = (row: Model["tables"][number]) =>
    `  ${row.name}: { kind: "${row.kind}", zero: ${JSON.stringify(row.zero)}, rows: [${row.rows
      .map((bit) => `{ name: "${bit.name}", value: ${bit.value}n, mask: ${bit.mask}n }`)
      .join(", ")}] },`;
  return `${HEAD}
export interface Table {
  readonly kind: "flags" | "enum";
  readonly zero: string | null;
  readonly rows: readonly { readonly name: string; readonly value: bigint; readonly mask: bigint }[];
}
export const TABLES: Readonly<Record<string, Table>> = {
${model.tables.map(table).join("\n")}
};
`;
}

export function emitErrorsModule(model: Model): string {
  const row = (error: Model["errors"][number]) =>
    `  ${error.code}: ${JSON.stringify({ message: error.message, hint: error.hint, exit: error.exit })},`;
  return `${HEAD}
export interface ErrorInfo {
  readonly message: string;
  readonly hint: string;
  readonly exit: number;
}
export const ERRORS = {
${model.errors.map(row).join("\n")}
} as const satisfies Record<string, ErrorInfo>;
export type ErrorCode = keyof typeof ERRORS;
`;
}

function rows(values: readonly unknown[]): string {
  return `[\n${values.map((value) => `  ${JSON.stringify(value)},`).join("\n")}\n]`;
}
