// SPDX-License-Identifier: Apache-2.0
//
// Runs programs under `vedette run` with rows of `respond:`, and says what was told. The rule of the tests is
// about files whose names end in `.trigger` (test/fixtures/respond_tree.c).
import { readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { buildFixture } from "./fixtures.js";
import { type Run, run, scratch, VEDETTE } from "./programs.js";

export const RULE = "A trigger was opened";

/** A script that names it gets a name of its own for it: another test may look for its processes, too. */
export const TREE = buildFixture("respond_tree");

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
  /** Of the rule. */
  priority?: string;
}

/** Runs a shell script with one row; `TRIGGER` in it is the file that the rule is about. */
export async function responded(
  row: Record<string, unknown> | null,
  script: string,
  { flags = [], folder = scratch(), env = {}, limitMs = 120_000, priority = "WARNING" }: RespondOptions = {},
): Promise<Responded> {
  const [rules, respond, file, trigger] = ["rules.yaml", "respond.yaml", "alerts.json", "a.trigger"].map((name) =>
    join(folder, name),
  ) as [string, string, string, string];
  writeFileSync(rules, stringify(RULES.map((rule) => ({ ...rule, priority }))));
  const tree = join(folder, "tree");
  symlinkSync(TREE, tree);
  writeFileSync(trigger, "");
  if (row !== null) writeFileSync(respond, stringify({ respond: [{ rules: [RULE], mode: "enforce", ...row }] }));
  const asked = row === null ? [] : ["--respond", respond];
  const argv = [...VEDETTE, "run", "--falco-rules", rules, "--alerts", file, ...asked, ...flags];
  const ended = await run([...argv, "--", "sh", "-c", script.replaceAll("TRIGGER", trigger).replaceAll(TREE, tree)], {
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

/** The command of a host with one row in this folder, and the file that its rule is about. */
export function sidecar(row: Record<string, unknown>, folder: string): [argv: string[], trigger: string] {
  const trigger = join(folder, "a.trigger");
  writeFileSync(trigger, "");
  writeFileSync(join(folder, "rules.yaml"), stringify(RULES));
  writeFileSync(join(folder, "respond.yaml"), stringify({ respond: [{ rules: [RULE], mode: "enforce", ...row }] }));
  const where = ["--listen", "unix:host.sock", "--http", "unix:http.sock", "--alerts", "alerts.json"];
  return [[...VEDETTE, "serve", "--falco-rules", "rules.yaml", "--respond", "respond.yaml", ...where], trigger];
}

export const statusOf = ({ output_fields: fields }: Alert): string => String(fields["response.status"]);
