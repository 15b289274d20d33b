// SPDX-License-Identifier: Apache-2.0
// `vedette policy status`: how the policies of a running Vedette do.
import { askControl } from "../control/control.js";
import type { PolicyStatus } from "../policy/status.js";
import { print, printJson } from "./print.js";

/** The states of a policy that does not judge as its folder says. */
const UNWELL: readonly PolicyStatus["state"][] = ["resting", "outdated", "refused"];

/** Prints what the control API at `socket` says. Gives 1 where a policy rests, is outdated or refused. */
export async function showStatus(socket: string, asJson: boolean): Promise<number> {
  const policies = (await askControl(socket, "/api/v1/policies")) as PolicyStatus[];
  if (asJson) printJson(policies);
  else print(lines(policies));
  return policies.some(({ state }) => UNWELL.includes(state)) ? 1 : 0;
}

function lines(policies: readonly PolicyStatus[]): string[] {
  const rows = policies.map((one) => [
    one.tenant === "" ? one.policy : `${one.tenant}/${one.policy}`,
    one.version,
    one.state,
    String(one.rules),
    String(one.events),
    one.suppressed === 0 ? String(one.alerts) : `${one.alerts} (+${one.suppressed})`,
    one.nsPerEvent.toFixed(1),
    `${Math.round(one.memoryBytes / 1024)} KiB`,
  ]);
  const table = [["policy", "version", "state", "rules", "events", "alerts", "ns/event", "memory"], ...rows];
  const widths = (table[0] as string[]).map((_, i) => Math.max(...table.map((row) => (row[i] as string).length)));
  return table.flatMap((row, i) => [
    row
      .map((cell, k) => (k < 3 ? cell.padEnd(widths[k] as number) : cell.padStart(widths[k] as number)))
      .join("  ")
      .trimEnd(),
    ...(i > 0 && policies[i - 1]?.lastError != null ? [`  ${policies[i - 1]?.lastError}`] : []),
  ]);
}
