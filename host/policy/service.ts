// SPDX-License-Identifier: Apache-2.0
// What a running engine offers to tenants and operators: a watched folder, status, and for each tenant its
// own alerts. A fault of a policy becomes an alert of Vedette's own, to the operator and to the policy's
// owner.
import type { Engine, EngineHandlers, SeatStatus } from "../engine/engine.js";
import { Housing, type PolicyHouse } from "../engine/housing.js";
import type { LoadedPolicy } from "../engine/policy.js";
import { isScopeOf, type Scope } from "../engine/scope.js";
import type { TrialBatch, TrialResult } from "../engine/trial.js";
import { explain, VedetteError } from "../errors.js";
import type { Say } from "../log.js";
import type { Alert } from "../output/alert.js";
import { boundText } from "../output/alert-bounds.js";
import type { Backlog } from "../output/backlog.js";
import type { OutputStats } from "../output/output.js";
import type { ContainerFacts } from "../wire/container.js";
import { type Bundle, openBundle } from "./bundle.js";
import { detailOf, type PolicyDetail, textsAt } from "./detail.js";
import { type DraftTried, draftAt } from "./draft.js";
import { limitsAt } from "./load.js";
import { Releases } from "./releases.js";
import type { ResponseRow } from "./respond.js";
import { Serials } from "./serials.js";
import { Snapshot, takeSnapshot } from "./snapshot.js";
import { type PolicyStatus, policyStatus } from "./status.js";
import { TenantOutputs } from "./tenant-outputs.js";
import { openTenant, readTenants, type Tenant } from "./tenants.js";
import { type PolicyExplained, PolicyTrials } from "./trials.js";
import { checkHead, checkLoaders, PolicyWatch, type WatchNews } from "./watch.js";
import type { AskedBatch } from "./ways-messages.js";

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

/** Batches as a scope lets them be seen; null: all of them. */
export type BatchesOf = (scope: Scope | null) => readonly TrialBatch[];

/** As BatchesOf, and which of their records are asked about. */
export type AskedBatchesOf = (scope: Scope | null) => readonly AskedBatch[];

/** A policy, by whose it is and its name, and another text of its index.ts. */
export interface Drafted {
  readonly tenant: string;
  readonly policy: string;
  readonly text: string;
}

/** What the control API asks of us. */
export interface Asked {
  policies(): readonly PolicyStatus[];
  tenants(): Iterable<Tenant>;
  /** What a policy is that runs; null: there is none of that name. */
  policy(tenant: string, policy: string): PolicyDetail | null;
  /** See PolicyService.tryPolicy. */
  tryPolicy(tenant: string, policy: string, batchesOf: BatchesOf): Promise<TrialResult> | null;
  /** See PolicyService.explainPolicy. */
  explainPolicy(tenant: string, policy: string, batchesOf: AskedBatchesOf): Promise<PolicyExplained> | null;
  /** See PolicyService.tryDraft. */
  tryDraft(drafted: Drafted, batchesOf: BatchesOf): Promise<DraftTried | string | null> | null;
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
  readonly #trials = new PolicyTrials();
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
    this.#answering = await this.#openAnswering({
      ring,
      policies: () => this.#policies(),
      tenants: () => this.#tenants?.values() ?? [],
      policy: (tenant, policy) => this.#policy(tenant, policy),
      tryPolicy: (tenant, policy, batchesOf) => this.tryPolicy(tenant, policy, batchesOf),
      explainPolicy: (tenant, policy, batchesOf) => this.explainPolicy(tenant, policy, batchesOf),
      tryDraft: (drafted, batchesOf) => this.tryDraft(drafted, batchesOf),
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
    this.#trials.close();
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

  /**
   * What a policy that is loaded says to these batches, from a new state; null: there is none. It runs in a
   * process of its own, and not where it judges. Throws VEDETTE_POLICY_TRIAL, also where stop() comes first.
   */
  tryPolicy(tenant: string, name: string, batchesOf: BatchesOf): Promise<TrialResult> | null {
    const now = this.#asNow(tenant, name);
    return now === null ? null : this.#trials.run(now.policy, batchesOf(now.scope));
  }

  /**
   * What each rule of a policy that is loaded says of these batches, from a new state; null: there is
   * none. It is explained from its source, if that is still what runs. Throws VEDETTE_POLICY_TRIAL, and
   * what reading and compiling throw.
   */
  explainPolicy(tenant: string, name: string, batchesOf: AskedBatchesOf): Promise<PolicyExplained> | null {
    const now = this.#asNow(tenant, name);
    if (now === null) return null;
    return this.#trials.explain(now.policy, () => this.#filesOf(now.policy), batchesOf(now.scope));
  }

  /**
   * What becomes of a policy that is loaded with another text of its index.ts; null: there is none, or none
   * any more when it is compiled. Its other files are as they are now. Nothing of it is loaded or written. A
   * text: why there can be none.
   */
  tryDraft({ tenant: whose, policy, text }: Drafted, batchesOf: BatchesOf): Promise<DraftTried | string | null> | null {
    const found = this.#seated(whose, policy);
    if (found === null) return null;
    const tenant = found.tenancy == null ? null : (this.#tenants?.get(whose) ?? openTenant(whose));
    const filesNow = (): Bundle | null => {
      const { isOthers, place } = this.#placeOf(found);
      const files = draftAt(place, text, isOthers);
      if (files instanceof Snapshot) {
        if (tenant !== null) checkLoaders(files.owners, place, tenant);
        checkHead(files, place);
      }
      return files;
    };
    const limits = tenant?.modules ?? limitsAt(found.place);
    return this.#trials.draft(found, { filesNow, limits }, () => {
      const now = this.#asNow(whose, policy);
      return now === null ? null : { loaded: now.policy, batches: batchesOf(now.scope) };
    });
  }

  /** As they are now. Throws the system's error, NotPlain, or VEDETTE_POLICY_UNREADABLE. */
  #filesOf(policy: LoadedPolicy): Bundle {
    const { isOthers, place } = this.#placeOf(policy);
    if (!isOthers) return openBundle(place);
    const files = takeSnapshot(place);
    checkHead(files, place);
    return files;
  }

  /**
   * `isOthers`: another user may change what is there, so it is read as when it is loaded. A tenant's is,
   * also while it is on its way out and the watch has forgotten it.
   */
  #placeOf(policy: LoadedPolicy): { readonly place: string; readonly isOthers: boolean } {
    const entry = this.#watch?.entries().find(({ loaded }) => loaded === policy);
    return { place: entry?.path ?? policy.place, isOthers: entry !== undefined || policy.tenancy != null };
  }

  #policy(tenant: string, name: string): PolicyDetail | null {
    const found = this.#seated(tenant, name);
    if (found === null) return null;
    // Of a folder that another user may change, what was loaded is shown, and nothing is read now; also while
    // one of a tenant's is on its way out and the watch has forgotten it.
    const entry = this.#watch?.entries().find(({ loaded }) => loaded === found);
    const isTenants = found.tenancy !== null && found.tenancy !== undefined;
    return detailOf(found, entry?.texts ?? (isTenants || entry !== undefined ? null : textsAt(found.place)));
  }

  #seated(tenant: string, name: string): LoadedPolicy | null {
    const seats = this.#isStopped ? [] : (this.#housing?.status() ?? []);
    const isIt = ({ policy }: SeatStatus): boolean => policy.name === name && (policy.tenancy?.tenant ?? "") === tenant;
    return seats.find(isIt)?.policy ?? null;
  }

  /**
   * A policy that is loaded, and what it may see now: tenants.yaml may have changed since it was loaded.
   * Null: there is none, or nothing of its tenant any more.
   */
  #asNow(tenant: string, name: string): { readonly policy: LoadedPolicy; readonly scope: Scope | null } | null {
    const policy = this.#seated(tenant, name);
    if (policy === null) return null;
    if (policy.tenancy == null) return { policy, scope: null }; // the operator's own sees everything
    const scope = this.#tenants === null ? policy.tenancy.scope : this.scopeOf(tenant);
    return scope === null ? null : { policy, scope };
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
