// SPDX-License-Identifier: Apache-2.0
// A policy worker: a thread that reads batches from the ring and lets each policy judge them, one after the other. It never
// returns to its event loop: orders are fetched between two batches, which is where a policy may be swapped. It can be ended
// at any instruction; the next one, with the same control block and the same reader, finds the batch that was at hand and
// begins behind the policies that had finished with it.
import { parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { type RawBatch, RingReader } from "../capture/ring.js";
import { VedetteError } from "../errors.js";
import { openChecked } from "../wire/batch.js";
import { WorkerControl } from "./control.js";
import { Credit } from "./credit.js";
import type { Order, Report, Seat, WorkerStart } from "./messages.js";
import { PolicyRunner } from "./runner.js";
import { ScopedViews } from "./scope.js";
import { Tally } from "./tally.js";
import { ChargeClock, ownThread } from "./thread-time.js";

/** How late an order may be seen when nothing else comes. */
const WAIT_MS = 10;

interface Seated {
  readonly runner: PolicyRunner;
  readonly tally: Tally;
  readonly credit: Credit;
}

const start = workerData as WorkerStart;
const port = parentPort ?? fail("this file is a worker's");
const control = new WorkerControl(start.control);
const seated = new Map<number, Seated>();
const containers = new Map(start.containers);
const charges = new ChargeClock();
let clock = 0n;

run();

function run(): void {
  control.thread = ownThread();
  for (const seat of start.seats) {
    const { fault, keep } = sit(seat);
    report({ kind: "seated", id: seat.id, fault, keep });
  }
  report({ kind: "ready" });
  const reader = new RingReader(start.ring, start.reader);
  let orders = 0;
  const obeyNew = (): void => {
    // A batch that the worker before us began is finished by the same policies.
    if (control.orders === orders || control.isUnderway(reader.position)) return;
    orders = control.orders;
    obey();
  };
  for (;;) {
    obeyNew();
    const raw = reader.next(WAIT_MS);
    obeyNew(); // an order that came while we waited may be about this very batch
    if (raw !== null) {
      control.begin(reader.position);
      judgeBatch(raw);
      reader.release();
    } else if (reader.ended) break;
  }
  for (const [id, { runner }] of seated) {
    const alerts = runner.finish(clock);
    if (alerts.length > 0) report({ kind: "judged", id, batch: control.batch, stream: -1, alerts });
  }
  report({ kind: "ended" });
}

function judgeBatch(raw: RawBatch): void {
  const batch = openChecked(raw.bytes);
  batch.container = containers.get(raw.stream) ?? null;
  clock = batch.clock;
  const views = new ScopedViews(batch);
  charges.begin();
  const finished = control.done;
  for (const [id, { runner, tally, credit }] of seated) {
    if (id < finished || !runner.wants(raw.types)) continue;
    const view = views.view(runner.policy.tenancy?.scope ?? null);
    if (view === null) continue;
    control.enter(id);
    const begun = performance.now();
    const { alerts, dropped, faults, isBroken, logs, prevented } = runner.judge(view);
    control.leave();
    const ns = charges.charge(performance.now() - begun) * 1e6;
    tally.add("batches", 1);
    tally.add("events", view.count);
    tally.add("ns", ns);
    tally.set("memoryBytes", runner.memoryBytes);
    if (alerts.length > 0) tally.add("alerts", alerts.length);
    if (dropped > 0) tally.add("suppressed", dropped);
    if (faults.length > 0) tally.add("traps", faults.length);
    if (prevented.denied > 0) tally.add("denied", prevented.denied);
    if (prevented.monitored > 0) tally.add("monitored", prevented.monitored);
    for (const { level, text } of logs) report({ kind: "log", id, level, text });
    for (const [i, { event, reason }] of faults.entries()) {
      const isLast = i === faults.length - 1;
      report({ kind: "trapped", id, event, reason, isBroken: isBroken && isLast });
    }
    if (alerts.length > 0) report({ kind: "judged", id, batch: control.batch, stream: raw.stream, alerts });
    const isOverspent = !credit.settle(view.count, ns);
    if (isOverspent && !isBroken) report({ kind: "overspent", id });
    if (isBroken || isOverspent) seated.delete(id);
    control.finish(id);
  }
}

function obey(): void {
  for (let message = receiveMessageOnPort(port); message !== undefined; message = receiveMessageOnPort(port)) {
    const order = message.message as Order;
    if (order.kind === "swap") swap(order);
    else if (order.facts === null) containers.delete(order.stream);
    else containers.set(order.stream, order.facts);
  }
}

function swap({ number, out, seat }: Order & { kind: "swap" }): void {
  const { fault, keep } = seat === null ? { fault: null, keep: null } : sit(seat);
  if (fault === null && out !== null && out !== seat?.id) seated.delete(out);
  report({ kind: "swapped", number, fault, keep });
}

/** Its init is code of an author too, and is watched like a batch. */
function sit({ id, policy, tally, keep }: Seat): { fault: string | null; keep: SharedArrayBuffer | null } {
  control.enter(id);
  try {
    const runner = new PolicyRunner(policy, keep);
    control.leave();
    seated.set(id, { runner, tally: new Tally(tally), credit: new Credit() });
    sortSeats();
    return { fault: null, keep: runner.keep };
  } catch (error) {
    control.leave();
    if (!(error instanceof VedetteError)) throw error;
    return { fault: (error.cause as Error | undefined)?.message ?? error.message, keep: null };
  }
}

/** Policies judge in the order of their ids, whenever they came. */
function sortSeats(): void {
  const sorted = [...seated].sort(([a], [b]) => a - b);
  seated.clear();
  for (const [id, one] of sorted) seated.set(id, one);
}

function report(what: Report): void {
  port.postMessage(what);
}

function fail(reason: string): never {
  throw new Error(reason);
}
