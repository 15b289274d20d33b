// SPDX-License-Identifier: Apache-2.0
// All incidents: which are open, which finding joins which, and what is kept of those that were closed.
//
// A finding looks for open incidents by its joints. It opens one where there is none, and makes all that it
// finds one: the oldest stays. Everything is bounded. Where there are too many open ones, one of whoever has
// most gives way, so a flood closes the flooder's own.
import { type Finding, uuidOf } from "../finding/finding.js";
import type { Alert, AlertIncident } from "../output/alert.js";
import type { IncidentNews } from "../output/incident-news.js";
import { Budget, type BudgetLimits } from "./budget.js";
import { type Budgets, doerOf, Group } from "./group.js";
import { ancestorsBelow, jointsOf, placeOf } from "./joints.js";
import type { CloseReason, IncidentView, Step } from "./parts.js";

/** Bounds, which tests make small. Times are in ns. */
export interface IncidentBounds {
  readonly open: number;
  /** An incident is closed when no finding came for so long, and when it is so old. */
  readonly silence: bigint;
  readonly age: bigint;
  readonly rows: BudgetLimits;
  readonly processes: BudgetLimits;
  readonly joints: BudgetLimits;
  /** Processes whose last incident is remembered. */
  readonly roots: number;
  /** Steps that no finding has asked for yet, and how long before a finding one still belongs to it. */
  readonly steps: number;
  readonly before: bigint;
}

/** What a tenant may see of what others did not make for it. */
export type StepViewer = (tenant: string, step: Step) => boolean;

const SECOND = 1_000_000_000n;
/** Of one incident, how often outputs are told that more joined it. */
const UPDATE_EVERY = 10n * SECOND;
/** Those of a running sensor: all of it takes some 20 MiB at most. */
export const INCIDENT_BOUNDS: IncidentBounds = {
  open: 1_000,
  silence: 900n * SECOND,
  age: 86_400n * SECOND,
  rows: { total: 8_000, own: 8, most: 500 },
  processes: { total: 4_000, own: 8, most: 64 },
  joints: { total: 40_000, own: 16, most: 1_000 },
  roots: 4_096,
  steps: 256,
  before: 60n * SECOND,
};

/** Incidents of one place: a tenant's in one container of one agent. */
interface Place {
  readonly tenant: string | null;
  /** Without the tenant. */
  readonly where: string;
  readonly groups: Set<Group>;
  readonly byJoint: Map<string, Group>;
  readonly byDoer: Map<string, Group>;
}

/** Open incidents. `onClosed` is told of each that is closed, once. */
export class Incidents {
  readonly #bounds: IncidentBounds;
  readonly #budgets: Budgets;
  readonly #sees: StepViewer;
  readonly #onClosed: (view: IncidentView, seq: number) => void;
  readonly #places = new Map<string, Place>();
  /** The last incident of a process, by place and process. */
  readonly #roots = new Map<string, string>();
  readonly #steps: Step[] = [];
  /** Those that more is to be told of, and what was told of each. */
  readonly #changed = new Map<Group, { told: bigint | null; count: number }>();
  #told: boolean;
  readonly #news: IncidentNews<IncidentView>[] = [];
  #open = 0;
  #seq = 0;
  #merges = 0;

  constructor(
    sees: StepViewer,
    onClosed: (view: IncidentView, seq: number) => void,
    bounds: IncidentBounds = INCIDENT_BOUNDS,
    tells = false,
  ) {
    this.#told = tells;
    this.#sees = sees;
    this.#onClosed = onClosed;
    this.#bounds = bounds;
    const { rows, processes, joints } = bounds;
    this.#budgets = { rows: new Budget(rows), processes: new Budget(processes), joints: new Budget(joints) };
  }

  /** From here on news are kept for whoever is told of incidents, or not. */
  setTold(tells: boolean): void {
    this.#told = tells;
  }

  /** How many are open, were opened, and became part of another. */
  get counts(): { readonly open: number; readonly opened: number; readonly merged: number } {
    return { open: this.#open, opened: this.#seq, merged: this.#merges };
  }

  /** Gives the incident that the finding is part of now. */
  add(alert: Alert, finding: Finding, now: bigint, repeat: { key: string; isFirst: boolean }): AlertIncident {
    const { found, left, root } = jointsOf(finding);
    const name = placeOf(finding);
    const place = this.#places.get(name);
    const groups = new Set(found.flatMap((joint) => place?.byJoint.get(joint) ?? []));
    const group =
      groups.size === 0 ? this.#begin(name, root, finding, now) : this.#join(this.#places.get(name)!, groups);
    const home = this.#places.get(name)!;
    for (const joint of left) this.#tie(home.byJoint, group.joints, joint, group);
    group.touched = now;
    group.add(alert, finding, repeat);
    this.#recall(home, group, finding);
    if (this.#told && !this.#changed.has(group)) this.#changed.set(group, { told: null, count: 0 });
    return group.brief;
  }

  /** What outputs are to be told since they asked last; empty unless this was made to tell. */
  news(now: bigint): IncidentNews<IncidentView>[] {
    for (const [group, before] of this.#changed) {
      if (before.count === group.count || (before.told !== null && now - before.told < UPDATE_EVERY)) continue;
      const activity = before.told === null ? "opened" : "updated";
      this.#news.push({ activity, incident: group.view(null), into: null });
      this.#changed.set(group, { told: now, count: group.count });
    }
    return this.#news.splice(0);
  }

  /** What a process did: it is told where the process, or one above it, is of an incident. */
  step(step: Step): void {
    for (const place of this.#at(step)) {
      const group = this.#groupOf(place, step);
      if (group !== undefined) this.#tell(place, group, step);
    }
    this.#steps.push(step);
    if (this.#steps.length > this.#bounds.steps) this.#steps.shift();
  }

  /** Closes those that are due. */
  tick(now: bigint): void {
    const { silence, age } = this.#bounds;
    for (const group of this.#groups()) {
      if (now - group.touched > silence) this.#close(group, "silence");
      else if (now - group.opened > age) this.#close(group, "age");
    }
  }

  /** Closes all. */
  end(): void {
    for (const group of this.#groups()) this.#close(group, "end");
  }

  /** Those that are open, the newest first, with their place in the order of opening. */
  views(): { readonly view: IncidentView; readonly seq: number }[] {
    return this.#groups()
      .sort((a, b) => b.seq - a.seq)
      .map((group) => ({ view: group.view(null), seq: group.seq }));
  }

  #begin(name: string, root: string, finding: Finding, now: bigint): Group {
    if (this.#open >= this.#bounds.open) this.#makeRoom();
    let place = this.#places.get(name);
    if (place === undefined) {
      place = {
        tenant: finding.tenant,
        where: whereOf(finding.event.source, finding.container?.id ?? null),
        groups: new Set(),
        byJoint: new Map(),
        byDoer: new Map(),
      };
      this.#places.set(name, place);
    }
    const rooted = `${name} ${root}`;
    const previous = this.#roots.get(rooted) ?? null;
    const id = uuidOf(["incident", name, root, root === "none" ? String(finding.event.time) : previous]);
    this.#roots.delete(rooted);
    this.#roots.set(rooted, id);
    if (this.#roots.size > this.#bounds.roots) this.#roots.delete(this.#roots.keys().next().value as string);
    const group = new Group({ id, place: name, root, previous, opened: now, seq: ++this.#seq }, finding, this.#budgets);
    place.groups.add(group);
    this.#open++;
    return group;
  }

  /** All of them are one from now on. */
  #join(place: Place, groups: ReadonlySet<Group>): Group {
    const [oldest, ...others] = [...groups].sort(byAge) as [Group, ...Group[]];
    for (const other of others) {
      if (this.#changed.get(other)?.told != null)
        this.#news.push({ activity: "merged", incident: other.view(null), into: oldest.id });
      this.#forget(place, other);
      oldest.absorb(other);
      this.#merges++;
      for (const joint of other.joints) this.#tie(place.byJoint, oldest.joints, joint, oldest);
      for (const doer of other.doers) this.#tie(place.byDoer, oldest.doers, doer, oldest);
    }
    return oldest;
  }

  #tie(index: Map<string, Group>, own: Set<string>, key: string, group: Group): void {
    if (own.has(key) || !this.#budgets.joints.take(group.joints.size + group.doers.size)) return;
    own.add(key);
    index.set(key, group);
  }

  /** From now on its process is watched; what it and those above it did a moment ago is told. */
  #recall(place: Place, group: Group, finding: Finding): void {
    const doer = doerOf(finding);
    if (doer === null || group.doers.has(doer)) return;
    this.#tie(place.byDoer, group.doers, doer, group);
    const { time } = finding.event;
    const above = new Set([doer, ...ancestorsBelow(finding)]);
    for (const step of this.#steps) {
      if (whereOf(step.source, step.container) !== place.where || time - step.time > this.#bounds.before) continue;
      if (above.has(step.process.key) || step.ancestors.includes(doer)) this.#tell(place, group, step);
    }
  }

  #tell(place: Place, group: Group, step: Step): void {
    if (place.tenant !== null && !this.#sees(place.tenant, step)) return;
    group.step(step);
    this.#tie(place.byDoer, group.doers, step.process.key, group);
  }

  *#at(step: Step): Generator<Place> {
    const where = whereOf(step.source, step.container);
    for (const place of this.#places.values()) if (place.where === where) yield place;
  }

  #groupOf({ byDoer }: Place, { process, ancestors }: Step): Group | undefined {
    if (byDoer.size === 0) return undefined;
    const doer = [process.key, ...ancestors].find((key) => byDoer.has(key));
    return doer === undefined ? undefined : byDoer.get(doer);
  }

  #groups(): Group[] {
    return [...this.#places.values()].flatMap(({ groups }) => [...groups]);
  }

  /** Of the tenant that has most open, in the place that has most: the least grave, the longest silent. */
  #makeRoom(): void {
    const ofTenant = new Map<string | null, number>();
    for (const { tenant, groups } of this.#places.values())
      ofTenant.set(tenant, (ofTenant.get(tenant) ?? 0) + groups.size);
    const [tenant] = [...ofTenant].reduce((a, b) => (b[1] > a[1] ? b : a));
    const places = [...this.#places.values()].filter((one) => one.tenant === tenant);
    const { groups } = places.reduce((a, b) => (b.groups.size > a.groups.size ? b : a));
    this.#close(
      [...groups].reduce((a, b) => (isLess(b, a) ? b : a)),
      "room",
    );
  }

  #close(group: Group, reason: CloseReason): void {
    const view = group.view(reason);
    if (this.#changed.get(group)?.told === null) this.#news.push({ activity: "opened", incident: view, into: null });
    if (this.#told) this.#news.push({ activity: "closed", incident: view, into: null });
    this.#forget(this.#places.get(group.place)!, group);
    group.timeline.release();
    group.tree.release();
    this.#onClosed(view, group.seq);
  }

  #forget(place: Place, group: Group): void {
    this.#changed.delete(group);
    const ties = group.joints.size + group.doers.size;
    this.#budgets.joints.give(ties, ties);
    for (const joint of group.joints) if (place.byJoint.get(joint) === group) place.byJoint.delete(joint);
    for (const doer of group.doers) if (place.byDoer.get(doer) === group) place.byDoer.delete(doer);
    place.groups.delete(group);
    if (place.groups.size === 0) this.#places.delete(group.place);
    this.#open--;
  }
}

function whereOf(source: string, container: string | null): string {
  return `${source} ${container ?? ""}`;
}

function byAge(a: Group, b: Group): number {
  if (a.first !== b.first) return a.first < b.first ? -1 : 1;
  return a.id < b.id ? -1 : 1;
}

/** Whether `a` may go before `b`. */
function isLess(a: Group, b: Group): boolean {
  return a.severity !== b.severity ? a.severity > b.severity : a.touched < b.touched;
}
