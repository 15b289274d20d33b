// SPDX-License-Identifier: Apache-2.0
// Falco's metrics snapshot: now and then the numbers of /metrics under Falco's names, as an alert, as a line
// of a file, or both. A number that is not known here is left out, and no other stands in its place.
import { hostname } from "node:os";
import type { VedetteError } from "../errors.js";
import type { Value } from "../wire/value.js";
import type { Alert } from "./alert.js";
import type { Backlog } from "./backlog.js";
import { jsonObject } from "./json.js";
import type { Family } from "./otlp-metrics.js";
import { linesOutput } from "./registry.js";

/** What Falco's `metrics` says. */
export interface SnapshotSettings {
  readonly everyMs: number;
  /** It is an alert, too. */
  readonly isAlert: boolean;
  /** It is a line of this file, too; null: of none. */
  readonly file: string | null;
  /** Which numbers it has beside those that it always has. */
  readonly has: Readonly<Record<"rules" | "resources" | "kernel" | "empty", boolean>>;
  /** Memory is in MiB; else in KiB. */
  readonly isInMb: boolean;
}

/** What a snapshot needs. */
export interface SnapshotOptions {
  readonly settings: SnapshotSettings;
  readonly families: () => Promise<readonly Family[]>;
  readonly hostname: string | undefined;
  readonly onAlert: (alert: Alert) => void;
  readonly onFault: (error: VedetteError) => void;
}

/** What the alert is called. */
export const SNAPSHOT_RULE = "Falco internal: metrics snapshot";
const INTERNAL = /^(Falco|Vedette) internal: /;
const MS_NS = 1_000_000n;
const MS_PER_S = 1_000;
const US_PER_MS = 1_000;
const KIB = 1_024;
const PERCENT = 100;

/** The numbers that two snapshots are compared by. */
interface Counts {
  readonly at: number;
  readonly events: number;
  readonly lost: number;
}

/** Begins when it is made. Whoever made it must close it. */
export class MetricsSnapshot {
  readonly #options: SnapshotOptions;
  readonly #file: Backlog | null = null;
  readonly #timer: NodeJS.Timeout;
  readonly #begun = Date.now();
  #before: Counts | null = null;
  #samples = 0;
  #taking: Promise<void> = Promise.resolve();

  /** Throws VEDETTE_SINK_UNWRITABLE where the file cannot be opened. */
  constructor(options: SnapshotOptions) {
    this.#options = options;
    const { file, everyMs } = options.settings;
    if (file !== null) {
      this.#file = linesOutput(file, file, { onFault: options.onFault });
      this.#file.start();
    }
    this.#timer = setInterval(() => {
      this.#taking = this.#taking.then(() => this.#take());
    }, everyMs).unref();
  }

  /** At SIGHUP: the file's name is opened again. */
  reopen(): void {
    this.#file?.reopen();
  }

  /** As in Falco, there is none at the end. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#taking;
    await this.#file?.close();
  }

  async #take(): Promise<void> {
    const { families, settings, onAlert } = this.#options;
    const outputFields = this.#fieldsOf(await families());
    const host = this.#options.hostname ?? hostname();
    this.#samples++;
    const time = BigInt(Date.now()) * MS_NS;
    const fields = sorted([...outputFields, ["evt.hostname", host], ["evt.source", "syscall"]]);
    const line = jsonObject(sorted([...fields, ["evt.time", time]]));
    this.#file?.push(`{"output_fields":${line},"sample":${this.#samples}}`);
    if (!settings.isAlert) return;
    const what = { rule: SNAPSHOT_RULE, priority: "Informational", tags: [], source: "internal" } as const;
    onAlert({ ...what, time, output: "Falco metrics snapshot", outputFields: fields, hostname: host });
  }

  #fieldsOf(families: readonly Family[]): [name: string, value: Value][] {
    const { has, isInMb } = this.#options.settings;
    const of = (name: string) => families.find((one) => one.name === name)?.values ?? [];
    const sum = (name: string): number => of(name).reduce((all, { value }) => all + value, 0);
    const now = { at: Date.now(), events: sum("vedette_events_total"), lost: sum("vedette_lost_events_total") };
    const before = this.#before ?? { at: this.#begun, events: 0, lost: 0 };
    const rate = (name: "events" | "lost"): number => per(now[name] - before[name], (now.at - before.at) / MS_PER_S);
    const isFirst = this.#before === null;
    this.#before = now;
    const always: [string, Value][] = [
      ["falco.start_ts", BigInt(this.#begun) * MS_NS],
      ["falco.duration_sec", Math.floor((now.at - this.#begun) / MS_PER_S)],
      ["falco.num_evts", now.events],
      ["falco.num_evts_prev", before.events],
      ...(isFirst ? [] : [["falco.evts_rate_sec", rate("events")] as [string, Value]]),
      ["falco.outputs_queue_num_drops", sum("vedette_output_dropped_total")],
    ];
    const [seen, seenBefore] = [now.events + now.lost, before.events + before.lost];
    const kernel: [string, Value][] = [
      ["scap.n_evts", seen],
      ["scap.n_evts_prev", seenBefore],
      ["scap.evts_rate_sec", rate("events") + rate("lost")],
      ["scap.n_drops", now.lost],
      ["scap.n_drops_prev", before.lost],
      ["scap.evts_drop_rate_sec", rate("lost")],
      ["scap.n_drops_perc", per(PERCENT * (now.lost - before.lost), seen - seenBefore)],
    ];
    const rules = new Map<string, number>(); // one has several rows where its alerts have several priorities
    for (const { labels, value } of of("vedette_alerts_total")) {
      const rule = String(labels.rule);
      if (INTERNAL.test(rule)) continue;
      rules.set(nameIn(rule), (rules.get(nameIn(rule)) ?? 0) + value);
    }
    const matches: [string, Value][] = [
      ["falco.rules.matches_total", [...rules.values()].reduce((all, value) => all + value, 0)],
      ...[...rules]
        .filter(([, value]) => has.empty || value > 0)
        .map(([name, value]): [string, Value] => [`falco.rules.${name}`, value]),
    ];
    return [
      ...always,
      ...(has.kernel ? kernel : []),
      ...(has.rules ? matches : []),
      ...(has.resources ? resources(isInMb) : []),
    ];
  }
}

/** Of this process alone: agents have others. */
function resources(isInMb: boolean): [name: string, value: Value][] {
  const { user, system } = process.cpuUsage();
  const { rss } = process.memoryUsage();
  const kib = Math.round(rss / KIB);
  return [
    ["falco.cpu_usage_perc", tenths((PERCENT * (user + system)) / US_PER_MS / (process.uptime() * MS_PER_S))],
    isInMb ? ["falco.memory_rss_mb", Math.floor(kib / KIB)] : ["falco.memory_rss_kb", kib],
  ];
}

/** As Falco writes a rule's name into that of a metric. */
const nameIn = (rule: string): string =>
  rule
    .replace(/[^\w:]+/g, "_")
    .replace(/_+/g, "_")
    .replace(/_$/, "");

const tenths = (value: number): number => Math.round(value * 10) / 10;
const per = (value: number, of: number): number => (of > 0 ? tenths(value / of) : 0);

const sorted = (fields: readonly (readonly [string, Value])[]): [string, Value][] =>
  fields.map(([name, value]): [string, Value] => [name, value]).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
