// SPDX-License-Identifier: Apache-2.0
// How many sensors live, as a pool's /metrics tell it: each once over all hosts, also after the host that
// counted was killed. With Debian's nats-server and PostgreSQL.
// Time limit: 300 s.
import { request } from "node:http";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Beat, encodeBeat } from "../../../host/fleet/beat.js";
import type { BusMessage } from "../../../host/fleet/bus.js";
import { Heart } from "../../../host/fleet/heart.js";
import { NatsBus } from "../../../host/fleet/nats-bus.js";
import { Roll } from "../../../host/fleet/roll.js";
import { counted, DIGESTS_MAX, SensorWatch } from "../../../host/fleet/sensor-watch.js";
import { subjectOfBeats } from "../../../host/fleet/subject.js";
import { until } from "../../until.js";
import { Fleet } from "./fleet.js";
import { MemoryBus } from "./memory-bus.js";

const NOW = 1_700_000_000_000;
const PACK = "ab".repeat(32);
const policy = (digest: string) => ({ tenant: "", name: "pack", version: "1", digest, state: "judging" });
const BEAT: Beat = {
  ...{ tenant: "shop", task: "a", state: "running", version: "1.0.0" },
  ...{ host: "h", kernel: "6.1.0", arch: "x64", started: NOW, clock: NOW, period: 30, problem: null },
  agents: { count: 1, tiers: {}, integrity: {}, versions: {} },
  policies: [policy(PACK)],
  ...{ unlisted: 0, rules: [] },
  counters: { events: 10, lost: 1, alerts: 2, unsent: 0, forwarded: 5, forwardLost: 1 },
  ...{ spool: { blocks: 0, bytes: 0 }, acked: null },
};
/** What a roll says of beats that the server took so many seconds ago. */
const sensorsOf = (beats: readonly (readonly [beat: Partial<Beat>, age: number])[]) => {
  const roll = new Roll([]);
  for (const [more, age] of beats) {
    const beat = { ...BEAT, ...more };
    const subject = subjectOfBeats(beat.tenant, beat.task);
    roll.take({ subject, body: encodeBeat(beat), seq: 1, time: NOW - age * 1_000, pending: 0 });
  }
  return roll.sensors(NOW);
};

test("sensors are counted by how they are, and a policy by the sensors that beat and have it", () => {
  const twice = [policy(PACK), { ...policy(PACK), name: "the same again" }, policy("")];
  const { states, policies } = counted(
    sensorsOf([
      [{ task: "a", policies: twice }, 1],
      [{ task: "b", problem: "no worker moves" }, 1],
      [{ task: "c" }, 121],
      [{ task: "d", state: "ended" }, 500],
    ]),
  );
  assert.equal(states, { live: 1, unwell: 1, silent: 1, ended: 1 });
  assert.equal([...policies], [[PACK, 2]]);
});

test("H62: digests without end get no numbers of their own; the frequent ones keep theirs", () => {
  const digest = (number: number): string => number.toString(16).padStart(64, "0");
  const flood = Array.from({ length: 400 }, (_, number) => policy(digest(number)));
  const flooded = Array.from({ length: 3 }, (_, task): readonly [Partial<Beat>, number] => {
    return [{ task: `flood-${task}`, policies: flood.slice(task * 100, task * 100 + 100) }, 1];
  });
  const { policies } = counted(sensorsOf([...flooded, [{ task: "a" }, 1], [{ task: "b" }, 1]]));
  assert.is(policies.get(PACK), 2);
  assert.is(policies.size, DIGESTS_MAX + 1);
  assert.is(policies.get("other"), 300 + 1 - DIGESTS_MAX);
});

/** A bus without a beat, which may be away. */
class AwayBus extends MemoryBus {
  isAway = false;

  override async ensure(): Promise<void> {
    if (this.isAway) throw new Error("nobody answers");
  }

  override async *read(): AsyncIterable<BusMessage> {}
}

test("where beats cannot be read no number is told, and it is said once", async () => {
  let isMine = true;
  const bus = new AwayBus();
  const said: string[] = [];
  const stop = new AbortController();
  const say = (line: string): void => void said.push(line);
  const watch = new SensorWatch({ bus, isMine: () => isMine, onAlert: () => undefined, say, periodMs: 5 });
  const running = watch.run(stop.signal);
  try {
    await until("it counts", () => watch.seen !== null);
    bus.isAway = true;
    await until("the number goes", () => watch.seen === null);
    bus.isAway = false;
    await until("it counts again", () => watch.seen !== null);
    isMine = false;
    assert.is(watch.seen, null, "another host counts");
  } finally {
    stop.abort();
    await running;
  }
  assert.equal(said, [
    "the beats of sensors cannot be read, so no number of them is told: nobody answers",
    "the beats of sensors can be read again",
  ]);
});

test("each sensor is in the sum over all hosts once, also after the host that counts was killed", async () => {
  const fleet = await Fleet.start();
  const bus = new NatsBus({ url: fleet.nats.url });
  const hearts = ["a", "b", "c"].map((task) => {
    const beat = (state: Beat["state"]): Beat => ({ ...BEAT, task, state, problem: task === "c" ? "it hangs" : null });
    return new Heart({ bus, beat, say: () => undefined });
  });
  try {
    const sockets: string[] = [];
    for (let host = 0; host < 2; host++) {
      await fleet.host();
      sockets.push(fleet.socket);
    }
    await fleet.shared(2);
    for (const heart of hearts) heart.begin();
    await hearts.at(-1)?.close();
    const numbers = async (): Promise<string[][]> => Promise.all(sockets.map(fleetNumbers));
    const expected = [
      `vedette_fleet_policy_sensors{digest="${PACK}"} 2`,
      'vedette_fleet_sensors{state="ended"} 1',
      'vedette_fleet_sensors{state="live"} 2',
      'vedette_fleet_sensors{state="silent"} 0',
      'vedette_fleet_sensors{state="unwell"} 0',
      'vedette_fleet_uncounted{why="no_room"} 0',
      'vedette_fleet_uncounted{why="refused"} 0',
    ];
    let last = "";
    const told = async () => {
      const all = await numbers();
      last = JSON.stringify(all);
      return all.filter((lines) => lines.length > 0).length === 1 && all.flat().join() === expected.join();
    };
    await until("one host tells of three sensors", told, { everyMs: 200, tell: () => last });
    const counting = (await numbers()).findIndex((lines) => lines.length > 0);
    fleet.hosts[counting]?.kill("SIGKILL");
    sockets.splice(counting, 1);
    await until("the other host tells the same", told, { everyMs: 200, tell: () => last });
  } finally {
    for (const heart of hearts) await heart.close();
    await bus.close();
    await fleet.end();
  }
});

/** The lines of /metrics about the fleet, sorted. */
function fleetNumbers(socketPath: string): Promise<string[]> {
  return new Promise((done, failed) => {
    const asked = request({ socketPath, path: "/metrics" }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (part: string) => (text += part));
      response.on("end", () =>
        done(
          text
            .split("\n")
            .filter((line) => line.startsWith("vedette_fleet_"))
            .sort(),
        ),
      );
    });
    asked.on("error", failed).end();
  });
}

test.run();
