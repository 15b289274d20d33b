// SPDX-License-Identifier: Apache-2.0
// The policy of unusual DNS on thousands of names in one batch: its memory is given back after a batch only.
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { PACK } from "../../host/paths.js";
import { openBundle } from "../../host/policy/bundle.js";
import { loadPolicy } from "../../host/policy/load.js";
import { query } from "../meters/dns-messages.js";
import { cleanUp, compiler, Running, type ShortEvent } from "../rules-wasm/shared.js";

const POLICY = await loadPolicy(openBundle(join(PACK, "command-and-control/unusual-dns")), { compiler });
/** As many as a batch has room for, and of processes. */
const MANY = 8_500;
const MANY_PROCESSES = 2_000;
const OUTPUT = "A suspicious name is asked for";

const ask = (name: string, pid = 1000): ShortEvent => {
  const data = Buffer.from(query(1, name), "latin1");
  return ["sendto", { proc: { name: "x", pid }, fd: "udp 10.0.0.5:40000->10.0.0.2:53", data, res: data.length }];
};

/** The alerts of one batch on suspicious names. */
function told(count: number, nameOf: (i: number) => string, pidOf?: (i: number) => number): string[] {
  const running = new Running(POLICY);
  const alerts = running.judge(...Array.from({ length: count }, (_, i) => ask(nameOf(i), pidOf?.(i))));
  assert.equal(running.faults, []);
  return alerts.filter((one) => one.includes(OUTPUT));
}

test("a suspicious name that is asked for by the thousand is told once", () => {
  const alerts = told(MANY, () => "abcdefghijklmnop.onion");
  assert.is(alerts.length, 1);
  assert.ok(alerts[0]!.includes("name=abcdefghijklmnop.onion type=A"), alerts[0]);
});

test("of thousands of suspicious names of one process a few are told", () => {
  const alerts = told(MANY, (i) => `n${i}.onion`);
  assert.is(alerts.length, 20);
  assert.ok(alerts[19]!.includes("name=n19.onion type=A"), alerts[19]);
});

test("thousands of processes are told of, the first of them with the name that each asked for", () => {
  const alerts = told(
    MANY_PROCESSES,
    (i) => `n${i}.onion`,
    (i) => 1_000 + i,
  );
  assert.is(alerts.length, 1_000, "as many as a policy may raise in a batch");
  assert.is(alerts.filter((one) => one.includes("name=n")).length, 500);
});

test.after(cleanUp);
test.run();
