// SPDX-License-Identifier: Apache-2.0
// Who asks: the operator, who sees everything, or a tenant, who sees only what belongs to the tenant. The
// socket or the token decides that. No handler can choose.
import type { Scope } from "../engine/scope.js";

/** For whom an answer is made. */
export type Viewer = { readonly kind: "operator" } | TenantViewer;

/** A tenant, and the scope of events that it may see. */
export interface TenantViewer {
  readonly kind: "tenant";
  readonly name: string;
  readonly scope: Scope;
}

/** The viewer of the operator's own socket. */
export const OPERATOR: Viewer = { kind: "operator" };

/** For whom the store is asked: a tenant's name; null: the operator. */
export function ownerOf(viewer: Viewer): string | null {
  return viewer.kind === "operator" ? null : viewer.name;
}

/** Of a policy, an alert: its tenant, empty or undefined for the operator's own. */
export function sees(viewer: Viewer, tenant: string | undefined): boolean {
  return viewer.kind === "operator" || viewer.name === tenant;
}
