// SPDX-License-Identifier: Apache-2.0
// Recordings of events that are written as in tests.yaml.

import { ShortEvents } from "../../../host/policy/short-event.js";
import { RecordingWriter } from "../../../host/recording/recording.js";
import { openBatch } from "../../../host/wire/batch.js";

/** An event's type, and what of it matters. */
export type Written = readonly [type: string, parts: Readonly<Record<string, unknown>>];

/** Writes the events to a recording of one agent; gives its path. */
export function recorded(path: string, events: readonly Written[]): string {
  const short = new ShortEvents();
  for (const [type, parts] of events) short.add(type, parts);
  const bytes = short.bytes();
  const writer = new RecordingWriter(path);
  writer.host(0, "box");
  writer.batch(0, bytes, openBatch(bytes).count);
  writer.close();
  return path;
}

/** A server that starts a shell, which reads two files; one of them it may not read. */
export const SHELL: readonly Written[] = [
  ["execve", { proc: { name: "sh", pid: 20, parent: { name: "nginx" } } }],
  ["openat", { proc: { name: "cat", pid: 21, parent: { name: "sh", pid: 20 } }, name: "/etc/hostname" }],
  ["openat", { proc: { name: "cat", pid: 21, parent: { name: "sh", pid: 20 } }, name: "/etc/shadow", res: "EACCES" }],
];
