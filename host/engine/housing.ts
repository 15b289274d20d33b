// SPDX-License-Identifier: Apache-2.0
// Where policies live: most in the engine's threads, those of some tenants in a process of their own. Code
// that loads policies need not know which. The ids of policies here are this file's own.
import type { VedetteError } from "../errors.js";
import type { Alert } from "../output/alert.js";
import { Cell } from "./cell.js";
import type { Engine, EngineHandlers, SeatStatus } from "./engine.js";
import type { LoadedPolicy } from "./policy.js";

type House = Pick<Engine, "add" | "replace" | "remove" | "status">;

/** Where policies of a watched folder live. */
export interface PolicyHouse extends Omit<House, "add"> {
  add(policy: LoadedPolicy): Promise<number>;
  /** Nothing of a tenant is to be left: it has no policies, or is housed otherwise from now on. */
  vacate(tenant: string): void;
  /** Nothing more comes: resolves when all was judged. */
  finished(): Promise<void>;
  stop(): void;
}

/** The engine, and what the cells need. */
export interface HousingOptions {
  readonly ring: SharedArrayBuffer;
  readonly engine: Engine;
  /** Whether a tenant's policies live apart. */
  readonly isApart: (tenant: string) => boolean;
  readonly onAlert: (alert: Alert, stream: number) => void;
  readonly onFault: (error: VedetteError, policy: LoadedPolicy | null) => void;
  readonly onLog: (policy: string, level: number, text: string) => void;
  readonly onMeasured?: EngineHandlers["onMeasured"];
  readonly onUnmeasured?: EngineHandlers["onUnmeasured"];
}

interface Place {
  readonly house: House;
  readonly id: number;
}

/** One house for all policies. It owns the cells, not the engine. */
export class Housing implements PolicyHouse {
  readonly #options: HousingOptions;
  readonly #cells = new Map<string, Cell>();
  readonly #places = new Map<number, Place>();
  #next = 0;

  constructor(options: HousingOptions) {
    this.#options = options;
  }

  async add(policy: LoadedPolicy): Promise<number> {
    const house = this.#houseOf(policy);
    return this.#put({ house, id: await house.add(policy) });
  }

  async replace(id: number, policy: LoadedPolicy): Promise<number> {
    const old = this.#places.get(id);
    if (old === undefined) return this.add(policy);
    const moved = this.#put({ house: old.house, id: await old.house.replace(old.id, policy) });
    this.#places.delete(id);
    return moved;
  }

  async remove(id: number): Promise<void> {
    const place = this.#places.get(id);
    this.#places.delete(id);
    await place?.house.remove(place.id);
  }

  /** Of all policies, also those that the engine had from the start; ids are of this place, -1 for these. */
  status(): SeatStatus[] {
    const houses: House[] = [this.#options.engine, ...this.#cells.values()];
    return houses.flatMap((house) => house.status().map((seat) => ({ ...seat, id: this.#idOf(house, seat.id) })));
  }

  /** Ends the process of a tenant that has no policies left, or whose scope or isolation has changed. */
  vacate(tenant: string): void {
    this.#cells.get(tenant)?.stop();
    this.#cells.delete(tenant);
  }

  /** The processes have judged what came until the ring's end. */
  async finished(): Promise<void> {
    await Promise.all([...this.#cells.values()].map((cell) => cell.finished));
  }

  stop(): void {
    for (const cell of this.#cells.values()) cell.stop();
  }

  #put(place: Place): number {
    this.#places.set(this.#next, place);
    return this.#next++;
  }

  #idOf(house: House, id: number): number {
    return [...this.#places].find(([, place]) => place.house === house && place.id === id)?.[0] ?? -1;
  }

  #houseOf({ tenancy }: LoadedPolicy): House {
    if (tenancy == null || !this.#options.isApart(tenancy.tenant)) return this.#options.engine;
    const { engine, isApart: _, ...common } = this.#options;
    const cell = this.#cells.get(tenancy.tenant) ?? new Cell({ ...common, tenancy, containers: engine.containers });
    this.#cells.set(tenancy.tenant, cell);
    return cell;
  }
}
