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
