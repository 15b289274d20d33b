// SPDX-License-Identifier: Apache-2.0
// `vedette convert FILE OUT.scap`: writes a recording as a capture that Falco, sysdig and tshark open. The
// file is read twice: a capture tells of processes before it tells of events. A damaged one is converted as
// far as it is whole.
import { statSync } from "node:fs";
import { VedetteError } from "../errors.js";
import { openRecorded, type RecordedFile } from "../intake/intake.js";
import { counted } from "../output/counted.js";
import { Progress } from "../output/progress.js";
import { Beginning, type CaptureSummary, CaptureWriter } from "../recording/scap/capture-writer.js";
import type { Batch } from "../wire/batch.js";
import { report, say, warn } from "./failure.js";

/** The command's flags, as they were typed. */
export interface ConvertFlags {
  readonly force?: boolean;
  readonly host?: string;
}

/** Gives status 0, or the error's where the recording is damaged. */
export async function convert(from: string, to: string, flags: ConvertFlags): Promise<number> {
  if (isSame(from, to)) throw usage("Give two files: a capture cannot be written over what it is made of.");
  const first = openRecorded(from);
  const found = await meet(first, flags.host);
  const options = { isZipped: to.endsWith(".gz"), isForced: flags.force === true };
  const writer = new CaptureWriter(to, found.beginning, options);
  const progress = new Progress(`converting ${from}`, "events");
  try {
    for await (const batch of batchesOf(openRecorded(from), found.streams)) {
      progress.add(batch.count);
      writer.take(batch);
    }
    tell(to, writer.close());
  } finally {
    progress.close();
    writer.abandon();
  }
  for (const sentence of first.missing()) warn(`vedette: ${sentence}`);
  const damage = first.damage(); // what is whole was converted
  return damage === null ? 0 : report(damage);
}

function tell(path: string, { events, ours, unfinished, cut, leftOut }: CaptureSummary): void {
  say(`vedette: ${counted(events, "event")} written to ${path}`);
  const left = [
    ...(ours > 0 ? [`${counted(ours, "event")} of Vedette itself left out`] : []),
    ...(unfinished > 0 ? [`${counted(unfinished, "call")} that never returned left out`] : []),
    ...(cut > 0 ? [`${counted(cut, "parameter")} cut to what a block of a capture holds`] : []),
    ...(leftOut > 0 ? [`${counted(leftOut, "process or descriptor", "processes or descriptors")} left out`] : []),
  ];
  for (const sentence of left) warn(`vedette: ${sentence}`);
}

interface Met {
  readonly beginning: Beginning;
  readonly streams: ReadonlySet<number>;
}

/** What is there before the first event. A capture is of one host. */
async function meet(file: RecordedFile, host: string | undefined): Promise<Met> {
  const hosts = new Map<number, string>();
  const beginning = new Beginning();
  const streams = new Set<number>();
  const others = new Set<string>();
  for await (const entry of file.entries) {
    const name = hosts.get(entry.stream) ?? "";
    if (entry.kind === "host") hosts.set(entry.stream, entry.hostname);
    else if (host !== undefined && name !== host) others.add(name);
    else if (entry.kind === "container") beginning.container ??= entry.facts;
    else {
      if (streams.size > 0 && !streams.has(entry.stream)) others.add(name);
      else beginning.take(entry.batch);
      if (streams.size === 0) beginning.hostname = name;
      if (streams.size === 0) streams.add(entry.stream);
    }
  }
  if (streams.size > 0 && (others.size === 0 || host !== undefined)) return { beginning, streams };
  if (others.size === 0) return { beginning, streams };
  const names = [...new Set([...hosts.values()])].join(", ");
  throw usage(`A capture is of one host. Give --host and one of these: ${names}.`);
}

async function* batchesOf(file: RecordedFile, streams: ReadonlySet<number>): AsyncGenerator<Batch> {
  for await (const entry of file.entries) if (entry.kind === "batch" && streams.has(entry.stream)) yield entry.batch;
}

function isSame(a: string, b: string): boolean {
  const [one, other] = [a, b].map((path) => statSync(path, { throwIfNoEntry: false }));
  return one !== undefined && other !== undefined && one.dev === other.dev && one.ino === other.ino;
}

function usage(problem: string): VedetteError {
  return new VedetteError("VEDETTE_USAGE", { problem, command: "convert" });
}
