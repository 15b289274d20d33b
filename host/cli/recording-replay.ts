// SPDX-License-Identifier: Apache-2.0
// `vedette replay FILE` of a recording: its batches go through an engine as they did when they were recorded. Judging has no other
// input than the batches, so the alerts are the same, byte for byte.
import { Engine } from "../engine/engine.js";
import { Feed } from "../engine/feed.js";
import { explain, VedetteError } from "../errors.js";
import { Filter } from "../falco/falco.js";
import { EventJson } from "../output/event-json.js";
import { EventText } from "../output/event-text.js";
import { Sink } from "../output/sink.js";
import { type RecordedEntry, readRecording } from "../recording/recording.js";
import { report, say } from "./failure.js";
import { type JudgingFlags, judging } from "./falco-judging.js";

export interface ReplayFlags extends JudgingFlags {
  readonly filter?: string;
  readonly json?: boolean;
}

export async function replayRecording(path: string, flags: ReplayFlags): Promise<number> {
  return flags.filter !== undefined || flags.json === true ? printAll(path, flags) : judgeAll(path, flags);
}

async function judgeAll(path: string, flags: JudgingFlags): Promise<number> {
  const { policies, outputs, host } = await judging(flags, true);
  const feed = new Feed();
  const hosts = new Map<number, string>();
  const engine = await Engine.start({
    ring: feed.ring,
    readers: [feed.reader()],
    policies,
    isReplay: true,
    hostname: (stream) => host ?? hosts.get(stream) ?? "",
    onAlert: (alert) => outputs.write(alert),
    onFault: (error) => say(`vedette: ${explain(error)}`),
    onLog: (policy, _level, text) => say(`vedette: ${policy}: ${text}`),
  });
  const status = await eachEntry(path, async (entry) => {
    if (entry.kind === "host") hosts.set(entry.stream, entry.hostname);
    else if (entry.kind === "container") engine.setContainer(entry.stream, entry.facts);
    else {
      await outputs.room();
      await feed.put(entry.batch, entry.stream);
    }
  });
  feed.close();
  await engine.finished;
  await outputs.close();
  return status;
}

async function printAll(path: string, flags: ReplayFlags): Promise<number> {
  const sink = new Sink(1);
  const form = flags.json === true ? new EventJson() : new EventText();
  const filter = flags.filter === undefined ? null : await Filter.of(flags.filter);
  const status = await eachEntry(path, (entry) => {
    if (entry.kind !== "batch" || sink.isBroken) return;
    for (const at of filter?.matching(entry.batch) ?? entry.batch.offsets) sink.line(form.line(entry.batch, at));
  });
  sink.close();
  return status;
}

/** What is whole is used; damage is told behind it. */
async function eachEntry(path: string, use: (entry: RecordedEntry) => void | Promise<void>): Promise<number> {
  try {
    for (const entry of readRecording(path)) await use(entry);
    return 0;
  } catch (error) {
    if (!(error instanceof VedetteError) || error.code === "VEDETTE_RECORDING_UNREADABLE") throw error;
    return report(error);
  }
}
