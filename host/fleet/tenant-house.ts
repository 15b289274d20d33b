// SPDX-License-Identifier: Apache-2.0
// The tenants' policies of a host of the pool. The watched folder is read once, and each policy of it is
// seated in the engine of each partition that this host has. A partition that comes gets all that there are,
// with what its last owner kept of them.
//
//   folder -> add, replace, remove -> engine of partition 0
//                                  -> engine of partition 3    <- join, leave: partitions come and go
//
// A policy sees what came under its own tenant's subject, whatever its scope says besides: a policy whose
// scope names no tenant is not seated. All of this happens between two batches of each engine.
import type { Engine, Kept, SeatStatus } from "../engine/engine.js";
import type { PolicyHouse } from "../engine/housing.js";
import type { LoadedPolicy } from "../engine/policy.js";
import { VedetteError } from "../errors.js";
import { subjectToken } from "../output/nats-subject.js";
import type { Stage } from "./stage.js";

/** An engine, as its partition lends it. */
export type Seats = Pick<Engine, "add" | "replace" | "remove" | "status">;

/** Who is told, and who is not taken. */
export interface TenantHouseOptions {
  /** Whether a tenant's policies are to live apart, which is not possible here. */
  readonly isApart: (tenant: string) => boolean;
  /** A policy could not start at a partition that came: it does not judge there. */
  readonly onFault: (error: VedetteError, policy: LoadedPolicy) => void;
}

/** How a partition takes policies. `kept`: what its last owner kept of each. */
export interface Joining {
  /** Of what the partition holds: a policy that judges none of it is not seated there. */
  readonly stage: Pick<Stage, "wants">;
  readonly kept: (policy: LoadedPolicy) => Kept | null;
}

/** Ids are of this place. */
export class TenantHouse implements PolicyHouse {
  readonly #options: TenantHouseOptions;
  readonly #policies = new Map<number, LoadedPolicy>();
  readonly #seatings = new Map<Seats, Seating>();
  #next = 0;

  constructor(options: TenantHouseOptions) {
    this.#options = options;
  }

  /** Those that are to sit in every partition. */
  get policies(): readonly LoadedPolicy[] {
    return [...this.#policies.values()];
  }

  /** A partition has come: resolves when all policies sit there. */
  async join(engine: Seats, { stage, kept }: Joining): Promise<void> {
    const seating = new Seating(engine, stage);
    this.#seatings.set(engine, seating);
    await Promise.all(
      [...this.#policies].map(async ([id, policy]) => {
        const fault = await seating.seat(id, policy, kept(policy)).then(() => null, asFault);
        if (fault !== null && this.#seatings.has(engine)) this.#options.onFault(fault, policy);
      }),
    );
  }

  /** The partition goes: nothing more is seated there. */
  leave(engine: Seats): void {
    this.#seatings.delete(engine);
  }

  /** Throws where it cannot start at one of the partitions: then it sits at none. */
  async add(policy: LoadedPolicy): Promise<number> {
    const own = this.#ofItsTenant(policy);
    const id = this.#next++;
    this.#policies.set(id, own);
    const fault = await this.#everywhere((one) => one.seat(id, own, null));
    if (fault === null) return id;
    await this.remove(id);
    throw fault;
  }

  /** Throws where the new one cannot start at one of the partitions: then the old one sits at all. */
  async replace(old: number, policy: LoadedPolicy): Promise<number> {
    const before = this.#policies.get(old);
    if (before === undefined) return this.add(policy);
    const own = this.#ofItsTenant(policy);
    const id = this.#next++;
    const exchange = (out: number, coming: number, as: LoadedPolicy): Promise<VedetteError | null> => {
      this.#policies.delete(out);
      this.#policies.set(coming, as);
      return this.#everywhere((one) => one.replace(out, coming, as));
    };
    const fault = await exchange(old, id, own);
    if (fault === null) return id;
    await exchange(id, old, before);
    throw fault;
  }

  async remove(id: number): Promise<void> {
    this.#policies.delete(id);
    await this.#everywhere((one) => one.remove(id));
  }

  /** Of each policy one row for all partitions: it rests where it rests at one of them. */
  status(): SeatStatus[] {
    const rows = [...this.#seatings.values()].map((seating) => seating.status());
    return [...this.#policies].map(([id, policy]) => {
      const seats = rows.flatMap((row) => row.get(id) ?? []);
      const lastError = seats.find((seat) => seat.lastError !== null)?.lastError ?? null;
      const state = seats.some((seat) => seat.state === "resting") ? "resting" : "judging";
      return { id, policy, state, lastError, tally: sumOf(seats.map(({ tally }) => tally)) };
    });
  }

  vacate(): void {}

  async finished(): Promise<void> {}

  stop(): void {}

  #ofItsTenant(policy: LoadedPolicy): LoadedPolicy {
    const { name, tenancy } = policy;
    if (tenancy == null) throw new Error(`the policy ${name} is no tenant's`);
    const { tenant, scope } = tenancy;
    if (this.#options.isApart(tenant)) throw new VedetteError("VEDETTE_TENANT_APART", { policy: name, tenant });
    return { ...policy, tenancy: { ...tenancy, scope: { ...scope, tenant: subjectToken(tenant) } } };
  }

  /** The first fault of a partition that is still there. */
  async #everywhere(work: (one: Seating) => Promise<void>): Promise<VedetteError | null> {
    const faults = await Promise.all(
      [...this.#seatings].map(async ([engine, seating]) => {
        const fault = await work(seating).then(() => null, asFault);
        return this.#seatings.has(engine) ? fault : null;
      }),
    );
    return faults.find((fault) => fault !== null) ?? null;
  }
}

/** Who sits where in one engine. One step after the other. */
class Seating {
  readonly #engine: Seats;
  readonly #stage: Joining["stage"];
  readonly #ids = new Map<number, number>();
  #work: Promise<unknown> = Promise.resolve();

  constructor(engine: Seats, stage: Joining["stage"]) {
    this.#engine = engine;
    this.#stage = stage;
  }

  async seat(id: number, policy: LoadedPolicy, kept: Kept | null): Promise<void> {
    if (!this.#stage.wants(policy)) return;
    await this.#then(async () => void this.#ids.set(id, await this.#engine.add(policy, kept)));
  }

  /** Where `out` does not sit, because it could not, the other one comes all the same; it may sit already. */
  replace(out: number, id: number, policy: LoadedPolicy): Promise<void> {
    if (!this.#stage.wants(policy)) return this.remove(out);
    return this.#then(async () => {
      if (this.#ids.has(id)) return;
      const old = this.#ids.get(out);
      const seated = await (old === undefined ? this.#engine.add(policy) : this.#engine.replace(old, policy));
      this.#ids.delete(out);
      this.#ids.set(id, seated);
    });
  }

  remove(id: number): Promise<void> {
    return this.#then(async () => {
      const seated = this.#ids.get(id);
      this.#ids.delete(id);
      if (seated !== undefined) await this.#engine.remove(seated);
    });
  }

  status(): Map<number, SeatStatus> {
    const seats = new Map(this.#engine.status().map((seat) => [seat.id, seat]));
    return new Map(
      [...this.#ids].flatMap(([id, seated]) => {
        const seat = seats.get(seated);
        return seat === undefined ? [] : [[id, seat] as const];
      }),
    );
  }

  #then(step: () => Promise<void>): Promise<void> {
    const done = this.#work.then(step);
    this.#work = done.catch(() => undefined);
    return done;
  }
}

function asFault(error: unknown): VedetteError {
  if (error instanceof VedetteError) return error;
  throw error;
}

type Tally = SeatStatus["tally"];
const NO_TALLY: Tally = {
  ...{ events: 0, batches: 0, alerts: 0, suppressed: 0, ns: 0, memoryBytes: 0, traps: 0, denied: 0, monitored: 0 },
};

function sumOf(tallies: readonly Tally[]): Tally {
  const names = Object.keys(NO_TALLY) as (keyof Tally)[];
  const sum = (name: keyof Tally): number => tallies.reduce((total, tally) => total + tally[name], 0);
  return Object.fromEntries(names.map((name) => [name, sum(name)])) as unknown as Tally;
}
