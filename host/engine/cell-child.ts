// SPDX-License-Identifier: Apache-2.0
// The process of a tenant: an engine of its own, fed by the host with the batches that the tenant may see. It
// starts in vedette-jail and under Node's permission model, so it has no file, no network, no addon and no
// program to start; the one channel to the host is all there is.
import { Socket } from "node:net";
import type { Alert } from "../output/alert.js";
import { admit, WIDE_LIMITS } from "../wasm/admission.js";
import type { Measured } from "../wasm/metrics-region.js";
import { openBatch } from "../wire/batch.js";
import type { FromCell, SentPolicy, ToCell } from "./cell-messages.js";
import { CellEnd, MEASUREMENTS_MAX } from "./cell-wire.js";
import { Engine } from "./engine.js";
import { Feed } from "./feed.js";
import { SUPPRESSED } from "./limiter.js";
import type { LoadedPolicy } from "./policy.js";

const REPORT_MS = 200;
/** Where the host put our end. */
const CHANNEL_FD = 3;

const feed = new Feed();
const reader = feed.reader();
/** The host's numbers of policies, and the engine's. */
const ids = new Map<number, number>();
/** The host's number of each policy, which is known before the engine seats it and after it is gone. */
const numbers = new WeakMap<LoadedPolicy, number>();
let work: Promise<unknown> = Promise.resolve();
let batches = 0;
const channel = new Socket({ fd: CHANNEL_FD });
const end = new CellEnd<ToCell, FromCell>(channel, (message) => {
  work = work.then(() => take(message)); // one after the other: a swap stands between two batches
});
const say = end.say.bind(end);
channel.on("close", () => process.exit(0));

const engine = await Engine.start({
  ring: feed.ring,
  readers: [reader],
  policies: [],
  onAlert: sayAlert,
  onFault: ({ code, message, hint }, policy) => say({ kind: "fault", number: numberIn(policy), code, message, hint }),
  onLog: (policy, level, text) => say({ kind: "log", policy, level, text }),
  onMeasured: (policy, measured) => sayMeasured(numberIn(policy), measured),
  onUnmeasured: (policy) => {
    const number = numberIn(policy);
    if (number >= 0) say({ kind: "unmeasured", number });
  },
});
setInterval(report, REPORT_MS);
say({ kind: "ready" });

async function take(message: ToCell): Promise<void> {
  switch (message.kind) {
    case "batch": {
      engine.setContainer(message.stream, message.container);
      await feed.put(openBatch(message.bytes), message.stream);
      batches++;
      return;
    }
    case "swap":
      return swap(message);
    case "status":
      return report();
    case "end":
      feed.close();
      await engine.finished;
      report();
      say({ kind: "ended" });
  }
}

async function swap({ number, out, policy }: ToCell & { kind: "swap" }): Promise<void> {
  try {
    const old = out === null ? undefined : ids.get(out);
    if (policy === null) {
      if (old !== undefined) await engine.remove(old);
    } else {
      const loaded = await received(policy);
      numbers.set(loaded, number);
      ids.set(number, old === undefined ? await engine.add(loaded) : await engine.replace(old, loaded));
    }
    if (out !== null) ids.delete(out);
    say({ kind: "swapped", number, fault: null });
  } catch (error) {
    say({ kind: "swapped", number, fault: (error as Error).message });
  }
}

async function received({ policy, path, bytes, memoryPages }: SentPolicy): Promise<LoadedPolicy> {
  const limits = { ...WIDE_LIMITS, moduleBytes: bytes.length, memoryPages, rulesMin: 0 as const };
  return { ...policy, admitted: await admit(Uint8Array.from(bytes), path, limits) };
}

function report(): void {
  const seats = engine
    .status()
    .map(({ id, state, tally, lastError }) => ({ number: numberOf(id), state, tally, lastError }));
  say({ kind: "judged", batches, seats });
}

/** In parts that are not too long. */
function sayMeasured(number: number, { measurements, refused }: Measured): void {
  if (number < 0) return;
  for (let at = 0; at === 0 || at < measurements.length; at += MEASUREMENTS_MAX) {
    const part = measurements.slice(at, at + MEASUREMENTS_MAX);
    say({ kind: "measured", number, measured: { measurements: part, refused: at === 0 ? refused : 0 } });
  }
}

function numberIn(policy: LoadedPolicy | null): number {
  return (policy === null ? undefined : numbers.get(policy)) ?? -1;
}

function numberOf(id: number): number {
  return [...ids].find(([, one]) => one === id)?.[0] ?? -1;
}

function sayAlert(
  { policy = "", rule, time, output, outputFields, source, finding, grouping }: Alert,
  stream: number,
): void {
  if (source !== "internal") {
    const about = finding === undefined ? {} : { finding };
    const key = grouping == null ? {} : { dedup: grouping.dedup };
    say({ kind: "alert", policy, rule, time, output, outputFields, stream, ...about, ...key });
    return;
  }
  const fields = new Map(outputFields);
  const of = (name: string): string => String(fields.get(name) ?? "");
  if (rule === SUPPRESSED)
    say({
      kind: "suppressed",
      policy,
      rule: of("rule"),
      time,
      container: of("container.id"),
      count: Number(fields.get("n_alerts")),
    });
}
