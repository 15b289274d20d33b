// SPDX-License-Identifier: Apache-2.0
// Times as Falco writes them: nine digits of a second, which Date does not have.
const SECOND = 1_000_000_000n;

/** Local time of day: `16:17:57.881781397`. */
export function clockText(ns: bigint, digits: 0 | 9 = 9): string {
  const date = new Date(Number(ns / 1_000_000n));
  const clock = [date.getHours(), date.getMinutes(), date.getSeconds()]
    .map((part) => String(part).padStart(2, "0"))
    .join(":");
  return digits === 0 ? clock : `${clock}.${fraction(ns)}`;
}

/** Local date and time of day, Falco's %evt.datetime: `2016-08-04 16:17:57.881781397`. */
export function dateClockText(ns: bigint, digits: 0 | 9 = 9): string {
  const date = new Date(Number(ns / 1_000_000n));
  const day = [date.getFullYear(), date.getMonth() + 1, date.getDate()].map((part) => String(part).padStart(2, "0"));
  return `${day.join("-")} ${clockText(ns, digits)}`;
}

/**
 * Falco's form of a time between two events: `1.03s`, `412ms`, `7.05ms`, `88us`, `1.20us`, `512ns`. Digits
 * are cut off, not rounded. A latency is below 2^32 ns, so that no minutes are needed.
 */
export const DURATION_UNITS: readonly { readonly unit: string; readonly size: number }[] = [
  { unit: "s", size: 1_000_000_000 },
  { unit: "ms", size: 1_000_000 },
  { unit: "us", size: 1_000 },
];
/**
 * A duration as Falco's evt.latency.human writes it: in the largest unit that fits, with two decimals below
 * 10 and for seconds.
 */
export function durationText(ns: number): string {
  for (const { unit, size } of DURATION_UNITS) {
    if (ns < size) continue;
    const [whole, hundredths] = [Math.floor(ns / size), Math.floor((ns % size) / (size / 100))];
    return whole >= 10 && unit !== "s" ? `${whole}${unit}` : `${whole}.${String(hundredths).padStart(2, "0")}${unit}`;
  }
  return `${ns}ns`;
}

/** UTC: `2016-08-04T16:17:57.881781397Z`, the `time` of an alert. */
export function utcText(ns: bigint): string {
  return `${seconds(ns)}.${fraction(ns)}Z`;
}

/** UTC with an offset, Falco's %evt.time.iso8601: `2016-08-04T16:17:57.881781397+0000`. */
export function isoText(ns: bigint): string {
  return `${seconds(ns)}.${fraction(ns)}+0000`;
}

function seconds(ns: bigint): string {
  return new Date(Number(ns / SECOND) * 1000).toISOString().slice(0, 19);
}

function fraction(ns: bigint): string {
  return (ns % SECOND).toString().padStart(9, "0");
}
