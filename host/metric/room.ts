// SPDX-License-Identifier: Apache-2.0
// How much room the numbers of policies may take: on the host's heap, and as text in /metrics. A workload
// chooses values of labels, so a count of series alone bounds neither: a line is 100 bytes or 2,000, and a
// series one line or 67.
import { bucketsOf, EXPONENTIAL, type Instrument } from "../wasm/instruments.js";

/** Bytes of one policy, of all policies of a tenant, and of all tenants. The operator is beside these. */
export const ROOM = { policy: 4 << 20, tenant: 6 << 20, tenants: 24 << 20 } as const;
/** What sets of labels of their own may take of it. The rest is for what is counted together. */
const OWN_SHARE = 7 / 8;
/** Bytes of a series on the heap without its labels, rounded up. */
const SERIES = 256;
/** Bytes of a line of /metrics without the names and labels that follow from the policy. */
const LINE = 144;

/** Whose room it is. */
export interface Tenant {
  /** Null: the operator. */
  readonly tenant: string | null;
}

/** What one policy takes. */
export class Taken {
  bytes = 0;
}

/** All the room there is, and what of it is taken. */
export class Room {
  readonly #tenants = new Map<string | null, number>();
  #all = 0;

  /** Takes so many bytes if there are as many; `isOwn`: for a set of labels of its own. */
  take({ tenant }: Tenant, policy: Taken, bytes: number, isOwn: boolean): boolean {
    const share = isOwn ? OWN_SHARE : 1;
    const ofTenant = this.#tenants.get(tenant) ?? 0;
    if (policy.bytes + bytes > ROOM.policy * share || ofTenant + bytes > ROOM.tenant * share) return false;
    if (tenant !== null && this.#all + bytes > ROOM.tenants * share) return false;
    policy.bytes += bytes;
    this.#add(tenant, bytes);
    return true;
  }

  /** Gives so many back. */
  free({ tenant }: Tenant, policy: Taken, bytes: number): void {
    policy.bytes -= bytes;
    this.#add(tenant, -bytes);
  }

  #add(tenant: string | null, bytes: number): void {
    const after = (this.#tenants.get(tenant) ?? 0) + bytes;
    if (after === 0) this.#tenants.delete(tenant);
    else this.#tenants.set(tenant, after);
    if (tenant !== null) this.#all += bytes;
  }
}

/**
 * Bytes of one series: the larger of what it takes on the heap and what its lines take. `key`: its labels as
 * JSON, which is never shorter than they are in a line. `owners`: characters of the names of policy and
 * tenant.
 */
export function seriesBytes(instrument: Instrument, owners: number, key: string): number {
  const buckets = bucketsOf(instrument);
  const values = Buffer.byteLength(key);
  const names = instrument.labels.reduce((sum, name) => sum + name.length + 3, 0);
  const line = LINE + instrument.name.length + 2 * owners + names + values;
  return Math.max(SERIES + 8 * buckets + 3 * values, line * linesOf(instrument, buckets));
}

/** Bytes of the title of an instrument, which its first series brings. */
export const titleBytes = ({ name, doc }: Instrument, owners: number): number =>
  LINE + 2 * (name.length + owners) + 2 * doc.length;

function linesOf({ kind }: Instrument, buckets: number): number {
  if (kind === "histogram") return buckets + 2;
  return kind === "exponential" ? EXPONENTIAL.buckets / 2 ** EXPONENTIAL.scale + 3 : 1;
}
