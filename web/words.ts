// SPDX-License-Identifier: Apache-2.0
// Values as words on a screen. Whatever an attacker may have named goes through `visible`.
import { TACTICS } from "../host/incident/tactics.js";
import { hasUnseen, visible } from "../host/output/visible.js";

export { hasUnseen, visible };

/** Local time of day with milliseconds, of ns since the epoch as text. */
export function clock(ns: string): string {
  const date = new Date(Number(BigInt(ns) / 1_000_000n));
  const two = (part: number) => String(part).padStart(2, "0");
  const ms = String(date.getMilliseconds()).padStart(3, "0");
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${ms}`;
}

/** Date and time with the zone, for a title. */
export function moment(ns: string): string {
  return new Date(Number(BigInt(ns) / 1_000_000n)).toISOString();
}

/** `12 s`, `3 min`, `5 h`, `2 d` since then; nothing where it is not known. */
export function ago(ns: string): string {
  const seconds = Math.floor(Date.now() / 1_000 - Number(BigInt(ns) / 1_000_000_000n));
  if (ns === "0" || seconds < 0) return "";
  for (const [unit, of] of AGES) if (seconds >= of) return `${count(Math.floor(seconds / of))} ${unit}`;
  return `${seconds} s`;
}

const AGES = [
  ["d", 86_400],
  ["h", 3_600],
  ["min", 60],
] as const;

/** A tactic's name; its id where it is not known. */
export const tacticOf = (id: string): string => TACTICS.get(id) ?? visible(id);

/** A shape beside each word of severity, so that nobody needs the colour. */
const SHAPES: Readonly<Record<string, string>> = {
  Emergency: "▲",
  Alert: "▲",
  Critical: "▲",
  Error: "◆",
  Warning: "◆",
  Notice: "●",
  Informational: "○",
  Debug: "○",
};
export const shapeOf = (severity: string): string => SHAPES[severity] ?? "●";
/** Three levels for the eye: severe, warning, calm. */
export const levelOf = (severity: string): "severe" | "warning" | "calm" =>
  shapeOf(severity) === "▲" ? "severe" : shapeOf(severity) === "◆" ? "warning" : "calm";

/** 1,234,567. */
export const count = (value: number): string => value.toLocaleString("en-US");

/** `1 agent`, `2 agents`; `many`: another word for more than one. */
export const some = (value: number, what: string, many = `${what}s`): string =>
  `${count(value)} ${value === 1 ? what : many}`;

/** `0.25`, `12.5`, `1,234` a second. */
export function perSecond(value: number, seconds: number): string {
  const rate = value / Math.max(1, seconds);
  return rate >= 100 ? count(Math.round(rate)) : rate.toFixed(rate >= 10 ? 1 : 2);
}

/** `2.5 %`; `< 0.1 %` where it would be nothing, and is not. */
export function share(part: number, whole: number): string {
  if (part === 0 || whole === 0) return "0 %";
  const percent = (part / whole) * 100;
  return percent < 0.1 ? "< 0.1 %" : `${percent.toFixed(1)} %`;
}

/** `12 ms`, `1.25 s`, of seconds; `≥ 10.00 s` from the largest number on that can be told apart. */
export function duration(seconds: number, most: number): string {
  const text = seconds >= 1 ? `${seconds.toFixed(2)} s` : `${(seconds * 1_000).toFixed(seconds < 0.01 ? 1 : 0)} ms`;
  return seconds >= most ? `≥ ${text}` : text;
}

const UNITS = ["B", "kB", "MB", "GB", "TB", "PB"] as const;
/** `1.2 MB`; nothing for none. */
export function bytes(value: number): string {
  if (value === 0) return "";
  const power = Math.min(UNITS.length - 1, Math.floor(Math.log10(value) / 3));
  return `${power === 0 ? value : (value / 1000 ** power).toFixed(1)} ${UNITS[power]}`;
}
