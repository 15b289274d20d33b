// SPDX-License-Identifier: Apache-2.0
// What the policies of one owner may tell of their measurements: bytes of memory that the main thread, which
// serves all, has to copy and to add up. A workload chooses labels, so an honest meter may have thousands of
// sets four times a second. What is beyond is counted together, by instrument: sums stay true. An instrument
// without labels has one set, so of it there is nothing to count together: it is told as it is.
import { bucketsOf, type Instrument } from "../wasm/instruments.js";
import type { Measured, Measurement } from "../wasm/metrics-region.js";

/** Bytes at once, and what comes back in a second. */
export const MEASURED_BYTES_A_SECOND = 1 << 20;
/** Bytes of a measurement without labels and buckets. */
const MEASUREMENT = 64;
const NUMBER = 8;
/** What a bucket of a region holds. */
const BUCKET_MAX = 0xffffffff;

/** Of one owner's policies in one worker. */
export class MeasureAllowance {
  #bytes = MEASURED_BYTES_A_SECOND;
  #at = 0;

  /** What of this may be told at `now` (ms, monotonic). Of a gauge beyond, the last number counts. */
  fit({ measurements, refused }: Measured, instruments: readonly Instrument[], now: number): Measured {
    const earned = (Math.max(0, now - this.#at) / 1000) * MEASURED_BYTES_A_SECOND;
    this.#bytes = Math.min(MEASURED_BYTES_A_SECOND, this.#bytes + earned);
    this.#at = now;
    const told: Measurement[] = [];
    const together = new Map<number, Measurement>();
    let unfit = 0;
    for (const one of measurements) {
      const bytes = bytesOf(one);
      if (one.labels !== null && bytes <= this.#bytes) {
        this.#bytes -= bytes;
        told.push(one);
        continue;
      }
      const sum = sumOf(together.get(one.instrument), one, instruments[one.instrument]);
      if (sum === null) unfit++;
      else together.set(one.instrument, sum);
    }
    return { measurements: [...told, ...together.values()], refused: refused + unfit };
  }
}

function bytesOf({ labels, buckets }: Measurement): number {
  return (labels ?? []).reduce((sum, label) => sum + label.length, MEASUREMENT + NUMBER * buckets.length);
}

/** Null: together they are no number that a region could hold. */
function sumOf(
  before: Measurement | undefined,
  { instrument, value, buckets }: Measurement,
  is: Instrument | undefined,
): Measurement | null {
  if (is === undefined || buckets.length !== bucketsOf(is)) return null;
  const sum = is.kind === "gauge" ? value : (before?.value ?? 0) + value;
  const counts = buckets.map((count, i) => count + (before?.buckets[i] ?? 0));
  if (!Number.isFinite(sum) || counts.some((count) => count > BUCKET_MAX)) return null;
  return { instrument, labels: is.labels.length === 0 ? [] : null, value: sum, buckets: counts };
}
