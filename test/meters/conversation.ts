// SPDX-License-Identifier: Apache-2.0
// A meter of a server, judged on conversations of its connections.
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { LoadedPolicy } from "../../host/engine/policy.js";
import { PolicyRunner } from "../../host/engine/runner.js";
import { Totals } from "../../host/metric/totals.js";
import { METERS } from "../../host/paths.js";
import { openBundle } from "../../host/policy/bundle.js";
import { loadPolicy } from "../../host/policy/load.js";
import { ShortEvents } from "../../host/policy/short-event.js";
import { openBatch } from "../../host/wire/batch.js";
import { DescriptorFlag } from "../../host/wire/layout.js";
import { compiler } from "../rules-wasm/shared.js";

/**
 * Bytes that a server reads (>) or writes (<), doubled: by recvmmsg or sendmmsg; or a thing that happens. The
 * text of a close is the pid of another process, that of a shutdown says how, with a minus where it fails.
 * `at` which time, as `20ms`.
 */
export type Step = readonly [way: ">" | "<" | ">>" | "<<" | "accept" | "close" | "shutdown", text: string, at?: string];

/** One of the meters that come with Vedette. */
export const meterNamed = (name: string): Promise<LoadedPolicy> =>
  loadPolicy(openBundle(join(METERS, name)), { compiler });

/** The meter on one connection or several; each call of judge() is a batch. */
export class Meter {
  readonly #policy: LoadedPolicy;
  readonly #exepath: string;
  readonly #runner: PolicyRunner;
  readonly #totals = new Totals();
  readonly #snaplen: number;

  constructor(policy: LoadedPolicy, exepath: string, snaplen = 4096) {
    this.#policy = policy;
    this.#exepath = exepath;
    this.#runner = new PolicyRunner(policy);
    this.#snaplen = snaplen;
  }

  /**
   * `isClient`: the steps are seen from the other end, so what is read here is written there. `isUnix`: that,
   * on a Unix socket.
   */
  judge(
    steps: readonly Step[],
    ino = 7,
    lost = 0,
    { exepath = this.#exepath, agent = 0, isClient = false, isUnix = false } = {},
  ): this {
    const short = new ShortEvents();
    const isAsking = isClient || isUnix;
    const fd = isUnix
      ? { type: "u", family: "AF_LOCAL", ino, flags: DescriptorFlag.connected, name: "1->2 /run/server.sock" }
      : isClient
        ? { type: "4", ino, flags: DescriptorFlag.connected, sip: "192.0.2.1", sport: 4711 }
        : { type: "4", ino, flags: DescriptorFlag.connected | DescriptorFlag.server };
    for (const [way, text, at] of steps) {
      const all = { fd, proc: { name: exepath.slice(exepath.lastIndexOf("/") + 1), exepath }, at };
      const bytes = { ...all, data: Buffer.from(text.slice(0, this.#snaplen), "latin1"), res: text.length };
      if (way === "accept") short.add(isAsking ? "connect" : "accept4", { ...all, res: isAsking ? "EINPROGRESS" : 5 });
      else if (way === "close")
        short.add("close", { ...all, proc: { ...all.proc, ...(text === "" ? {} : { pid: Number(text) }) }, res: 0 });
      else if (way === "shutdown")
        short.add("shutdown", { ...all, how: text.replace("-", ""), res: text[0] === "-" ? "ENOTCONN" : 0 });
      else if (way === ">>" || way === "<<")
        short.add((way === ">>") !== isAsking ? "recvmmsg" : "sendmmsg", { ...bytes, res: 1 });
      else short.add((way === ">") !== isAsking ? "recvfrom" : "writev", bytes);
    }
    return this.take(short, lost, agent);
  }

  /** Judges events as a batch. */
  take(short: ShortEvents, lost = 0, agent = 0): this {
    const batch = openBatch(short.bytes());
    const { faults } = this.#runner.judge(
      Object.assign(batch, { lost: [lost], source: batch.source.map(() => agent) }),
    );
    assert.equal(faults, []);
    return this;
  }

  /** What was measured until now. */
  protected series(name: string) {
    const owner = { tenant: null, policy: "p", version: "1" };
    const instruments = this.#policy.admitted.metadata.metrics ?? [];
    for (const one of this.#runner.takeMeasured()) this.#totals.add(owner, instruments, one);
    return this.#totals
      .scopes()
      .flatMap(({ metrics }) => metrics.filter(({ instrument }) => instrument.name === name))
      .flatMap(({ series }) => series);
  }

  get unsynced(): number {
    return this.series("vedette.monitor.unsynced").reduce((sum, { value }) => sum + value, 0);
  }

  get memoryBytes(): number {
    return this.#runner.memoryBytes;
  }
}

/** Whether each of `some` is in `all`, as often as there. */
export function isPartOf(some: readonly string[], all: readonly string[]): boolean {
  const left = [...all];
  return some.every((one) => {
    const at = left.indexOf(one);
    if (at >= 0) left.splice(at, 1);
    return at >= 0;
  });
}

/** Each read and write in two, at this byte. */
export const cutAt = (steps: readonly Step[], cut: number): Step[] =>
  steps.flatMap((step): Step[] => {
    const [way, text, ...at] = step;
    return text.length <= cut ? [step] : [text.slice(0, cut), text.slice(cut)].map((part): Step => [way, part, ...at]);
  });

/** Every place in which a read or a write can be cut, and one behind all. */
export const cutsOf = (steps: readonly Step[]): number[] =>
  Array.from({ length: Math.max(...steps.map(([, text]) => text.length)) }, (_, i) => i + 1);

/** Each byte alone. */
export const bytewise = (steps: readonly Step[]): Step[] =>
  steps.flatMap(([way, text]): Step[] => (text === "" ? [[way, text]] : [...text].map((one) => [way, one])));

/** Tests that what is told of a conversation is the same however its reads and writes are cut. */
export function testCuts(
  make: () => Meter & { readonly told: readonly string[] },
  conversation: readonly Step[],
  told: readonly string[],
): void {
  test("cut into reads and writes at every byte, the same is told", () => {
    for (const cut of cutsOf(conversation)) {
      const meter = make().judge(cutAt(conversation, cut));
      assert.equal([meter.told, meter.unsynced], [told, 0], `cut at ${cut}`);
    }
  });

  test("byte by byte, the same is told", () => {
    assert.equal(make().judge(bytewise(conversation)).told, told);
  });
}
