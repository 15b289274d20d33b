// SPDX-License-Identifier: Apache-2.0
// An event as a line for people, in the manner of strace, with the thread in front and descriptors by name:
//
//   1234  16:17:57.881781 cat         openat(AT_FDCWD, "/etc/hosts", O_RDONLY) = 3</etc/hosts>
//   1234  16:17:57.881790 cat         read(3</etc/hosts>, "127.0.0.1 localhost.", 131072) = 20
//   1234  16:17:57.881802 cat         openat(AT_FDCWD, "/root/x", O_RDONLY) = -1 ENOENT
//   1234  16:17:57.881819 cat         procexit(status=0, ret=0, sig=0, core=false, reaper.tid=0)
//
// What is no call has no order of arguments that anybody knows, so each has its name.
import type { EventType, Field } from "../../build/generated/events.js";
import type { Batch } from "../wire/batch.js";
import { nameOf } from "../wire/descriptor.js";
import { isSpan, PROCESS_AT, RecordFlag } from "../wire/layout.js";
import { errnoName } from "../wire/names.js";
import { PerEvent } from "../wire/per-event.js";
import { processText } from "../wire/process.js";
import { descriptorAt, eventOf, fdOf, flagsOf, processAt, resultOf, tidOf, tierOf, timeOf } from "../wire/record.js";
import { paramInt, paramText } from "../wire/render.js";
import { clockText } from "../wire/time.js";

type Shown = (batch: Batch, at: number) => string | null;
const NAME = PROCESS_AT.name as number;
const QUOTED = new Set(["path", "relpath", "str", "bytes", "strlist"]);

/** Writes events as lines in the manner of strace. */
export class EventText {
  readonly #arguments = new PerEvent<readonly Shown[]>((event) =>
    argumentsOf(event).map((param) => (isCall(event) ? showParam(event, param) : named(event, param))),
  );

  /** The line, without its line feed. */
  line(batch: Batch, at: number): string {
    const event = eventOf(batch, at);
    const shown = this.#arguments.of(batch, at);
    const name = processText(batch, processAt(batch, at), NAME) ?? "?";
    const head = `${String(tidOf(batch, at)).padEnd(7)} ${clockText(timeOf(batch, at)).slice(0, 15)} ${name.padEnd(15)}`;
    const args = shown.map((show) => show(batch, at) ?? "NULL").join(", ");
    return `${head} ${event.name}(${args})${isCall(event) ? ` = ${result(event, batch, at)}` : ""}${marks(batch, at)}`;
  }
}

/**
 * What the program passed, not what Falco adds. Falco puts the data before the descriptor; the calls have it
 * first, but for mmap.
 */
function argumentsOf(event: EventType): Field[] {
  const passed = event.params.filter((param) => param.slot >= 0 || param.from === "fd.num");
  if (event.name === "mmap") return passed;
  return [...passed.filter((param) => param.from === "fd.num"), ...passed.filter((param) => param.from !== "fd.num")];
}

function isCall(event: EventType): boolean {
  return event.name !== "procexit" && event.calls.length > 0;
}

function named(event: EventType, param: Field): Shown {
  const show = showParam(event, param);
  return (batch, at) => `${param.name}=${show(batch, at) ?? "NULL"}`;
}

function showParam(event: EventType, param: Field): Shown {
  const text = paramText(event, param);
  if (param.from === "fd.num") return (batch, at) => withName(batch, at, fdOf(batch, at));
  if (QUOTED.has(param.type)) return (batch, at) => quote(text(batch, at));
  if (param.type !== "fd" || isSpan(param)) return text;
  const number = paramInt(param);
  return (batch, at) => {
    const fd = number(batch, at);
    return fd !== null && fd >= 0 && fd === fdOf(batch, at) ? withName(batch, at, Number(fd)) : text(batch, at);
  };
}

function result(event: EventType, batch: Batch, at: number): string {
  const value = resultOf(batch, at);
  if (value === null) return "?";
  if (value < 0) return `-1 ${errnoName(Number(value)) ?? value}`;
  const first = event.params.find((param) => param.from === "res");
  if (first?.type === "fd") return value === fdOf(batch, at) ? withName(batch, at, Number(value)) : value.toString();
  return first?.type === "hex" ? `0x${value.toString(16)}` : value.toString();
}

function withName(batch: Batch, at: number, fd: number): string {
  const name = nameOf(batch, descriptorAt(batch, at));
  return name === null ? String(fd) : `${fd}<${clean(name)}>`;
}

function marks(batch: Batch, at: number): string {
  const flags = flagsOf(batch, at);
  const tier = tierOf(batch, at);
  const words = [
    tier === "trace" ? "" : tier,
    flags & RecordFlag.truncated ? "cut" : "",
    flags & RecordFlag.fault ? "unreadable argument" : "",
    flags & RecordFlag.inFlight ? "never returned" : "",
    flags & RecordFlag.refused ? "refused by vedette" : "",
  ].filter((word) => word !== "");
  return words.length === 0 ? "" : ` (${words.join(", ")})`;
}

function quote(text: string | null): string | null {
  return text === null ? null : `"${clean(text).replaceAll('"', '\\"')}"`;
}

/** A name from the workload must not move the reader's cursor or add a line. */
function clean(text: string): string {
  return text.replace(/[\x00-\x1f\x7f-\x9f\\]/g, (char) =>
    char === "\\" ? "\\\\" : char === "\n" ? "\\n" : `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
}
