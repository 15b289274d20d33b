// SPDX-License-Identifier: Apache-2.0
// Which sensors are told to have fallen silent, and which are not. The last test is with Debian's
// nats-server.
// Time limit: 120 s.
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Beat } from "../../../host/fleet/beat.js";
import { Heart } from "../../../host/fleet/heart.js";
import { NatsBus } from "../../../host/fleet/nats-bus.js";
import type { SensorSeen } from "../../../host/fleet/roll.js";
import { SensorWatch } from "../../../host/fleet/sensor-watch.js";
import { Silence, TOLD_PER_LOOK_MAX } from "../../../host/fleet/silence.js";
import { type Alert, alertId } from "../../../host/output/alert.js";
import { until } from "../../until.js";
import { missing, NatsServer } from "../output/nats-server.js";

const MINUTE = 60_000;
const BEAT: Beat = {
  ...{ tenant: "shop", task: "a", state: "running", version: "1.0.0" },
  ...{ host: "h", kernel: "6.1.0", arch: "x64", started: 1, clock: 1, period: 30, problem: null },
  agents: { count: 1, tiers: {}, integrity: {}, versions: {} },
  ...{ policies: [], unlisted: 0, rules: [] },
  counters: { events: 10, lost: 1, alerts: 2, unsent: 0, forwarded: 5, forwardLost: 1 },
  ...{ spool: { blocks: 0, bytes: 0 }, acked: null },
};
const sensor = (task: string, time: number, state: SensorSeen["state"] = "live"): SensorSeen => {
  return { tenant: "shop", task, state, time, age: 0, ahead: 0, beat: { ...BEAT, task } };
};
const tasksOf = (alerts: readonly Alert[]): unknown[] =>
  alerts.map(({ outputFields }) => outputFields.find(([name]) => name === "sensor.task")?.[1]);

test("who has not beaten for two minutes is told once, and again after it has beaten", () => {
  const silence = new Silence();
  const last = 1_000.25; // a server's clock has nanoseconds
  assert.equal(silence.take([sensor("a", last), sensor("b", 1_000)], 0), []);
  assert.equal(silence.take([sensor("a", last), sensor("b", 31_000)], MINUTE), []);
  const [told, ...others] = silence.take([sensor("a", last), sensor("b", 31_000)], 2 * MINUTE);
  assert.equal(others, []);
  assert.equal([told?.rule, told?.priority, told?.hostname], ["Sensor silent", "Critical", "h"]);
  assert.is(told?.time, 121_000n * 1_000_000n, "when it fell silent");
  assert.match(told?.output ?? "", /tenant=shop task=a last_beat=1970-01-01T00:00:01\.000Z version=1\.0\.0$/);
  assert.equal(silence.take([sensor("a", last), sensor("b", 60_000)], 10 * MINUTE), []);
  assert.equal(silence.take([sensor("a", 600_000), sensor("b", 60_000)], 11 * MINUTE), [], "a beats again");
  assert.equal(tasksOf(silence.take([sensor("a", 600_000)], 13 * MINUTE)), ["a"], "and b is gone from the bus");
});

test("who said that it ends, and a task that never had one, are not told", () => {
  const silence = new Silence();
  const none: SensorSeen = { ...sensor("b", 0, "missing"), time: null, age: null, ahead: null, beat: null };
  const sensors = [sensor("a", 1_000, "ended"), none];
  for (let minute = 0; minute < 10; minute++) assert.equal(silence.take(sensors, minute * MINUTE), []);
});

test("a bus that was away, and a clock that is wrong, make nobody silent", () => {
  const silence = new Silence();
  const future = Date.now() + 1e9;
  assert.equal(silence.take([sensor("old", 1), sensor("future", future)], 0), []);
  silence.forget();
  assert.equal(silence.take([sensor("old", 1), sensor("future", future)], 3 * MINUTE), []);
  assert.equal(silence.take([sensor("old", 2), sensor("future", future + 1)], 4 * MINUTE), []);
});

test("H65: of beats without end only so many are told in one look, and the others in the next ones", () => {
  const silence = new Silence();
  const flood = Array.from({ length: 2 * TOLD_PER_LOOK_MAX + 1 }, (_, i) => sensor(`t${i}`, 1));
  const counts = [0, 2, 2.5, 3, 3.5].map((minute) => silence.take(flood, minute * MINUTE).length);
  assert.equal(counts, [0, TOLD_PER_LOOK_MAX, TOLD_PER_LOOK_MAX, 1, 0]);
});

test("two hosts that look one after the other tell one finding of a sensor that was cut off", async () => {
  if (missing !== null) return console.log(`skip: ${missing} is missing`);
  const nats = await NatsServer.start();
  const bus = new NatsBus({ url: nats.url });
  const cut = new NatsBus({ url: nats.url });
  const hearts = [
    new Heart({ bus: cut, beat: (state) => ({ ...BEAT, task: "cut", state }), say: () => undefined }),
    new Heart({ bus, beat: (state) => ({ ...BEAT, task: "ended", state }), say: () => undefined }),
  ];
  const ids: string[] = [];
  try {
    for (const heart of hearts) heart.begin();
    await until("both have beaten", async () => (await nats.count("HB").catch(() => 0)) === 2);
    await hearts[1]!.close();
    await cut.close();
    for (let host = 0; host < 2; host++) {
      const stop = new AbortController();
      const onAlert = (alert: Alert): void => {
        assert.equal(tasksOf([alert]), ["cut"]);
        ids.push(alertId(alert));
      };
      const options = { bus, isMine: () => true, onAlert, say: () => undefined, periodMs: 20, silentMs: 200 };
      const running = new SensorWatch(options).run(stop.signal);
      await until("it is told", () => ids.length > host);
      stop.abort();
      await running;
    }
    assert.equal([ids.length, new Set(ids).size], [2, 1]);
  } finally {
    await hearts[0]!.close();
    await bus.close();
    await nats.end();
  }
});

test.run();
