// SPDX-License-Identifier: Apache-2.0
// Policies' totals as Prometheus reads them: `promtool check metrics` (Debian's, of Prometheus) is the judge
// of the form, this file of the names and numbers.
import { spawnSync } from "node:child_process";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { prometheusName, prometheusParts } from "../../../host/metric/prometheus.js";
import { Totals } from "../../../host/metric/totals.js";
import { counter, exponential, gauge, histogram, one, owner } from "./shared.js";

const prometheusText = (...given: Parameters<typeof prometheusParts>): string =>
  [...prometheusParts(...given)].join("");

const NAMES: readonly (readonly [name: string, instrument: Parameters<typeof prometheusName>[0]])[] = [
  ["http_server_request_duration_seconds", histogram("http.server.request.duration", [1], { unit: "s" })],
  ["app_sent_bytes_total", counter("app.sent", { unit: "By" })],
  ["app_requests_total", counter("app.requests", { unit: "{request}" })],
  ["app_requests_total", counter("app.requests.total")],
  ["app_sent_bytes_total", counter("app.sent.bytes", { unit: "By" })],
  ["app_open", gauge("app.open")],
  ["app_speed_Bys", gauge("app.speed", { unit: "By/s" })],
];
for (const [name, instrument] of NAMES)
  test(`${instrument.name} (${instrument.kind}, ${instrument.unit || "no unit"}) is ${name}`, () => {
    assert.is(prometheusName(instrument), name);
  });

test("buckets are cumulative, and a tenant's numbers say whose they are", () => {
  const totals = new Totals();
  const times = histogram("app.times", [0.5, 1], { unit: "s", labels: ["app.kind"], doc: "times" });
  totals.add(owner("meter", "web"), [times], one(4.5, ["x"], [1, 0, 2]));
  assert.is(
    prometheusText(totals.scopes(), []),
    `
# HELP app_times_seconds times
# TYPE app_times_seconds histogram
app_times_seconds_bucket{otel_scope_name="meter",vedette_tenant="web",app_kind="x",le="0.5"} 1
app_times_seconds_bucket{otel_scope_name="meter",vedette_tenant="web",app_kind="x",le="1"} 1
app_times_seconds_bucket{otel_scope_name="meter",vedette_tenant="web",app_kind="x",le="+Inf"} 3
app_times_seconds_sum{otel_scope_name="meter",vedette_tenant="web",app_kind="x"} 4.5
app_times_seconds_count{otel_scope_name="meter",vedette_tenant="web",app_kind="x"} 3
`,
  );
});

test("an exponential histogram shows a bucket for each power of two", () => {
  const totals = new Totals();
  const buckets = new Array<number>(209).fill(0);
  buckets[0] = 1; // zero
  buckets[161] = 2; // more than 1, at most 2^(1/8)
  buckets[208] = 4; // more than 2^(47/8): 64, and what is beyond
  totals.add(owner("p"), [exponential("app.x")], one(300, [], buckets));
  const lines = prometheusText(totals.scopes(), []).split("\n");
  const upTo = (le: string): string | undefined => lines.find((line) => line.includes(`le="${le}"`))?.split(" ")[1];
  assert.equal([upTo("9.5367431640625e-7"), upTo("1"), upTo("2"), upTo("32"), upTo("+Inf")], ["1", "1", "3", "3", "7"]);
  assert.is(upTo("64"), undefined, "what is beyond 64 is in the last bucket, so 64 is no bound");
});

test("an empty label is not there, as Prometheus has it", () => {
  const totals = new Totals();
  totals.add(owner("p"), [counter("app.x", { labels: ["a", "b"] })], one(3, ["", "y"]));
  assert.match(prometheusText(totals.scopes(), []), 'app_x_total{otel_scope_name="p",b="y"} 3');
});

test("what has no labels of its own says so", () => {
  const totals = new Totals();
  totals.add(owner("p"), [counter("app.x", { labels: ["app.kind"] })], one(3, null));
  assert.match(prometheusText(totals.scopes(), []), 'app_x_total{otel_scope_name="p",otel_metric_overflow="true"} 3');
});

test("a name has one type: who uses it otherwise shows under a name of its own", () => {
  const totals = new Totals();
  totals.add(
    owner("squatter", "evil"),
    [gauge("app.requests.total"), counter("vedette.x"), gauge("up.time_count")],
    one(666),
  );
  totals.add(
    owner("squatter", "evil"),
    [gauge("app.requests.total"), counter("process.cpu", { unit: "s" })],
    one(666, [], [], 1),
  );
  totals.add(owner("meter", "web"), [counter("app.requests")], one(1));
  totals.add(owner("own"), [counter("app.requests")], one(2));
  const text = prometheusText(totals.scopes(), ["process_cpu_seconds_total"]);
  assert.match(text, 'app_requests_total{otel_scope_name="own"} 2', "the operator's own come first");
  assert.match(text, 'app_requests_total{otel_scope_name="meter",vedette_tenant="web"} 1');
  assert.not.match(text, /^process_cpu_seconds_total\{/m);
  assert.match(
    text,
    /^policy_evil_squatter_process_cpu_seconds_total\{otel_scope_name="squatter",vedette_tenant="evil"\} 666$/m,
  );
});

test("a counter whose name is a part of a histogram's is kept apart from it", () => {
  const totals = new Totals();
  totals.add(owner("own"), [histogram("app.x", [1])], one(1, [], [1, 0]));
  totals.add(owner("p", "t"), [gauge("app.x.count")], one(9));
  const text = prometheusText(totals.scopes(), []);
  assert.match(text, 'app_x_count{otel_scope_name="own"} 1');
  assert.match(text, 'policy_t_p_app_x_count{otel_scope_name="p",vedette_tenant="t"} 9');
});

test("no tenant can take the name of another's own, whatever the two are called", () => {
  const totals = new Totals();
  const whose = [
    owner("a-web", "team"),
    owner("web", "team-a"),
    owner("a_web", "team"),
    owner("team_a-web"),
    owner("p@\u00dcX"),
  ];
  totals.add(owner("first"), [histogram("app.x", [1])], one(0, [], [1, 0]));
  for (const [i, each] of whose.entries()) totals.add(each, [gauge("app.x")], one(i + 1));
  const lines = prometheusText(totals.scopes(), []).split("\n");
  const shown = lines.filter((line) => line.startsWith("policy_")).map((line) => line.replace(/\{.*\}/, ""));
  assert.equal(shown.sort(), [
    "policy__pX40XXdcXX58X_app_x 5",
    "policy__teamUaDweb_app_x 4",
    "policy_teamDa_web_app_x 2",
    "policy_team_aDweb_app_x 1",
    "policy_team_aUweb_app_x 3",
  ]);
});

test("two instruments of a policy never share a line, and what has no name left is counted", () => {
  const totals = new Totals();
  const instruments = [counter("app.x"), counter("app.x.total"), gauge("app.x.total.total")];
  for (const index of [0, 1, 2]) totals.add(owner("p", "t"), instruments, one(index + 1, [], [], index));
  const samples = prometheusText(totals.scopes(), [])
    .split("\n")
    .filter((line) => /^[^#]/.test(line));
  const whose = '{otel_scope_name="p",vedette_tenant="t"}';
  assert.equal(samples, [
    `app_x_total${whose} 1`,
    `policy_t_p_app_x_total${whose} 2`,
    `vedette_policy_instruments_hidden${whose} 1`,
  ]);
});

test("a part is never more than one instrument of one policy", () => {
  const totals = new Totals();
  for (const whose of [owner("p"), owner("q"), owner("p", "t")])
    totals.add(whose, [counter("a"), counter("b")], one(1));
  const parts = [...prometheusParts(totals.scopes(), [])];
  assert.equal(
    parts.map((text) => text.trim().split("\n").length),
    [2, 1, 1, 1],
  );
});

const HOSTILE = ['"} 1\nup 0', "\\", "\\n", "a\r\nb", '",x="y', "\u0000\u0007", "\u{1f4a3}", "{}", " ", "\ufffd"];

test("hostile labels, texts and names stay within their quotes, says promtool", () => {
  const totals = new Totals();
  const instruments = [
    counter("app.opens", { labels: ["app.kind"], doc: 'a\n# TYPE up gauge\nup "1"\\' }),
    histogram("app.times", [0.1, 1], { unit: "s", labels: ["app.kind"], doc: "b" }),
    gauge("app.share", { unit: "%", labels: ["app.kind"], doc: "c" }),
  ];
  for (const label of HOSTILE)
    for (const [index, { kind }] of instruments.entries())
      totals.add(owner("p", "t"), instruments, one(1, [label], kind === "histogram" ? [1, 0, 1] : [], index));
  const text = prometheusText(totals.scopes(), []);
  const samples = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  assert.is(samples.length, HOSTILE.length * 7);
  assert.ok(
    samples.every((line) =>
      /^app_(opens|times|share)\w*\{otel_scope_name="p",vedette_tenant="t",app_kind="/.test(line),
    ),
  );
  const judged = spawnSync("promtool", ["check", "metrics"], { input: text, encoding: "utf8" });
  if (judged.error !== undefined) console.log("skip: promtool's verdict: it is missing (Debian's package prometheus)");
  else assert.equal([judged.status, judged.stdout, judged.stderr], [0, "", ""]);
});

test.run();
