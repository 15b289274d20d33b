// SPDX-License-Identifier: Apache-2.0
// What an owner's policies may tell of their measurements: so many bytes a second, and each sum stays true.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { MEASURED_BYTES_A_SECOND, MeasureAllowance } from "../../../host/engine/allowance.js";
import type { Measured, Measurement } from "../../../host/wasm/metrics-region.js";
import { counter, gauge, histogram, one } from "../metric/shared.js";

const COUNT = 20_000;
const instruments = [counter("a", { labels: ["x"] })];
/** Sets of labels of 128 characters, each with the value 1: 192 bytes. */
const many: Measured = {
  measurements: Array.from({ length: COUNT }, (_, i) => ({
    ...{ instrument: 0, labels: [`${i}`.padEnd(128, "x")], value: 1, buckets: [] },
  })),
  refused: 3,
};
const sumOf = (measurements: readonly Measurement[]): number => measurements.reduce((sum, { value }) => sum + value, 0);

test("beyond a second's bytes sets are counted together, and time gives bytes back", () => {
  const allowance = new MeasureAllowance();
  const own: number[] = [];
  for (const now of [5000, 5000, 5500, 60_000]) {
    const { measurements, refused } = allowance.fit(many, instruments, now);
    assert.equal([sumOf(measurements), refused], [COUNT, 3]);
    assert.is(measurements.filter(({ labels }) => labels === null).length, 1);
    own.push(measurements.length - 1);
  }
  const second = MEASURED_BYTES_A_SECOND;
  assert.equal(own, [second / 192, 0, ((second % 192) + second / 2) / 192, second / 192].map(Math.floor));
});

test("what stays below is told as it is", () => {
  const few = { measurements: many.measurements.slice(0, 100), refused: 0 };
  assert.equal(new MeasureAllowance().fit(few, instruments, 1), few);
});

test("of gauges beyond the last counts, and of histograms buckets add up", () => {
  const allowance = new MeasureAllowance();
  allowance.fit(many, instruments, 0);
  const kinds = [gauge("a", { labels: ["x"] }), histogram("b", [1], { labels: ["x"] })];
  const measurements = [
    ...[3, 4].flatMap((value) => one(value, ["s"]).measurements),
    ...[3, 4].flatMap((value) => one(value, ["s"], [value, 1], 1).measurements),
  ];
  assert.equal(allowance.fit({ measurements, refused: 0 }, kinds, 0).measurements, [
    { instrument: 0, labels: null, value: 4, buckets: [] },
    { instrument: 1, labels: null, value: 7, buckets: [7, 2] },
  ]);
});

test("an instrument without labels is told as it is when other sets have used up the bytes", () => {
  const allowance = new MeasureAllowance();
  const kinds = [counter("a", { labels: ["x"] }), gauge("b"), histogram("c", [1])];
  const bare = [...one(7, [], [], 1).measurements, ...one(5, [], [4, 1], 2).measurements];
  for (const now of [0, 0, 1]) {
    const { measurements } = allowance.fit({ measurements: [...many.measurements, ...bare], refused: 0 }, kinds, now);
    const found = measurements.filter(({ instrument }) => instrument > 0);
    assert.equal(
      found.sort((a, b) => a.instrument - b.instrument),
      bare,
    );
  }
});

test("an instrument without labels that is told a thousand times over is at most two measurements", () => {
  const allowance = new MeasureAllowance();
  allowance.fit(many, instruments, 0);
  const measurements = Array.from({ length: 1000 }, () => one(2).measurements).flat();
  const fit = allowance.fit({ measurements, refused: 0 }, [counter("a")], 0).measurements;
  assert.ok(fit.length <= 2 && fit.every(({ labels }) => labels?.length === 0));
  assert.is(sumOf(fit), 2000);
});

test("what together is no number is refused and counted: a cell that said it would be ended", () => {
  const allowance = new MeasureAllowance();
  allowance.fit(many, instruments, 0);
  const kinds = [counter("a", { labels: ["x"] }), histogram("b", [1], { labels: ["x"] })];
  const measurements = [
    ...[1e308, 1e308].flatMap((value) => one(value, ["s"]).measurements),
    ...[1, 2].flatMap((value) => one(value, ["s"], [2 ** 32 - 1, 0], 1).measurements),
  ];
  const fit = allowance.fit({ measurements, refused: 0 }, kinds, 0);
  assert.is(fit.refused, 2);
  assert.equal(
    fit.measurements.map(({ value }) => value),
    [1e308, 1],
  );
});

test.run();
