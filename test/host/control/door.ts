// SPDX-License-Identifier: Apache-2.0
// Control APIs on sockets of a test's own, what they are told, and how to ask them.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type ClientRequest, type OutgoingHttpHeaders, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { Control, type ControlFlags, type ControlSources } from "../../../host/control/control.js";
import type { VedetteError } from "../../../host/errors.js";
import { Grouping } from "../../../host/incident/incident.js";
import type { Alert } from "../../../host/output/alert.js";
import { ShortEvents } from "../../../host/policy/short-event.js";
import type { PolicyStatus } from "../../../host/policy/status.js";
import { readTenants, type Tenant } from "../../../host/policy/tenants.js";
import { type Batch, openBatch } from "../../../host/wire/batch.js";
import { atOf, type Place } from "../../ask.js";
import { until } from "../../until.js";
import { alertOf } from "../incident/shared.js";

export const scratch = mkdtempSync(join(tmpdir(), "vedette-control-"));
export const row = (tenant: string): PolicyStatus => ({
  tenant,
  policy: "p",
  version: "1",
  digest: "ab".repeat(32),
  state: "judging",
  rules: 1,
  events: 5,
  alerts: 1,
  suppressed: 0,
  nsPerEvent: 12.5,
  memoryBytes: 65536,
  traps: 0,
  denied: 0,
  monitored: 0,
  lastError: null,
});
/** A double holds none of these. */
const NOW = BigInt(Date.now()) * 1_000_000n - 60_000_000_000n;
let told = 1_397;
export const alert = (rule: string, tenant?: string): Alert => ({
  rule,
  priority: "Warning",
  tags: [],
  source: "syscall",
  time: NOW + BigInt(told++),
  output: `an output, the ${told}th`,
  outputFields: [["proc.name", "cat"]],
  hostname: "web-1",
  policy: "p",
  ...(tenant === undefined ? {} : { tenant }),
});

export const HEALTH = '{"status":"red","judging":"the worker of payments is gone","outputs":[]}\n';
/** An incident of the operator's, and one of each tenant. */
export const grouping = new Grouping();
for (const tenant of [null, "a", "b"]) grouping.take(alertOf({ tenant, file: 7 }));
const open: Control[] = [];
export async function opened(
  flags: ControlFlags,
  tenants: Iterable<Tenant> = [],
  more: Pick<ControlSources, "measures" | "policy" | "tryOutput"> = {},
): Promise<Control> {
  const sources = {
    health: () => ({ isWell: false, json: HEALTH }),
    metrics: async () => "# HELP vedette_agents agents\n",
    policies: () => [row(""), row("a"), row("b")],
    incidents: () => grouping.open(),
    sensors: () => [],
    from: "sensor" as const,
    // A machine that is busy may take longer than an output should.
    onFault: ({ code, message }: VedetteError) => assert.is(code, "VEDETTE_OUTPUT_STUCK", message),
    ring: null,
    containerOf: () => null,
    ...more,
  };
  const control = await Control.open(flags, sources, tenants);
  open.push(control);
  return control;
}
/** Closes what a test has opened. */
export async function closeAll(): Promise<void> {
  for (const one of open.splice(0)) await one.close();
}
process.on("exit", () => rmSync(scratch, { recursive: true, force: true }));

/** Tenants by whose owner we are: sockets of theirs are ours to open. */
export function tenantsOf(text: string): Tenant[] {
  writeFileSync(join(scratch, "tenants.yaml"), text);
  return [...readTenants(join(scratch, "tenants.yaml")).values()];
}
export const OWN = process.getuid?.() ?? 0;
export const TENANTS = `tenants:\n  a: {owner: ${OWN}, scope: {executables: [/srv/*]}}\n  b: {owner: ${OWN}}\n`;

let paths = 0;
export const newPath = (): string => join(scratch, `${paths++}.sock`);

/** Collects what a stream says until it said enough. */
export function listen(
  place: Place,
  path: string,
  headers: OutgoingHttpHeaders = {},
): { asked: ClientRequest; said: () => string; begun: Promise<number> } {
  let text = "";
  let begin: (status: number) => void;
  const begun = new Promise<number>((resolve) => {
    begin = resolve;
  });
  const asked = request({ ...atOf(place), path, headers }, (response) => {
    begin(response.statusCode!);
    response.setEncoding("utf8").on("data", (part) => {
      text += part;
    });
    response.on("error", () => undefined);
  });
  asked.on("error", () => begin(0)).end();
  return { asked, said: () => text, begun };
}

export function batchOf(...opens: readonly { exe: string; name: string; pid?: number }[]): Batch {
  const events = new ShortEvents();
  for (const { exe, name, pid = 7 } of opens)
    events.add("openat", { proc: { name: exe.split("/").at(-1), exepath: exe, pid }, name });
  return openBatch(events.bytes());
}

/** What cannot be left out of a question, by its path. */
const ASKED: Readonly<Record<string, string>> = { "/api/v1/policy": "?policy=p" };
/** An incident's of which there is one; a policy's that is there. */
export const pathOf = (path: string): string =>
  `${path.replace("{id}", grouping.open()[0]!.view.id)}${ASKED[path] ?? ""}`;
/** What was told is stored a moment later. */
export const stored = (control: Control): Promise<true> =>
  until("the store has it", () => control.outputs()[0]!.queued === 0);
