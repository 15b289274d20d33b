// SPDX-License-Identifier: Apache-2.0
// The contract of a bus, with Debian's nats-server.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { BusFailure } from "../../../host/fleet/bus.js";
import { NatsBus } from "../../../host/fleet/nats-bus.js";
import { missing, NatsServer } from "../output/nats-server.js";
import { busContract } from "./bus-contract.js";

if (missing !== null) throw new Error(`it needs ${missing}`);

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

test("a server whose max_payload is less than what may come is told of at the first word", async () => {
  const bus = new NatsBus({ url: nats.url }, { bodyMax: 2 << 20 });
  try {
    await bus.publish("vd.any", Buffer.from("a"), new AbortController().signal);
    assert.unreachable();
  } catch (error) {
    assert.instance(error, BusFailure);
    assert.match(
      (error as Error).message,
      /^its max_payload is 1048576, and a block may need 2097664: set max_payload/,
    );
  } finally {
    await bus.close();
  }
});

test.run();
