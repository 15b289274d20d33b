// SPDX-License-Identifier: Apache-2.0
//
// Strangers at the agents' socket (H1 to H3): who does not know the secret is not heard, does not stop the
// host, and costs nothing that lasts. Each beside an honest agent.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { until } from "../until.js";
import { frame, HandAgent, openHost, sourceOf, stillJudges } from "./host.js";

/** As many as the first attack needed for good. */
const CROWD = 300;

const { host, secret, honest } = await openHost(test);

test("H1: a batch behind a hello with a wrong secret is not judged", async () => {
  await stillJudges(host, honest);
  const liar = await HandAgent.silent(host.socket, { secret: "wrong", container: "liar" });
  liar.write(liar.hello(), liar.shadow("liar"));
  await until("the liar is refused", () => liar.isClosed);
  await stillJudges(host, honest);
  assert.equal(host.alertsOf("liar"), []);
  assert.match(host.stderr, /VEDETTE_SECRET_WRONG/);
});

test("H1: a hello longer than 64 KiB, and a batch before any hello, end the stream", async () => {
  const long = await HandAgent.silent(host.socket);
  const claim = Buffer.alloc(4);
  claim.writeUInt32LE(1 << 20);
  long.write(claim);
  const early = await HandAgent.silent(host.socket);
  early.write(early.shadow("early"));
  await until("both are refused", () => long.isClosed && early.isClosed);
  await stillJudges(host, honest);
  assert.equal(host.alertsOf("early"), []);
  assert.match(host.stderr, /VEDETTE_FRAME_OVERSIZED/);
});

test("H1: a batch that names another source than its hello ends the stream unjudged", async () => {
  const two = await HandAgent.honest(host.socket, { secret, container: "two" });
  two.write(two.shadow("poser", { source: sourceOf(99_999) }));
  await until("the poser is refused", () => two.isClosed);
  await stillJudges(host, honest);
  assert.equal(host.alertsOf("poser"), []);
});

test("H2: refused peers with full batches do not stop the host", async () => {
  const liars: HandAgent[] = [];
  for (let i = 0; i < 4; i++) {
    const liar = await HandAgent.silent(host.socket, { secret: "wrong", container: `full-${i}` });
    const bulk = liar.bulk();
    liar.write(liar.hello(), ...Array.from({ length: 12 }, () => bulk));
    liars.push(liar);
  }
  await until("all are refused", () => liars.every(({ isClosed }) => isClosed));
  await stillJudges(host, honest);
});

test("H2: agents that go away while the ring is full of theirs do not stop the host", async () => {
  for (let round = 0; round < 3; round++) {
    const agents = await Promise.all(
      [0, 1].map((i) => HandAgent.honest(host.socket, { secret, container: `gone-${round}-${i}` })),
    );
    for (const agent of agents) {
      const bulk = agent.bulk();
      agent.write(...Array.from({ length: 12 }, () => bulk), frame(Buffer.from("no frame")));
    }
    await until("both are refused", () => agents.every(({ isClosed }) => isClosed));
  }
  await stillJudges(host, honest);
});

test("H3: a crowd that connects without a word keeps no agent out, and leaves nothing behind", async () => {
  const before = { descriptors: host.descriptors, threads: host.threads };
  const crowd = await Promise.all(Array.from({ length: CROWD }, () => HandAgent.silent(host.socket).catch(() => null)));
  const late = await HandAgent.honest(host.socket, { secret, container: "late" });
  await stillJudges(host, late);
  await stillJudges(host, honest);
  // Nobody of them closes anything: it is the host that ends them.
  await until("the crowd is gone", () => crowd.every((one) => one === null || one.isClosed));
  await until(
    "its slots are free",
    () => host.descriptors <= before.descriptors + 1 && host.threads <= before.threads + 1,
  );
  late.close();
});

test("H3: a hello that comes a byte at a time has no more time than a silent one", async () => {
  const slow = await HandAgent.silent(host.socket, { secret, container: "slow" });
  const hello = slow.hello();
  const begun = performance.now();
  let at = 0;
  const drip = setInterval(() => slow.write(hello.subarray(at, ++at)), 200);
  await until("it is refused", () => slow.isClosed);
  clearInterval(drip);
  assert.ok(performance.now() - begun > 4_000, "it had its time");
  await stillJudges(host, honest);
});

test.run();
