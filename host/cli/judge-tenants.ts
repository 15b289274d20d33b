// SPDX-License-Identifier: Apache-2.0
// The tenants' policies of `vedette judge`: the watched folder, tenants.yaml and the tenants' own outputs, as
// `serve` has them (host/policy/service.ts), and a house that seats them in all partitions of this host.
import { hostname } from "node:os";
import type { LoadedPolicy } from "../engine/policy.js";
import type { VedetteError } from "../errors.js";
import { TenantHouse } from "../fleet/tenant-house.js";
import type { Alert } from "../output/alert.js";
import { PolicyService, type ServiceFlags } from "../policy/service.js";
import type { PolicyStatus } from "../policy/status.js";

/** Of the service's flags, those that a pool has. */
export type TenantFlags = Pick<ServiceFlags, "policiesD" | "tenants" | "releases" | "requireSigned" | "serials">;

/** What is said, and what is at fault outside of a partition. */
export interface TenantHandlers {
  readonly say: (line: string) => void;
  readonly onFault: (error: VedetteError) => void;
}

/** Make it with open(). */
export class JudgedTenants {
  readonly house: TenantHouse;
  readonly #service: PolicyService;
  readonly #onHangup = (): void => this.#service.hangUp();

  /** Loads what is there, before any partition is. Throws what is wrong with tenants.yaml or the folder. */
  static async open(flags: TenantFlags, { say, onFault }: TenantHandlers): Promise<JudgedTenants> {
    const service = new PolicyService(flags, (line) => say(`vedette: ${line}`));
    try {
      let house!: TenantHouse;
      const tellFault = (error: VedetteError, policy: LoadedPolicy | null): void => {
        onFault(error);
        service.deliver(service.faultAlert(error, policy, hostname()));
      };
      await service.openIn(
        (isApart) => {
          house = new TenantHouse({ isApart, onFault: tellFault });
          return house;
        },
        {
          onAlert: (alert) => service.deliver(alert),
          onFault: tellFault,
          onLog: (name, _, text) => say(`${name}: ${text}`),
        },
      );
      return new JudgedTenants(service, house);
    } catch (error) {
      await service.stop();
      await service.close();
      throw error;
    }
  }

  private constructor(service: PolicyService, house: TenantHouse) {
    this.#service = service;
    this.house = house;
    process.on("SIGHUP", this.#onHangup);
  }

  /** To the tenant whose it is. */
  deliver(alert: Alert): void {
    this.#service.deliver(alert);
  }

  /** A policy of a partition's is at fault: its tenant is told. */
  tellFault(error: VedetteError, policy: LoadedPolicy | null): void {
    this.#service.deliver(this.#service.faultAlert(error, policy, hostname()));
  }

  statuses(): PolicyStatus[] {
    return this.#service.statuses();
  }

  async close(): Promise<void> {
    process.off("SIGHUP", this.#onHangup);
    await this.#service.stop();
    await this.#service.close();
  }
}
