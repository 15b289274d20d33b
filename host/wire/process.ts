// SPDX-License-Identifier: Apache-2.0
// The process table of a batch, by functions of the batch and the byte at which an entry begins. -1 is no
// process, and every question about it has the answer null.
import { DESCRIPTOR_SIZE, PROCESS_SIZE } from "../../build/generated/events.js";
import type { Batch } from "./batch.js";
import { PROCESS_AT } from "./layout.js";
import { type Int, readIndex, readInt, readList, readText } from "./slot.js";

/** A parent chain longer than this is a circle. */
const ANCESTORS_MAX = 256;
const PARENT = PROCESS_AT.parent as number;
const NAME = PROCESS_AT.name as number;
const EXE = PROCESS_AT.exe as number;
const ARGS = PROCESS_AT.args as number;

/** An integer of the entry that begins at byte `process`. `field` is from PROCESS_AT. */
export const processInt = (batch: Batch, process: number, field: number): Int | null =>
  process < 0 ? null : readInt(batch.processView, process + field);
/** A text of the entry that begins at byte `process`. `field` is from PROCESS_AT. */
export const processText = (batch: Batch, process: number, field: number): string | null =>
  process < 0 ? null : readText(batch, batch.processView, process + field);
/** A list (arguments, environment) of the entry that begins at byte `process`. `field` is from PROCESS_AT. */
export const processList = (batch: Batch, process: number, field: number): string[] | null =>
  process < 0 ? null : readList(batch, batch.processView, process + field);

/** The byte at which the parent's entry begins; -1 where the batch does not hold the parent. */
export function parentOf(batch: Batch, process: number): number {
  if (process < 0) return -1;
  const index = readIndex(batch.processView, process + PARENT);
  return index < 0 ? -1 : index * PROCESS_SIZE;
}

/** 0 is the process itself, 1 its parent. */
export function ancestorOf(batch: Batch, process: number, generation: number): number {
  let at = process;
  for (let i = 0; i < generation && at >= 0; i++) at = i < ANCESTORS_MAX ? parentOf(batch, at) : -1;
  return at;
}

/** All ancestors, the parent first. */
export function ancestorsOf(batch: Batch, process: number): number[] {
  const found: number[] = [];
  for (let at = parentOf(batch, process); at >= 0 && found.length < ANCESTORS_MAX; at = parentOf(batch, at))
    found.push(at);
  return found;
}

/** The descriptor entry behind a standard stream (`field`: that of stdin, stdout or stderr), -1 for none. */
export function streamOf(batch: Batch, process: number, field: number): number {
  if (process < 0) return -1;
  const index = readIndex(batch.processView, process + field);
  return index < 0 ? -1 : index * DESCRIPTOR_SIZE;
}

/** Falco's proc.cmdline: comm and the arguments. */
export function commandLine(batch: Batch, process: number): string | null {
  return line(processText(batch, process, NAME), batch, process);
}

/** Falco's proc.exeline: argv[0] and the arguments. */
export function exeLine(batch: Batch, process: number): string | null {
  return line(processText(batch, process, EXE), batch, process);
}

function line(head: string | null, batch: Batch, process: number): string | null {
  if (head === null) return null;
  const args = processList(batch, process, ARGS);
  return args === null || args.length === 0 ? head : `${head} ${args.join(" ")}`;
}
