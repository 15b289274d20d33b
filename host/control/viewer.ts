// SPDX-License-Identifier: Apache-2.0
// Who asks: the operator, who sees everything, or a tenant, who sees only what belongs to the tenant; and
// whether who asks may change something. The socket or the token decides that. No handler can choose.
import type { Scope } from "../engine/scope.js";

/** For whom an answer is made. */
export type Viewer = OperatorViewer | TenantViewer;

/** Who sees everything. */
export interface OperatorViewer {
  readonly kind: "operator";
  /** False: may look, and change nothing. */
  readonly mayAct: boolean;
}

/** A tenant, and the scope of events that it may see. */
export interface TenantViewer {
  readonly kind: "tenant";
  readonly name: string;
  readonly mayAct: true;
  readonly scope: Scope;
}

/** The viewer of the operator's own socket. */
export const OPERATOR: Viewer = { kind: "operator", mayAct: true };
/** Sees what the operator sees, and changes nothing. */
export const ONLOOKER: Viewer = { kind: "operator", mayAct: false };

/** Whose share of requests and of streams it is. No tenant has an empty name, or one with a blank. */
export function shareOf(viewer: Viewer): string {
  if (viewer.kind === "tenant") return viewer.name;
  return viewer.mayAct ? "" : "an onlooker";
}

/** For whom the store is asked: a tenant's name; null: the operator. */
export function ownerOf(viewer: Viewer): string | null {
  return viewer.kind === "operator" ? null : viewer.name;
}

/** Of a policy, an alert: its tenant, empty or undefined for the operator's own. */
export function sees(viewer: Viewer, tenant: string | undefined): boolean {
  return viewer.kind === "operator" || viewer.name === tenant;
}
