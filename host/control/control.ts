// SPDX-License-Identifier: Apache-2.0
// The control API: what a running Vedette says about itself to `vedette policy status`, to people with curl,
// and to other programs. It has one Unix socket for the operator, one for each tenant that has an owner, and
// TCP with tokens where the operator asks for it. The kernel lets only a process connect to a Unix socket
// that may write to it (unix(7)). A tenant's socket belongs to the tenant's owner.
import { chmodSync, chownSync, rmSync } from "node:fs";
import type { IncomingMessage, Server } from "node:http";
import { RingView } from "../capture/ring-view.js";
import { VedetteError } from "../errors.js";
import { type Measures, STEP_S } from "../metric/meter-rows.js";
import { Requests } from "../metric/requests.js";
import type { Alert } from "../output/alert.js";
import type { IncidentNews } from "../output/incident-news.js";
import type { OutputStats } from "../output/output.js";
import type { Asked } from "../policy/service.js";
import type { Tenant } from "../policy/tenants.js";
import { reasonOf } from "../reason.js";
import type { Store } from "../store/store.js";
import type { Batch } from "../wire/batch.js";
import type { ContainerFacts } from "../wire/container.js";
import { Conditions } from "./condition.js";
import { ConnectionPages } from "./connection-page.js";
import { Connections } from "./connections.js";
import { EventStreams } from "./events.js";
import { EvidenceFiles } from "./evidence.js";
import { Found } from "./found.js";
import { History } from "./history.js";
import { type IncidentView, ToldIncidents } from "./incidents.js";
import { type Page, readPages } from "./pages.js";
import { Problem } from "./problem.js";
import { Processes } from "./processes.js";
import { Recent } from "./recent.js";
import type { Shown } from "./routes.js";
import { ServiceMaps } from "./service-map.js";
import { Sessions } from "./sessions.js";
import { tenantRow } from "./tenants.js";
import { type Holder, Tokens, tokenOf } from "./tokens.js";
import { PolicyTrials } from "./trial.js";
import { ONLOOKER, OPERATOR, type Viewer } from "./viewer.js";

export { askControl } from "./client.js";

/** The flags as they were typed. All left out: nothing is opened. */
export interface ControlFlags {
  /** The operator's Unix socket; tenants' have a dot and their name behind it. */
  readonly control?: string;
  /** 127.0.0.1:PORT or [::1]:PORT. */
  readonly controlTcp?: string;
  /** Who may ask over TCP (tokens.ts). */
  readonly controlTokens?: string;
  /** Show the console over TCP: at `controlTcp`, else at CONSOLE_ADDRESS. */
  readonly console?: boolean;
  /** The folder of the store, or postgres://...; left out: it is in memory. */
  readonly store?: string;
  /** Somebody wants to read that store: what is not there is not begun. Its own caller lets a browser in. */
  readonly mustBeThere?: boolean;
}

/** Where the console is unless --control-tcp says so. */
export const CONSOLE_ADDRESS = "127.0.0.1:7411";

/** What is shown that is not the API's own. */
export interface ControlSources extends Pick<Shown, "health" | "metrics" | "policies" | "sensors" | "from"> {
  /** The folder of evidence; left out, or null: none is kept. */
  readonly evidence?: () => string | null;
  /** Left out: there is no output that could be tested. */
  readonly tryOutput?: Shown["tryOutput"];
  /** Left out: no policy runs. */
  readonly policy?: Asked["policy"];
  /** Left out: there is no policy that could be tested. */
  readonly tryPolicy?: Asked["tryPolicy"];
  /** Left out: there is no policy that could be explained. */
  readonly explainPolicy?: Asked["explainPolicy"];
  /** Left out: there is no policy of which a draft could be tried. */
  readonly tryDraft?: Asked["tryDraft"];
  /** What policies measure; left out: nothing is measured. */
  readonly measures?: () => Measures;
  /** Those that are open. */
  incidents(): Iterable<{ readonly seq: number; readonly view: IncidentView }>;
  /** Something failed, and we go on. */
  onFault(error: VedetteError): void;
  /** Batches, as they come; null: none come. */
  readonly ring: SharedArrayBuffer | null;
  /** Of the container that a stream of the ring is of. */
  readonly containerOf: (stream: number) => ContainerFacts | null;
}

const LOOPBACK = /^(127\.0\.0\.1|\[::1\]):(\d{1,5})$/;
const NO_PAGES: ReadonlyMap<string, Page> = new Map();
const NAMES: ReadonlySet<string> = new Set(["127.0.0.1", "[::1]", "localhost"]);

/** All doors of one sensor. Whoever opened it must close it. */
export class Control {
  readonly #flags: ControlFlags;
  readonly #shown: Shown;
  readonly #store: Store;
  readonly #incidents: ControlSources["incidents"];
  readonly #told: ToldIncidents;
  readonly #conditions = new Conditions();
  readonly #found = new Found();
  readonly #streams = new EventStreams(this.#found, this.#conditions);
  readonly #processes = new Processes(this.#found);
  readonly #connections = new Connections();
  readonly #recent = new Recent();
  readonly #sessions = new Sessions();
  readonly #requests: Requests;
  readonly #serviceMaps: ServiceMaps;
  readonly #looks: NodeJS.Timeout;
  readonly #underway = new Set<string>();
  readonly #doors = new Map<string, Server>();
  #tenants: ReadonlyMap<string, Tenant> = new Map();
  #port = 0;
  #consoleAt: string | null = null;
  #view: RingView | null = null;

  /**
   * Opens it for a policy service. Throws VEDETTE_CONTROL_REFUSED where a door cannot be opened,
   * VEDETTE_CONTROL_TOKENS, VEDETTE_CONSOLE_MISSING.
   */
  static for(
    flags: ControlFlags,
    own: Omit<ControlSources, "policies" | "ring" | "containerOf">,
  ): (asked: Asked) => Promise<Control> {
    return (asked) => Control.open(flags, { ...asked, ...own }, asked.tenants());
  }

  static async open(flags: ControlFlags, sources: ControlSources, tenants: Iterable<Tenant>): Promise<Control> {
    const { openStore } = await import("../store/open.js");
    const { onFault } = sources;
    const { store: place = null, mustBeThere = false } = flags;
    const store = await openStore({ place, mustBeThere, onFault });
    const control = new Control(flags, sources, store);
    try {
      await control.setTenants(tenants);
      const tcp = flags.controlTcp ?? (flags.console === true ? CONSOLE_ADDRESS : undefined);
      if (tcp !== undefined) await control.#listenTcp(tcp);
      // Where there is a store and no door, nobody asks what happened: what just came is not kept.
      const hasDoor = tcp !== undefined || flags.control !== undefined;
      if (sources.ring !== null && hasDoor) control.#view = control.#watch(sources.ring, sources.containerOf);
      return control;
    } catch (error) {
      await control.close();
      throw error;
    }
  }

  private constructor(flags: ControlFlags, sources: ControlSources, store: Store) {
    this.#flags = flags;
    this.#store = store;
    this.#told = new ToldIncidents(store);
    this.#incidents = sources.incidents;
    const measures = sources.measures ?? (() => ({ present: [], scopes: [] }));
    this.#requests = new Requests(measures);
    this.#serviceMaps = new ServiceMaps(measures);
    this.#looks = setInterval(() => this.#look(), (STEP_S * 1_000) / 2).unref();
    const { tryPolicy = () => null, explainPolicy = () => null, tryDraft = () => null } = sources;
    const asked = { tryPolicy, explainPolicy, tryDraft };
    const trials = new PolicyTrials({ ...asked, recent: this.#recent, conditions: this.#conditions });
    this.#shown = {
      ...sources,
      store,
      history: new History(this.#conditions),
      processes: this.#processes,
      requests: this.#requests,
      serviceMaps: this.#serviceMaps,
      tryOutput: sources.tryOutput ?? (() => "none"),
      policy: sources.policy ?? (() => null),
      tryPolicy: (viewer, tenant, policy) => trials.try(viewer, tenant, policy),
      explainPolicy: (viewer, asked) => trials.explain(viewer, asked),
      tryDraft: (viewer, drafted) => trials.draft(viewer, drafted),
      evidence: new EvidenceFiles(sources.evidence ?? (() => null)),
      connections: new ConnectionPages(this.#connections, this.#found, this.#conditions),
      syncIncidents: () => this.#syncIncidents(),
      tenants: () => [...this.#tenants.values()].map((tenant) => tenantRow(tenant, sources.policies())),
    };
  }

  #look(): void {
    this.#requests.look();
    this.#serviceMaps.look();
  }

  /** Of TCP; 0: there is none. */
  get port(): number {
    return this.#port;
  }

  onAlert(alert: Alert): void {
    this.#found.add(alert);
    this.#store.append(alert);
  }

  /** What became of an incident. */
  onIncident({ incident, into }: IncidentNews<IncidentView>): void {
    this.#told.tell(incident, into);
  }

  /** How the store is. */
  outputs(): OutputStats[] {
    return [this.#store.stats()];
  }

  /** Outputs are told of an incident now and then; whoever looks sees it as it is. */
  async #syncIncidents(): Promise<void> {
    this.#told.sync(this.#incidents());
    await this.#store.flush();
  }

  onBatch(batch: Batch): void {
    this.#processes.add(batch);
    this.#connections.add(batch);
    this.#serviceMaps.add(batch);
    this.#recent.add(batch);
    this.#streams.add(batch);
  }

  #watch(ring: SharedArrayBuffer, containerOf: ControlSources["containerOf"]): RingView {
    return new RingView(ring, {
      containerOf,
      onBatch: (batch) => this.onBatch(batch),
      onMissed: (batches) => {
        this.#streams.miss(batches);
        this.#serviceMaps.edges.miss(batches);
      },
    });
  }

  /**
   * Opens the operator's socket and those of tenants, in place of what is open: tenants.yaml may have
   * changed.
   */
  async setTenants(tenants: Iterable<Tenant>): Promise<void> {
    this.#tenants = new Map([...tenants].map((tenant) => [tenant.name, tenant]));
    const { control: path } = this.#flags;
    for (const [at, server] of this.#doors) if (!LOOPBACK.test(at)) this.#shut(at, server);
    if (path === undefined) return;
    await this.#listenUnix(path, OPERATOR, null);
    for (const tenant of this.#tenants.values())
      if (tenant.owner !== null) await this.#listenUnix(`${path}.${tenant.name}`, viewerOf(tenant), tenant.owner);
  }

  /** Resolves when the store has what it was told. */
  async close(): Promise<void> {
    clearInterval(this.#looks);
    this.#view?.close();
    this.#streams.close();
    for (const [at, server] of this.#doors) this.#shut(at, server);
    await this.#conditions.close();
    await this.#store.close();
  }

  #shut(at: string, server: Server): void {
    this.#doors.delete(at);
    server.close();
    server.closeAllConnections();
    if (!LOOPBACK.test(at)) rmSync(at, { force: true });
  }

  async #listenUnix(path: string, viewer: Viewer, owner: number | null): Promise<void> {
    const { makeDoor } = await import("./server.js"); // a store without a door has no use for it
    const server = makeDoor({ ...this.#common, viewerOf: () => viewer, pages: NO_PAGES, names: null });
    const before = process.umask(0o177);
    try {
      rmSync(path, { force: true });
      await listening(server, () => server.listen(path));
    } catch (cause) {
      throw new VedetteError("VEDETTE_CONTROL_REFUSED", { path, reason: reasonOf(cause) }, { cause });
    } finally {
      process.umask(before);
    }
    this.#doors.set(path, server);
    chmodSync(path, 0o600);
    if (owner !== null) chownSync(path, owner, -1);
    server.unref();
  }

  async #listenTcp(address: string): Promise<void> {
    const refused = (reason: string, cause?: unknown): VedetteError =>
      new VedetteError("VEDETTE_CONTROL_REFUSED", { path: address, reason }, { cause });
    const [, host = "", port = ""] = LOOPBACK.exec(address) ?? [];
    if (host === "" || Number(port) > 65_535) throw refused("it is neither 127.0.0.1:PORT nor [::1]:PORT");
    const { control, controlTokens, console: hasPages = false } = this.#flags;
    const isEntered = control !== undefined || this.#flags.mustBeThere === true;
    if (controlTokens === undefined && !(hasPages && isEntered))
      throw refused(
        hasPages
          ? "nobody could come in; give --control PATH, whose socket gives tickets, or --control-tokens FILE"
          : "who may ask there is not said (--control-tokens)",
      );
    const tokens = controlTokens === undefined ? null : Tokens.read(controlTokens);
    const holder = (token: string): Holder | undefined => {
      const own = this.#sessions.holder(token);
      return own === undefined ? tokens?.holder(token) : { tenant: own, mayAct: true };
    };
    const viewer = ({ headers }: IncomingMessage): Viewer => this.#viewerBy(tokenOf(headers.authorization), holder);
    const pages = hasPages ? readPages() : NO_PAGES;
    const { makeDoor } = await import("./server.js");
    const server = makeDoor({ ...this.#common, viewerOf: viewer, pages, names: NAMES });
    try {
      await listening(server, () => server.listen(Number(port), host.replace(/[[\]]/g, "")));
    } catch (cause) {
      throw refused(reasonOf(cause), cause);
    }
    this.#port = (server.address() as { port: number }).port;
    if (hasPages) this.#consoleAt = `http://${host}:${this.#port}/`;
    this.#doors.set(address, server);
    server.unref();
  }

  /** The console's address with a slash at its end; null: it is not shown. */
  get consoleAt(): string | null {
    return this.#consoleAt;
  }

  /** An address that lets a browser in, once, as the operator; null: the console is not shown. */
  entry(): string | null {
    return this.#consoleAt === null ? null : `${this.#consoleAt}#t=${this.#sessions.ticket(null).secret}`;
  }

  get #common() {
    return {
      shown: this.#shown,
      streams: this.#streams,
      sessions: this.#sessions,
      underway: this.#underway,
      consoleAt: () => this.#consoleAt,
    };
  }

  #viewerBy(token: string | undefined, holderOf: (token: string) => Holder | undefined): Viewer {
    const holder = token === undefined ? undefined : holderOf(token);
    if (holder?.tenant === null) return holder.mayAct ? OPERATOR : ONLOOKER;
    const tenant = holder === undefined ? undefined : this.#tenants.get(holder.tenant);
    if (tenant === undefined) throw new Problem(401, "A token is needed, and none that holds was given.");
    return viewerOf(tenant);
  }
}

function viewerOf({ name, tenancy }: Tenant): Viewer {
  return { kind: "tenant", name, mayAct: true, scope: tenancy.scope };
}

function listening(server: Server, listen: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    server.on("error", reject); // also later: a visitor who cannot be taken in (EMFILE) must not end us
    server.once("listening", resolve);
    listen();
  });
}
