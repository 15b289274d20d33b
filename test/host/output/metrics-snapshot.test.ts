// SPDX-License-Identifier: Apache-2.0
// Falco's metrics snapshots, of numbers as /metrics has them: as alerts and as lines of a file.
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Alert, alertJson } from "../../../host/output/alert.js";
import { MetricsSnapshot, type SnapshotSettings } from "../../../host/output/metrics-snapshot.js";
import { until } from "../../until.js";

const root = mkdtempSync(join(tmpdir(), "vedette-snapshot-"));
test.after(() => rmSync(root, { recursive: true }));

const SETTINGS: SnapshotSettings = {
  ...{ everyMs: 20, isAlert: true, file: null, isInMb: true },
  has: { rules: true, resources: false, kernel: true, empty: false },
};
const family = (name: string, ...values: [labels: Record<string, string>, value: number][]) => ({
  ...{ name: `vedette_${name}`, help: "", type: "counter" },
  values: values.map(([labels, value]) => ({ labels, value })),
});

/** `counts`: events and losses, by snapshot. */
function snapshots(settings: Partial<SnapshotSettings>, counts: readonly (readonly [number, number])[] = [[90, 10]]) {
  const alerts: Alert[] = [];
  let nth = 0;
  const families = async () => {
    const [events = 0, lost = 0] = counts[Math.min(nth++, counts.length - 1)] ?? [];
    return [
      family("events_total", [{ container: "web" }, events - 1], [{ container: "db" }, 1]),
      family("lost_events_total", [{ container: "web", reason: "ring" }, lost]),
      family("output_dropped_total", [{ output: "a", reason: "full" }, 2], [{ output: "b", reason: "refused" }, 3]),
      family(
        "alerts_total",
        [{ rule: "Redirect STDOUT/STDIN (in Container)", priority: "Notice" }, 4],
        [{ rule: "Redirect STDOUT/STDIN (in Container)", priority: "Warning" }, 3],
        [{ rule: "Never", priority: "Notice" }, 0],
        [{ rule: "Never", priority: "Warning" }, 0],
        [{ rule: "Vedette internal: configuration taken", priority: "Notice" }, 9],
        [{ rule: "Falco internal: metrics snapshot", priority: "Informational" }, 9],
      ),
    ] as never;
  };
  const snapshot = new MetricsSnapshot({
    ...{ settings: { ...SETTINGS, ...settings }, families, hostname: "web-1" },
    onAlert: (alert) => alerts.push(alert),
    onFault: (error) => {
      throw error;
    },
  });
  return { alerts, snapshot };
}

test("a snapshot is Falco's alert, with Falco's names", async () => {
  const { alerts, snapshot } = snapshots({});
  await until("the first", () => alerts.length > 0);
  await snapshot.close();
  const names = alerts[0]?.outputFields.map(([name]) => name) ?? [];
  assert.equal(names, [...new Set(names)], "each name is there once, also of a rule with two priorities");
  const { output, output_fields: fields, ...rest } = JSON.parse(alertJson(alerts[0] as Alert));
  assert.match(output, /Informational Falco metrics snapshot$/);
  assert.equal(
    { ...rest, time: "" },
    {
      ...{ hostname: "web-1", priority: "Informational", rule: "Falco internal: metrics snapshot" },
      ...{ source: "internal", tags: [], time: "" },
    },
  );
  const { "evt.time": time, "falco.start_ts": start, ...others } = fields;
  assert.ok(time >= start);
  const rates = ["scap.evts_rate_sec", "scap.evts_drop_rate_sec"];
  for (const name of rates) assert.type(others[name], "number");
  assert.equal(Object.fromEntries(Object.entries(others).filter(([name]) => !rates.includes(name))), {
    ...{ "evt.hostname": "web-1", "evt.source": "syscall", "falco.duration_sec": 0 },
    ...{ "falco.num_evts": 90, "falco.num_evts_prev": 0, "falco.outputs_queue_num_drops": 5 },
    ...{ "falco.rules.matches_total": 7, "falco.rules.Redirect_STDOUT_STDIN_in_Container": 7 },
    ...{
      "scap.n_evts": 100,
      "scap.n_evts_prev": 0,
      "scap.n_drops": 10,
      "scap.n_drops_prev": 0,
      "scap.n_drops_perc": 10,
    },
  });
});

test("each compares with the one before, and the file has a line of each with its number", async () => {
  const file = join(root, "metrics.jsonl");
  const counts = [
    [90, 10],
    [190, 110],
    [190, 110],
  ] as const;
  const { alerts, snapshot } = snapshots({ isAlert: false, file }, counts);
  const lines = (): Record<string, unknown>[] =>
    existsSync(file)
      ? readFileSync(file, "utf8")
          .split("\n")
          .filter(Boolean)
          .map((line) => JSON.parse(line) as Record<string, unknown>)
      : [];
  await until("three", () => lines().length >= 3);
  await snapshot.close();
  const of = (name: string): unknown[] =>
    lines()
      .slice(0, 3)
      .map(({ output_fields: fields }) => (fields as Record<string, unknown>)[name]);
  assert.equal(
    lines()
      .slice(0, 3)
      .map(({ sample }) => sample),
    [1, 2, 3],
  );
  assert.equal(of("falco.num_evts_prev"), [0, 90, 190]);
  assert.equal(of("scap.n_drops_perc"), [10, 50, 0]);
  assert.is(of("falco.evts_rate_sec")[0], undefined);
  assert.ok((of("falco.evts_rate_sec")[1] as number) > 0);
  assert.is(of("falco.evts_rate_sec")[2], 0);
  assert.equal(alerts, []);
});

test("what is switched off is left out, and what is empty is told where that is asked for", async () => {
  const none = { rules: false, resources: false, kernel: false, empty: false };
  const names = async (settings: Partial<SnapshotSettings>): Promise<string[]> => {
    const { alerts, snapshot } = snapshots(settings);
    await until("the first", () => alerts.length > 0);
    await snapshot.close();
    return (alerts[0]?.outputFields ?? []).map(([name]) => name);
  };
  assert.not(/rules|scap|memory|cpu/.test((await names({ has: none })).join()));
  assert.ok((await names({ has: { ...none, rules: true, empty: true } })).includes("falco.rules.Never"));
  const resources = { ...none, resources: true };
  assert.ok((await names({ has: resources })).includes("falco.memory_rss_mb"));
  assert.ok((await names({ has: resources, isInMb: false })).includes("falco.memory_rss_kb"));
});

test("at SIGHUP the file's name is opened again", async () => {
  const file = join(root, "renamed.jsonl");
  const { snapshot } = snapshots({ isAlert: false, file });
  renameSync(file, `${file}.1`);
  snapshot.reopen();
  await until("a line in the new one", () => readFileSync(file, "utf8") !== "");
  await snapshot.close();
});

test("a file that cannot be opened ends the start", () => {
  assert.throws(
    () => snapshots({ file: join(root, "no/such/file") }),
    (error: { code?: string }) => error.code === "VEDETTE_SINK_UNWRITABLE",
  );
});

test.run();
