// SPDX-License-Identifier: Apache-2.0
// Policies' totals in Prometheus' text format, by OpenTelemetry's rules for names: dots become _, the unit is
// a word of the name, a counter ends in _total. One name has one type, whoever uses it. A policy that uses a
// name in another way than one before it shows under its own name in front, so none can keep another's
// numbers away. What finds no name there either is counted. The operator's own come first.
import { EXPONENTIAL, type Instrument, plain } from "../wasm/instruments.js";
import { boundsOf, type Metric, type Owner, type Scope, type Series } from "./totals.js";

/** Units of UCUM that have a word in a name. */
const WORDS: Readonly<Record<string, string>> = {
  ...{ s: "seconds", ms: "milliseconds", us: "microseconds", ns: "nanoseconds", min: "minutes", h: "hours", d: "days" },
  ...{ By: "bytes", KiBy: "kibibytes", MiBy: "mebibytes", GiBy: "gibibytes", "%": "percent", Cel: "celsius" },
};
const TYPES = { counter: "counter", gauge: "gauge", histogram: "histogram", exponential: "histogram" } as const;
const PARTS = ["_bucket", "_sum", "_count"];
/** What stands for the other characters of a name: none of these letters does. */
const MARKS: Readonly<Record<string, string>> = { "-": "D", ".": "P", _: "U" };
const HIDDEN = "vedette_policy_instruments_hidden";
/** What an exponential histogram shows here: one bucket for each power of two. */
const COARSE = 2 ** EXPONENTIAL.scale;

interface Family {
  readonly name: string;
  readonly type: string;
  readonly doc: string;
  readonly members: { readonly metric: Metric; readonly owner: Owner }[];
}

/**
 * The text behind that of the host's own numbers, in parts: each is at most one instrument of one policy.
 * `taken`: names that the host's own have.
 */
export function* prometheusParts(scopes: readonly Scope[], taken: readonly string[]): Generator<string> {
  const families = new Map<string, Family>();
  const names = new Map<string, string>(taken.map((name) => [name, ""]));
  const hidden = new Map<Owner, number>();
  for (const { owner, metrics } of scopes)
    for (const metric of metrics) {
      if (metric.series.length === 0) continue;
      const family = familyOf(metric.instrument, owner, families, names);
      if (family === null) hidden.set(owner, (hidden.get(owner) ?? 0) + 1);
      else family.members.push({ metric, owner });
    }
  for (const { name, type, doc, members } of families.values()) {
    yield `\n# HELP ${name} ${escaped(doc)}\n# TYPE ${name} ${type}\n`;
    for (const { metric, owner } of members)
      yield `${metric.series.flatMap((series) => linesOf(name, metric, series, owner)).join("\n")}\n`;
  }
  if (hidden.size === 0) return;
  yield `\n# HELP ${HIDDEN} instruments whose name another one of the same policy has\n# TYPE ${HIDDEN} gauge\n`;
  for (const [owner, count] of hidden) yield `${HIDDEN}{${scopeOf(owner).join(",")}} ${count}\n`;
}

/** The family that an instrument belongs to; `names` says whose each name is. Null: no name is left. */
function familyOf(
  instrument: Instrument,
  owner: Owner,
  families: Map<string, Family>,
  names: Map<string, string>,
): Family | null {
  const type = TYPES[instrument.kind];
  const common = prometheusName(instrument);
  for (const name of [common, `policy_${part(owner.tenant ?? "")}_${part(owner.policy)}_${common}`]) {
    const known = families.get(name);
    if (known?.type === type && known.members.every((one) => one.owner !== owner)) return known;
    const samples = [name, ...(type === "histogram" ? PARTS.map((end) => name + end) : [])];
    if (samples.some((sample) => names.has(sample))) continue;
    for (const sample of samples) names.set(sample, name);
    const family = { name, type, doc: instrument.doc || instrument.name, members: [] };
    families.set(name, family);
    return family;
  }
  return null;
}

/** A tenant's or a policy's name without a _, so that no two of them can be read as one. */
const part = (name: string): string =>
  name.replaceAll(/[^a-z0-9]/gu, (one) => MARKS[one] ?? `X${one.codePointAt(0)?.toString(16)}X`);

/** As in `http_server_request_duration_seconds`. */
export function prometheusName({ name, unit, kind }: Instrument): string {
  const word = /^\{.*\}$|^1$|^$/.test(unit) ? "" : (WORDS[unit] ?? unit.replaceAll(/\{.*?\}|[^a-zA-Z0-9]/g, ""));
  const base = plain(name).replace(/_total$/, "");
  const withUnit = word === "" || base.endsWith(`_${word}`) ? base : `${base}_${word}`;
  return kind === "counter" ? `${withUnit}_total` : withUnit;
}

function linesOf(name: string, { instrument }: Metric, series: Series, owner: Owner): string[] {
  const labels = labelsOf(instrument, series, owner);
  const line = (part: string, value: number, more: readonly string[] = []): string =>
    `${name}${part}{${[...labels, ...more].join(",")}} ${value}`;
  if (series.buckets.length === 0) return [line("", series.value)];
  const bounds = boundsOf(instrument);
  const isCoarse = instrument.kind === "exponential";
  let count = 0;
  const buckets = series.buckets.flatMap((more, i) => {
    count += more;
    const bound = bounds[i];
    const isShown = !isCoarse || (i % COARSE === 0 && i < EXPONENTIAL.buckets);
    return isShown ? [line("_bucket", count, [`le="${bound === undefined ? "+Inf" : bound}"`])] : [];
  });
  // The last bucket of an exponential histogram holds what is beyond it, too.
  if (isCoarse) buckets.push(line("_bucket", count, ['le="+Inf"']));
  return [...buckets, line("_sum", series.value), line("_count", count)];
}

function scopeOf({ tenant, policy }: Owner): string[] {
  const name = `otel_scope_name="${escaped(policy, true)}"`;
  return tenant === null ? [name] : [name, `vedette_tenant="${escaped(tenant, true)}"`];
}

function labelsOf({ labels }: Instrument, series: Series, owner: Owner): string[] {
  const scope = scopeOf(owner);
  if (series.labels === null) return [...scope, 'otel_metric_overflow="true"'];
  const own = series.labels.map((value, i) =>
    value === "" ? "" : `${plain(labels[i] ?? "")}="${escaped(value, true)}"`,
  );
  return [...scope, ...own.filter((label) => label !== "")]; // Prometheus knows no empty label
}

function escaped(text: string, isQuoted = false): string {
  const line = text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
  return isQuoted ? line.replaceAll('"', '\\"') : line;
}
