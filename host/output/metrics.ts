// SPDX-License-Identifier: Apache-2.0
// The outputs' numbers for Prometheus, a row each. They are read when somebody asks; the outputs count for
// themselves.
import { Counter, Gauge, type Registry } from "prom-client";
import { isWell } from "./health.js";
import { DROP_REASONS, type OutputStats } from "./output.js";

type Labels = Readonly<Record<string, string>>;
type Sample = readonly [labels: Labels, value: number];

interface Row {
  readonly name: string;
  readonly help: string;
  /** Beside `output` and `kind`. */
  readonly label?: string;
  readonly samples: (stats: OutputStats) => readonly Sample[];
}

const one = (value: number): readonly Sample[] => [[{}, value]];

const GAUGES: readonly Row[] = [
  { name: "healthy", help: "1 where alerts get there, else 0", samples: (stats) => one(Number(isWell(stats))) },
  { name: "queued", help: "alerts that wait", samples: ({ queued }) => one(queued) },
  { name: "queued_bytes", help: "bytes of the alerts that wait", samples: ({ queuedBytes }) => one(queuedBytes) },
  { name: "oldest_seconds", help: "how long the oldest has waited", samples: ({ oldestMs }) => one(oldestMs / 1000) },
  {
    name: "last_error_timestamp_seconds",
    help: "when it last failed, since the epoch",
    label: "code",
    samples: ({ lastError }) => (lastError === null ? [] : [[{ code: lastError.code }, lastError.at / 1000]]),
  },
];
const COUNTERS: readonly Row[] = [
  { name: "sent_total", help: "alerts that got there", samples: ({ sent }) => one(sent) },
  { name: "retries_total", help: "attempts after one that failed", samples: ({ retries }) => one(retries) },
  {
    name: "dropped_total",
    help: "alerts that never got there",
    label: "reason",
    samples: ({ dropped }) => DROP_REASONS.map((reason) => [{ reason }, dropped[reason]]),
  },
  {
    name: "errors_total",
    help: "errors of the catalogue that were met",
    label: "code",
    samples: ({ errors }) => [...errors].map(([code, count]) => [{ code }, count]),
  },
];

/** `stats` is asked at each scrape. */
export function registerOutputs(registry: Registry, stats: () => readonly OutputStats[]): void {
  const registers = [registry];
  for (const row of GAUGES) {
    const collect = function (this: Gauge): void {
      this.reset();
      for (const [labels, value] of samplesOf(row, stats())) this.set(labels, value);
    };
    new Gauge({ ...head(row), registers, collect });
  }
  for (const row of COUNTERS) {
    const collect = function (this: Counter): void {
      this.reset();
      for (const [labels, value] of samplesOf(row, stats())) this.inc(labels, value);
    };
    new Counter({ ...head(row), registers, collect });
  }
}

function head({ name, help, label }: Row): { name: string; help: string; labelNames: string[] } {
  const labelNames = ["output", "kind", ...(label === undefined ? [] : [label])];
  return { name: `vedette_output_${name}`, help: `outputs: ${help}`, labelNames };
}

function samplesOf({ samples }: Row, all: readonly OutputStats[]): Sample[] {
  return all.flatMap((stats) =>
    samples(stats).map(([labels, value]): Sample => [{ output: stats.name, kind: stats.kind, ...labels }, value]),
  );
}
