// SPDX-License-Identifier: Apache-2.0
//
// What a workload makes of events: how many, how many were lost, and which share of the calls that may be
// recorded inline was.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EVENTS } from "../../build/generated/events.js";
import type { Workload } from "./kinds.js";
import { VEDETTE } from "./programs.js";

export interface Counted {
  readonly events: number;
  readonly lost: number;
  readonly inline: number;
}

const HOT = new Set(EVENTS.filter((event) => event.tier === "hot").map((event) => event.name));

/** What a run of the workload makes of events. A server's client is not counted: it is not watched. */
export async function countEvents(workload: Workload): Promise<Counted> {
  const folder = mkdtempSync(join(tmpdir(), "vedette-bench-"));
  const path = join(folder, "summary.json");
  await workload.count({ name: "count", before: [...VEDETTE, "trace", "--summary", "--json", "-o", path, "--"] });
  const summary = JSON.parse(readFileSync(path, "utf8")) as {
    events: number;
    lost: number;
    calls: Record<string, { count: number; tiers: { inline: number } }>;
  };
  rmSync(folder, { recursive: true });
  const hot = Object.entries(summary.calls)
    .filter(([name]) => HOT.has(name))
    .map(([, call]) => call);
  const all = hot.reduce((sum, call) => sum + call.count, 0);
  const inline = hot.reduce((sum, call) => sum + call.tiers.inline, 0);
  return { events: summary.events, lost: summary.lost, inline: all === 0 ? 0 : inline / all };
}
