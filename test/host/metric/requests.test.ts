// SPDX-License-Identifier: Apache-2.0
// Requests as meters measure them: rates, failures and quantiles over time, whose they are, and the bounds.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { quantile, ROWS_OF_OWNER_MAX, STEP_S } from "../../../host/metric/meter-rows.js";
import { type RequestQuery, Requests } from "../../../host/metric/requests.js";
import { type Owner, Totals } from "../../../host/metric/totals.js";
import { counter, exponential, histogram, one, owner } from "./shared.js";

const LABELS = ["process.executable.name", "http.request.method", "http.route", "error.type"];
const HTTP = histogram("http.server.request.duration", [0.1, 1, 10], { unit: "s", labels: LABELS });
const ALL: RequestQuery = { minutes: 60, limit: 100, row: undefined };
const everything = (): boolean => true;

function opened() {
  const totals = new Totals();
  let now = 1_800_000_000;
  const requests = new Requests(
    () => ({ present: totals.present(), scopes: totals.scopes() }),
    () => now,
  );
  const measure = (of: Owner, labels: string[] | null, buckets: number[]): void =>
    totals.add(of, [HTTP], one(1, labels, buckets));
  const pass = (seconds: number): void => {
    now += seconds;
    requests.look();
  };
  const load = (of: Owner, ...instruments: Parameters<Totals["add"]>[1]): void =>
    totals.keep([{ owner: of, instruments }]);
  return { totals, requests, measure, pass, load };
}

const OK = ["nginx", "GET", "/users/{id}", ""];
const BAD = ["nginx", "GET", "/users/{id}", "500"];

test("a row is a service and a route: what failed is part of it, and quantiles are of all its buckets", () => {
  const { requests, measure, pass } = opened();
  measure(owner("m"), OK, [90, 0, 0, 0]);
  measure(owner("m"), BAD, [0, 9, 0, 1]);
  measure(owner("m"), ["nginx", "GET", "/", ""], [5, 0, 0, 0]);
  pass(1);
  const { items, seconds } = requests.view(ALL, everything);
  assert.equal(
    items.map(({ service, method, route, requests: all, errors }) => [service, method, route, all, errors]),
    [
      ["nginx", "GET", "/users/{id}", 100, 10],
      ["nginx", "GET", "/", 5, 0],
    ],
  );
  const [{ p50, p95, p99, most }] = items as [(typeof items)[0]];
  assert.ok(Math.abs(p50 - 0.0556) < 0.001, String(p50));
  assert.ok(p95 > 0.1 && p95 < 1 && Math.abs(p99 - 1) < 0.001, `${p95} ${p99}`);
  assert.is(most, 10);
  assert.is(seconds, 1);
});

test("numbers belong to the step in which they were seen, and go after the hour", () => {
  const { requests, measure, pass } = opened();
  measure(owner("m"), OK, [3, 0, 0, 0]);
  pass(1);
  measure(owner("m"), OK, [0, 4, 0, 0]);
  pass(STEP_S);
  const points = requests.view(ALL, everything).over_time!.points;
  assert.equal(
    points.map((point) => point.requests),
    [3, 4],
  );
  assert.is(BigInt(points[1]!.time) - BigInt(points[0]!.time), BigInt(STEP_S) * 1_000_000_000n);
  assert.is(requests.view({ ...ALL, minutes: 1 }, everything).items[0]!.requests, 7);
  pass(120);
  assert.equal(requests.view({ ...ALL, minutes: 1 }, everything).items, []);
  pass(3_600);
  assert.is(requests.view(ALL, everything).over_time, null);
  measure(owner("m"), OK, [1, 0, 0, 0]);
  pass(2);
  assert.is(requests.view(ALL, everything).items[0]!.requests, 1, "what was told once is not told again");
});

test("no meter, a meter without requests, and requests are three answers", () => {
  const { requests, measure, pass, load } = opened();
  load(owner("counts"), counter("http.requests"));
  assert.equal([requests.view(ALL, everything).meters, requests.view(ALL, everything).items], [0, []]);
  load(owner("m"), HTTP);
  assert.equal([requests.view(ALL, everything).meters, requests.view(ALL, everything).items], [1, []]);
  measure(owner("m"), OK, [1, 0, 0, 0]);
  pass(2);
  assert.is(requests.view(ALL, everything).items.length, 1);
});

test("a tenant sees what its own policies measured, and no other row by its number", () => {
  const { requests, measure, pass } = opened();
  for (const tenant of [null, "a", "b"]) measure(owner("m", tenant), OK, [1, 0, 0, 0]);
  pass(1);
  const isOfA = (tenant: string | null): boolean => tenant === "a";
  assert.equal(
    requests.view(ALL, everything).items.map(({ tenant }) => tenant),
    [null, "a", "b"],
  );
  const own = requests.view(ALL, isOfA);
  assert.equal(
    own.items.map(({ tenant }) => tenant),
    ["a"],
  );
  const foreign = requests.view(ALL, everything).items.find(({ tenant }) => tenant === "b")!;
  assert.is(requests.view({ ...ALL, row: foreign.id }, isOfA).over_time, null);
  assert.is(requests.view({ ...ALL, row: foreign.id }, everything).over_time!.id, foreign.id);
});

test("whoever makes up routes fills rows of his own; what finds none is counted, and told to whom it belongs", () => {
  const { requests, measure, pass } = opened();
  for (let i = 0; i < ROWS_OF_OWNER_MAX + 20; i++)
    measure(owner("m", "a"), ["x", "GET", `/${i}${"y".repeat(4_096)}`, ""], [1, 0, 0, 0]);
  measure(owner("m", "b"), OK, [1, 0, 0, 0]);
  pass(1);
  const seen = requests.view({ ...ALL, limit: 10 }, (tenant) => tenant === "a");
  assert.equal([seen.items.length, seen.more, seen.left_out], [10, ROWS_OF_OWNER_MAX - 10, 20]);
  assert.ok(seen.items.every(({ route }) => route!.length < 400));
  const other = requests.view(ALL, (tenant) => tenant === "b");
  assert.equal([other.items.length, other.left_out], [1, 0]);
});

test("a meter that does not say which failed, and sets of labels without room, are told as that", () => {
  const { requests, totals, pass } = opened();
  const plain = { ...histogram("rpc.server.call.duration", [1, 2], { unit: "s", labels: ["rpc.method"] }) };
  totals.add(owner("m"), [plain], one(1, ["Get"], [1, 1, 0]));
  totals.add(owner("m"), [plain], one(1, null, [0, 0, 5]));
  pass(1);
  assert.equal(
    requests.view(ALL, everything).items.map(({ service, route, errors, p50 }) => [service, route, errors, p50]),
    [
      [null, null, null, 2],
      [null, "Get", null, 1],
    ],
  );
});

test("the operation is the route, of a call, a statement and a message alike", () => {
  const { requests, totals, pass } = opened();
  for (const label of ["rpc.method", "db.operation.name", "messaging.operation.name"]) {
    const plain = histogram(`${label}.duration`, [1], { unit: "s", labels: [label] });
    totals.add(owner(label), [plain], one(1, [`a ${label}`], [1, 0]));
  }
  pass(1);
  assert.equal(
    requests
      .view(ALL, everything)
      .items.map(({ route }) => route)
      .sort(),
    ["a db.operation.name", "a messaging.operation.name", "a rpc.method"],
  );
});

test("exponential buckets are as good as bounds by powers of two", () => {
  const { requests, totals, pass } = opened();
  const buckets = new Array<number>(209).fill(0);
  buckets[1 + 160 - 8] = 10; // up to 0.5 s and a little more
  totals.add(owner("m"), [{ ...exponential("x.duration"), unit: "s" }], one(1, [], buckets));
  pass(1);
  const [row] = requests.view(ALL, everything).items;
  assert.is(row!.requests, 10);
  assert.ok(row!.p50 > 0.25 && row!.p50 <= 1, String(row!.p50));
});

test("a quantile lies within its bucket, and beyond the bounds it is the largest", () => {
  assert.is(quantile(0.5, [10, 0], [1]), 0.5);
  assert.is(quantile(0.5, [0, 10], [1]), 1);
  assert.is(quantile(0.99, [0, 0], [1]), 1);
});

test("tenants together have their bound, and the operator has rows of his own beside it", () => {
  const { requests, measure, pass } = opened();
  for (const tenant of ["a", "b", "c", "d", "e"])
    for (let i = 0; i < ROWS_OF_OWNER_MAX; i++)
      measure({ ...owner("m"), tenant }, ["nginx", "GET", `/${i}`, ""], [1, 0, 0, 0]);
  pass(1);
  measure(owner("m"), OK, [1, 0, 0, 0]);
  pass(1);
  const of = (name: string | null) => requests.view(ALL, (tenant) => tenant === name);
  assert.is(of(null).items.length, 1);
  assert.equal([of("e").items.length, of("e").left_out], [0, ROWS_OF_OWNER_MAX]);
});

test("a clock that was ahead and is set back leaves no requests of the future", () => {
  const { requests, measure, pass } = opened();
  pass(3_600);
  measure(owner("m"), OK, [5, 0, 0, 0]);
  pass(1);
  pass(-3_600);
  measure(owner("m"), OK, [2, 0, 0, 0]);
  pass(2);
  pass(600);
  measure(owner("m"), OK, [1, 0, 0, 0]);
  pass(2);
  assert.equal(
    requests.view({ ...ALL, minutes: 5 }, everything).items.map((row) => row.requests),
    [1],
  );
});

test.run();
