// SPDX-License-Identifier: Apache-2.0
// What the sidecar says of itself: /healthz for the task's health check, /metrics for Prometheus,
// /api/v1/health for people. How it is, `health.ts` knows. Loopback unless told otherwise: containers of a
// task share one network, and the numbers name containers and rules. Who reaches the port can hold few
// connections, and none for long (host/visitors.ts).
import { createServer, type Server, type ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import { LOST } from "../../build/generated/events.js";
import type { EngineHandlers } from "../engine/engine.js";
import { SUPPRESSED } from "../engine/limiter.js";
import type { LoadedPolicy } from "../engine/policy.js";
import { VedetteError } from "../errors.js";
import type { EvidenceStats } from "../evidence/evidence.js";
import type { FactTeller } from "../fleet/fact-teller.js";
import type { Forwarder } from "../fleet/forwarder.js";
import { HttpServer } from "../http-server.js";
import type { GroupingStats } from "../incident/incident.js";
import type { BatchFacts, IntakeCounts } from "../intake/intake.js";
import type { Measures } from "../metric/meter-rows.js";
import { otlpScopes } from "../metric/otlp.js";
import { prometheusParts } from "../metric/prometheus.js";
import { isOfSpans, otlpSpan, takeSpans } from "../metric/spans.js";
import { type Owner, Totals } from "../metric/totals.js";
import type { Alert } from "../output/alert.js";
import type { EventTotals } from "../output/drops.js";
import { registerOutputs } from "../output/metrics.js";
import type { Family } from "../output/otlp-metrics.js";
import { pemOf } from "../output/pem.js";
import type { SpanPush } from "../output/span-push.js";
import { reasonOf } from "../reason.js";
import { placeOf } from "./address.js";
import { registerEvidence } from "./evidence-metrics.js";
import { registerFills } from "./fill-metrics.js";
import { registerFacts, registerForwarder } from "./forward-metrics.js";
import type { Health } from "./health.js";
import { registerIncidents } from "./incident-metrics.js";
import { mostLost } from "./lost.js";
import { registerMeasures } from "./measure-metrics.js";
import { registerSpans } from "./span-metrics.js";
import { registerState } from "./state-metrics.js";
import { registerUsages } from "./usage-metrics.js";

/** Codes by which a stream may be refused. */
const REFUSALS = ["VEDETTE_SECRET_WRONG", "VEDETTE_NAME_UNPROVEN", "VEDETTE_SCHEMA_MISMATCH"];
/** Codes of errors after which a sensor goes on. An alarm on their counters needs them before the first. */
const FAULTS = [
  ...["VEDETTE_POLICY_TRAPPED", "VEDETTE_POLICY_OVERRUN", "VEDETTE_POLICY_OVERSPENT", "VEDETTE_POLICY_BEHIND"],
  ...["VEDETTE_TENANT_OVERRUN", "VEDETTE_TENANT_OVERSPENT", "VEDETTE_CELL_BEHIND", "VEDETTE_CELL_LOST"],
  ...["VEDETTE_PREVENT_TABLE", "VEDETTE_OUTPUT_STUCK", "VEDETTE_SINK_UNWRITABLE"],
  ...[
    "VEDETTE_HTTP_OUTPUT",
    "VEDETTE_SYSLOG_OUTPUT",
    "VEDETTE_OTLP_OUTPUT",
    "VEDETTE_OTLP_TRACES",
    "VEDETTE_AWS_OUTPUT",
  ],
  "VEDETTE_PROGRAM_OUTPUT",
];
/** Far beyond a task's containers; what comes after shares one number. */
const NAMES_MAX = 256;
const SOURCES_MAX = 1024;
const NS = 1e-9;
const DELAYS_S = [0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 5, 30];

/** How the monitor answers, beside where. */
export interface MonitorDoor {
  /** Paths that are answered; null or undefined: all. */
  readonly pages?: readonly string[] | null;
  /** The path that says whether it lives (/healthz). */
  readonly healthz?: string;
  /** What /versions answers, JSON; undefined: there is no such page. */
  readonly versions?: string;
  /** What /metrics answers behind all others: of the host's own numbers, in Prometheus' text format. */
  readonly metrics?: (families: readonly Family[]) => string;
  /** A PEM file of a certificate and its key: there is no answer without TLS. */
  readonly certificate?: string;
}

/** Where a monitor says whether it lives, unless its door says otherwise. */
const HEALTHZ = "/healthz";

type Page = (response: ServerResponse) => void;

/** The HTTP server on loopback, and the numbers of /metrics. It counts even where nothing listens. */
export class Monitor implements IntakeCounts {
  readonly #health: Health;
  readonly #registry = new Registry();
  readonly #lost = new Map<string, readonly number[]>();
  readonly #events = this.#counter("events_total", "events that arrived", ["container"]);
  readonly #batches = this.#counter("batches_total", "batches that arrived", ["container"]);
  readonly #losses = this.#counter("lost_events_total", "events that the agent counts as lost", [
    "container",
    "reason",
  ]);
  readonly #alerts = this.#counter("alerts_total", "alerts raised", ["rule", "priority", "policy", "tenant"]);
  /** Those that have a number. */
  readonly #alerted = new Map<string, AlertLabels>();
  readonly #suppressed = this.#counter("suppressed_alerts_total", "alerts that a limit kept back", ["rule"]);
  readonly #faults = this.#counter("faults_total", "errors of the catalogue that were met", ["code"]);
  readonly #refusals = this.#counter("refusals_total", "streams that were refused", ["code"]);
  readonly #agents = new Gauge({
    name: "vedette_agents",
    help: "agents that are connected",
    registers: [this.#registry],
  });
  readonly #delay = new Histogram({
    name: "vedette_batch_delay_seconds",
    help: "from the sealing of a batch to its arrival",
    buckets: DELAYS_S,
    registers: [this.#registry],
  });
  #arrived = 0;
  #missing = 0;
  #raised = 0;
  #server: HttpServer | null = null;
  readonly #gone = this.#counter("agents_gone_total", "agents that are gone without a word", ["container", "cause"]);
  readonly #silent = this.#counter("agents_silent_total", "agents that were connected and said nothing", ["container"]);
  /** Names of containers that have numbers of their own: they are an agent's word. */
  readonly #names = new Set<string>();
  readonly #totals = new Totals();
  readonly #pushes: SpanPush[] = [];

  constructor(health: Health) {
    this.#health = health;
    collectDefaultMetrics({ register: this.#registry });
    // What Node says of itself is forty lines, and tells an operator of a task nothing.
    for (const { name } of this.#registry.getMetricsAsArray())
      if (name.startsWith("nodejs_")) this.#registry.removeSingleMetric(name);
    registerState(this.#registry, health);
    registerMeasures(this.#registry, this.#totals);
    registerFills(
      this.#registry,
      () => health.fills(),
      (name) => this.#label(name),
    );
    registerUsages(
      this.#registry,
      () => health.usages(),
      (name) => this.#label(name),
    );
    for (const code of REFUSALS) this.#refusals.inc({ code }, 0);
    for (const code of FAULTS) this.#faults.inc({ code }, 0);
    registerOutputs(this.#registry, () => health.outputs());
  }

  /** `stats` is asked at each scrape. */
  watchIncidents(stats: () => GroupingStats): void {
    registerIncidents(this.#registry, stats);
  }

  /** It is asked at each scrape. */
  watchForwarder(forwarder: Forwarder): void {
    registerForwarder(this.#registry, forwarder);
  }

  /** It is asked at each scrape. */
  watchFacts(teller: Pick<FactTeller, "stats">): void {
    registerFacts(this.#registry, teller);
  }

  /** `stats` is asked at each scrape. */
  watchEvidence(stats: () => EvidenceStats): void {
    registerEvidence(this.#registry, stats);
  }

  /**
   * Gives the port; 0 for a Unix socket. Throws VEDETTE_HTTP_REFUSED, and VEDETTE_HTTP_FILE of the
   * certificate.
   */
  listen(address: string, door: MonitorDoor = {}): Promise<number> {
    const place = placeOf(address);
    const pages = this.#pagesOf(door);
    this.#server = new HttpServer((request, response) => {
      const page = pages.get(request.url?.split("?", 1)[0] ?? "");
      if (page === undefined) response.writeHead(404).end();
      else page(response);
    }, serverOf(door));
    return this.#server.listen(place, address);
  }

  /** By their paths. */
  #pagesOf({ pages = null, healthz = HEALTHZ, versions, metrics }: MonitorDoor): ReadonlyMap<string, Page> {
    const version: Page = (response) => sendJson(response, 200, versions ?? "");
    const all: [path: string, page: Page][] = [
      ["/metrics", (response) => void this.#answer(response, metrics)],
      ["/api/v1/health", (response) => sendJson(response, this.#health.isWell() ? 200 : 503, this.#health.json())],
      ...(versions === undefined ? [] : [["/versions", version] as [string, Page]]),
      [healthz, (response) => this.#live(response)], // the last: no name that it is given opens another page
    ];
    return new Map(all.filter(([path]) => pages?.includes(path) ?? true));
  }

  #live(response: ServerResponse): void {
    const problem = this.#health.judging();
    response.writeHead(problem === null ? 200 : 503).end(`${problem ?? this.#fine()}\n`);
  }

  /** A bus that is away is nothing that a restart of this task could mend. */
  #fine(): string {
    const bus = this.#health.bus();
    return bus === null ? "ok" : `ok, but the bus takes nothing: ${bus}`;
  }

  /** In parts, so that the text never stands in memory as a whole, and others get their turn in between. */
  async #answer(response: ServerResponse, more?: MonitorDoor["metrics"]): Promise<void> {
    try {
      const parts = await this.#parts(more);
      response.setHeader("content-type", this.#registry.contentType);
      await pipeline(Readable.from(parts), response);
    } catch {
      // Nobody may hear it: the visitor may be the one who went.
      if (response.headersSent) response.destroy();
      else response.writeHead(500).end("the numbers could not be written\n");
    }
  }

  async #parts(more?: MonitorDoor["metrics"]): Promise<Iterable<string>> {
    const added = more === undefined ? "" : `\n${more(await this.families())}`;
    const own = (await this.#registry.metrics()) + added;
    return chained(own, prometheusParts(this.#totals.scopes(), samplesIn(own)));
  }

  /** What Prometheus scrapes: the host's own numbers, and behind them what policies measure. */
  async metrics(): Promise<string> {
    return [...(await this.#parts())].join("");
  }

  /** What policies measure, and which declare that. */
  measures(): Measures {
    return { present: this.#totals.present(), scopes: this.#totals.scopes() };
  }

  /** What policies measure, as OTLP has it. `now` is in ns since the epoch. */
  scopes(now: bigint): object[] {
    return otlpScopes(this.#totals.scopes(), now);
  }

  /** The host's own numbers as data. */
  async families(): Promise<Family[]> {
    const all = await this.#registry.getMetricsAsJSON();
    return all.map(({ name, help, type, values }) => ({ name, help, type: String(type), values }));
  }

  /** Since the start, of all containers together. */
  get sums(): { readonly events: number; readonly lost: number; readonly alerts: number } {
    return { events: this.#arrived, lost: this.#missing, alerts: this.#raised };
  }

  close(): void {
    this.#server?.close();
  }

  onAgents(count: number): void {
    this.#agents.set(count);
  }

  onGone(name: string, cause: string): void {
    this.#gone.inc({ container: this.#label(name), cause });
  }

  onSilent(name: string): void {
    this.#silent.inc({ container: this.#label(name) });
  }

  onBatch(name: string, { source, count, lost, clock }: BatchFacts): void {
    const container = this.#label(name);
    this.#arrived += count;
    this.#events.inc({ container }, count);
    this.#batches.inc({ container });
    this.#delay.observe(Math.max(0, Number(BigInt(Date.now()) * 1_000_000n - clock) * NS));
    this.onLost(name, source, lost);
  }

  /** Of all containers. */
  eventTotals(): EventTotals {
    return { arrived: this.#arrived, lost: this.#missing };
  }

  /** The agent's counters are cumulative for each source; so are ours, over all sources of a container. */
  onLost(name: string, source: string, lost: readonly number[]): void {
    const container = this.#label(name);
    const before = this.#lost.get(source) ?? [];
    const most = mostLost(before, lost);
    for (const [index, { name }] of LOST.entries()) {
      const more = (most[index] as number) - (before[index] ?? 0);
      this.#missing += more;
      if (more > 0) this.#losses.inc({ container, reason: name }, more);
    }
    this.#lost.delete(source); // the one that spoke last stands last
    this.#lost.set(source, most);
    if (this.#lost.size > SOURCES_MAX) this.#lost.delete(this.#lost.keys().next().value as string);
  }

  /** A container's counters exist from its first word on: who has lost nothing says so. */
  #label(name: string): string {
    if (this.#names.size < NAMES_MAX && !this.#names.has(name)) {
      this.#names.add(name);
      this.#silent.inc({ container: name }, 0);
      this.#gone.inc({ container: name, cause: "closed" }, 0);
      for (const { name: reason } of LOST) this.#losses.inc({ container: name, reason }, 0);
    }
    return this.#names.has(name) ? name : "(others)";
  }

  onAlert({ rule, priority, policy = "", tenant = "", source, outputFields }: Alert): void {
    this.#raised++;
    this.#countAlerts({ rule, priority, policy, tenant }, 1);
    if (source !== "internal" || rule !== SUPPRESSED) return;
    const fields = new Map(outputFields);
    this.#suppressed.inc({ rule: String(fields.get("rule")) }, Number(fields.get("n_alerts")));
  }

  /** Spans go there. */
  sendSpans(push: SpanPush): void {
    this.#pushes.push(push);
    if (this.#pushes.length === 1) registerSpans(this.#registry, this.#pushes);
  }

  readonly onMeasured: NonNullable<EngineHandlers["onMeasured"]> = (policy, measured) => {
    const [owner, instruments] = [ownerOf(policy), policy.admitted.metadata.metrics ?? []];
    if (!instruments.some(isOfSpans)) return this.#totals.add(owner, instruments, measured);
    const { spans, rest } = takeSpans(measured, instruments);
    const isOwn = owner.tenant === null; // a tenant's are none
    if (isOwn) for (const push of this.#pushes) push.add(spans.map(otlpSpan));
    this.#totals.add(owner, instruments, isOwn ? rest : { ...rest, refused: rest.refused + spans.length });
  };

  readonly onUnmeasured: NonNullable<EngineHandlers["onUnmeasured"]> = (policy) => this.#totals.lose(ownerOf(policy));

  /** All that there are from now on: what others have measured and raised shows no more. */
  keepPolicies(policies: readonly LoadedPolicy[]): void {
    this.#totals.keep(
      policies.map((policy) => ({ owner: ownerOf(policy), instruments: policy.admitted.metadata.metrics ?? [] })),
    );
    const owners = new Set(policies.map(({ name, tenancy }) => ownerKey(tenancy?.tenant ?? "", name)));
    const rules = new Set(policies.flatMap((policy) => policy.rules.map(({ name }) => name)));
    for (const [key, labels] of this.#alerted) {
      const { policy, tenant, rule } = labels;
      if ((policy === "" && tenant === "") || owners.has(ownerKey(tenant, policy))) continue;
      this.#alerts.remove(labels);
      if (!rules.has(rule)) this.#suppressed.remove({ rule });
      this.#alerted.delete(key);
    }
  }

  /** Their rules' counters exist before the first alert. */
  onPolicies(policies: readonly LoadedPolicy[]): void {
    for (const { name: policy, tenancy, rules } of policies)
      for (const { name, priority } of rules) {
        this.#countAlerts({ rule: name, priority, policy, tenant: tenancy?.tenant ?? "" }, 0);
        this.#suppressed.inc({ rule: name }, 0);
      }
  }

  #countAlerts(labels: AlertLabels, count: number): void {
    this.#alerts.inc({ ...labels }, count);
    this.#alerted.set(JSON.stringify(Object.values(labels)), labels);
  }

  onFault(error: VedetteError): void {
    this.#faults.inc({ code: error.code });
  }

  onRefusal(error: VedetteError, count: number): void {
    this.#refusals.inc({ code: error.code }, count);
  }

  #counter<Label extends string>(name: string, help: string, labelNames: readonly Label[]): Counter<Label> {
    return new Counter({ name: `vedette_${name}`, help, labelNames: [...labelNames], registers: [this.#registry] });
  }
}

/** Of one number of alerts; `policy` and `tenant` are empty where an alert is of none. */
interface AlertLabels {
  readonly rule: string;
  readonly priority: string;
  readonly policy: string;
  readonly tenant: string;
}

const ownerKey = (tenant: string, policy: string): string => JSON.stringify([tenant, policy]);

function ownerOf({ name: policy, version, place, tenancy }: LoadedPolicy): Owner {
  return { tenant: tenancy?.tenant ?? null, policy, version, place };
}

function* chained(first: string, more: Iterable<string>): Generator<string> {
  yield first;
  yield* more;
}

/** Names that stand in the host's own numbers: of families, and of the samples of histograms. */
function samplesIn(text: string): string[] {
  return [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].flatMap(([, name = "", type]) =>
    type === "histogram" ? [name, `${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
  );
}

function sendJson(response: ServerResponse, status: number, json: string): void {
  response.setHeader("content-type", "application/json").writeHead(status).end(json);
}

function serverOf({ certificate: path }: MonitorDoor): Server {
  if (path === undefined) return createServer();
  const pem = pemOf(CERTIFICATE, path);
  try {
    // Few need it, and it takes memory.
    return process.getBuiltinModule("node:https").createServer({ cert: pem, key: pem });
  } catch (cause) {
    const reason = `it holds no certificate and its key (${reasonOf(cause)})`;
    throw new VedetteError("VEDETTE_HTTP_FILE", { what: CERTIFICATE, path, reason }, { cause });
  }
}
const CERTIFICATE = "certificate of the web server";
