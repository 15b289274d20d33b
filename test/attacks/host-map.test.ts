// SPDX-License-Identifier: Apache-2.0
// Attacks on the map of services, each beside an honest service of another container.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { EDGES_MAX, GRACE_S, PLACES_MAX } from "../../host/control/edges.js";
import { OPERATOR } from "../../host/control/viewer.js";
import { containerOf, ends, FRONT, opened, serverDoes, told } from "../host/control/map-stage.js";

test("H54: whoever reaches ever new places, or makes up programs, loses his own edges alone", () => {
  const map = opened();
  serverDoes(map, ends({ from: "192.0.2.1:1", to: "10.0.0.5:80" }));
  for (let i = 0; i < PLACES_MAX + 10; i++) {
    const [client] = ends({ to: `203.0.113.${i}:443` });
    map.add(FRONT, client("connect"), client("write", { res: 1 }));
  }
  map.pass(GRACE_S + 1);
  const rest = map.view().items.find(({ from, addresses }) => from !== null && addresses.length === 0);
  assert.equal([rest!.connections, rest!.port, map.view().items.length], [10, null, PLACES_MAX + 2]);
  for (let i = 0; i < EDGES_MAX + 50; i++) {
    const [client] = ends({ client: `<b>${i}`, from: `127.0.0.1:${i + 1_000}`, to: "203.0.113.1:443" });
    map.add(FRONT, client("connect"));
  }
  map.pass(GRACE_S + 1);
  const view = map.view(OPERATOR, 60, 1_000);
  assert.equal([view.items.length, view.left_out], [EDGES_MAX, PLACES_MAX + 2 + 50]);
  assert.ok(
    view.items.some(({ to }) => to?.container?.name === "back"),
    "the honest one is still there",
  );
  assert.is(map.view(OPERATOR, 60, 10).more, EDGES_MAX - 10);
});

test("H54: whoever has the tuple of another task's loopback, or another's name, is no end of that edge", () => {
  const map = opened();
  const honest = ends();
  serverDoes(map, honest);
  const forger = containerOf("forger", "arn:task/2");
  const [client] = ends({ client: "../web\u001b[2J<img src=x onerror=alert(1)>" });
  map.add(forger, client("connect"), client("write", { res: 100 }));
  map.add(forger, ...[ends({ client: "web", from: "127.0.0.1:40001" })[0]].map((side) => side("connect")));
  map.pass(GRACE_S + 1);
  map.add(FRONT, honest[0]("connect"), honest[0]("write", { res: 100 }));
  const all = told(map.view());
  assert.ok(all.includes("outside -> api@back 127.0.0.1:80 1/0 100>900"), all.join("\n"));
  assert.is(all.filter((edge) => edge.includes("@forger -> outside 127.0.0.1:80")).length, 2, all.join("\n"));
});

test.run();
