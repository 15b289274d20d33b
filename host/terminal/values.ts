// SPDX-License-Identifier: Apache-2.0
// A cell of a table in as few characters as tell its size: `12345`, `1.2M`, `340K`, `12ms`, `16:17:57.881`.
import type { Unit } from "../activity/activity.js";
import { clockText } from "../wire/time.js";

const PREFIXES = ["", "K", "M", "G", "T", "P"];
const THOUSAND = 1000;
const COUNT_MAX = 99_999;
const CLOCK = 12;

/** As the cell shows it. */
export function cellText(value: string | number, unit: Unit): string {
  if (unit === "time") return timeText(String(value));
  if (typeof value === "string") return value;
  switch (unit) {
    case "count":
      return value <= COUNT_MAX ? String(value) : scaled(value, THOUSAND);
    case "bytes":
      return value === 0 ? "-" : scaled(value, 1024);
    case "rate":
      return value >= 100
        ? value <= COUNT_MAX
          ? String(Math.round(value))
          : scaled(value, THOUSAND)
        : value.toFixed(1);
    case "ns":
      return durationText(value);
    default:
      return String(value);
  }
}

/** `12` in steps of 1000 or 1024, with a decimal below 10. */
function scaled(value: number, step: number): string {
  let power = 0;
  let rest = value;
  for (; rest >= step && power < PREFIXES.length - 1; power++) rest /= step;
  // 999.6 would be written as 1000.
  if (Math.round(rest) >= step && power < PREFIXES.length - 1) [rest, power] = [rest / step, power + 1];
  return `${power > 0 && rest < 9.95 ? rest.toFixed(1) : Math.round(rest)}${PREFIXES[power]}`;
}

function durationText(ns: number): string {
  for (const [unit, size] of [
    ["s", 1e9],
    ["ms", 1e6],
    ["us", 1e3],
  ] as const)
    if (ns >= size) return `${ns / size < 9.95 ? (ns / size).toFixed(1) : Math.round(ns / size)}${unit}`;
  return `${Math.round(ns)}ns`;
}

/** Local time of day with milliseconds, of ns since the epoch or of a date in text. */
function timeText(text: string): string {
  if (/^\d{1,19}$/.test(text)) return clockText(BigInt(text)).slice(0, CLOCK);
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? "" : clockText(BigInt(ms) * 1_000_000n).slice(0, CLOCK);
}
