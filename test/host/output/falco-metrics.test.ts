// SPDX-License-Identifier: Apache-2.0
// The host's numbers under Falco's names.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { falcoMetrics } from "../../../host/output/falco-metrics.js";
import type { Family } from "../../../host/output/otlp-metrics.js";

const family = (name: string, ...values: Family["values"]): Family => ({ name, help: "", type: "counter", values });

test("sums over containers, matches of rules that have matched, and hostile names within their quotes", () => {
  const text = falcoMetrics({ version: "1.2.3", hostname: 'a"b\\c\nd' })([
    family(
      "vedette_events_total",
      { labels: { container: "a" }, value: 40 },
      { labels: { container: "b" }, value: 50 },
    ),
    family("vedette_lost_events_total", { labels: { container: "a", reason: "spool" }, value: 10 }),
    family(
      "vedette_alerts_total",
      { labels: { rule: 'Read "it"', priority: "Warning" }, value: 3 },
      { labels: { rule: "Never", priority: "Notice" }, value: 0 },
      { labels: { rule: "Vedette internal: alerts suppressed", priority: "Warning" }, value: 2 },
    ),
    family("vedette_output_dropped_total", { labels: {}, value: 4 }, { labels: {}, value: 3 }),
  ]);
  const lines = text.split("\n");
  for (const line of [
    "falcosecurity_scap_n_evts_total 100",
    "falcosecurity_scap_n_drops_total 10",
    'falcosecurity_scap_n_drops_buffer_total{drop="spool",dir="exit"} 10',
    'falcosecurity_falco_rules_matches_total{priority="4",rule_name="Read \\"it\\"",source="syscall"} 3',
    "falcosecurity_falco_outputs_queue_num_drops_total 7",
    'falcosecurity_falco_version_info{version="1.2.3"} 1',
    'falcosecurity_evt_hostname_info{hostname="a\\"b\\\\c\\nd"} 1',
    "# TYPE falcosecurity_scap_n_evts_total counter",
  ])
    assert.ok(lines.includes(line), `${line}\n${text}`);
  assert.is(lines.filter((line) => line.startsWith("falcosecurity_falco_rules_matches_total{")).length, 1);
});

test("a family without samples is left out", () => {
  assert.not.match(falcoMetrics({ version: "1", hostname: undefined })([]), "rules_matches");
});

test.run();
