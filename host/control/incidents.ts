// SPDX-License-Identifier: Apache-2.0
// An incident as the store keeps it: what it is found by, and the JSON that the API gives. And what the store
// was told of each, which is more than outputs are told: whoever looks sees it as it is.
import { PRIORITIES } from "../finding/priority.js";
import { type IncidentView, incidentJson } from "../incident/incident.js";
import type { Store, StoredIncident } from "../store/store.js";

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

/** Of those that the store has no room for. What they were is lost beyond that, and counted there. */
const REFUSED_MAX = 1_000;

interface Told {
  readonly view: IncidentView;
  readonly into: string | null;
  /** False: the store had no room. */
  readonly isTaken: boolean;
}

/** Incidents of which the store knows because somebody looked, and those that it has still to be told of. */
export class ToldIncidents {
  readonly #store: Pick<Store, "keep">;
  readonly #told = new Map<string, Told>();

  constructor(store: Pick<Store, "keep">) {
    this.#store = store;
  }

  /**
   * What became of one, of whose end we are to be told, too. `into`: the one that it is a part of from now
   * on; null: none.
   */
  tell(view: IncidentView, into: string | null): void {
    if (this.#store.keep(storedIncident(view, into))) this.#told.delete(view.id);
    else if (this.#told.has(view.id) || this.#told.size < REFUSED_MAX)
      this.#told.set(view.id, { view, into, isTaken: false });
  }

  /**
   * All that are open. One that was and is not, without a word, became a part of another before anybody was
   * told of it, or the store had no room for its end: it is closed.
   */
  sync(open: Iterable<{ readonly view: IncidentView }>): void {
    const ids = new Set<string>();
    for (const { view } of open) {
      ids.add(view.id);
      const told = this.#told.get(view.id);
      const isKnown = told?.isTaken === true && told.view.count === view.count;
      if (isKnown) continue;
      const isTaken = this.#store.keep(storedIncident(view, null));
      if (isTaken || told === undefined) this.#told.set(view.id, { view, into: null, isTaken });
    }
    for (const [id, { view, into }] of this.#told)
      if (!ids.has(id) && this.#store.keep({ ...storedIncident(view, into), isOpen: false })) this.#told.delete(id);
  }
}
