// SPDX-License-Identifier: Apache-2.0
// A line of the log of `vedette serve`: with its time and level, or as JSON. In JSON an error of the
// catalogue is apart in its parts, so that a search finds its code:
//
//   2026-11-27T12:03:12.123Z info vedette: listening at unix:/vedette/host.sock
//   {"time":"2026-11-27T12:03:12.123Z","level":"warning","message":"...","code":"VEDETTE_...","hint":"..."}

/** How bad it is. `warning`: something goes badly, and Vedette goes on; `error`: it does not. */
export type Level = "info" | "warning" | "error";
/** Takes a line of ours; without a level it is `info`. */
export type Say = (line: string, level?: Level) => void;

/** What `--log-format` may be. */
export const LOG_FORMATS = ["text", "json"] as const;
/** One of them. */
export type LogFormat = (typeof LOG_FORMATS)[number];

const OURS = "vedette: ";

/** `line` may begin with `vedette: `, and hold an error as explain() writes it. */
export function logLine(format: LogFormat, line: string, level: Level, time: Date): string {
  if (format === "text") return `${time.toISOString()} ${level} ${line}`;
  const said = line.startsWith(OURS) ? line.slice(OURS.length) : line;
  const [, message = said, code, hint] = /^(.*) \[(VEDETTE_\w+)\](?:\n(.*))?$/s.exec(said) ?? [];
  const parts = { time: time.toISOString(), level, message, code, hint: hint?.trim() };
  return JSON.stringify(parts);
}
