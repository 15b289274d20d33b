// SPDX-License-Identifier: Apache-2.0
// docs/monitor: the dashboard of Grafana and the rules of Prometheus ask for what Vedette has, in expressions
// that Prometheus reads, and the alerts say what they should.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { parse } from "yaml";
import { prometheusName } from "../../host/metric/prometheus.js";
import { METERS, ROOT } from "../../host/paths.js";
import { findPolicies } from "../../host/policy/discover.js";
import { Health } from "../../host/sensor/health.js";
import { Monitor } from "../../host/sensor/monitor.js";
import { plain } from "../../host/wasm/instruments.js";
import { cleanUp } from "../rules-wasm/shared.js";
import { meterNamed } from "./conversation.js";

const FOLDER = join(ROOT, "docs/monitor");
/** Labels that are none of a meter's. */
const LABELS = [
  "container",
  "instance",
  "reason",
  "server_port",
  "disk_io_direction",
  "otel_scope_name",
  "vedette_tenant",
];
const TOKEN =
  /\b(?:http|rpc|db|dns|tls|messaging|process|system|container|vedette|socket|error|disk|server)_[a-z0-9_]+/g;

interface Rule {
  readonly record?: string;
  readonly expr: string;
}
interface Panel {
  readonly title: string;
  readonly type: string;
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
}

const read = (file: string): string => readFileSync(join(FOLDER, file), "utf8");
const { groups } = parse(read("rules.yaml")) as { groups: { rules: Rule[] }[] };
const rules = groups.flatMap((group) => group.rules);
const { panels } = JSON.parse(read("dashboard.json")) as { panels: Panel[] };
const targets = panels.flatMap((panel) => panel.targets ?? []);

/** All names of metrics and labels that there are. */
async function known(): Promise<Set<string>> {
  const meters = await Promise.all(findPolicies(METERS).map((folder) => meterNamed(basename(folder))));
  const instruments = meters.flatMap(({ admitted }) => admitted.metadata.metrics ?? []);
  const names = instruments.flatMap((one) =>
    one.kind === "histogram" || one.kind === "exponential"
      ? ["_bucket", "_sum", "_count"].map((end) => prometheusName(one) + end)
      : [prometheusName(one)],
  );
  const own = (await new Monitor(new Health()).families()).map(({ name }) => name);
  return new Set([...names, ...own, ...LABELS, ...instruments.flatMap(({ labels }) => labels.map(plain))]);
}

/** Names in an expression that are neither metrics nor labels. Those of rules have colons. */
const unknown = (expr: string, names: ReadonlySet<string>): string[] =>
  (expr.replace(/vedette:[\w:]+/g, "").match(TOKEN) ?? []).filter((name) => !names.has(name));

function promtool(words: readonly string[], cwd: string): string | null {
  const { status, stdout, stderr, error } = spawnSync("promtool", words, { cwd, encoding: "utf8" });
  if (error !== undefined) return `skip: promtool is missing: ${error.message}`;
  return status === 0 ? null : `${stdout}${stderr}`;
}

const hasPromtool = promtool(["--version"], FOLDER) === null;

test("each expression asks for metrics and labels that there are", async () => {
  const names = await known();
  const exprs = [...rules, ...targets].map(({ expr }) => expr);
  assert.ok(exprs.length > 40, `${exprs.length} expressions`);
  for (const expr of exprs) assert.equal(unknown(expr, names), [], expr);
  for (const { legendFormat } of targets) assert.equal(unknown(legendFormat, names), [], legendFormat);
  const recorded = new Set(rules.map(({ record }) => record));
  const asked = rules.flatMap(({ expr }) => expr.match(/vedette:[\w:]+/g) ?? []);
  for (const name of asked) assert.ok(recorded.has(name), `${name} is recorded`);
});

test("what is graphed stands in a panel, with one expression or more", () => {
  for (const { type, title, targets: own = [] } of panels) assert.is(own.length > 0, type !== "row", title);
});

test("Prometheus reads the rules and each expression of the dashboard, and alerts say what they should", () => {
  if (!hasPromtool) return console.log("skip: promtool is missing");
  assert.is(promtool(["check", "rules", "rules.yaml"], FOLDER), null);
  assert.is(promtool(["test", "rules", "rules-test.yaml"], FOLDER), null);
  const folder = mkdtempSync(join(tmpdir(), "vedette-dashboard-"));
  const asRules = targets.map(({ expr }, i) => ({
    record: `panel:${i}`,
    expr: expr.replaceAll("$__rate_interval", "5m"),
  }));
  writeFileSync(join(folder, "panels.yaml"), JSON.stringify({ groups: [{ name: "panels", rules: asRules }] }));
  assert.is(promtool(["check", "rules", "panels.yaml"], folder), null);
  rmSync(folder, { recursive: true });
});

test.after(cleanUp);
test.run();
