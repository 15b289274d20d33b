// SPDX-License-Identifier: Apache-2.0
// A policy worker: a thread that reads batches from the ring and lets each policy judge them, one after the
// other. It never returns to its event loop: orders are fetched between two batches, which is where a policy
// may be swapped. It can be ended at any instruction; the next one, with the same control block and the same
// reader, finds the batch that was at hand and begins behind the policies that had finished with it.
import { parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { type RawBatch, RingReader } from "../capture/ring.js";
import { VedetteError } from "../errors.js";
import { type BusSubject, openChecked } from "../wire/batch.js";
import { Account } from "./account.js";
import { MeasureAllowance } from "./allowance.js";
import { ownerOf, SharedBounds } from "./bounds.js";
import { missedBetween, WorkerControl } from "./control.js";
import { type KeptLimits, LIMIT_ROWS_MAX, POLICY_ROWS_MAX } from "./kept-limits.js";
import { LIMIT_CLOCKS } from "./limiter.js";
import type { Order, Place, Report, Seat, Sitting, WorkerStart } from "./messages.js";
import type { LoadedPolicy } from "./policy.js";
import { PolicyRunner } from "./runner.js";
import { ScopedViews } from "./scope.js";
import { Tally } from "./tally.js";
import { ChargeClock, ownThread, stepBack } from "./thread-time.js";

/** How late an order may be seen when nothing else comes. */
const WAIT_MS = 10;
/**
 * How often the worker asks a policy what it has measured, and looks for muted rules while no batch comes.
 */
const TELL_MS = 1000;
/** The same of a policy that has little room left: what has none is measured together. */
const TELL_MS_MIN = 250;
/**
 * After so many calls of the longest kind, no more of a tenant's policies judge a batch: one that loops does
 * not blind the others.
 */
const CALLS_PER_BATCH = 2;
/**
 * How much of what a policy took before still counts, batch by batch, when the worst of a tenant's is looked
 * for.
 */
const MEMORY = 0.99;

interface Seated {
  readonly runner: PolicyRunner;
  readonly tally: Tally;
  readonly account: Account;
  readonly owner: string;
  /** The place from which it judges; null: it has come there. */
  from: Place | null;
  /** What it took lately, in ns. */
  recent: number;
  /** When it was last asked what it has measured, ms. */
  askedAt: number;
}

const start = workerData as WorkerStart;
const port = parentPort ?? fail("this file is a worker's");
const control = new WorkerControl(start.control);
const seated = new Map<number, Seated>();
const bounds = new Map<string, SharedBounds>();
const allowances = new Map<string, MeasureAllowance>();
const containers = new Map(start.streams.containers);
const subjects = new Map(start.streams.subjects);
const charges = new ChargeClock();
const budgetNs = start.budgetMs * 1e6;
const limitTime = LIMIT_CLOCKS[start.limits];
const reader = new RingReader(start.ring, start.reader);
let leaving: (Order & { kind: "leave" })[] = [];
let isHeld = start.isHeld;
let orders = 0;
let clock = 0n;
let toldAt = performance.now();
/** When all policies were asked last what they have measured. */
let lookedAt = performance.now();

run();

function run(): void {
  control.thread = ownThread();
  if (start.isSlow) stepBack(control.thread);
  for (const seat of start.seats) report({ kind: "seated", ...sit(seat) });
  report({ kind: "ready" });
  for (;;) {
    obeyNew();
    const raw = reader.next(WAIT_MS);
    obeyNew(); // an order that came while we waited may be about this very batch
    if (raw !== null) {
      control.begin(reader.position);
      judgeBatch(raw, reader.position);
      control.close(raw.number);
      reader.release();
      tellAllMeasured();
    } else if (reader.ended) break;
    else {
      tellSuppressed();
      tellAllMeasured();
    }
  }
  tellMissed(reader.lastNumber + 1);
  for (const [id, one] of seated) sayGoodbye(id, one);
  report({ kind: "ended" });
}

/** Reports muted rules, also when no batch comes any more. */
function tellSuppressed(): void {
  if (start.isReplay || performance.now() - toldAt < TELL_MS) return;
  toldAt = performance.now();
  for (const [id, { runner }] of seated) {
    const alerts = runner.tellSuppressed(clock);
    if (alerts.length > 0) report({ kind: "judged", id, batch: control.batch, stream: -1, alerts });
  }
}

/** Also of policies that a busy worker has no batch for: what they gave last would wait for as long. */
function tellAllMeasured(): void {
  const now = performance.now();
  if (now - lookedAt < TELL_MS_MIN) return;
  lookedAt = now;
  for (const [id, one] of seated) tellMeasured(id, one);
}

/**
 * Reports what a policy has measured: once a second, sooner where it has little room, at once if `isLast`.
 */
function tellMeasured(id: number, one: Seated, isLast = false): void {
  const now = performance.now();
  const waitMs = one.runner.measuresMuch ? TELL_MS_MIN : TELL_MS;
  if (!isLast && now - one.askedAt < waitMs) return;
  one.askedAt = now;
  const { owner, runner } = one;
  for (const measured of runner.takeMeasured()) {
    const allowance = allowances.get(owner) ?? new MeasureAllowance();
    allowances.set(owner, allowance);
    const fit = allowance.fit(measured, runner.policy.admitted.metadata.metrics ?? [], now);
    report({ kind: "measured", id, measured: fit });
  }
}

/**
 * Reports to each owner the batches before this one that none of its policies judged, because the writers
 * overtook this worker. What they judged where they came from is not among these.
 */
function tellMissed(number: number): void {
  const last = control.reach(number);
  const owners = new Map<string, { readonly id: number; readonly judged: number[] }>();
  for (const [id, { owner, from }] of seated) {
    const one = owners.get(owner) ?? { id, judged: [last] };
    owners.set(owner, one);
    if (from !== null) one.judged.push(from.last);
  }
  for (const { id, judged } of owners.values()) {
    const batches = missedBetween(judged, number);
    if (batches > 0) report({ kind: "behind", id, batches });
  }
}

function judgeBatch(raw: RawBatch, position: number): void {
  const batch = openChecked(raw.bytes);
  batch.container = containers.get(raw.stream) ?? null;
  batch.subject = subjects.get(raw.stream) ?? null;
  clock = batch.clock;
  tellMissed(raw.number);
  const views = new ScopedViews(batch);
  const skipped = new Map<string, { readonly id: number; count: number }>();
  charges.begin();
  const finished = control.done;
  for (const [id, one] of seated) {
    const { runner, tally, account, owner } = one;
    if (one.from !== null && !reader.isBefore(one.from.position)) one.from = null; // later it means another place: numbers wrap
    if (id < finished || one.from !== null || !runner.wants(raw.types)) continue;
    if (!mayJudge(runner.policy, batch.subject)) continue;
    const view = views.view(runner.policy.tenancy?.scope ?? null);
    if (view === null) continue;
    if (account.spentOn(position) >= CALLS_PER_BATCH * budgetNs) {
      const skips = skipped.get(owner) ?? { id, count: 0 };
      skipped.set(owner, skips);
      skips.count++;
      continue;
    }
    control.enter(id);
    const begun = performance.now();
    const { alerts, dropped, faults, isBroken, logs, prevented, facts } = runner.judge(view, raw.types);
    control.leave();
    tellMeasured(id, one, isBroken);
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
    if (facts !== null) report({ kind: "told", id, stream: raw.stream, told: facts });
    one.recent = one.recent * MEMORY + ns;
    if (isBroken) seated.delete(id);
    settle(one, id, account.settle(position, view.count, ns));
    control.finish(id);
  }
  for (const { id, count } of skipped.values()) report({ kind: "skipped", id, count, event: batch.first });
}

/** Facts are judged by policies of the owner alone whose policy told them. */
function mayJudge({ tenancy }: LoadedPolicy, subject: BusSubject | null): boolean {
  return subject?.owner === undefined || subject.owner === (tenancy?.tenant ?? null);
}

/**
 * Reports a tenant that takes too much. A tenant whose time is used up loses the policy that took the most of
 * it.
 */
function settle(one: Seated, id: number, standing: ReturnType<Account["settle"]>): void {
  const { account, owner } = one;
  if (standing === "good") return;
  if (standing === "heavy") {
    account.forgiveHalf();
    report({ kind: "heavy", id });
    return;
  }
  account.pardon();
  let worst = { id, recent: one.recent };
  for (const [other, { owner: whose, recent }] of seated)
    if (whose === owner && recent > worst.recent) worst = { id: other, recent };
  const rests = seated.get(worst.id);
  if (rests !== undefined) tellMeasured(worst.id, rests, true);
  // One that is broken rests already.
  if (seated.delete(worst.id)) report({ kind: "overspent", id: worst.id });
}

/**
 * Carries out what is asked, and waits while it is held. A batch that is underway is first finished by the
 * same policies.
 */
function obeyNew(): void {
  if (control.isUnderway(reader.position)) return;
  for (;;) {
    if (control.orders !== orders) {
      orders = control.orders;
      for (let message = receiveMessageOnPort(port); message !== undefined; message = receiveMessageOnPort(port))
        obey(message.message as Order);
    }
    leaving = leaving.filter((order) => !letGo(order));
    if (!isHeld) return;
    control.awaitOrder(orders, WAIT_MS);
  }
}

function obey(order: Order): void {
  switch (order.kind) {
    case "swap":
      swap(order);
      break;
    case "hold":
      isHeld = true;
      done(order.number);
      break;
    case "leave":
      leaving.push(order);
      break;
    case "take": {
      const sittings = order.seats.map(sit);
      isHeld = false;
      done(order.number, sittings);
      break;
    }
    case "limits":
      done(order.number, [], limitsNow());
      break;
    case "container":
      if (order.facts === null) containers.delete(order.stream);
      else containers.set(order.stream, order.facts);
      break;
    case "subject":
      if (order.subject === null) subjects.delete(order.stream);
      else subjects.set(order.stream, order.subject);
  }
}

function swap({ number, out, seat }: Order & { kind: "swap" }): void {
  const sittings = seat === null ? [] : [sit(seat)];
  const hasFailed = sittings.some(({ fault }) => fault !== null);
  const old = out === null || out === seat?.id ? undefined : seated.get(out);
  if (!hasFailed && out !== null && old !== undefined) {
    tellMeasured(out, old, true);
    seated.delete(out);
  }
  done(number, sittings);
}

/** Lets these policies go if the reader stands at the place `at`. Gives whether they have gone. */
function letGo({ number, ids, at }: Order & { kind: "leave" }): boolean {
  if (reader.isBefore(at)) return false;
  for (const id of ids) {
    const one = seated.get(id);
    if (one !== undefined) sayGoodbye(id, one);
    seated.delete(id);
  }
  done(number);
  return true;
}

/** Reports what a policy has measured, and raises its alerts that were not raised yet. */
function sayGoodbye(id: number, one: Seated): void {
  tellMeasured(id, one, true);
  const alerts = one.runner.finish(clock);
  if (alerts.length > 0) report({ kind: "judged", id, batch: control.batch, stream: -1, alerts });
}

/** Its init is code of an author too, and is watched like a batch. */
function sit({ id, policy, tally, account, keep, from, limits }: Seat): Sitting {
  const owner = ownerOf(policy);
  const known = bounds.get(owner);
  const shared = known?.isOf(policy) === true ? known : new SharedBounds(policy);
  bounds.set(owner, shared);
  control.enter(id);
  try {
    const runner = new PolicyRunner(policy, keep, shared, limitTime);
    control.leave();
    if (limits !== null) runner.takeLimits(limits);
    if (limits?.shared !== undefined) shared.alerts?.resume(limits.shared);
    const ofTenant = new Account(account, policy.tenancy?.bounds?.usPerEvent);
    seated.set(id, {
      runner,
      tally: new Tally(tally),
      account: ofTenant,
      owner,
      from,
      recent: 0,
      askedAt: performance.now(),
    });
    sortSeats();
    return { id, fault: null, keep: runner.keep };
  } catch (error) {
    control.leave();
    if (!(error instanceof VedetteError)) throw error;
    return { id, fault: (error.cause as Error | undefined)?.message ?? error.message, keep: null };
  }
}

/** Policies judge in the order of their ids, whenever they came. */
function sortSeats(): void {
  const sorted = [...seated].sort(([a], [b]) => a - b);
  seated.clear();
  for (const [id, one] of sorted) seated.set(id, one);
}

/** What all policies together have used up of a tenant's goes with the first of them. */
function limitsNow(): Map<number, KeptLimits> {
  const most = Math.min(POLICY_ROWS_MAX, Math.floor(LIMIT_ROWS_MAX / (2 * Math.max(1, seated.size))));
  const told = new Set<string>();
  const limits = [...seated].map(([id, { runner, owner }]): [number, KeptLimits] => {
    const own = runner.limits(clock, most);
    const together = told.has(owner) ? undefined : bounds.get(owner)?.alerts;
    told.add(owner);
    return [id, together ? { ...own, shared: together.used(Number(limitTime(clock)), most) } : own];
  });
  return new Map(limits.filter(([, { own, shared = [] }]) => own.length + shared.length > 0));
}

function done(
  number: number,
  sittings: readonly Sitting[] = [],
  limits: ReadonlyMap<number, KeptLimits> = new Map(),
): void {
  report({ kind: "done", number, sittings, place: { position: reader.position, last: control.last }, limits });
}

function report(what: Report): void {
  port.postMessage(what);
}

function fail(reason: string): never {
  throw new Error(reason);
}
