// SPDX-License-Identifier: Apache-2.0
// The queue in front of every output, with a carrier that does as it is told: order, batches, bounds,
// retries, and what is counted.
import { setTimeout as sleep } from "node:timers/promises";
import { Registry } from "prom-client";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { VedetteError } from "../../../host/errors.js";
import type { Alert } from "../../../host/output/alert.js";
import { Backlog, type BacklogLimits } from "../../../host/output/backlog.js";
import { isWell } from "../../../host/output/health.js";
import { registerOutputs } from "../../../host/output/metrics.js";
import type { Carrier, Sent } from "../../../host/output/output.js";
import { Health } from "../../../host/sensor/sensor.js";
import { until } from "../../until.js";
import { ALERT, FINDING } from "./shared.js";

const WAIT_MS_MAX = 60_000;
/** Longer than any test runs. */
const NEVER_MS = 3_600_000;

/** No limit of time here: each test that is about one sets it, and a slow machine fails no other. */
const LIMITS: BacklogLimits = {
  count: 100,
  bytes: 1 << 20,
  batchCount: 10,
  batchBytes: 1000,
  retryMs: 5,
  retryMsMax: 20,
  busyMs: 2,
  stuckMs: NEVER_MS,
  closeMs: WAIT_MS_MAX,
  retriesAtEnd: false,
};
const FULL = (): VedetteError => new VedetteError("VEDETTE_SINK_UNWRITABLE", { path: "/x", reason: "it is full" });
const done: Sent = { outcome: "done" };
const busy = (taken = 0): Sent => ({ outcome: "busy", taken });
const again = (taken = 0): Sent => ({ outcome: "again", taken, error: FULL() });
const refused = (taken = 0): Sent => ({ outcome: "refused", taken, error: FULL() });

/** Answers each batch with the next of `answers`, and the last for ever. */
function queueOf(answers: readonly Sent[], limits: Partial<BacklogLimits> = {}) {
  const got: string[] = [];
  const batches: number[] = [];
  const faults: string[] = [];
  let nth = 0;
  const carrier: Carrier = {
    send: (lines) => {
      const sent = answers[Math.min(nth++, answers.length - 1)] as Sent;
      batches.push(lines.length);
      got.push(...lines.slice(0, sent.outcome === "done" ? lines.length : sent.taken));
      return sent;
    },
    close: () => undefined,
  };
  const queue = new Backlog({
    name: "out",
    kind: "test",
    carrier,
    limits: { ...LIMITS, ...limits },
    text: ({ rule }) => rule,
    update: ({ rule }) => `more of ${rule}`,
    onFault: (error) => void faults.push(error.code),
  });
  return { queue, got, batches, faults };
}

test("what comes at once goes out in batches, in order", async () => {
  const { queue, got, batches } = queueOf([done]);
  for (let i = 0; i < 25; i++) queue.push(`${i}`);
  await queue.close();
  assert.equal(
    got,
    Array.from({ length: 25 }, (_, i) => `${i}`),
  );
  assert.equal(batches, [10, 10, 5]);
  assert.is(queue.stats().sent, 25);
});

test("a batch is no larger than it may be, unless one line is", async () => {
  const { queue, batches } = queueOf([done]);
  for (const size of [400, 400, 400, 5000]) queue.push("x".repeat(size));
  await queue.close();
  assert.equal(batches, [2, 1, 1]);
});

test("the newest is dropped and counted when there is no room, by number or by bytes", async () => {
  const few = queueOf([done], { count: 3 });
  for (let i = 0; i < 5; i++) few.queue.push(`${i}`);
  await few.queue.close();
  assert.equal([few.got, few.queue.stats().dropped.full, few.queue.lost], [["0", "1", "2"], 2, 2]);
  const small = queueOf([done], { bytes: 10 });
  for (const line of ["12345678", "123", "12"]) small.queue.push(line);
  await small.queue.close();
  assert.equal([small.got, small.queue.lost], [["12345678", "12"], 1]);
});

test("more is told of an alert that was taken, and of no other one", async () => {
  const { queue, got } = queueOf([done], { count: 2 });
  const alertOf = (rule: string) => ({ ...ALERT, rule, finding: { ...FINDING, event: { ...FINDING.event } } });
  const [first, second, third, never] = ["first", "second", "third", "never"].map(alertOf);
  for (const alert of [first!, second!, third!]) queue.write(alert); // the third has no room
  await until("two are sent", () => got.length === 2);
  const know = (alert: Alert): void => queue.update({ ...alert, finding: { ...alert.finding!, executable: null } });
  know(third!);
  know(first!);
  know(never!);
  await queue.close();
  assert.equal(got, ["first", "second", "more of first"]);
});

test("what was not taken is sent again, from the line on that failed", async () => {
  const { queue, got, faults } = queueOf([again(2), again(), busy(1), done]);
  for (const line of ["a", "b", "c", "d"]) queue.push(line);
  await until("all sent", () => queue.stats().sent === 4);
  assert.equal(got, ["a", "b", "c", "d"]);
  assert.equal(faults, ["VEDETTE_SINK_UNWRITABLE"], "told once");
  assert.is(queue.stats().retries, 2);
  assert.is(queue.health(), null);
  await queue.close();
});

test("a batch that failed comes again as it was, unless each line goes by itself: then more join it", async () => {
  for (const isByLine of [false, true]) {
    const batches: string[][] = [];
    const carrier: Carrier = {
      ...(isByLine ? { isByLine } : {}),
      send: (lines) => {
        batches.push([...lines]);
        if (batches.length === 1) for (const line of ["b", "c"]) queue.push(line); // while it is on its way
        return batches.length === 1 ? again() : done;
      },
      close: () => undefined,
    };
    const queue = new Backlog({
      ...{ name: "out", kind: "test", carrier, limits: LIMITS },
      text: ({ rule }) => rule,
      onFault: () => undefined,
    });
    queue.push("a");
    await until("all sent", () => queue.stats().sent === 3);
    await queue.close();
    assert.equal(batches, isByLine ? [["a"], ["a", "b", "c"]] : [["a"], ["a"], ["b", "c"]]);
  }
});

test("it is told again after it went well in between", async () => {
  const { queue, faults } = queueOf([again(), done, again(), done]);
  queue.push("a");
  await until("the first sent", () => queue.stats().sent === 1);
  queue.push("b");
  await until("the second sent", () => queue.stats().sent === 2);
  assert.equal(faults, ["VEDETTE_SINK_UNWRITABLE", "VEDETTE_SINK_UNWRITABLE"]);
  await queue.close();
});

test("what is refused is dropped, and the next goes out", async () => {
  const { queue, got } = queueOf([refused(1), done]);
  for (const line of ["a", "b", "c"]) queue.push(line);
  await queue.close();
  assert.equal([got, queue.stats().dropped.refused, queue.lost], [["a", "c"], 1, 1]);
});

test("while it fails, health says why, and the error stays to be seen when it is over", async () => {
  const { queue } = queueOf([again(), again(), done], { retryMs: NEVER_MS, retryMsMax: NEVER_MS });
  queue.push("a");
  await until("one attempt", () => queue.stats().retries === 1);
  assert.match(queue.health() ?? "", /it is full/);
  assert.is(queue.stats().state, "retrying");
  queue.flush(); // tries at once
  await until("another attempt", () => queue.stats().retries === 2);
  queue.flush();
  await until("it is sent", () => queue.stats().sent === 1);
  assert.is(queue.health(), null);
  assert.is(queue.stats().lastError?.code, "VEDETTE_SINK_UNWRITABLE");
  await queue.close();
});

test("one that takes nothing for a while is stuck: told once, red until it takes something", async () => {
  const answers = [busy()];
  const { queue, faults } = queueOf(answers, { stuckMs: 60 });
  queue.push("a");
  await until("it is told", () => faults.length > 0);
  assert.equal([faults, queue.stats().state], [["VEDETTE_OUTPUT_STUCK"], "stuck"]);
  assert.match(queue.health() ?? "", /Alerts wait for out, which has taken none for 0\.06 s/);
  answers[0] = done;
  await until("it is sent", () => queue.stats().sent === 1);
  assert.equal([queue.stats().sent, queue.stats().state, queue.health()], [1, "ok", null]);
  await queue.close();
});

test("one that takes nothing behind a file that was opened again is stuck as well", async () => {
  const stuckMs = 40;
  const { queue, faults } = queueOf([again(1), busy()], {
    stuckMs,
    retryMs: NEVER_MS,
    retryMsMax: NEVER_MS,
    closeMs: 1,
  });
  queue.push("a");
  await until("it is taken, and its file cannot be opened", () => queue.stats().state === "retrying");
  queue.push("b");
  await sleep(3 * stuckMs); // it fails, so nobody is told that it takes nothing
  assert.equal(faults, ["VEDETTE_SINK_UNWRITABLE"]);
  queue.reopen();
  await until("that it takes nothing is told", () => queue.stats().state === "stuck");
  assert.equal(faults, ["VEDETTE_SINK_UNWRITABLE", "VEDETTE_OUTPUT_STUCK"]);
  await queue.close();
});

test("one that takes a little now and then is not stuck", async () => {
  const answers = Array.from({ length: 40 }, (_, i) => busy(i % 5 === 0 ? 1 : 0));
  const { queue, faults } = queueOf(answers, { busyMs: 50, stuckMs: 1_500 }); // one each 250 ms, for 2 s
  for (let i = 0; i < 8; i++) queue.push(`${i}`);
  await until("all are taken", () => queue.stats().sent === 8);
  assert.equal(faults, []);
  await queue.close();
});

test("what becomes of an alert by which somebody tries an output is told, behind what waits", async () => {
  const ends = async (answers: readonly Sent[], limits: Partial<BacklogLimits> = {}, ms = WAIT_MS_MAX) => {
    const { queue, got } = queueOf(answers, limits);
    queue.push("before");
    const tried = await queue.try({ ...ALERT, rule: "test" }, ms);
    const lost = queue.lost;
    await queue.close();
    return { ...tried, ms: tried.ms >= 0, got, lost };
  };
  assert.equal(await ends([done]), { end: "taken", ms: true, error: null, got: ["before", "test"], lost: 0 });
  const again_ = await ends([again(), done]);
  assert.equal([again_.end, again_.error], ["taken", null], "what failed is tried again");
  const one = { batchCount: 1 };
  assert.equal((await ends([done, refused()], one)).end, "refused");
  const thrown: Sent = { outcome: "done", refused: { count: 1, error: FULL() } };
  assert.match((await ends([done, thrown], one)).error!, "it is full");
  assert.is((await ends([{ outcome: "gone", taken: 0 }])).end, "gone");
  const full = await ends([done], { count: 1 });
  assert.equal([full.end, full.lost], ["full", 0], "a test that has no room is no alert that was lost");
  const stuck = await ends([again()], { retryMs: NEVER_MS, closeMs: 1 }, 1);
  assert.equal([stuck.end, stuck.got], ["waiting", []]);
  const { queue } = queueOf([busy()], { busyMs: NEVER_MS, closeMs: 1 });
  const tried = queue.try(ALERT, WAIT_MS_MAX);
  await queue.close();
  assert.is((await tried).end, "closed");
  assert.is((await queue.try(ALERT, WAIT_MS_MAX)).end, "closed");
});

test("a carrier that never answers is stuck as well, and close() leaves it behind", async () => {
  const faults: string[] = [];
  const carrier: Carrier = { send: () => new Promise(() => undefined), close: () => undefined };
  const onFault = (error: VedetteError) => void faults.push(error.code);
  const limits = { ...LIMITS, stuckMs: 60, closeMs: 100 };
  const queue = new Backlog({ name: "o", kind: "t", carrier, limits, text: ({ rule }) => rule, onFault });
  queue.push("a");
  await until("it is told", () => faults.length > 0);
  assert.equal(faults, ["VEDETTE_OUTPUT_STUCK"]);
  await queue.close();
  assert.equal([queue.stats().dropped.closed, queue.lost], [1, 1]);
});

test("close() tries what fails once more, or as long as it may", async () => {
  for (const retriesAtEnd of [false, true]) {
    const { queue, got } = queueOf([again(), again(), again(), done], { retriesAtEnd });
    queue.push("a");
    await queue.close();
    assert.equal([got.length, queue.lost], retriesAtEnd ? [1, 0] : [0, 1]);
  }
});

test("where nobody reads any more, nothing is lost that anybody wanted", async () => {
  const { queue } = queueOf([{ outcome: "gone", taken: 1 }]);
  for (const line of ["a", "b", "c"]) queue.push(line);
  await until("nobody reads", () => queue.stats().state === "gone");
  queue.push("d");
  await queue.close();
  assert.equal([queue.stats().sent, queue.lost, queue.stats().state, queue.health()], [1, 0, "gone", null]);
});

test("what comes behind the close is counted, and nothing is tried any more", async () => {
  const { queue, batches } = queueOf([again()], { retriesAtEnd: true, closeMs: 20 });
  queue.push("before");
  await queue.close();
  const tries = batches.length;
  queue.push("pushed");
  queue.write(ALERT);
  queue.flush();
  await sleep(50); // many times retryMs
  assert.is(batches.length, tries);
  const { queued, dropped } = queue.stats();
  assert.equal([queued, dropped.closed], [0, 3]);
});

test("one that waits for its reader drops nothing, and says when it has room", async () => {
  const { queue, got } = queueOf([...Array.from({ length: 50 }, () => busy()), done], {
    count: 2,
    closeMs: Number.POSITIVE_INFINITY,
  });
  for (let i = 0; i < 5; i++) queue.push(`${i}`);
  await queue.room();
  assert.is(queue.stats().queued, 0);
  await queue.close();
  assert.equal([got.length, queue.lost], [5, 0]);
});

test("metrics and health say of each output what it sent, keeps, dropped and met", async () => {
  const { queue } = queueOf([busy(2), again(), again()], { count: 4 });
  for (let i = 0; i < 6; i++) queue.push("four");
  await until("a new attempt", () => queue.stats().retries > 0);
  const registry = new Registry();
  registerOutputs(registry, () => [queue.stats()]);
  const text = await registry.metrics();
  for (const line of [
    /^vedette_output_healthy\{output="out",kind="test"\} 0$/m,
    /^vedette_output_queued\{output="out",kind="test"\} 2$/m,
    /^vedette_output_queued_bytes\{output="out",kind="test"\} 8$/m,
    /^vedette_output_oldest_seconds\{output="out",kind="test"\} [\d.e-]+$/m,
    /^vedette_output_sent_total\{output="out",kind="test"\} 2$/m,
    /^vedette_output_retries_total\{output="out",kind="test"\} [1-9]\d*$/m,
    /^vedette_output_dropped_total\{output="out",kind="test",reason="full"\} 2$/m,
    /^vedette_output_dropped_total\{output="out",kind="test",reason="closed"\} 0$/m,
    /^vedette_output_errors_total\{output="out",kind="test",code="VEDETTE_SINK_UNWRITABLE"\} [1-9]\d*$/m,
    /^vedette_output_last_error_timestamp_seconds\{output="out",kind="test",code="VEDETTE_SINK_UNWRITABLE"\} 1\d+/m,
  ])
    assert.match(text, line);
  assert.is(
    await registry.metrics().then((second) => second.match(/_sent_total\{.*\} (\d+)/)?.[1]),
    "2",
    "no sum of scrapes",
  );
  const all = new Health();
  all.watch({ outputs: () => [queue.stats()] });
  all.begin();
  const health = JSON.parse(all.json());
  assert.equal([health.status, health.judging, health.outputs[0].state], ["red", null, "retrying"]);
  assert.match(health.outputs[0].lastError.message, /it is full/);
  assert.is(isWell(queue.stats()), false);
  await queue.close();
});

test("it is full where a long alert has no room, though a short one would have it, until one has", async () => {
  const { queue } = queueOf([again()], { bytes: 100, closeMs: 10 });
  queue.push("x".repeat(80));
  await until("it fails", () => queue.stats().state === "retrying");
  assert.not(queue.push("x".repeat(80)));
  assert.equal([queue.stats().state, queue.stats().dropped.full], ["full", 1]);
  assert.ok(queue.push("x"));
  assert.is(queue.stats().state, "retrying");
  await queue.close();
});

/** Carriers that answer when they are told; each says what it was asked for. */
function heldCarriers(...names: string[]) {
  const said: string[] = [];
  const answers = new Map<string, (sent: Sent) => void>();
  const optionsOf = (name: string) => ({
    ...{ name: "out", kind: "test", limits: LIMITS, text: ({ rule }: { rule: string }) => rule },
    carrier: {
      send: (lines: readonly string[]) => {
        said.push(`${name} sends ${lines.join()}`);
        return new Promise<Sent>((resolve) => answers.set(name, resolve));
      },
      reopen: () => void said.push(`${name} reopens`),
      close: () => void said.push(`${name} closes`),
    },
    onFault: () => undefined,
  });
  return { said, answers, options: names.map(optionsOf) };
}

test("of carriers that come and go while one has a batch, each is closed once, and the last one goes on", async () => {
  const { said, answers, options } = heldCarriers("a", "b", "c");
  const queue = new Backlog(options[0]!);
  queue.push("1");
  await until("a has it", () => answers.has("a"));
  for (const next of options.slice(1)) queue.become(next);
  queue.push("2");
  assert.equal(
    said,
    ["a sends 1", "b reopens", "b closes", "c reopens"],
    "what b was to write to may be another one now",
  );
  answers.get("a")!(done);
  await until("c has the rest", () => answers.has("c"));
  answers.get("c")!(done);
  await queue.close();
  assert.equal(said.slice(4), ["a closes", "c sends 2", "c closes"]);
});

test("what the carrier of before did not take or want goes to the one of now, at once", async () => {
  for (const answer of [{ ...again(), afterMs: NEVER_MS } as Sent, refused()]) {
    const { said, answers, options } = heldCarriers("a", "b");
    const queue = new Backlog(options[0]!);
    queue.push("1");
    await until("a has it", () => answers.has("a"));
    queue.become(options[1]!);
    answers.get("a")!(answer);
    await until("b has it", () => answers.has("b"));
    answers.get("b")!(done);
    await queue.close();
    assert.equal(said, ["a sends 1", "b reopens", "a closes", "b sends 1", "b closes"]);
    assert.equal([queue.stats().sent, queue.lost], [1, 0]);
  }
});

test("a line that comes in the moment in which the last batch has ended is sent before the end", async () => {
  let answer: (sent: Sent) => void = () => undefined;
  const first = new Promise<Sent>((resolve) => {
    answer = resolve;
  });
  const got: string[] = [];
  const { options } = heldCarriers("a");
  const send = (lines: readonly string[]): Promise<Sent> | Sent => (got.push(...lines) === 1 ? first : done);
  const queue = new Backlog({ ...options[0]!, carrier: { send, close: () => undefined } });
  queue.push("1");
  await until("it has the first", () => got.length === 1);
  const closing = first.then(() => {
    queue.push("2"); // right behind what the queue does with the answer
    return queue.close();
  });
  answer(done);
  await closing;
  assert.equal([got, queue.lost], [["1", "2"], 0]);
});

test("an attempt that the end of the queue broke off keeps the process from nothing", async () => {
  const timers = (): number => process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;
  const { options } = heldCarriers("a");
  const limits = { ...LIMITS, closeMs: 1, retriesAtEnd: true };
  const send = (_: readonly string[], signal: AbortSignal): Promise<Sent> =>
    new Promise((resolve) =>
      signal.addEventListener("abort", () => resolve({ ...again(), afterMs: WAIT_MS_MAX } as Sent)),
    );
  const before = timers();
  const queue = new Backlog({ ...options[0]!, limits, carrier: { send, close: () => undefined } });
  queue.push("1");
  await queue.close();
  await new Promise(setImmediate); // what the answer leads to
  assert.equal([queue.lost, timers()], [1, before]);
});

test.run();
