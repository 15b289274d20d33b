// SPDX-License-Identifier: Apache-2.0
// Values as words on a screen. Whatever an attacker may have named goes through `visible`.
import { TACTICS } from "../host/incident/tactics.js";
import { visible } from "../host/output/visible.js";

export { visible };

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

const UNITS = ["B", "kB", "MB", "GB", "TB", "PB"] as const;
/** `1.2 MB`; nothing for none. */
export function bytes(value: number): string {
  if (value === 0) return "";
  const power = Math.min(UNITS.length - 1, Math.floor(Math.log10(value) / 3));
  return `${power === 0 ? value : (value / 1000 ** power).toFixed(1)} ${UNITS[power]}`;
}
