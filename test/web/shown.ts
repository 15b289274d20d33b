// SPDX-License-Identifier: Apache-2.0
//
// A console in this process that shows what a test wants it to show: nothing, one of everything with names
// that an attacker would choose, or as much as there may be.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Control } from "../../host/control/control.js";
import type { SensorRow } from "../../host/control/shapes.js";
import type { TrialBatch, TrialResult } from "../../host/engine/trial.js";
import { Grouping } from "../../host/incident/incident.js";
import type { Measures } from "../../host/metric/meter-rows.js";
import { Totals } from "../../host/metric/totals.js";
import type { PolicyDetail } from "../../host/policy/detail.js";
import type { BatchesOf } from "../../host/policy/seated.js";
import { ShortEvents } from "../../host/policy/short-event.js";
import type { PolicyStatus } from "../../host/policy/status.js";
import { readTenants } from "../../host/policy/tenants.js";
import type { Instrument } from "../../host/wasm/instruments.js";
import { type Batch, openBatch } from "../../host/wire/batch.js";
import { alertOf } from "../host/incident/shared.js";
import { until } from "../until.js";

/** Markup, a quote that would end an attribute, a control character, a mark of direction, and much of it. */
export const MARKUP = `<img src=x onerror=alert(1)>"'`;
export const HOSTILE = `${MARKUP}\u001b[31m\u202egpj.exe`;
const LONG = "A".repeat(4_096);
/** So many findings; of everything else there are fewer. */
export const FINDINGS = 100_000;
const AT_ONCE = 2_000;
const folder = mkdtempSync(join(tmpdir(), "vedette-web-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

/** How much there is. */
export type Content = "none" | "one" | "many";

export interface ShownConsole {
  readonly control: Control;
  /** The operator's. */
  readonly socket: string;
  /** Lets a browser in, once. */
  readonly entry: () => string;
  /** One incident's id; null: there is none. */
  readonly incident: string | null;
  /** What happens next, for the screen of events. */
  readonly more: () => void;
}

/** How many of what is no finding: policies, sensors ... */
const rowsOf = { none: 0, one: 1, many: 300 } as const;
const nameOf = (content: Content, nth: number): string => (content === "one" ? HOSTILE : `name-${nth}`);

/** `findings`: how many there are; as many as there may be take long. */
export async function opened(
  content: Content,
  findings = { none: 0, one: 1, many: FINDINGS }[content],
): Promise<ShownConsole> {
  const place = join(folder, content);
  mkdirSync(place, { mode: 0o700 });
  const each = <T>(of: (name: string, nth: number) => T): T[] =>
    Array.from({ length: rowsOf[content] }, (_, nth) => of(nameOf(content, nth), nth));
  const grouping = new Grouping();
  const outputs = each((name) => outputOf(name));
  const sources = {
    health: () => ({ isWell: true, json: `${JSON.stringify({ status: "ok", judging: null, outputs })}\n` }),
    metrics: async () => "",
    measures: () => measures,
    policies: () => each((name) => policyOf(name)),
    sensors: () => each((name, nth) => sensorOf(`${name}${nth}`)),
    incidents: () => grouping.open(),
    from: "sensor" as const,
    onFault: () => undefined,
    tryOutput: async () => ({ end: "refused" as const, ms: 1_234, error: `${HOSTILE} ${LONG}` }),
    policy: (_: string, policy: string) => detailOf(content, policy),
    tryPolicy: (_: string, policy: string, batchesOf: BatchesOf) => tried(policy, batchesOf(null)),
    ring: null,
    containerOf: () => null,
  };
  const measures = measuresOf(content);
  const flags = { console: true, controlTcp: "127.0.0.1:0", control: join(place, "s"), store: join(place, "store") };
  const control = await Control.open(flags, sources, tenantsOf(place, rowsOf[content]));
  const tell = (nth: number): void => {
    const said = { at: nth, pid: 10 + (nth % 40), file: nth % 997, container: nameOf(content, nth % 30) };
    const rule = content === "one" ? HOSTILE : `Rule ${nth % 50}`;
    const isLong = content === "one" || nth > FINDINGS - 200; // a page of nothing else
    const taken = grouping.take(alertOf({ ...said, rule }, { output: `${rule} ${isLong ? LONG : nth}` }));
    if (taken !== null) control.onAlert(taken);
  };
  for (let nth = 0; nth < findings; nth++) {
    tell(nth);
    if (nth % AT_ONCE === AT_ONCE - 1) await written(control);
  }
  await written(control);
  let round = 0;
  const more = (): void => {
    if (content !== "none") control.onBatch(batchOf(content, round++));
  };
  for (let nth = 0; nth < { none: 0, one: 1, many: 30 }[content]; nth++) more();
  return {
    control,
    socket: flags.control,
    entry: () => control.entry()!,
    incident: grouping.open()[0]?.view.id ?? null,
    more,
  };
}

/** What was told is in the store. */
async function written(control: Control): Promise<void> {
  await until("the store has it", () => control.outputs()[0]!.queued === 0);
}

function batchOf(content: Content, round: number): Batch {
  const events = new ShortEvents();
  for (let nth = 0; nth < (content === "one" ? 1 : 100); nth++) {
    const name = content === "one" ? MARKUP.slice(0, 15) : `p${nth}`;
    const args = content === "one" ? [HOSTILE, LONG] : ["-c", String(nth)];
    const exepath = content === "one" ? `/tmp/${HOSTILE}` : `/usr/bin/${name}`;
    const proc = { name, args, pid: 100 + round * 100 + nth, exepath, user: content === "one" ? HOSTILE : "www" };
    events.add("openat", { proc, name: content === "one" ? `/tmp/${HOSTILE}${LONG}` : `/tmp/${nth}`, res: 3 });
    events.add("connect", { proc, addr: `203.0.113.${nth}:443`, res: nth % 3 === 0 ? "ECONNREFUSED" : 0 });
    events.add("connect", { proc, addr: "[2001:db8:1234:5678:9abc:def0:1234:5678]:443", res: 0 });
  }
  return openBatch(events.bytes());
}

const DURATION: Instrument = {
  ...{ kind: "histogram", name: "http.server.request.duration", unit: "s", doc: "", slots: 9, bounds: [0.1, 1] },
  labels: ["process.executable.name", "http.route", "error.type"],
};

/** What a meter measured; none: it is not loaded. */
function measuresOf(content: Content): Measures {
  if (content === "none") return { present: [], scopes: [] };
  const totals = new Totals();
  const owner = { tenant: null, policy: nameOf(content, 0), version: "1" };
  const measure = (labels: string[], buckets: number[]): void =>
    totals.add(owner, [DURATION], { measurements: [{ instrument: 0, labels, value: 1, buckets }], refused: 0 });
  for (let nth = 0; nth < rowsOf[content]; nth++) {
    const route = content === "one" ? `/${HOSTILE}${LONG}` : `/route/${nth}`;
    measure([nameOf(content, nth % 3), route, ""], [400 - nth, 5, 1]);
    measure([nameOf(content, nth % 3), route, "500"], [1, 0, 0]);
  }
  return { present: [{ owner, instruments: [DURATION] }], scopes: totals.scopes() };
}

function policyOf(policy: string): PolicyStatus {
  return {
    ...{
      tenant: "",
      policy,
      version: policy,
      digest: "ab".repeat(32),
      state: "slow",
      rules: 1,
      events: 5,
      alerts: 1,
      suppressed: 0,
    },
    ...{ nsPerEvent: 12.5, memoryBytes: 65_536, traps: 0, denied: 0, monitored: 0, lastError: policy },
  };
}

function detailOf(content: Content, policy: string): PolicyDetail {
  const [text, times] = [content === "one" ? `${policy} ${LONG}` : policy, content === "many" ? 20 : 1];
  const each = <T>(of: (name: string) => T): T[] => Array.from({ length: times }, (_, nth) => of(`${text}${nth}`));
  return {
    place: text,
    parameters: each((name) => ({ name, value: JSON.stringify([text]), default: "[]" })),
    rules: each((name) => ({
      ...{ name, desc: text, priority: "Warning", output: text, tags: [text], events: ["openat"], enabled: false },
      ...{ exceptions: [text], runbook: text },
    })),
    prevents: each((name) => ({ name, deny: "exec", action: "kill", mode: "monitor" })),
    files: [{ name: policy, text: `rule\n${text}`, isWhole: false }],
    more: true,
  };
}

function sensorOf(name: string): SensorRow {
  const container = { id: name, name };
  return {
    ...{ name, hostname: name, container, image: name, agents: 1, since: "1", last: "2", delayMs: 1_234_567 },
    ...{ events: 123_456_789, batches: 5, lost: { spool: 7 } },
  };
}

function outputOf(name: string) {
  const lastError = { code: "VEDETTE_OUTPUT_STUCK", message: `${name} ${LONG}`, at: "2026-11-27T08:00:00Z" };
  return {
    ...{ name, kind: "file", state: "stuck", queued: 1, queuedBytes: 100, oldestMs: 5, sent: 5, retries: 1 },
    ...{ dropped: { full: 9 }, lastError },
  };
}

async function tried(policy: string, batches: readonly TrialBatch[]): Promise<TrialResult> {
  const alerts = batches.length === 0 ? [] : [alertOf({ file: 1, rule: policy }, { output: `${policy} ${LONG}` })];
  return { alerts, logs: [], measured: [], fault: policy, measure: null };
}

/** A name of a tenant is checked; its scope may be anything. */
function tenantsOf(place: string, count: number) {
  if (count === 0) return [];
  const scope = JSON.stringify({ executables: [`/srv/${HOSTILE.replaceAll("[", "")}`] });
  const rows = Array.from({ length: Math.min(count, 60) }, (_, nth) => `  t${nth}: {scope: ${scope}}`);
  writeFileSync(join(place, "tenants.yaml"), `tenants:\n${rows.join("\n")}\n`);
  return readTenants(join(place, "tenants.yaml")).values();
}
