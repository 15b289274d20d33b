// SPDX-License-Identifier: Apache-2.0
// Both levels as one step on the way of an alert: it learns which repeat it is and which incident it belongs
// to. It runs where alerts are handed out, on the main thread, beside the threads that judge.
import type { Alert } from "../output/alert.js";
import type { IncidentNews } from "../output/incident-news.js";
import { INCIDENT_BOUNDS, type IncidentBounds, Incidents, type StepViewer } from "./incidents.js";
import { KeptIncidents } from "./kept.js";
import type { IncidentView, Step } from "./parts.js";
import { REPEAT_BOUNDS, type RepeatBounds, Repeats } from "./repeats.js";

/** All may be left out: then nothing of others is shown to tenants, and no repeat's last alert is told. */
export interface GroupingOptions {
  readonly sees?: StepViewer;
  /** Some output leaves repeats out, and is told of the last of each kind. */
  readonly tellsEnds?: boolean;
  /** Some output is told of incidents: news() says what. */
  readonly tellsIncidents?: boolean;
  readonly bounds?: IncidentBounds;
  readonly repeatBounds?: RepeatBounds;
}

/** Numbers since the start, for metrics. */
export interface GroupingStats {
  readonly open: number;
  readonly opened: number;
  readonly merged: number;
  readonly closed: Readonly<Record<string, number>>;
  /** Findings that repeat another one. */
  readonly repeats: number;
  /** Findings that were not told, because their rule has a threshold. */
  readonly withheld: number;
}

const TICK_NS = 1_000_000_000n;

/** Gives each alert its place. Time is that of the events; tick() moves it where none come. */
export class Grouping {
  readonly #repeats: Repeats;
  readonly #incidents: Incidents;
  readonly #kept = new KeptIncidents();
  #tellsEnds: boolean;
  readonly #closed: Record<string, number> = { silence: 0, age: 0, room: 0, end: 0 };
  #withheld = 0;
  #now = 0n;
  #ticked = 0n;

  constructor(options: GroupingOptions = {}) {
    const { sees = () => false, tellsEnds = false, bounds = INCIDENT_BOUNDS, repeatBounds = REPEAT_BOUNDS } = options;
    this.#repeats = new Repeats(repeatBounds);
    this.#tellsEnds = tellsEnds;
    const onClosed = (view: IncidentView, seq: number): void => {
      this.#closed[view.closed as string] = (this.#closed[view.closed as string] ?? 0) + 1;
      this.#kept.add(view, seq);
    };
    this.#incidents = new Incidents(sees, onClosed, bounds, options.tellsIncidents);
  }

  /** Other outputs are told now: what GroupingOptions says of two of its members. */
  setTold({ tellsEnds, tellsIncidents }: { readonly tellsEnds: boolean; readonly tellsIncidents: boolean }): void {
    this.#tellsEnds = tellsEnds;
    this.#incidents.setTold(tellsIncidents);
  }

  /**
   * The alert with its repeat and its incident; null: its rule wants more of them first. One of no event
   * stays as it is.
   */
  take(alert: Alert): Alert | null {
    const { finding } = alert;
    if (finding === undefined) return alert;
    this.#advance(finding.event.time);
    const { key, count, isTold, isWithheld } = this.#repeats.take(alert, finding, this.#now, this.#tellsEnds);
    if (isWithheld) {
      this.#withheld++;
      return null;
    }
    const isFirst = count <= (alert.grouping?.threshold ?? 1);
    const incident = this.#incidents.add(alert, finding, this.#now, { key, isFirst });
    return { ...alert, incident, repeat: { count, isTold } };
  }

  /** What a process did beside findings. */
  step(step: Step): void {
    this.#incidents.step(step);
  }

  /** It is so late now. Gives alerts that are told because no more of their kind came. */
  tick(now: bigint): Alert[] {
    this.#advance(now);
    return this.#repeats.ended(this.#now);
  }

  /** Nothing more comes: gives what is still to be told, and closes all. */
  end(): Alert[] {
    const told = this.#repeats.ended(this.#now, true);
    this.#incidents.end();
    return told;
  }

  /** What is to be told of incidents since the last time. */
  news(): IncidentNews<IncidentView>[] {
    return this.#incidents.news(this.#now);
  }

  /** All that are kept, open or closed, the newest first. */
  *all(): Generator<{ readonly seq: number; readonly view: IncidentView }> {
    yield* this.#incidents.views();
    yield* this.#kept.all();
  }

  /** Those that are open, the newest first. */
  open(): { readonly seq: number; readonly view: IncidentView }[] {
    return this.#incidents.views();
  }

  /** Closed incidents that are kept no more. */
  get forgotten(): number {
    return this.#kept.forgotten;
  }

  stats(): GroupingStats {
    const [closed, repeats, withheld] = [this.#closed, this.#repeats.total, this.#withheld];
    return { ...this.#incidents.counts, closed, repeats, withheld };
  }

  /** Late events do not turn time back. */
  #advance(time: bigint): void {
    if (time > this.#now) this.#now = time;
    if (this.#now - this.#ticked < TICK_NS) return;
    this.#ticked = this.#now;
    this.#incidents.tick(this.#now);
  }
}
