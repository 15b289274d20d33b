// SPDX-License-Identifier: Apache-2.0
// Incidents that were closed, in memory and bounded, so that whoever comes later can ask. They are kept as
// bytes of JSON: as objects they would take several times as much. One place is forgotten first that has
// most, so that a flood in it does not push the others out.
import type { IncidentView } from "./parts.js";

interface Kept {
  readonly seq: number;
  readonly place: string;
  readonly json: Uint8Array;
}

const MOST = 1_000;
const BYTES_MAX = 8 << 20;

/** The oldest first. */
export class KeptIncidents {
  readonly #most: number;
  readonly #bytesMax: number;
  readonly #kept: Kept[] = [];
  /** Bytes of each place. */
  readonly #bytesOf = new Map<string, number>();
  #bytes = 0;
  #forgotten = 0;

  constructor(most = MOST, bytesMax = BYTES_MAX) {
    this.#most = most;
    this.#bytesMax = bytesMax;
  }

  get forgotten(): number {
    return this.#forgotten;
  }

  add(view: IncidentView, seq: number): void {
    const json = Buffer.from(JSON.stringify(view, (_, one: unknown) => (typeof one === "bigint" ? `${one}n` : one)));
    const place = JSON.stringify([view.tenant, view.source, view.container?.id ?? null]);
    this.#kept.push({ seq, place, json });
    this.#count(place, json.length);
    while (this.#kept.length > 1 && (this.#kept.length > this.#most || this.#bytes > this.#bytesMax)) this.#drop();
  }

  /** The newest first. */
  *all(): Generator<{ readonly seq: number; readonly view: IncidentView }> {
    for (const { seq, json } of [...this.#kept].reverse()) yield { seq, view: viewOf(json) };
  }

  #drop(): void {
    const [fullest] = [...this.#bytesOf].reduce((a, b) => (b[1] > a[1] ? b : a));
    const at = this.#kept.findIndex(({ place }) => place === fullest);
    this.#count(fullest, -this.#kept[at]!.json.length);
    this.#kept.splice(at, 1);
    this.#forgotten++;
  }

  #count(place: string, bytes: number): void {
    this.#bytes += bytes;
    const all = (this.#bytesOf.get(place) ?? 0) + bytes;
    if (all === 0) this.#bytesOf.delete(place);
    else this.#bytesOf.set(place, all);
  }
}

/** Times are the only members whose text is a number and an n. */
const TIMES = new Set(["first", "last"]);

function viewOf(json: Uint8Array): IncidentView {
  const revive = (name: string, one: unknown): unknown =>
    TIMES.has(name) && typeof one === "string" ? BigInt(one.slice(0, -1)) : one;
  return JSON.parse(Buffer.from(json.buffer, json.byteOffset, json.length).toString(), revive) as IncidentView;
}
