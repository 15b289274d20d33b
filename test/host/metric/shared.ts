// SPDX-License-Identifier: Apache-2.0
// Instruments and measurements for tests of what the host makes of them.
import type { Owner } from "../../../host/metric/totals.js";
import type { Instrument } from "../../../host/wasm/instruments.js";
import type { Measured } from "../../../host/wasm/metrics-region.js";

const common = { unit: "1", doc: "", labels: [] as string[], slots: 4 };
export const counter = (name: string, more: object = {}): Instrument => ({ kind: "counter", name, ...common, ...more });
export const gauge = (name: string, more: object = {}): Instrument => ({ kind: "gauge", name, ...common, ...more });
export const histogram = (name: string, bounds: number[], more: object = {}): Instrument => ({
  kind: "histogram",
  name,
  bounds,
  ...common,
  ...more,
});
export const exponential = (name: string): Instrument => ({ kind: "exponential", name, ...common });

export const owner = (policy: string, tenant: string | null = null, version = "1"): Owner => ({
  tenant,
  policy,
  version,
});

/** One measurement of the first instrument. */
export const one = (value: number, labels: string[] | null = [], buckets: number[] = [], instrument = 0): Measured => ({
  measurements: [{ instrument, labels, value, buckets }],
  refused: 0,
});
