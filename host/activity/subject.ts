// SPDX-License-Identifier: Apache-2.0
// What the rows of a view of counters are about: which row an event belongs to, and what is written there.
// Most events share their process or their descriptor with others of the batch, so a row is looked up once
// for each entry of the batch's tables, and not for each event.
import { DESCRIPTOR_SIZE, PROCESS_SIZE } from "../../build/generated/events.js";
import type { Batch } from "../wire/batch.js";
import { addressOf, descriptorInt, isFileLike, isInternet, nameOf } from "../wire/descriptor.js";
import { fieldValue } from "../wire/fields.js";
import { DescriptorFlag, DESCRIPTOR_AT as FD, PROCESS_AT as PROC } from "../wire/layout.js";
import { errnoName } from "../wire/names.js";
import { commandLine, processInt, processText } from "../wire/process.js";
import { containerIdOf, descriptorAt, eventOf, processAt, resultOf, typeOf } from "../wire/record.js";
import type { Row, Rows } from "./rows.js";
import type { ViewId } from "./views.js";

/** Longer texts are cut: names are as long as a workload likes. */
export const TEXT_MAX = 512;
/** What stands at the end of a text that was cut. */
export const TEXT_CUT = "…";

const PROTOCOL = fieldValue("fd.l4proto");

/** Gives the row that a record belongs to; null: to none. Made for one batch. */
export type RowOf = (at: number) => Row | null;

/** By view: what gives the rows of a batch. */
export const SUBJECTS: Readonly<Partial<Record<ViewId, (batch: Batch, rows: Rows, source: string) => RowOf>>> = {
  processes: (batch, rows, source) =>
    byProcess(batch, (process, at) => {
      const [pid, start] = [int(batch, process, "pid"), int(batch, process, "start_time")];
      return rows.of(`${source}/${pid}@${start}`, [
        ...[pid, int(batch, process, "ppid"), int(batch, process, "vpid"), userOf(batch, process)],
        ...[sessionOf(batch, process), containerName(batch, at), cut(commandLine(batch, process))],
      ]);
    }),
  containers: (batch, rows) =>
    byProcess(batch, (_process, at) => {
      const id = containerIdOf(batch, at) ?? "";
      return rows.of(id, [cut(id), cut(batch.container?.name ?? batch.container?.image ?? (id === "" ? "host" : ""))]);
    }),
  files: (batch, rows) =>
    byDescriptor(batch, (descriptor, at) => {
      if (!isFileLike(batch, descriptor)) return null;
      const [name, of] = [cut(nameOf(batch, descriptor)), containerName(batch, at)];
      return rows.of(`${of}\n${name}`, [of, name]);
    }),
  connections: (batch, rows) =>
    byDescriptor(batch, (descriptor, at) =>
      isInternet(batch, descriptor) ? connection(batch, rows, descriptor, at) : null,
    ),
  syscalls: (batch, rows) => byType(batch, (at) => rows.of(eventOf(batch, at).name, [eventOf(batch, at).name])),
  errors: (batch, rows) => {
    const found = new Map<number, Row>();
    return (at) => {
      const result = resultOf(batch, at);
      if (result === null || result >= 0) return null;
      const key = typeOf(batch, at) * 0x10000 - Number(result);
      let row = found.get(key);
      if (row === undefined) {
        const [error, call] = [errnoName(Number(result)) ?? String(result), eventOf(batch, at).name];
        row = rows.of(`${error} ${call}`, [error, call]);
        found.set(key, row);
      }
      return row;
    };
  },
};

function connection(batch: Batch, rows: Rows, descriptor: number, at: number): Row {
  const process = processAt(batch, at);
  const number = (field: string): string => String(descriptorInt(batch, descriptor, FD[field] as number) ?? "");
  const address = (field: string): string => addressOf(batch, descriptor, FD[field] as number) ?? "";
  const client = [address("cip"), number("cport")] as const;
  const server = [address("sip"), number("sport")] as const;
  const flags = descriptorInt(batch, descriptor, FD.flags as number) ?? 0;
  const [local, remote] = (Number(flags) & DescriptorFlag.server) !== 0 ? [server, client] : [client, server];
  const texts = [String(PROTOCOL?.(batch, at) ?? ""), ...local, ...remote];
  const of = containerName(batch, at);
  return rows.of(`${of} ${int(batch, process, "pid")} ${texts.join(" ")}`, [
    ...[...texts, of],
    cut(commandLine(batch, process)),
  ]);
}

function byProcess(batch: Batch, make: (process: number, at: number) => Row): RowOf {
  const found: Row[] = [];
  return (at) => {
    const process = processAt(batch, at);
    if (process < 0) return null;
    const index = process / PROCESS_SIZE;
    let row = found[index];
    if (row === undefined) {
      row = make(process, at);
      found[index] = row;
    }
    return row;
  };
}

function byDescriptor(batch: Batch, make: (descriptor: number, at: number) => Row | null): RowOf {
  const found = new Map<number, Row | null>();
  return (at) => {
    const descriptor = descriptorAt(batch, at);
    if (descriptor < 0) return null;
    // Two processes may share the entry of a descriptor.
    const key = (descriptor / DESCRIPTOR_SIZE) * 0x100000 + Math.max(0, processAt(batch, at) / PROCESS_SIZE);
    let row = found.get(key);
    if (row === undefined) {
      row = make(descriptor, at);
      found.set(key, row);
    }
    return row;
  };
}

function byType(batch: Batch, make: (at: number) => Row): RowOf {
  const found: Row[] = [];
  return (at) => (found[typeOf(batch, at)] ??= make(at));
}

/** An integer of the process's entry as text. */
export const int = (batch: Batch, process: number, field: string): string =>
  String(processInt(batch, process, PROC[field] as number) ?? "");

function sessionOf(batch: Batch, process: number): string {
  const session = int(batch, process, "session");
  return session === "0" ? "" : session;
}

/** The user's name, else its number. */
export function userOf(batch: Batch, process: number): string {
  const name = processText(batch, process, PROC.user as number);
  return name === null || name === "" ? int(batch, process, "uid") : cut(name);
}

/** What people call the container; empty outside one. */
export const containerName = (batch: Batch, at: number): string =>
  cut(batch.container?.name ?? containerIdOf(batch, at));

/** A text within TEXT_MAX. No character of two code units is cut in half: half of one is no text. */
export function cut(text: string | null): string {
  if (text === null) return "";
  if (text.length <= TEXT_MAX) return text;
  const last = text.charCodeAt(TEXT_MAX - 2);
  const isHalf = last >= 0xd800 && last <= 0xdbff; // the first half of a surrogate pair
  return text.slice(0, TEXT_MAX - (isHalf ? 2 : 1)) + TEXT_CUT;
}
