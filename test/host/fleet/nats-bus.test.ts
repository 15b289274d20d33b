// SPDX-License-Identifier: Apache-2.0
// The contract of a bus, with Debian's nats-server.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { BusFailure } from "../../../host/fleet/bus.js";
import { NatsBus } from "../../../host/fleet/nats-bus.js";
import { missing, NatsServer } from "../output/nats-server.js";
import { busContract } from "./bus-contract.js";

if (missing !== null) throw new Error(`it needs ${missing}`);

const NEVER = new AbortController().signal;
let nats: NatsServer;
test.before(async () => {
  nats = await NatsServer.start();
});
test.after(async () => {
  await nats.end();
});

busContract("NATS", () => ({
  open: (answerMs = 5_000) => new NatsBus({ url: nats.url }, { answerMs }),
  kill: () => nats.kill(),
  resume: () => nats.resume(),
  freeze: () => nats.freeze(),
  thaw: () => nats.signal("SIGCONT"),
}));

test("the largest body is what a server takes, without the message's head", async () => {
  const bus = new NatsBus({ url: nats.url });
  try {
    assert.is(await bus.largest(NEVER), 1_048_576 - 512);
    await bus.ensure({ name: "L", subjects: ["vd.L"], maxAgeMs: 60_000, maxBytes: 8 << 20 }, NEVER);
    assert.is(await bus.publish("vd.L", Buffer.alloc(1_048_576 - 512), NEVER), 1);
    await bus.publish("vd.L", Buffer.alloc(1_048_576 - 511), NEVER);
    assert.unreachable();
  } catch (error) {
    assert.instance(error, BusFailure);
    assert.is((error as BusFailure).kind, "large");
  } finally {
    await bus.close();
  }
});

test.run();
