// SPDX-License-Identifier: Apache-2.0
// An incident as the store keeps it: what it is found by, and the JSON that the API gives.
import { PRIORITIES } from "../finding/priority.js";
import { type IncidentView, incidentJson } from "../incident/incident.js";
import type { StoredIncident } from "../store/store.js";

export type { IncidentView };

/** `into`: the incident that it is a part of from now on; null: none. */
export function storedIncident(view: IncidentView, into: string | null): StoredIncident {
  const { id, tenant, severity, closed, title, container, first, last, tags, tactics } = view;
  return {
    ...{ id, into, title, first: String(first), last: String(last) },
    tenant: tenant ?? "",
    severity: PRIORITIES.indexOf(severity),
    isOpen: closed === null && into === null,
    container: container?.name ?? container?.id ?? "",
    tags: [...tags, ...tactics],
    doc: incidentJson(view, 0), // the store numbers them itself
  };
}
