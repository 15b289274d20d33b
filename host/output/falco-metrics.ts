// SPDX-License-Identifier: Apache-2.0
// The host's numbers under the names that Falco's /metrics has (https://falco.org/docs/metrics/), so that a
// dashboard made for Falco goes on showing them. `vedette falco` alone answers them, behind its own.
import { hostname, release } from "node:os";
import { LOST } from "../../build/generated/events.js";
import { PRIORITIES, type Priority } from "../finding/priority.js";
import type { Family } from "./otlp-metrics.js";

/** What is the same as long as the host runs. */
export interface FalcoMetricsFacts {
  readonly version: string;
  /** What alerts name as theirs; undefined: this machine's. */
  readonly hostname: string | undefined;
}

type Labels = Readonly<Record<string, string>>;
type Sample = readonly [labels: Labels, value: number | bigint];
interface Row {
  readonly name: string;
  readonly type: "counter" | "gauge";
  readonly samples: readonly Sample[];
}

const HELP = "https://falco.org/docs/metrics/";
const MS_NS = 1_000_000n;
const US_PER_S = 1_000_000;
const INTERNAL = /^(Falco|Vedette) internal: /;

/** Gives lines in Prometheus' text format for the numbers of /metrics. */
export function falcoMetrics(facts: FalcoMetricsFacts): (families: readonly Family[]) => string {
  const begun = Date.now() - Math.round(process.uptime() * 1_000);
  return (families) => rowsOf(families, facts, begun).map(textOf).join("");
}

function rowsOf(families: readonly Family[], { version, hostname: host }: FalcoMetricsFacts, begun: number): Row[] {
  const valuesOf = (name: string) => families.find((one) => one.name === name)?.values ?? [];
  const sum = (name: string): number => valuesOf(name).reduce((all, { value }) => all + value, 0);
  const { user, system } = process.cpuUsage();
  const lost = sum("vedette_lost_events_total");
  const byReason = LOST.map(({ name: reason }): Sample => {
    const of = valuesOf("vedette_lost_events_total").filter(({ labels }) => labels.reason === reason);
    return [{ drop: reason, dir: "exit" }, of.reduce((all, { value }) => all + value, 0)];
  });
  const falco = (name: string, type: Row["type"], ...samples: Sample[]): Row => row(`falco_${name}`, type, samples);
  return [
    falco("version_info", "gauge", [{ version }, 1]),
    falco("kernel_release_info", "gauge", [{ kernel_release: release() }, 1]),
    falco("start_timestamp_nanoseconds", "gauge", [{}, BigInt(begun) * MS_NS]),
    falco("duration_seconds_total", "counter", [{}, Math.floor(process.uptime())]),
    falco("outputs_queue_num_drops_total", "counter", [{}, sum("vedette_output_dropped_total")]),
    falco("cpu_usage_ratio", "gauge", [{}, (user + system) / US_PER_S / process.uptime()]),
    falco("memory_rss_bytes", "gauge", [{}, process.memoryUsage().rss]),
    falco("rules_matches_total", "counter", ...matches(valuesOf("vedette_alerts_total"))),
    row("evt_hostname_info", "gauge", [[{ hostname: host ?? hostname() }, 1]]),
    row("scap_engine_name_info", "gauge", [[{ engine_name: "vedette", evt_source: "syscall" }, 1]]),
    row("scap_n_evts_total", "counter", [[{}, sum("vedette_events_total") + lost]]),
    row("scap_n_drops_total", "counter", [[{}, lost]]),
    row("scap_n_drops_buffer_total", "counter", byReason),
  ];
}

/** Of rules that have matched, as Falco does it; their priorities as numbers. */
function matches(alerts: Family["values"]): Sample[] {
  return alerts.flatMap(({ labels: { rule, priority }, value }): Sample[] => {
    if (value === 0 || INTERNAL.test(String(rule))) return [];
    const number = PRIORITIES.indexOf(priority as Priority);
    return [[{ priority: String(number), rule_name: String(rule), source: "syscall" }, value]];
  });
}

const row = (name: string, type: Row["type"], samples: readonly Sample[]): Row => ({
  name: `falcosecurity_${name}`,
  type,
  samples,
});

function textOf({ name, type, samples }: Row): string {
  if (samples.length === 0) return "";
  const lines = samples.map(([labels, value]) => `${name}${labelsText(labels)} ${value}\n`);
  return `# HELP ${name} ${HELP}\n# TYPE ${name} ${type}\n${lines.join("")}`;
}

function labelsText(labels: Labels): string {
  const parts = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return parts.length === 0 ? "" : `{${parts.join(",")}}`;
}

/** As Prometheus' text format wants a label's value. */
const escaped = (text: string): string => text.replace(/[\\"\n]/g, (char) => (char === "\n" ? "\\n" : `\\${char}`));
