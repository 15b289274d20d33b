// SPDX-License-Identifier: Apache-2.0
// Requests by service and route, as meters measure them: how many there were, how many failed, and how long
// they took. Labels say which service answered, what was asked for, and whether that failed.
import { type Measures, MeterRows, type RequestNumbers, type RequestPoint, SERVICE, type Sees } from "./meter-rows.js";

/** What is shown of one service and one route. */
export interface RequestRow extends RequestNumbers {
  /** Of this row as long as it is there. */
  readonly id: number;
  /** Null: a policy of the operator's. */
  readonly tenant: string | null;
  readonly policy: string;
  readonly metric: string;
  /** Null: the meter says none, or it had too many services and routes, and counts the rest together. */
  readonly service: string | null;
  readonly method: string | null;
  readonly route: string | null;
  /** The meter's largest bound: what took longer is told as this. */
  readonly most: number;
}

/** The last minutes, for one viewer. */
export interface RequestView {
  /** Policies that measure requests. */
  readonly meters: number;
  /** What the numbers are of. */
  readonly seconds: number;
  /** Those with most requests first. */
  readonly items: readonly RequestRow[];
  /** Rows that are not among these. */
  readonly more: number;
  /** Requests of the last hour that found no row. */
  readonly left_out: number;
  /** The row that was asked for, else the first, step by step. Null: there is none. */
  readonly over_time: { readonly id: number; readonly points: readonly RequestPoint[] } | null;
}

/** What a viewer wants to see. */
export interface RequestQuery {
  readonly minutes: number;
  readonly limit: number;
  /** The row that is shown over time; undefined: the first. */
  readonly row: number | undefined;
}

const METHOD = ["http.request.method"];
const ROUTE = ["http.route", "rpc.method", "db.operation.name", "messaging.operation.name"];

/** All of them. `now` gives seconds since the epoch. */
export class Requests {
  readonly #rows: MeterRows<ReturnType<typeof requestLabels>>;

  constructor(measures: () => Measures, now?: () => number) {
    this.#rows = new MeterRows(measures, requestLabels, now);
  }

  /** Call it at least once in a step. */
  look(): void {
    this.#rows.look();
  }

  /** `sees`: whether the viewer may see what is this tenant's. */
  view({ minutes, limit, row }: RequestQuery, sees: Sees): RequestView {
    this.look();
    const rows = this.#rows.recent(minutes, sees);
    const id = row ?? rows[0]?.id ?? 0;
    const points = this.#rows.overTime(id, minutes, sees);
    return {
      meters: this.#rows.meters(sees),
      seconds: this.#rows.seconds(minutes),
      items: rows.slice(0, limit).map(({ labels, ...numbers }) => ({ ...labels, ...numbers })),
      more: Math.max(0, rows.length - limit),
      left_out: this.#rows.leftOut(sees),
      over_time: points === null ? null : { id, points },
    };
  }
}

function requestLabels(label: (...names: readonly string[]) => string | null) {
  return { service: label(...SERVICE), method: label(...METHOD), route: label(...ROUTE) };
}
