// SPDX-License-Identifier: Apache-2.0
// The map of services: two ends of a connection are one edge, numbers of meters go to the edge that they are
// of, and a tenant is told its own.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Edges, FLOWS_MAX, GRACE_S } from "../../../host/control/edges.js";
import type { ServiceMap } from "../../../host/control/shapes.js";
import { OPERATOR, type Viewer } from "../../../host/control/viewer.js";
import { STEP_S } from "../../../host/metric/meter-rows.js";
import { ShortEvents } from "../../../host/policy/short-event.js";
import { openBatch } from "../../../host/wire/batch.js";
import { histogram, one, owner } from "../metric/shared.js";
import {
  BACK,
  clientDoes,
  containerOf,
  ends,
  FRONT,
  nameOf,
  opened,
  programOf,
  serverDoes,
  told,
} from "./map-stage.js";

const BOTH = ["web@front -> api@back 127.0.0.1:80 1/0 100>900"];

test("a connection whose two ends are seen is one edge with both names, whoever is heard of first", () => {
  for (const order of [
    [clientDoes, serverDoes],
    [serverDoes, clientDoes],
  ] as const) {
    const map = opened();
    for (const does of order) does(map);
    assert.equal(told(map.view()), BOTH);
    map.pass(STEP_S * 2);
    assert.equal(told(map.view()), BOTH);
  }
});

test("an end that is not seen is outside: a server has its address and port, and clients are one", () => {
  const map = opened();
  const [client] = ends({ to: "203.0.113.9:443" });
  map.add(FRONT, client("connect", { res: "EINPROGRESS" }), client("write", { res: 7 }));
  map.add(FRONT, client("connect", { res: "ECONNREFUSED" }));
  for (const from of ["192.0.2.1:5000", "192.0.2.2:5000"]) serverDoes(map, ends({ from, to: "10.0.0.5:80" }));
  map.pass(GRACE_S + 1);
  assert.equal(told(map.view()), [
    "outside -> api@back 10.0.0.5:80 2/0 200>1800",
    "web@front -> outside 203.0.113.9:443 1/1 7>0",
  ]);
});

test("every task has a loopback of its own, and an address of the network is one for all", () => {
  const map = opened();
  const other = containerOf("back", "arn:task/2");
  clientDoes(map);
  serverDoes(map, ends(), other);
  assert.is(map.view().items.length, 2, told(map.view()).join("\n"));
  const net = opened();
  const of = ends({ from: "10.0.0.4:40000", to: "10.0.0.5:80" });
  clientDoes(net, of);
  serverDoes(net, of, other);
  assert.equal(told(net.view()), ["web@front -> api@back 10.0.0.5:80 1/0 100>900"]);
});

test("a process of another container that an agent tells of is of its own container", () => {
  const map = opened();
  const [client] = ends();
  const [type, written] = client("connect");
  map.add(BACK, [type, { ...written, proc: { ...programOf("web"), container_id: "another" } }]);
  assert.equal(map.view().items[0]!.from, { program: "web", container: { id: "another", name: null } });
});

test("an address of IPv4 is the same through a socket of IPv6", () => {
  const map = opened();
  clientDoes(map);
  const mapped = { type: "6", socktype: 1, l4proto: 6, flags: 2 | 8, sip: "::ffff:127.0.0.1", sport: 80 };
  const fd = { ...mapped, cip: "::ffff:127.0.0.1", cport: 40_000 };
  map.add(BACK, ["accept4", { proc: programOf("api"), fd, res: 5 }]);
  assert.equal(told(map.view()), BOTH);
});

test("a port that comes back is another connection, and belongs to whoever has it then", () => {
  const map = opened();
  clientDoes(map);
  serverDoes(map);
  map.pass(60);
  const again = ends({ client: "cron" });
  clientDoes(map, again);
  serverDoes(map, again);
  map.pass(STEP_S);
  assert.equal(told(map.view()).sort(), ["cron@front -> api@back 127.0.0.1:80 1/0 100>900", ...BOTH]);
  serverDoes(map); // from outside, a minute later
  map.pass(GRACE_S + 1);
  assert.ok(told(map.view()).includes("outside -> api@back 127.0.0.1:80 1/0 100>900"), told(map.view()).join("\n"));
});

test("numbers belong to the minutes in which they were seen, and edges go after the hour", () => {
  const map = opened();
  clientDoes(map);
  serverDoes(map);
  map.pass(300);
  assert.equal([told(map.view(OPERATOR, 60)), told(map.view(OPERATOR, 1))], [BOTH, []]);
  map.pass(3_600);
  assert.equal(told(map.view()), []);
});

const LABELS = ["process.executable.name", "server.address", "server.port", "error.type"];
const CLIENT = histogram("http.client.request.duration", [1, 10], { unit: "s", labels: LABELS });
const REDIS = histogram("db.client.operation.duration", [1], { unit: "s", labels: ["db.system.name", ...LABELS] });
const SERVER = histogram("http.server.request.duration", [1], { unit: "s", labels: ["process.executable.name"] });
const measured = ({ items }: ServiceMap): string[] =>
  items.map(({ from, to, measured: all }) =>
    [
      nameOf(from),
      nameOf(to),
      ...all.map(({ protocol, by, requests, errors }) => `${protocol} ${by} ${requests} ${errors}`),
    ].join(" "),
  );

test("a client's numbers are of the edge to that address and port, a server's of the only one to it", () => {
  const map = opened();
  const { totals } = map;
  clientDoes(map);
  serverDoes(map);
  const data = ends({ client: "api", server: "data", from: "127.0.0.1:41000", to: "127.0.0.1:6379" });
  clientDoes(map, data);
  serverDoes(map, data);
  totals.add(owner("h"), [CLIENT], one(1, ["web", "127.0.0.1", "80", ""], [7, 0, 0]));
  totals.add(owner("h"), [CLIENT], one(1, ["web", "127.0.0.1", "80", "500"], [0, 2, 0]));
  totals.add(owner("h"), [CLIENT], one(1, ["web", "127.0.0.1", "81", ""], [3, 0, 0]));
  totals.add(owner("s"), [SERVER], one(1, ["api"], [9, 0]));
  totals.add(owner("s"), [SERVER], one(1, ["data"], [4, 0]));
  map.pass(1);
  assert.equal(measured(map.view()), ["web@front api@back http client 9 2", "api@front data@back http server 4 null"]);
  assert.is(map.view().unplaced, 3);
  totals.add(owner("r"), [REDIS], one(1, ["redis", "api", "127.0.0.1", "6379", ""], [5, 0]));
  map.pass(1);
  assert.is(measured(map.view())[1], "api@front data@back redis client 5 0");
  serverDoes(map, ends({ server: "data", from: "192.0.2.1:1", to: "10.0.0.5:6379" }));
  map.pass(GRACE_S + 1);
  assert.ok(measured(map.view()).includes("outside data@back"), measured(map.view()).join("\n"));
});

test("numbers that may be of two containers are given to neither, and told as that", () => {
  const map = opened();
  clientDoes(map, ends({ to: "10.0.0.9:80" }));
  const [client] = ends({ from: "127.0.0.1:42000", to: "10.0.0.9:80" });
  map.add(BACK, client("connect"));
  map.totals.add(owner("h"), [CLIENT], one(1, ["web", "10.0.0.9", "80", ""], [7, 0, 0]));
  map.pass(GRACE_S + 1);
  const view = map.view();
  assert.equal([measured(view).sort(), view.unplaced], [["web@back outside", "web@front outside"], 7]);
});

test("a tenant sees edges of its own services, no names of others', and no others' numbers", () => {
  const map = opened();
  clientDoes(map);
  serverDoes(map);
  map.totals.add(owner("h"), [CLIENT], one(1, ["web", "127.0.0.1", "80", ""], [7, 0, 0]));
  map.totals.add(owner("h", "a"), [CLIENT], one(1, ["web", "127.0.0.1", "80", ""], [5, 0, 0]));
  map.pass(1);
  const scope = { images: [], families: [], uids: [], executables: [] };
  const tenant = (name: string, container: string): Viewer => ({
    ...{ kind: "tenant", name, mayAct: true },
    scope: { ...scope, containers: [container] },
  });
  const seen = (viewer: Viewer): string[] => measured(map.view(viewer));
  assert.equal(seen(tenant("a", "front")), ["web@front outside http client 5 0"]);
  assert.equal(told(map.view(tenant("a", "front"))), ["web@front -> outside 127.0.0.1:80 1/0 100>900"]);
  assert.equal(seen(tenant("b", "back")), ["outside api@back"]);
  assert.equal(seen(tenant("c", "none")), []);
});

test("ports without number cost no more than so many connections", () => {
  const edges = new Edges(() => 1_800_000_000);
  const events = new ShortEvents();
  for (let i = 0; i < FLOWS_MAX + 100; i++) {
    const [, server] = ends({ from: `192.0.2.1:${i + 1}`, to: "10.0.0.5:80" });
    events.add(...server("accept4"));
  }
  edges.add(openBatch(events.bytes()));
  const { edges: found } = edges.recent(60);
  assert.is(
    found.reduce((sum, { made }) => sum + made, 0),
    FLOWS_MAX + 100,
  );
});

test.run();
