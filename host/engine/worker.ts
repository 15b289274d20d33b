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
import type { Order, Report, Seat, WorkerStart } from "./messages.js";
import { PolicyRunner } from "./runner.js";

const WAIT_MS = 100;

const start = workerData as WorkerStart;
const port = parentPort ?? fail("this file is a worker's");
const control = new WorkerControl(start.control);
const runners = new Map<number, PolicyRunner>();
const containers = new Map(start.containers);

run();

function run(): void {
  for (const seat of start.seats) seatPolicy(seat);
  report({ kind: "ready" });
  const reader = new RingReader(start.ring, start.reader);
  let orders = 0;
  for (;;) {
    if (control.orders !== orders) {
      orders = control.orders;
      if (!obey()) return;
    }
    const raw = reader.next(WAIT_MS);
    // An order that came while we waited may be about this very batch.
    if (control.orders !== orders) {
      orders = control.orders;
      if (!obey()) return;
    }
    if (raw !== null) judgeBatch(raw);
    else if (reader.ended) break;
  }
  report({ kind: "ended" });
}

function judgeBatch(raw: RawBatch): void {
  const batch = openChecked(raw.bytes);
  batch.container = containers.get(raw.stream) ?? null;
  const finished = control.done;
  for (const [id, runner] of runners) {
    if (id < finished || !runner.wants(raw.types)) continue;
    control.enter(id);
    const { alerts, dropped, faults, isBroken, logs } = runner.judge(batch);
    control.leave();
    if (isBroken) runners.delete(id);
    for (const { level, text } of logs) report({ kind: "log", id, level, text });
    for (const [i, { event, reason }] of faults.entries()) {
      const isLast = i === faults.length - 1;
      report({ kind: "trapped", id, batch: control.batch, event, reason, isBroken: isBroken && isLast });
    }
    if (alerts.length > 0) report({ kind: "judged", id, batch: control.batch, stream: raw.stream, alerts, dropped });
    control.finish(id);
  }
  control.nextBatch();
}

/** False: stop. */
function obey(): boolean {
  for (let message = receiveMessageOnPort(port); message !== undefined; message = receiveMessageOnPort(port)) {
    const order = message.message as Order;
    switch (order.kind) {
      case "seat":
        seatPolicy(order.seat);
        break;
      case "unseat":
        runners.delete(order.id);
        break;
      case "container":
        order.facts === null ? containers.delete(order.stream) : containers.set(order.stream, order.facts);
        break;
      case "stop":
        return false;
    }
  }
  return true;
}

/** Its init is code of an author too, and is watched like a batch. */
function seatPolicy({ id, policy }: Seat): void {
  control.enter(id);
  let fault: string | null = null;
  try {
    runners.set(id, new PolicyRunner(policy));
  } catch (error) {
    if (!(error instanceof VedetteError)) throw error;
    fault = (error.cause as Error | undefined)?.message ?? error.message;
  }
  control.leave();
  sortRunners();
  report({ kind: "seated", id, fault });
}

/** Policies judge in the order of their ids, whenever they came. */
function sortRunners(): void {
  const sorted = [...runners].sort(([a], [b]) => a - b);
  runners.clear();
  for (const [id, runner] of sorted) runners.set(id, runner);
}

function report(what: Report): void {
  port.postMessage(what);
}

function fail(reason: string): never {
  throw new Error(reason);
}
