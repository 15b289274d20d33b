// SPDX-License-Identifier: Apache-2.0
// How many findings there were about each process and each container since Vedette began, and the incident
// of the newest. Each viewer is told of his own: a tenant does not learn what the operator's rules found. The
// process without a finding for longest is forgotten first.
import type { Alert } from "../output/alert.js";
import { findingKey } from "./process-key.js";
import { ownerOf, type Viewer } from "./viewer.js";

const KEYS_MAX = 10_000;

/** Of one process or container. */
export interface FoundCount {
  readonly findings: number;
  /** Its id; null: the newest is of none. */
  readonly incident: string | null;
}

const NONE: FoundCount = { findings: 0, incident: null };

/** All of them. */
export class Found {
  /** By owner, and by key. `""` as owner: the operator, who sees all. */
  readonly #counts = new Map<string, FoundCount>();

  add({ finding, tenant, incident }: Alert): void {
    if (finding === undefined) return;
    const process = findingKey(finding);
    for (const owner of new Set(["", tenant ?? ""])) {
      if (process !== null) this.#count(owner, `process ${process}`, incident?.id ?? null);
      this.#count(owner, `container ${finding.container?.id ?? ""}`, incident?.id ?? null);
    }
  }

  /** `key` as process-key.ts makes it. */
  ofProcess(viewer: Viewer, key: string): FoundCount {
    return this.#of(viewer, `process ${key}`);
  }

  /** `id` is empty outside a container. */
  ofContainer(viewer: Viewer, id: string): FoundCount {
    return this.#of(viewer, `container ${id}`);
  }

  #of(viewer: Viewer, key: string): FoundCount {
    return this.#counts.get(`${ownerOf(viewer) ?? ""}\n${key}`) ?? NONE;
  }

  #count(owner: string, key: string, incident: string | null): void {
    const at = `${owner}\n${key}`;
    const { findings, incident: before } = this.#counts.get(at) ?? NONE;
    this.#counts.delete(at);
    this.#counts.set(at, { findings: findings + 1, incident: incident ?? before });
    for (const oldest of this.#counts.keys()) {
      if (this.#counts.size <= KEYS_MAX) break;
      this.#counts.delete(oldest);
    }
  }
}
