// SPDX-License-Identifier: Apache-2.0
//
// What the map of the network draws of rows of connections: groups, bounds, and what is left out.
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { ConnectionRow } from "../../host/control/shapes.js";
import { EDGES_MAX, mapOf, networkOf } from "../../web/map-edges.js";

const NONE: ReadonlySet<string> = new Set();

function rowOf(name: string, address: string | null, more: Partial<ConnectionRow> = {}): ConnectionRow {
  return {
    ...{ seq: 1, direction: "out", protocol: "tcp", rest: false, undecided: false, new: false },
    ...{ local: { address: "10.0.0.1", port: null }, remote: { address, port: 443 } },
    process: { key: "k", pid: 7, name, exepath: null, cmdline: null, user: null },
    ...{ container: { id: "c", name: "web" }, first: "1", last: "2", until: null, made: 1, failed: 0, error: null },
    ...{ bytes_in: 10, bytes_out: 5, findings: 0, incident: null, ...more },
  } as ConnectionRow;
}

test("addresses of one network and port are one place, and one that is alone keeps its address", () => {
  const rows = [rowOf("curl", "203.0.113.7"), rowOf("curl", "203.0.113.9"), rowOf("curl", "198.51.100.1")];
  const { programs, places, edges, more } = mapOf(rows, NONE);
  assert.equal(
    places.map(({ name, condition }) => [name, condition]),
    [
      ["203.0.113.0/24 :443", "evt.type = connect and fd.rnet = 203.0.113.0/24 and fd.rport = 443"],
      ["198.51.100.1 :443", "evt.type = connect and fd.rip = 198.51.100.1 and fd.rport = 443"],
    ],
  );
  assert.equal(
    programs.map(({ name }) => name),
    ["curl · web"],
  );
  assert.equal(
    edges.map(({ made, bytes }) => [made, bytes]),
    [
      [2, 30],
      [1, 15],
    ],
  );
  assert.is(more, 0);
});

test("who comes in is another line than who is gone to, and who listens is none", () => {
  const local = { address: "10.0.0.1", port: 80 };
  const rows = [
    rowOf("nginx", "203.0.113.7", { direction: "in", local, remote: { address: "203.0.113.7", port: null } }),
    rowOf("nginx", null, { direction: "listening", local }),
    rowOf("nginx", null, { rest: true, findings: 2 }),
  ];
  const { places, programs } = mapOf(rows, NONE);
  assert.equal(places.map(({ name }) => name).sort(), ["203.0.113.7 → :80", "all further places"]);
  assert.equal(
    programs.map(({ isFound }) => isFound),
    [true],
    "a finding about one of its rows marks it",
  );
});

test("of more lines than may be those with most are drawn, and the rest is counted; what is left out is not", () => {
  const rows = Array.from({ length: 500 }, (_, nth) => rowOf(`p${nth}`, "203.0.113.7", { made: nth }));
  const { edges, more } = mapOf(rows, NONE);
  assert.equal([edges.length, more, edges[0]!.from.name], [EDGES_MAX, 300, "p499 · web"]);
  assert.is(mapOf(rows, new Set(["203.0.113.7 :443"])).edges.length, 0);
});

test("a condition on a program's name holds its quotes", () => {
  const { programs } = mapOf([rowOf('a"b\\c', "203.0.113.7")], NONE);
  assert.is(programs[0]!.condition, 'proc.name = "a\\"b\\\\c" and container.name = "web"');
});

test("networks are /24 and /64, and what is neither address is itself", () => {
  assert.is(networkOf("10.1.2.3"), "10.1.2.0/24");
  assert.is(networkOf("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
  assert.is(networkOf("2001:db8::1"), "2001:db8:0:0::/64");
  assert.is(networkOf("::1"), "0:0:0:0::/64");
  assert.is(networkOf("/run/socket"), "/run/socket");
});

test.run();
