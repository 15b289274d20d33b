// SPDX-License-Identifier: Apache-2.0
// What a running engine offers to tenants and operators: a watched folder, status, and for each tenant its
// own alerts. A fault of a policy becomes an alert of Vedette's own, to the operator and to the policy's
// owner.
import type { Engine, EngineHandlers } from "../engine/engine.js";
import { Housing, type PolicyHouse } from "../engine/housing.js";
import type { LoadedPolicy } from "../engine/policy.js";
import { isScopeOf, type Scope } from "../engine/scope.js";
import { explain, VedetteError } from "../errors.js";
import type { Say } from "../log.js";
import type { Alert } from "../output/alert.js";
import { boundText } from "../output/alert-bounds.js";
import type { Backlog } from "../output/backlog.js";
import type { OutputStats } from "../output/output.js";
import type { ContainerFacts } from "../wire/container.js";
import type { PolicyDetail } from "./detail.js";
import { Releases } from "./releases.js";
import type { ResponseRow } from "./respond.js";
import { SeatedPolicies } from "./seated.js";
import { Serials } from "./serials.js";
import { type PolicyStatus, policyStatus } from "./status.js";
import { TenantOutputs } from "./tenant-outputs.js";
import { readTenants, type Tenant } from "./tenants.js";
import { PolicyWatch, type WatchNews } from "./watch.js";

/** What the command line says of tenants, as it was typed. */
export interface ServiceFlags {
  /** The watched folder. */
  readonly policiesD?: string;
  readonly tenants?: string;
  /** Tenants' lists of releases are followed. */
  readonly releases?: boolean;
  readonly requireSigned?: boolean;
  /** Where the serials of signed policies outlive a restart. */
  readonly serials?: string;
  /**
   * The control API: a Unix socket's path, an address of this machine, and who may ask there (host/control).
   */
  readonly control?: string;
  readonly controlTcp?: string;
  readonly console?: boolean;
  readonly controlTokens?: string;
  /** Where the store is (host/store). */
  readonly store?: string;
  /** `process`: every tenant's policies live apart, whatever tenants.yaml says. */
  readonly isolation?: "thread" | "process";
  /** Threads that judge; default: what suits the machine. */
  readonly workers?: number;
  /** Which task this is, as lists of releases count tasks; undefined: one of a pool. */
  readonly task?: string;
}

/** What the service hands on from tenants' processes; the engine has its own. */
export interface ServiceHandlers {
  readonly onAlert: (alert: Alert, stream: number) => void;
  readonly onMeasured?: EngineHandlers["onMeasured"];
  readonly onUnmeasured?: EngineHandlers["onUnmeasured"];
  readonly onFault: (error: VedetteError, policy: LoadedPolicy | null) => void;
  readonly onLog: (policy: string, level: number, text: string) => void;
  /** The watched folder's policies are these now. */
  readonly onPolicies?: (policies: readonly LoadedPolicy[]) => void;
}

/** What the control API asks of us. */
export interface Asked {
  policies(): readonly PolicyStatus[];
  tenants(): Iterable<Tenant>;
  /** What a policy is that runs; null: there is none of that name. */
  policy(tenant: string, policy: string): PolicyDetail | null;
  /** See SeatedPolicies.try. */
  readonly tryPolicy: SeatedPolicies["try"];
  /** See SeatedPolicies.explain. */
  readonly explainPolicy: SeatedPolicies["explain"];
  /** See SeatedPolicies.draft. */
  readonly tryDraft: SeatedPolicies["draft"];
  readonly ring: SharedArrayBuffer;
  containerOf(stream: number): ContainerFacts | null;
}

/** The control API, as we know it: host/control knows us. */
export interface Answering {
  /** The console's address; null: it is not shown. */
  readonly consoleAt: string | null;
  onAlert(alert: Alert): void;
  /** tenants.yaml was read again. */
  setTenants(tenants: Iterable<Tenant>): Promise<void>;
  close(): Promise<void>;
}

/** Everything of `--policies-d`, `--tenants` and `--control`. open() starts it, stop() ends it. */
export class PolicyService {
  readonly #flags: ServiceFlags;
  #tenants: ReadonlyMap<string, Tenant> | null;
  readonly #outputs: TenantOutputs;
  readonly #serials: Serials;
  readonly #say: Say;
  #housing: PolicyHouse | null = null;
  #watch: PolicyWatch | null = null;
  #releases: Releases | null = null;
  readonly #openAnswering: ((asked: Asked) => Promise<Answering>) | null;
  #answering: Answering | null = null;
  #handlers: ServiceHandlers | null = null;
  #work: Promise<void> = Promise.resolve();
  /** What is asked about policies that are loaded. */
  readonly seated = new SeatedPolicies({
    seats: () => this.#housing?.status() ?? [],
    entries: () => this.#watch?.entries() ?? [],
    tenants: () => this.#tenants,
  });
  #isStopped = false;

  /** Reads tenants.yaml and opens the tenants' alert files: what is wrong there ends the start. */
  constructor(flags: ServiceFlags, say: Say, openAnswering: ((asked: Asked) => Promise<Answering>) | null = null) {
    this.#flags = flags;
    this.#openAnswering = openAnswering;
    this.#say = say;
    if (flags.releases === true && (flags.policiesD === undefined || flags.tenants === undefined)) {
      const problem = "--releases needs --policies-d and --tenants.";
      throw new VedetteError("VEDETTE_USAGE", { problem, command: "serve" });
    }
    this.#tenants = flags.tenants === undefined ? null : readTenants(flags.tenants);
    this.#outputs = new TenantOutputs(this.#tenants?.values() ?? [], say);
    this.#serials = new Serials(flags.serials ?? null);
  }

  /** Begins, when the engine runs. */
  async open(engine: Engine, ring: SharedArrayBuffer, handlers: ServiceHandlers): Promise<void> {
    await this.openIn((isApart) => new Housing({ ring, engine, isApart, ...handlers }), handlers);
    await this.#openAnswers(engine, ring);
  }

  /**
   * As open(), where policies live elsewhere, and nobody is answered. `isApart`: as tenants.yaml has it now.
   */
  async openIn(
    houseOf: (isApart: (tenant: string) => boolean) => PolicyHouse,
    handlers: ServiceHandlers,
  ): Promise<void> {
    const { policiesD, isolation } = this.#flags;
    const house = houseOf((tenant) => isolation === "process" || this.#tenants?.get(tenant)?.isApart === true);
    this.#housing = house;
    this.#handlers = handlers;
    if (policiesD === undefined) return;
    const opening = this.#openWatch(policiesD, house, handlers);
    this.#work = opening.catch(() => undefined);
    await opening;
  }

  async #openWatch(folder: string, engine: PolicyHouse, handlers: ServiceHandlers): Promise<void> {
    const onNews = (news: WatchNews): void => {
      this.#onNews(news);
      handlers.onPolicies?.(this.#loaded());
    };
    const requireSigned = this.#flags.requireSigned ?? false;
    const releases = await this.#openReleases(folder);
    if (this.#isStopped) return;
    this.#watch = await PolicyWatch.open({
      folder,
      engine,
      tenants: this.#tenants,
      requireSigned,
      serials: this.#serials,
      isReleased: (tenant, digest) => releases?.isReleased(tenant, digest) ?? false,
      onNews,
      keepsTexts: this.#openAnswering !== null,
    });
    handlers.onPolicies?.(this.#loaded()); // what was loaded before there was a watch to ask
  }

  /** Null: none are followed. */
  async #openReleases(folder: string): Promise<Releases | null> {
    const tenants = [...(this.#tenants?.values() ?? [])];
    if (this.#flags.releases !== true) {
      for (const { name, releases } of tenants)
        if (releases !== null)
          this.#say(`the list of releases of the tenant ${name} is not followed without --releases`, "warning");
      return null;
    }
    const onFault = (tenant: string, policy: string, error: VedetteError): void =>
      this.#onNews({ tenant, policy, kind: "failed", error, ms: 0 });
    const task = this.#flags.task ?? null;
    this.#releases = new Releases({ folder, task, serials: this.#serials, environment: process.env, onFault });
    this.#releases.follow(tenants);
    await this.#releases.begin();
    return this.#releases;
  }

  async #openAnswers(engine: Engine, ring: SharedArrayBuffer): Promise<void> {
    if (this.#openAnswering === null) return;
    const { control } = this.#flags;
    const { seated } = this;
    this.#answering = await this.#openAnswering({
      ring,
      policies: () => this.#policies(),
      tenants: () => this.#tenants?.values() ?? [],
      policy: (tenant, policy) => seated.detail(tenant, policy),
      tryPolicy: (tenant, policy, batchesOf) => seated.try(tenant, policy, batchesOf),
      explainPolicy: (tenant, policy, batchesOf) => seated.explain(tenant, policy, batchesOf),
      tryDraft: (drafted, batchesOf) => seated.draft(drafted, batchesOf),
      containerOf: (stream) => engine.containers.get(stream) ?? null,
    });
    const at = this.#answering.consoleAt;
    if (at !== null) this.#say(`the console is at ${at}${control === undefined ? "" : ` (${entryTo(control)})`}`);
  }

  /** tenants.yaml and the folder again. Where the new tenants.yaml is wrong, the old one holds. */
  async #reread(): Promise<void> {
    const { tenants: file } = this.#flags;
    if (file === undefined) return this.#watch?.rescan();
    try {
      const tenants = readTenants(file);
      const replaced = this.#outputs.replace(tenants.values());
      this.#tenants = tenants;
      await replaced;
    } catch (error) {
      this.#say(`${file} was not taken, the one before holds`, "warning");
      await this.#watch?.rescan();
      throw error;
    }
    this.#releases?.follow(this.#tenants.values());
    await this.#releases?.lookFor();
    await this.#watch?.retenant(this.#tenants, (tenant) => this.#housing?.vacate(tenant));
    this.#say(`${file} was read again`);
    await this.#answering?.setTenants(this.#tenants.values());
  }

  /** The ring has ended: resolves when tenants' processes have said what they have to say. */
  async finished(): Promise<void> {
    await this.#housing?.finished();
  }

  /** Ends what open() began: at once, whatever tenants' processes have to say. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.seated.close();
    this.#releases?.close();
    this.#housing?.stop();
    await this.#watch?.close();
    const answering = this.#answering;
    this.#answering = null; // what is told from here on goes to the outputs alone
    await answering?.close();
  }

  /** Behind stop(): closes tenants' own outputs. */
  async close(): Promise<void> {
    await this.#outputs.close();
  }

  /** Shows an alert to whoever asks, and gives a tenant its own, beside the operator's. */
  deliver(alert: Alert): void {
    this.#answering?.onAlert(alert);
    this.#outputs.write(alert);
  }

  /** What a tenant may see; null: there is no such tenant. */
  scopeOf(tenant: string): Scope | null {
    return this.#tenants?.get(tenant)?.tenancy.scope ?? null;
  }

  /** How alerts of this tenant's rules are answered in a container: not at all outside of its own. */
  responsesOf(tenant: string, facts: ContainerFacts | null): readonly ResponseRow[] {
    const known = this.#tenants?.get(tenant);
    return known !== undefined && isScopeOf(known.tenancy.scope, facts) ? known.responses : [];
  }

  /** Whether any tenant's alerts are answered. */
  get responds(): boolean {
    return [...(this.#tenants?.values() ?? [])].some(({ responses }) => responses.length > 0);
  }

  /** The tenants' own outputs, for tests of one of them. */
  queues(): readonly Backlog[] {
    return this.#outputs.queues();
  }

  /** How the tenants' own outputs are. */
  outputs(): OutputStats[] {
    return this.#outputs.stats();
  }

  /** How every policy is. */
  statuses(): PolicyStatus[] {
    return this.#policies();
  }

  /**
   * What SIGHUP asks for: the tenants' files are opened by their names again, tenants.yaml and the folder are
   * read.
   */
  hangUp(): void {
    this.#outputs.reopen();
    const handlers = this.#handlers;
    if (handlers === null || this.#flags.policiesD === undefined) return;
    this.#work = this.#work.then(() => this.#reread()).catch((error) => handlers.onFault(asFault(error), null));
  }

  /** The alert that tells of a policy's fault. */
  faultAlert(error: VedetteError, policy: LoadedPolicy | null, hostname: string): Alert {
    return internalAlert(error, policy?.name ?? "", policy?.tenancy?.tenant, hostname);
  }

  #policies(): PolicyStatus[] {
    return policyStatus(this.#housing?.status() ?? [], this.#watch?.entries() ?? []);
  }

  #loaded(): LoadedPolicy[] {
    return this.#watch?.entries().flatMap(({ id, loaded }) => (id === null || loaded === null ? [] : [loaded])) ?? [];
  }

  #onNews({ tenant, policy, kind, error, ms }: WatchNews): void {
    if (error === null) this.#say(`policy ${tenant}/${policy} ${kind} in ${Math.round(ms)} ms`);
    else {
      this.#say(`policy ${tenant}/${policy} failed: ${explain(error)}`, "warning");
      this.deliver(internalAlert(error, policy, tenant, ""));
    }
  }
}

/** A fault of the catalogue; anything else is ours, and ends us. */
function asFault(error: unknown): VedetteError {
  if (error instanceof VedetteError) return error;
  throw error;
}

function internalAlert(error: VedetteError, policy: string, tenant: string | undefined, hostname: string): Alert {
  const fields: Alert["outputFields"] = [
    ["policy", policy],
    ["tenant", tenant ?? null],
    ["code", error.code],
  ];
  const { cost: _, ...told } = boundText({ output: `${error.message} [${error.code}]`, outputFields: fields });
  return {
    rule: "Vedette internal: policy fault",
    priority: "Warning",
    tags: [],
    source: "internal",
    time: BigInt(Date.now()) * 1_000_000n,
    ...told,
    hostname,
    policy,
    ...(tenant === undefined ? {} : { tenant }),
  };
}

function entryTo(control: string): string {
  return `\`vedette console --socket ${control}\` prints an address that lets a browser in`;
}
