// SPDX-License-Identifier: Apache-2.0
// A meter of a database on conversations: what its servers tell, and what its clients. And what is tested of
// each of them, on a conversation of its own.
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { LoadedPolicy } from "../../host/engine/policy.js";
import { cutAt, cutsOf, isPartOf, Meter, type Step, testCuts } from "./conversation.js";

const METRICS = { server: "db.server.operation.duration", client: "db.client.operation.duration" };

/** By the metrics that OpenTelemetry has for databases. */
export class DatabaseMeter extends Meter {
  readonly #metrics: typeof METRICS;

  /** `metrics`: others, which say a request's error once. */
  constructor(policy: LoadedPolicy, exepath: string, snaplen?: number, metrics = METRICS) {
    super(policy, exepath, snaplen);
    this.#metrics = metrics;
  }

  /** As `LPOP WRONGTYPE`, once for each request, sorted. */
  get told(): string[] {
    return this.#told(this.#metrics.server);
  }

  /** Likewise, with the server's address and port, as clients tell of them. */
  get asked(): string[] {
    return this.#told(this.#metrics.client);
  }

  #told(name: string): string[] {
    return this.series(name)
      .flatMap(({ labels, buckets }) => {
        const [, , ...shown] = labels ?? [];
        return new Array<string>(buckets.reduce((sum, one) => sum + one, 0)).fill(
          (this.#metrics === METRICS ? shown.slice(0, -1) : shown).join(" ").trim().replace(/ +/g, " "),
        );
      })
      .sort();
  }

  /** Seconds of requests of this kind, all together. */
  seconds(operation: string): number {
    const all = Object.values(this.#metrics).flatMap((name) => this.series(name));
    return all.filter(({ labels }) => labels?.[2] === operation).reduce((sum, { value }) => sum + value, 0);
  }
}

/**
 * Tests what is told of a conversation that is cut, is a client's, or misses a step: what is told is right.
 */
export function testConversation(make: () => DatabaseMeter, conversation: readonly Step[], told: readonly string[]) {
  testCuts(make, conversation, told);

  test("a client's end of the connection is told alike, with its server, whole and cut at every byte", () => {
    const asked = told.map((one) => one.replace(/^\S+/, "$& 192.0.2.1 4711"));
    for (const cut of cutsOf(conversation)) {
      const meter = make().judge(cutAt(conversation, cut), 7, 0, { isClient: true });
      assert.equal([meter.asked, meter.told, meter.unsynced], [asked, [], 0], `cut at ${cut}`);
    }
  });

  test("with any step lost and counted, nothing wrong is told, and a new connection is followed", () => {
    for (let gone = 1; gone < conversation.length - 1; gone++) {
      const meter = make()
        .judge(conversation.slice(0, gone))
        .judge(conversation.slice(gone + 1), 7, 1);
      const found = meter.told;
      assert.ok(isPartOf(found, told), `without step ${gone}: ${found.join("; ")}`);
      meter.judge(conversation, 7, 1);
      assert.ok(isPartOf(told, meter.told), `a new connection after step ${gone}`);
    }
  });
}

/** The statements' names alone. */
export const named = (told: readonly string[]): string[] => told.map((one) => one.split(" ")[0]!);

/** Asserts that these are statements and errors of `all`, or such as were not seen. */
export function assertNoneWrong(told: readonly string[], all: readonly string[], names: string[], what: string): void {
  // What was not seen is _OTHER. Where an answer's end was not seen, an error there was not either.
  const known = named(told).filter((one) => one !== "_OTHER");
  assert.ok(isPartOf(known, names) && told.length <= all.length, `${what}: ${told.join("; ")}`);
  const codes = new Set([...all.map((one) => one.split(" ")[1]), "_OTHER"]);
  for (const one of told) assert.ok(codes.has(one.split(" ")[1]), `${what}: ${one}`);
}
