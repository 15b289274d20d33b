// SPDX-License-Identifier: Apache-2.0
//
// Runs programs under `vedette run` with rows of `respond:`, and says what was told. The rule of the tests is
// about files whose names end in `.trigger` (test/fixtures/respond_tree.c).
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { type Run, run, scratch, VEDETTE } from "./programs.js";

export const RULE = "A trigger was opened";

const RULES = [
  {
    rule: RULE,
    desc: "a file that tests open",
    condition: "evt.type in (open, openat, openat2) and fd.name endswith .trigger",
    output: "A trigger was opened | pid=%proc.pid",
    priority: "WARNING",
  },
];

export interface Alert {
  rule: string;
  priority: string;
  output: string;
  output_fields: Record<string, string | number | null>;
}

export interface Responded {
  run: Run;
  alerts: Alert[];
  /** Statuses in order, as `requested`, `done` ... */
  statuses: string[];
  /** The alerts that tell of steps. */
  steps: Alert[];
  folder: string;
}

export interface RespondOptions {
  flags?: string[];
  folder?: string;
  env?: Record<string, string>;
  limitMs?: number;
}

/** Runs a shell script with one row; `TRIGGER` in it is the file that the rule is about. */
export async function responded(
  row: Record<string, unknown> | null,
  script: string,
  { flags = [], folder = scratch(), env = {}, limitMs = 120_000 }: RespondOptions = {},
): Promise<Responded> {
  const [rules, respond, file, trigger] = ["rules.yaml", "respond.yaml", "alerts.json", "a.trigger"].map((name) =>
    join(folder, name),
  ) as [string, string, string, string];
  writeFileSync(rules, stringify(RULES));
  writeFileSync(trigger, "");
  if (row !== null) writeFileSync(respond, stringify({ respond: [{ rules: [RULE], mode: "enforce", ...row }] }));
  const asked = row === null ? [] : ["--respond", respond];
  const argv = [...VEDETTE, "run", "--falco-rules", rules, "--alerts", file, ...asked, ...flags];
  const ended = await run([...argv, "--", "sh", "-c", script.replaceAll("TRIGGER", trigger)], {
    cwd: folder,
    env,
    limitMs,
  });
  const alerts = readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Alert);
  const steps = alerts.filter(({ rule }) => rule === "Response");
  return { run: ended, alerts, steps, statuses: steps.map(statusOf), folder };
}

export const statusOf = ({ output_fields: fields }: Alert): string => String(fields["response.status"]);
