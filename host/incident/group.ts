// SPDX-License-Identifier: Apache-2.0
// One incident while it is open: its findings as rows, its processes, and the joints by which others find it.
import { cutText, type Finding, findingId } from "../finding/finding.js";
import { PRIORITIES, type Priority } from "../finding/priority.js";
import type { Alert, AlertIncident } from "../output/alert.js";
import type { Budget } from "./budget.js";
import { processKey } from "./joints.js";
import type { CloseReason, IncidentView, RowKind, Step } from "./parts.js";
import { tacticsOf } from "./tactics.js";
import { Timeline, type Told } from "./timeline.js";
import { Tree } from "./tree.js";

/** Budgets that all incidents share. */
export interface Budgets {
  readonly rows: Budget;
  readonly processes: Budget;
  readonly joints: Budget;
}

/** From so many tactics on an incident is graver than each of its findings. */
const TACTICS_OF_A_CHAIN = 3;
const TAGS_MAX = 32;
const MERGED_MAX = 16;
const TEXT_MAX = 200;
const COMMAND_MAX = 256;

/** An open incident. */
export class Group {
  readonly id: string;
  readonly place: string;
  readonly root: string;
  readonly previous: string | null;
  /** By which others find it. */
  readonly joints = new Set<string>();
  /** Keys of processes of which each step counts. */
  readonly doers = new Set<string>();
  readonly timeline: Timeline;
  readonly tree: Tree;
  /** When it was opened, and when the last finding came. */
  readonly opened: bigint;
  touched: bigint;
  readonly seq: number;
  first: bigint;
  last: bigint;
  count = 0;
  repeats = 0;
  #gravest = PRIORITIES.length - 1;
  #title = "";
  readonly #tactics = new Set<string>();
  readonly #tags = new Set<string>();
  #merged: string[] = [];
  readonly #facts: Pick<IncidentView, "tenant" | "source" | "container">;

  constructor(
    start: Pick<Group, "id" | "place" | "root" | "previous" | "opened" | "seq">,
    finding: Finding,
    budgets: Budgets,
  ) {
    this.id = start.id;
    this.place = start.place;
    this.root = start.root;
    this.previous = start.previous;
    this.opened = start.opened;
    this.touched = start.opened;
    this.seq = start.seq;
    this.first = finding.event.time;
    this.last = finding.event.time;
    this.timeline = new Timeline(budgets.rows);
    this.tree = new Tree(budgets.processes);
    const { tenant, event, container } = finding;
    const { id = "", name = null } = container ?? {};
    this.#facts = { tenant, source: event.source, container: container === null ? null : { id, name } };
  }

  /** The index in PRIORITIES. */
  get severity(): number {
    const isChain = this.#tactics.size >= TACTICS_OF_A_CHAIN;
    return Math.max(0, this.#gravest - (isChain ? 1 : 0));
  }

  get brief(): AlertIncident {
    const { id, count, first, last } = this;
    return { id, count, first, last };
  }

  /** `repeat`: its key, and whether it is one. */
  add(alert: Alert, finding: Finding, repeat: { readonly key: string; readonly isFirst: boolean }): void {
    const { time } = finding.event;
    this.count++;
    if (!repeat.isFirst) this.repeats++;
    if (time < this.first) this.first = time;
    if (time > this.last) this.last = time;
    const gravity = PRIORITIES.indexOf(alert.priority);
    if (gravity < this.#gravest || this.#title === "") {
      this.#gravest = Math.min(gravity, this.#gravest);
      this.#title = finding.rule;
    }
    for (const tactic of tacticsOf(finding.tags)) this.#tactics.add(tactic);
    for (const tag of finding.tags) if (this.#tags.size < TAGS_MAX) this.#tags.add(tag);
    this.timeline.finding(toldOf(alert, finding, repeat.key));
    this.tree.finding(finding);
  }

  step(step: Step): void {
    const { kind, time, tid, process, subject } = step;
    this.timeline.step({
      key: `${kind} ${subject}`,
      time,
      event: eventKey(time, tid),
      id: null,
      kind,
      text: kind === "response" ? cutText(subject, TEXT_MAX) : kind === "exec" ? "ran" : "connected to",
      subject: kind === "response" ? null : cutText(subject, COMMAND_MAX),
      pid: process.pid,
      command: process.command === null ? null : cutText(process.command, COMMAND_MAX),
      ...{ policy: null, rule: null, priority: null, runbook: null },
    });
    this.tree.step(step);
  }

  /** The other is older or of the same age and goes on in this one, whose id stays. */
  absorb(other: Group): void {
    if (other.first < this.first) this.first = other.first;
    if (other.last > this.last) this.last = other.last;
    if (other.touched > this.touched) this.touched = other.touched;
    this.count += other.count;
    this.repeats += other.repeats;
    if (other.#gravest < this.#gravest) [this.#gravest, this.#title] = [other.#gravest, other.#title];
    for (const tactic of other.#tactics) this.#tactics.add(tactic);
    for (const tag of other.#tags) if (this.#tags.size < TAGS_MAX) this.#tags.add(tag);
    this.#merged = [...this.#merged, other.id, ...other.#merged].slice(0, MERGED_MAX);
    this.timeline.absorb(other.timeline);
    this.tree.absorb(other.tree);
  }

  view(closed: CloseReason | null): IncidentView {
    const { id, first, last, count, repeats, previous } = this;
    return {
      id,
      closed,
      severity: PRIORITIES[this.severity] as Priority,
      title: this.#title,
      tactics: [...this.#tactics],
      tags: [...this.#tags],
      ...this.#facts,
      ...{ first, last, count, repeats },
      rows: this.timeline.rows(),
      processes: this.tree.processes(),
      leftOut: { ...this.timeline.leftOut, processes: this.tree.leftOut },
      previous,
      merged: this.#merged,
    };
  }
}

/** One event of one thread. */
function eventKey(time: bigint, tid: number): string {
  return `${time}/${tid}`;
}

function toldOf(alert: Alert, finding: Finding, key: string): Told {
  const { event, tid, process, file, endpoint, executable, prevention } = finding;
  const kind: RowKind = prevention === null ? "finding" : "denial";
  const [sentence = ""] = alert.output.split(" | ", 1);
  const remote = endpoint?.remoteIp == null ? null : addressText(endpoint.remoteIp, endpoint.remotePort);
  const subject = prevention?.subject ?? file?.realPath ?? file?.path ?? remote ?? executable?.path ?? null;
  return {
    key,
    time: event.time,
    event: eventKey(event.time, tid),
    id: findingId(finding),
    kind,
    text: cutText(sentence === "" ? finding.rule : sentence, TEXT_MAX),
    subject: subject === null ? null : cutText(subject, COMMAND_MAX),
    pid: process?.pid ?? null,
    command: process?.commandLine == null ? (process?.name ?? null) : cutText(process.commandLine, COMMAND_MAX),
    policy: finding.policy,
    rule: finding.rule,
    priority: alert.priority,
    runbook: alert.grouping?.runbook ?? null,
  };
}

/** `10.0.0.1:80`, `[::1]:80`. */
export function addressText(ip: string, port: number | null): string {
  const host = ip.includes(":") ? `[${ip}]` : ip;
  return port === null ? host : `${host}:${port}`;
}

/** Of the process that a finding is about; null: it is of none. */
export function doerOf({ process }: Finding): string | null {
  return process === null ? null : processKey(process.pid, process.started);
}
