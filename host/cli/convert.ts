// SPDX-License-Identifier: Apache-2.0
// `vedette convert FILE OUT.scap`: writes a recording as a capture that Falco, sysdig and tshark open. The
// file is read three times: who sent it, who was there before its events, and its events. A damaged one is
// converted as far as it is whole.
import { statSync } from "node:fs";
import { VedetteError } from "../errors.js";
import { openRecorded, type RecordedFile } from "../intake/intake.js";
import { counted } from "../output/counted.js";
import { Progress } from "../output/progress.js";
import { Beginning, type CaptureSummary, CaptureWriter } from "../recording/scap/capture-writer.js";
import type { Batch } from "../wire/batch.js";
import type { ContainerFacts } from "../wire/container.js";
import { report, say, warn } from "./failure.js";

/** The command's flags, as they were typed. */
export interface ConvertFlags {
  readonly force?: boolean;
  readonly host?: string;
  readonly container?: string;
}

/** Gives status 0, or the error's where the recording is damaged. */
export async function convert(from: string, to: string, flags: ConvertFlags): Promise<number> {
  if (isSame(from, to)) throw usage("Give two files: a capture cannot be written over what it is made of.");
  const found = await meet(from, flags);
  const options = { isZipped: to.endsWith(".gz"), isForced: flags.force === true };
  const file = openRecorded(from);
  const writer = new CaptureWriter(to, found.beginning, options);
  const progress = new Progress(`converting ${from}`, "events");
  try {
    for await (const batch of batchesOf(file, found.streams)) {
      progress.add(batch.count);
      writer.take(batch);
    }
    tell(to, writer.close());
  } finally {
    progress.close();
    writer.abandon();
  }
  for (const sentence of file.missing()) warn(`vedette: ${sentence}`);
  const damage = file.damage(); // what is whole was converted
  return damage === null ? 0 : report(damage);
}

function tell(path: string, { events, ours, unfinished, cut, leftOut, labels }: CaptureSummary): void {
  say(`vedette: ${counted(events, "event")} written to ${path}`);
  const left = [
    ...(ours > 0 ? [`${counted(ours, "event")} of Vedette itself left out`] : []),
    ...(unfinished > 0 ? [`${counted(unfinished, "call")} that never returned left out`] : []),
    ...(cut > 0 ? [`${counted(cut, "parameter")} cut to what a block of a capture holds`] : []),
    ...(leftOut > 0 ? [`${counted(leftOut, "process or descriptor", "processes or descriptors")} left out`] : []),
    ...(labels > 0 ? [`${counted(labels, "label")} of the container left out`] : []),
  ];
  for (const sentence of left) warn(`vedette: ${sentence}`);
}

interface Met {
  readonly beginning: Beginning;
  readonly streams: ReadonlySet<number>;
}

/** An agent that took part, by the number of its stream: of which host, and of which container it told. */
interface Sender {
  hostname: string;
  container: ContainerFacts | null;
}

/**
 * What is there before the first event, of all agents of one host. A capture tells of one host and of one
 * container: its readers know processes by their numbers alone, and containers count their processes apart.
 */
async function meet(path: string, { host, container }: ConvertFlags): Promise<Met> {
  const senders = await sendersIn(openRecorded(path));
  const ofHost = [...senders].filter(([, { hostname }]) => host === undefined || hostname === host);
  const chosen = ofHost.filter(([, one]) => container === undefined || isCalled(one.container, container));
  const hosts = namesOf([...senders.values()].map(({ hostname }) => hostname));
  const containers = choicesOf(ofHost.map(([, one]) => one.container));
  const isMissing = senders.size > 0 && chosen.length === 0;
  if (namesOf(ofHost.map(([, { hostname }]) => hostname)).length > 1 || (isMissing && ofHost.length === 0))
    throw usage(`A capture is of one host. Give --host and one of these: ${hosts.join(", ")}.`);
  if (namesOf(chosen.map(([, one]) => one.container?.id ?? "")).length > 1 || isMissing)
    throw usage(`A capture is of one container. Give --container and one of these: ${containers.join(", ")}.`);
  const beginning = new Beginning();
  const streams = new Set(chosen.map(([stream]) => stream));
  for (const [, one] of chosen) {
    beginning.hostname = one.hostname;
    beginning.container ??= one.container;
  }
  for await (const batch of batchesOf(openRecorded(path), streams)) beginning.take(batch);
  return { beginning, streams };
}

/** Those that sent anything. */
async function sendersIn({ entries }: RecordedFile): Promise<Map<number, Sender>> {
  const known = new Map<number, Sender>();
  const senders = new Map<number, Sender>();
  for await (const entry of entries) {
    const sender = known.get(entry.stream) ?? { hostname: "", container: null };
    known.set(entry.stream, sender);
    if (entry.kind === "host") sender.hostname = entry.hostname;
    else if (entry.kind === "container") sender.container = entry.facts;
    else senders.set(entry.stream, sender);
  }
  return senders;
}

const nameOf = (facts: ContainerFacts | null): string => facts?.name ?? facts?.id ?? "";
/** As it can be given for --container: with its id, where others have its name, too. */
const choicesOf = (all: readonly (ContainerFacts | null)[]): string[] => {
  const idsOf = new Map<string, Set<string>>();
  for (const one of all) idsOf.set(nameOf(one), (idsOf.get(nameOf(one)) ?? new Set()).add(one?.id ?? ""));
  const choices = [...idsOf].flatMap(([name, ids]) =>
    ids.size > 1 ? [...ids].map((id) => `${id} (${name})`) : [name],
  );
  return choices.filter((choice) => choice !== "").sort();
};
const isCalled = (facts: ContainerFacts | null, name: string): boolean => facts?.id === name || nameOf(facts) === name;
const namesOf = (names: readonly string[]): string[] => [...new Set(names)].sort();

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
