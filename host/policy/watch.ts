// SPDX-License-Identifier: Apache-2.0
// Watches policies.d, a folder whose policies come, change and go while the engine runs.
// policies.d/TENANT/POLICY/ is one policy; policies.d/TENANT/lib/ is code that the tenant's policies share,
// and a change there is one of each that imports it. Each change goes the same way: copy the folder, check
// who may load it and who signed it, compile it or take its module, admit it, run its own tests, and only
// then swap it in between two batches. If a step fails, the version that runs stays, and Vedette says why. It
// works on one policy at a time, in the order of their paths.
import { existsSync, statSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { type FSWatcher, watch } from "chokidar";
import type { Engine } from "../engine/engine.js";
import type { ExaminedPolicy, LoadedPolicy } from "../engine/policy.js";
import { TrialHouse } from "../engine/trial-house.js";
import { VedetteError } from "../errors.js";
import { reasonOf } from "../reason.js";
import { PAGE } from "../wasm/admission.js";
import { PolicyCompiler, SOURCE_FILE } from "./compile.js";
import { type PolicyText, textsOf } from "./detail.js";
import { Crowd, entriesOf } from "./entries.js";
import { loadPolicy, MODULE_FILE } from "./load.js";
import { POLICY_FILE } from "./policy-file.js";
import { selfTest } from "./self-test.js";
import type { Serials, SignedList } from "./serials.js";
import { SHARED } from "./shared-code.js";
import { checkSignature } from "./signature.js";
import { type Snapshot, takeSnapshot } from "./snapshot.js";
import { isSameTenant, openTenant, type Tenant } from "./tenants.js";

/** The folder, and what its policies are held against. */
export interface WatchOptions {
  readonly folder: string;
  readonly engine: Pick<Engine, "add" | "replace" | "remove">;
  /** Null: every folder is a tenant that sees everything. */
  readonly tenants: ReadonlyMap<string, Tenant> | null;
  readonly requireSigned: boolean;
  readonly serials: Serials;
  /** Whether a tenant's list of releases has a policy of this digest: then that says how old it may be. */
  readonly isReleased?: (tenant: string, digest: string) => boolean;
  readonly onNews: (news: WatchNews) => void;
  /** Somebody may want to see the text of what runs. */
  readonly keepsTexts?: boolean;
}

/** What became of a policy. */
export interface WatchNews {
  readonly tenant: string;
  /** The folder's name. */
  readonly policy: string;
  readonly kind: "loaded" | "replaced" | "removed" | "failed";
  readonly error: VedetteError | null;
  /** From the look at the folder to the swap. */
  readonly ms: number;
}

/** One folder of policies.d. */
export interface WatchEntry {
  readonly tenant: string;
  readonly policy: string;
  readonly path: string;
  /** In the engine; null: nothing of it runs. */
  readonly id: number | null;
  readonly loaded: LoadedPolicy | null;
  /** The text of what runs, where it is kept. */
  readonly texts: readonly PolicyText[] | null;
  /** Why the newest version does not run. */
  readonly error: VedetteError | null;
}

type Folder = Pick<WatchEntry, "tenant" | "policy" | "path">;

/**
 * `isDue`: its tenant's word changed, and what ran under the old one may go on only if it passes under the
 * new one.
 */
type Entry = { -readonly [K in keyof WatchEntry]: WatchEntry[K] } & { digest: string; isDue: boolean };

/**
 * A folder that is being copied in changes for a while. A module says itself whether it is whole, so it is
 * looked at soon, and once more when all has settled: chokidar tells of a file's changes once in 50 ms, and
 * not of the last one.
 */
const SETTLE_MS = 150;
const SOON_MS = 10;
/** TENANT/POLICY and what a policy may have below it. */
const DEPTH_MAX = 6;
/**
 * The compiler takes 300 MB, and the process for trials 60: they are let go when nothing came for so long.
 */
const TOOLS_MS = 5000;
/** Of policy.yaml. */
const HEAD_BYTES_MAX = 64 << 10;

/** Loads, replaces and removes policies as the folder changes. Make it with PolicyWatch.open(). */
export class PolicyWatch {
  #options: WatchOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #compiler = new PolicyCompiler();
  readonly #house = new TrialHouse();
  /** Where something changed that was not looked at yet. */
  readonly #changed = new Set<string>();
  /** Folders with too much in them, of which it was told. */
  readonly #crowded = new Set<string>();
  /** Policies where none can be, of which it was told. */
  readonly #misplaced = new Set<string>();
  #watcher: FSWatcher | null = null;
  #timer: NodeJS.Timeout | undefined;
  #soon: NodeJS.Timeout | undefined;
  #idle: NodeJS.Timeout | undefined;
  #work: Promise<void> = Promise.resolve();
  #isClosed = false;

  private constructor(options: WatchOptions) {
    this.#options = options;
  }

  /** Loads what is there and begins to watch. */
  static async open(options: WatchOptions): Promise<PolicyWatch> {
    const { folder } = options;
    if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory())
      throw new VedetteError("VEDETTE_WATCH_FAILED", { path: folder, reason: "it is not a folder" });
    const self = new PolicyWatch(options);
    try {
      await self.#watch(); // first: what changes while we load is seen too
      await self.rescan();
      return self;
    } catch (error) {
      await self.close().catch(() => undefined); // what it could not do was said
      throw error;
    }
  }

  /**
   * Looks at the whole folder again: also what SIGHUP does. Resolves when all that changed was dealt with.
   */
  rescan(): Promise<void> {
    return this.#scanNext(() => true);
  }

  /**
   * Goes on with another tenants.yaml, and looks at the whole folder: policies of a tenant of whom it says
   * something else are loaded anew, and those that may no longer run are taken away. `onMove` is called for a
   * tenant that must be housed anew, when nothing of it runs.
   */
  retenant(tenants: ReadonlyMap<string, Tenant>, onMove: (tenant: string) => void): Promise<void> {
    this.#work = this.#work.then(async () => {
      const before = this.#options.tenants;
      this.#options = { ...this.#options, tenants };
      for (const entry of this.#entries.values()) {
        const [old, now] = [before?.get(entry.tenant), tenants.get(entry.tenant)];
        if (isSameTenant(old, now)) continue;
        Object.assign(entry, { digest: "", isDue: true });
        if (old?.isApart === true || now?.isApart === true) await this.#takeOut(entry);
      }
      for (const [name, old] of before ?? []) if (!isSameTenant(old, tenants.get(name))) onMove(name);
    });
    return this.rescan();
  }

  entries(): readonly WatchEntry[] {
    return [...this.#entries.values()];
  }

  /**
   * At once: the policy that is being compiled or tried meanwhile does not come in, and nobody is told of it.
   */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const timer of [this.#timer, this.#soon, this.#idle]) clearTimeout(timer);
    this.#compiler.close();
    this.#house.close();
    await this.#watcher?.close();
    await this.#work;
    this.#letGo();
  }

  #letGo(): void {
    this.#compiler.close();
    this.#house.letGo();
  }

  async #watch(): Promise<void> {
    const crowd = new Crowd();
    const { folder } = this.#options;
    const ignored = (path: string): boolean => path !== folder && crowd.isBeyond(path);
    const watcher = watch(folder, { ignoreInitial: true, followSymlinks: false, depth: DEPTH_MAX, ignored });
    this.#watcher = watcher;
    watcher.on("all", (event, path) => {
      if (event === "unlink" || event === "unlinkDir") crowd.forget(path);
      this.#onChange(path);
    });
    await new Promise<void>((resolve, reject) => {
      watcher.once("ready", resolve);
      watcher.once("error", (error) =>
        reject(new VedetteError("VEDETTE_WATCH_FAILED", { path: this.#options.folder, reason: reasonOf(error) })),
      );
    });
    watcher.on("error", () => undefined); // a folder that went away is seen by the scan
  }

  #onChange(path: string): void {
    if (path.endsWith(".ts")) this.#compiler.warm();
    this.#house.warm();
    const [tenant = "", policy = ""] = relative(this.#options.folder, path).split(sep);
    this.#changed.add(`${tenant}/${policy}`);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#settled(), SETTLE_MS);
    if (!isModule(join(this.#options.folder, tenant, policy))) return;
    clearTimeout(this.#soon);
    this.#soon = setTimeout(() => void this.#scanNext((key) => isIn(this.#changed, key)), SOON_MS);
  }

  #settled(): void {
    const changed = new Set(this.#changed);
    this.#changed.clear();
    void this.#scanNext((key) => isIn(changed, key));
  }

  #scanNext(isAsked: (key: string) => boolean): Promise<void> {
    clearTimeout(this.#idle);
    const work = this.#work.then(() => this.#scan(isAsked));
    this.#work = work;
    return work.then(() => {
      if (this.#work !== work) return; // another scan is at work, with these tools
      clearTimeout(this.#idle);
      this.#idle = setTimeout(() => this.#letGo(), TOOLS_MS).unref();
    });
  }

  /** What came or went is seen in any case; what changed, where it is asked about. */
  async #scan(isAsked: (key: string) => boolean): Promise<void> {
    if (this.#isClosed) return;
    const found = this.#findFolders();
    for (const [key, entry] of [...this.#entries]) if (!found.has(key)) await this.#drop(key, entry);
    for (const [key, { tenant, policy, path }] of found) {
      if (this.#isClosed) return;
      const known = this.#entries.get(key);
      if (known !== undefined && !isAsked(key)) continue;
      await this.#look(
        key,
        known ?? { tenant, policy, path, id: null, loaded: null, texts: null, error: null, digest: "", isDue: false },
      );
    }
  }

  /**
   * policies.d/TENANT/POLICY with a policy.yaml in it. Links are not followed: one could lead into another
   * tenant's folder. Where there is too much in a folder, what runs of it goes on, and nothing new is looked
   * for.
   */
  #findFolders(): Map<string, Folder> {
    const { folder: root } = this.#options;
    const found = new Map<string, Folder>();
    for (const tenant of this.#foldersIn(root, "", (entry) => entry.tenant)) {
      this.#tellOfMisplaced(join(root, tenant), tenant, "VEDETTE_POLICY_NO_TENANT");
      for (const policy of this.#foldersIn(join(root, tenant), tenant, (entry) => entry.policy)) {
        const path = join(root, tenant, policy);
        if (policy === SHARED) this.#tellOfMisplaced(path, tenant, "VEDETTE_POLICY_SHARED");
        else if (existsSync(join(path, POLICY_FILE))) found.set(`${tenant}/${policy}`, { tenant, policy, path });
      }
    }
    return found;
  }

  /** Once, as long as it stays so. */
  #tellOfMisplaced(path: string, tenant: string, code: "VEDETTE_POLICY_NO_TENANT" | "VEDETTE_POLICY_SHARED"): void {
    if (!existsSync(join(path, POLICY_FILE))) this.#misplaced.delete(path);
    else if (!this.#misplaced.has(path)) {
      this.#misplaced.add(path);
      const error = new VedetteError(code, { path });
      this.#options.onNews({ tenant, policy: "", kind: "failed", error, ms: 0 });
    }
  }

  #foldersIn(folder: string, tenant: string, nameOf: (entry: Entry) => string): string[] {
    const begun = performance.now();
    try {
      const names = foldersIn(folder);
      this.#crowded.delete(folder);
      return names;
    } catch (error) {
      if (!(error instanceof VedetteError)) throw error;
      const kind = "failed";
      if (!this.#crowded.has(folder))
        this.#options.onNews({ tenant, policy: "", kind, error, ms: performance.now() - begun });
      this.#crowded.add(folder);
      const known = [...this.#entries.values()].filter((entry) => tenant === "" || entry.tenant === tenant);
      return [...new Set(known.map(nameOf))].sort();
    }
  }

  async #look(key: string, entry: Entry): Promise<void> {
    const begun = performance.now();
    try {
      const snapshot = takeSnapshot(entry.path);
      if (snapshot.digest === entry.digest) return;
      this.#entries.set(key, entry);
      entry.digest = snapshot.digest;
      const loaded = await this.#load(entry, snapshot);
      const isNew = entry.id === null;
      entry.id = isNew
        ? await this.#options.engine.add(loaded)
        : await this.#options.engine.replace(entry.id as number, loaded);
      entry.loaded = loaded;
      entry.texts = this.#options.keepsTexts === true ? textsOf(snapshot) : null;
      entry.error = null;
      this.#tell(entry, isNew ? "loaded" : "replaced", begun);
    } catch (error) {
      if (this.#isClosed) return;
      entry.error = asVedetteError(error, entry.path);
      if (entry.isDue) await this.#takeOut(entry);
      this.#tell(entry, "failed", begun);
    } finally {
      entry.isDue = false;
    }
  }

  async #load(entry: Entry, snapshot: Snapshot): Promise<LoadedPolicy> {
    const tenant = this.#tenantOf(entry);
    checkLoaders(snapshot.owners, entry.path, tenant);
    checkHead(snapshot, entry.path);
    const list = this.#signedList(snapshot, tenant, entry.path);
    const { modules: limits, tenancy } = tenant;
    const proves = async (policy: ExaminedPolicy): Promise<void> => {
      this.#checkMemory(entry, tenant, policy);
      await selfTest(policy, snapshot, this.#house);
    };
    const loaded = await loadPolicy(snapshot, { compiler: this.#compiler, limits, tenancy, proves });
    if (list !== null) this.#options.serials.accept(list);
    return loaded;
  }

  /** What was signed, and is not older than what was accepted; null: nothing need be. */
  #signedList(snapshot: Snapshot, { name: tenant, keys, oldestSerial }: Tenant, path: string): SignedList | null {
    if (!this.#options.requireSigned && keys.length === 0) return null;
    const { name, serial } = checkSignature(snapshot, keys);
    const list = { tenant, name, serial };
    if (this.#options.isReleased?.(tenant, snapshot.digest) !== true)
      this.#options.serials.check(list, oldestSerial, path);
    return list;
  }

  #tenantOf({ tenant: name, path, id, isDue }: Entry): Tenant {
    const tenant = this.#options.tenants === null ? openTenant(name) : this.#options.tenants.get(name);
    if (tenant === undefined) throw new VedetteError("VEDETTE_TENANT_UNKNOWN", { path, tenant: name });
    const others = [...this.#entries.values()].filter(
      (one) => one.tenant === name && one.id !== null && one.path !== path,
    );
    if ((id === null || isDue) && others.length >= tenant.policiesMax)
      throw new VedetteError("VEDETTE_TENANT_LIMIT", { path, tenant: name, limit: tenant.policiesMax });
    return tenant;
  }

  #checkMemory({ path }: Entry, tenant: Tenant, loaded: ExaminedPolicy): void {
    const others = [...this.#entries.values()].flatMap((one) =>
      one.tenant === tenant.name && one.path !== path && one.loaded !== null ? [bytesOf(one.loaded)] : [],
    );
    const size = bytesOf(loaded);
    if (others.reduce((sum, bytes) => sum + bytes, size) <= tenant.memoryBytesMax) return;
    const [own, limit] = [size, tenant.memoryBytesMax].map((bytes) => bytes / (1 << 20)) as [number, number];
    throw new VedetteError("VEDETTE_TENANT_MEMORY", { path, tenant: tenant.name, size: own, limit });
  }

  async #takeOut(entry: Entry): Promise<void> {
    const { id } = entry;
    Object.assign(entry, { id: null, loaded: null, texts: null });
    if (id !== null) await this.#options.engine.remove(id);
  }

  async #drop(key: string, entry: Entry): Promise<void> {
    const begun = performance.now();
    this.#entries.delete(key);
    if (entry.id === null) return;
    await this.#options.engine.remove(entry.id);
    this.#tell(entry, "removed", begun);
  }

  #tell({ tenant, policy, error }: Entry, kind: WatchNews["kind"], begun: number): void {
    const ms = performance.now() - begun;
    this.#options.onNews({ tenant, policy, kind, error: kind === "failed" ? error : null, ms });
  }
}

/** Of its memory, at its largest. */
function bytesOf({ admitted }: ExaminedPolicy): number {
  return admitted.memory.maximum * PAGE;
}

/** Whether a policy changed, or the code that its tenant's policies share. */
function isIn(changed: ReadonlySet<string>, key: string): boolean {
  return changed.has(key) || changed.has(`${dirname(key)}/${SHARED}`);
}

/** Of a policy that needs no compiler. */
function isModule(path: string): boolean {
  return existsSync(join(path, MODULE_FILE)) && !existsSync(join(path, SOURCE_FILE));
}

/** None where it went away meanwhile; throws where there are too many. */
function foldersIn(folder: string): string[] {
  try {
    return entriesOf(folder)
      .flatMap((entry) => (entry.isDirectory() && !entry.name.startsWith(".") ? [entry.name] : []))
      .sort();
  } catch (error) {
    if (error instanceof VedetteError) throw error;
    return [];
  }
}

/**
 * Everything in the folder belongs to root, to us, or to somebody who may load the tenant's policies. Throws
 * VEDETTE_TENANT_OWNER.
 */
export function checkLoaders(owners: Snapshot["owners"], path: string, tenant: Tenant): void {
  if (tenant.loaders.length === 0) return;
  const allowed = new Set([0, process.geteuid?.() ?? 0, ...tenant.loaders]);
  for (const [name, uid] of owners) {
    if (!allowed.has(uid))
      throw new VedetteError("VEDETTE_TENANT_OWNER", { path: join(path, name), user: uid, tenant: tenant.name });
  }
}

/**
 * policy.yaml is read where alerts are written: what takes long to read keeps them waiting. Throws
 * VEDETTE_POLICY_UNREADABLE.
 */
export function checkHead(snapshot: Snapshot, path: string): void {
  if (!snapshot.has(POLICY_FILE)) return;
  const { length } = snapshot.read(POLICY_FILE);
  if (length <= HEAD_BYTES_MAX) return;
  const reason = `${POLICY_FILE} has ${length} bytes, and at most ${HEAD_BYTES_MAX} are read`;
  throw new VedetteError("VEDETTE_POLICY_UNREADABLE", { path, reason });
}

function asVedetteError(error: unknown, path: string): VedetteError {
  if (error instanceof VedetteError) return error;
  return new VedetteError("VEDETTE_POLICY_UNREADABLE", { path, reason: reasonOf(error) }, { cause: error });
}
