// SPDX-License-Identifier: Apache-2.0
// Follows tenants' lists of releases (release-list.ts): what the list has for this task is written to
// policies.d/TENANT, where the watch loads it as it loads anything else. What a list put there goes when the
// list has it no more. A folder that no list put there is left alone.
//
//   registry: list, policies -> checked -> policies.d/TENANT/NAME -> watch -> engine
//
// Nothing that goes wrong here takes a policy away: what ran goes on, and the fault is told once.
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import * as z from "zod";
import { VedetteError } from "../errors.js";
import { makeFolder } from "../own-folder.js";
import { reasonOf } from "../reason.js";
import { placeOf } from "../registry/place.js";
import { RELEASES_FILE } from "./artifact.js";
import { ArtifactPlace } from "./artifact-place.js";
import { PolicyName } from "./policy-file.js";
import { fetchPolicy, writePolicy } from "./published.js";
import { type Release, type ReleaseList, readList, releasesFor } from "./release-list.js";
import type { Serials } from "./serials.js";
import type { Tenant } from "./tenants.js";

/** Whose lists, for whom, and where policies are put. */
export interface ReleasesOptions {
  /** policies.d. */
  readonly folder: string;
  /** How long a start, and a SIGHUP, wait for registries, ms; default: 15 s. */
  readonly patienceMs?: number;
  /** Which task this is, as a list's percent counts; null: one of several that must have the same. */
  readonly task: string | null;
  readonly serials: Serials;
  readonly environment: NodeJS.ProcessEnv;
  /** `policy` empty: of the list itself. */
  readonly onFault: (tenant: string, policy: string, error: VedetteError) => void;
}

/** How often a list is looked at, ms, up to a fifth earlier or later: not all tasks ask at once. */
const EVERY_MS = 300_000;
const SPREAD = 0.2;
/** Then whoever waits goes on with what the folders have. */
const PATIENCE_MS = 15_000;
/** What serials call a list: no policy has this name. */
const LIST = "*releases";
/** Beside the policies: those that a list put there, by name, with their digests. */
const STATE_FILE = ".releases.json";
const State = z.record(PolicyName, z.string());

/** All lists of tenants.yaml. */
export class Releases {
  readonly #options: ReleasesOptions;
  readonly #followed = new Map<string, Followed>();
  #timer: NodeJS.Timeout | undefined;
  readonly #closed = new AbortController();

  constructor(options: ReleasesOptions) {
    this.#options = options;
  }

  /** Follows these from now on; begin() and look() ask for their lists. */
  follow(tenants: Iterable<Tenant>): void {
    const wanted = new Map([...tenants].flatMap((one) => (one.releases === null ? [] : [[one.name, one]])));
    for (const name of this.#followed.keys()) if (!wanted.has(name)) this.#followed.delete(name);
    for (const [name, tenant] of wanted) {
      const followed = this.#followed.get(name);
      if (followed === undefined) this.#followed.set(name, new Followed(tenant, this.#options));
      else followed.tenant = tenant;
    }
  }

  /**
   * As lookFor(), and looks again and again from then on. Makes the folder where it is missing; throws
   * VEDETTE_WATCH_FAILED where it cannot be made.
   */
  async begin(): Promise<void> {
    const { folder } = this.#options;
    try {
      makeFolder(folder);
    } catch (cause) {
      throw new VedetteError("VEDETTE_WATCH_FAILED", { path: folder, reason: reasonOf(cause) }, { cause });
    }
    await this.lookFor();
    this.#wait();
  }

  /** As look(), but not for longer than our patience: one tenant's registry holds nobody else up. */
  async lookFor(): Promise<void> {
    const done = new AbortController();
    const signal = AbortSignal.any([done.signal, this.#closed.signal]);
    const late = sleep(this.#options.patienceMs ?? PATIENCE_MS, undefined, { signal }).catch(() => undefined);
    await Promise.race([this.look(), late]);
    done.abort();
  }

  /** Resolves when what the lists have now is there, or it was told why not. It never rejects. */
  async look(): Promise<void> {
    await Promise.all([...this.#followed.values()].map((followed) => followed.look()));
  }

  /** Whether the tenant's list has a policy of this digest (bundle.ts) for this task. */
  isReleased(tenant: string, digest: string): boolean {
    return this.#followed.get(tenant)?.has(digest) ?? false;
  }

  close(): void {
    this.#closed.abort();
    clearTimeout(this.#timer);
  }

  #wait(): void {
    if (this.#closed.signal.aborted) return;
    const ms = EVERY_MS * (1 - SPREAD + 2 * SPREAD * Math.random());
    this.#timer = setTimeout(() => void this.look().then(() => this.#wait()), ms).unref();
  }
}

/** A policy of a list: its digest in the registry, and as a bundle. */
interface Taken {
  readonly version: string;
  readonly digest: string;
  readonly bundle: string;
}

/** One tenant's list. */
class Followed {
  tenant: Tenant;
  readonly #options: ReleasesOptions;
  /** By name: what this process took from a list. */
  readonly #taken = new Map<string, Taken>();
  /** Faults that were told, by policy; empty: the list's own. */
  readonly #told = new Map<string, string>();
  #work: Promise<void> = Promise.resolve();

  constructor(tenant: Tenant, options: ReleasesOptions) {
    this.tenant = tenant;
    this.#options = options;
  }

  has(digest: string): boolean {
    return [...this.#taken.values()].some(({ bundle }) => bundle === digest);
  }

  /** One look after the other. */
  look(): Promise<void> {
    this.#work = this.#work.then(() => this.#telling("", () => this.#lookNow()));
    return this.#work;
  }

  async #lookNow(): Promise<void> {
    const releases = releasesFor(this.#options.task, await this.#list());
    const { policiesMax } = this.tenant;
    if (releases.length > policiesMax)
      throw this.#wrong(`it has ${releases.length} policies, and the tenant may have ${policiesMax}`);
    const state = this.#readState();
    for (const release of releases) await this.#telling(release.name, () => this.#take(release, state));
    const names = new Set(releases.map(({ name }) => name));
    for (const name of Object.keys(state).filter((one) => !names.has(one))) {
      rmSync(this.#folderOf(name), { recursive: true, force: true });
      this.#taken.delete(name);
      delete state[name];
      this.#writeState(state);
    }
  }

  async #list(): Promise<ReleaseList> {
    const address = this.tenant.releases as string;
    const { files } = await new ArtifactPlace(address, this.#options.environment).pull("releases");
    const list = this.#read(files.get(RELEASES_FILE));
    const serial = { tenant: this.tenant.name, name: LIST, serial: list.serial };
    this.#options.serials.check(serial, this.tenant.oldestSerial, address);
    if (list.expires * 1000 < Date.now()) {
      const time = new Date(list.expires * 1000).toISOString();
      throw new VedetteError("VEDETTE_RELEASES_EXPIRED", { address, time });
    }
    this.#options.serials.accept(serial);
    return list;
  }

  #read(body: Uint8Array | undefined): ReleaseList {
    try {
      return readList(Buffer.from(body ?? []), this.tenant.name, this.tenant.keys);
    } catch (cause) {
      throw this.#wrong(reasonOf(cause), cause);
    }
  }

  #wrong(reason: string, cause?: unknown): VedetteError {
    return new VedetteError("VEDETTE_RELEASES_WRONG", { address: this.tenant.releases as string, reason }, { cause });
  }

  /** `state` says that the folder is a list's before there is one, so that it is known after a crash, too. */
  async #take({ name, version, address, digest }: Release, state: Record<string, string>): Promise<void> {
    const path = this.#folderOf(name);
    const taken = this.#taken.get(name);
    if (taken?.digest === digest && taken.version === version && existsSync(path)) return;
    if (!Object.hasOwn(state, name) && existsSync(path))
      throw this.#wrong(`${path} is there, and no list put it there`);
    // Else a tenant could have the host ask any address that the host can reach.
    if (registryOf(address) !== registryOf(this.tenant.releases as string))
      throw this.#wrong(`${address} is in another registry than the list`);
    const keys = { own: this.tenant.keys, cosign: [] };
    const published = await fetchPolicy(`${address}@${digest}`, keys, this.#options.environment);
    if (published.name !== name || published.version !== version)
      throw this.#wrong(`${digest} is ${published.name} ${published.version}, and it says ${name} ${version}`);
    state[name] = digest;
    this.#writeState(state);
    this.#taken.set(name, { digest, version, bundle: published.bundle.digest }); // the watch asks when it sees the files
    try {
      writePolicy(published.bundle, path);
    } catch (error) {
      this.#taken.delete(name);
      throw error;
    }
  }

  #folderOf(name: string): string {
    return join(this.#options.folder, this.tenant.name, name);
  }

  /** A fault is told when it is new, and again when it was gone between. */
  async #telling(policy: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
      this.#told.delete(policy);
    } catch (cause) {
      const error = cause instanceof VedetteError ? cause : this.#wrong(reasonOf(cause), cause);
      if (this.#told.get(policy) !== error.message) this.#options.onFault(this.tenant.name, policy, error);
      this.#told.set(policy, error.message);
    }
  }

  #statePath(): string {
    return join(this.#options.folder, this.tenant.name, STATE_FILE);
  }

  /** Nothing where it is not what we write: then no folder is taken for a list's. */
  #readState(): Record<string, string> {
    try {
      return State.parse(JSON.parse(readFileSync(this.#statePath(), "utf8")));
    } catch {
      return {};
    }
  }

  #writeState(state: Record<string, string>): void {
    const path = this.#statePath();
    makeFolder(join(this.#options.folder, this.tenant.name));
    rmSync(`${path}.draft`, { force: true });
    writeFileSync(`${path}.draft`, JSON.stringify(state), { flag: "wx" });
    renameSync(`${path}.draft`, path);
  }
}

/** Of an address with a tag or without one. */
function registryOf(address: string): string | undefined {
  return placeOf(address.replace(/^oci:\/\//, ""))?.registry;
}
