// SPDX-License-Identifier: Apache-2.0
// Answers alerts by the operator's rows: asks the agent that an alert came from to kill, freeze or tighten
// its process, or to deny it calls, or does itself what is the host's to do (host-deeds.ts), and says what
// came of it. Three things it never does: it never answers an alert of a tenant's policy by another row
// than one that tenants.yaml has for that tenant, it never asks another agent than the alert's own, and it
// believes no agent about what it was not asked.
//
//   alert - row - limit - "requested" - agent or host - "done", "partial", "gone", "refused" or "failed"
//
// A response to a tree covers what descends from its process, as far as an alert names its makers (the 16
// nearest parents): such an alert asks for nothing while the agent has not answered. About another descendant
// the agent is asked, and finds nobody. Whoever acts on after the answer is asked about anew.
import type { ResponseAction, ResponseAnswer, ResponseRequest } from "../capture/agent.js";
import type { Finding } from "../finding/finding.js";
import type { Alert } from "../output/alert.js";
import { deniedOf, excepts, type ResponseRow } from "../policy/respond.js";
import { DEEDS, type HostAction, holdOf, isOfHost } from "./deeds.js";
import { type HostAnswer, type HostDeed, HostDeeds } from "./host-deeds.js";
import { ResponseLimit } from "./limit.js";
import type { ResponseStatus, ResponseStepNews } from "./steps.js";

export type { ResponseRow } from "../policy/respond.js";
export { capturing } from "./capture.js";
export type { HostAnswer, HostOrder } from "./host-deeds.js";
export { type ResponseStepNews, responseAlert, timelineStep } from "./steps.js";

/** An agent that can be asked. */
export interface Responding {
  readonly number: number;
  readonly name: string;
  readonly hostname: string;
}

/** How a responder asks, and where it tells. */
export interface ResponderHandlers<P extends Responding> {
  /** Gives an agent a request; false: it is gone. */
  readonly send: (peer: P, request: ResponseRequest) => boolean;
  /** The rows of a tenant that hold for what this peer watches; none, unless tenants.yaml has some. */
  readonly rowsOf: (tenant: string, peer: P) => readonly ResponseRow[];
  /** How the host does what is its own. */
  readonly deeds: Readonly<Record<HostAction, HostDeed<P>>>;
  readonly onStep: (news: ResponseStepNews) => void;
  /** ns since the epoch. */
  readonly now: () => bigint;
}

/** What one agent was asked, and has not answered to the end. */
interface Asked<P> {
  readonly peer: P;
  readonly row: ResponseRow;
  readonly rule: string;
  readonly finding: Finding;
  /** Whose limit it uses: of which agent, tenant and row. */
  readonly place: string;
  readonly limit: ResponseLimit;
  readonly key: string;
  /** A response to any of them covers this alert: the process, and where a tree is meant its makers. */
  readonly covers: readonly string[];
  /** ns since the epoch. */
  readonly since: bigint;
  /** When the agent said that it holds; null: it has not. */
  actedAt: bigint | null;
  /** It was told that the agent's word does not hold. */
  isDoubted: boolean;
}

/** One that waits to be asked: the limit would be full if those that are under way found somebody. */
interface Waiting<P> {
  readonly asked: Asked<P>;
  readonly process: { readonly pid: number; readonly started: bigint };
}

const SECOND_NS = 1_000_000_000n;
const SPARED = "its program is one of `except`";
/** An agent that has not answered by then does not. */
const PATIENCE_NS = 10n * SECOND_NS;
/** What happened so long after the agent's answer at the latest was on its way; later, it was no dead one. */
const STRAGGLERS_NS = SECOND_NS;
/** Processes and trees that an agent says it has killed or tightened; beyond it, the oldest are forgotten. */
const KEPT_MAX = 1024;
/** So many wait for the answers of others, of one row in one container; more are too many. */
const WAITING_MAX = 64;
const UNASKED = "the agent tells of a response that it was not asked for, or tells it twice";

/** One for all agents. `P` is the caller's own type of agent. */
export class Responder<P extends Responding> {
  #rows: readonly ResponseRow[];
  readonly #handlers: ResponderHandlers<P>;
  readonly #limits = new Map<string, ResponseLimit>();
  readonly #asked = new Map<number, Asked<P>>();
  /** What is being done to whom: an alert that comes meanwhile asks for nothing new. */
  readonly #busy = new Map<string, Asked<P>>();
  readonly #waiting = new Map<string, Waiting<P>[]>();
  readonly #ofHost: HostDeeds<P>;
  readonly #killed = new Map<string, bigint>();
  /** What holds for good there, so that no further alert asks for it again. */
  readonly #lasting = new Map<string, bigint>();
  #ids = 0;

  constructor(rows: readonly ResponseRow[], handlers: ResponderHandlers<P>) {
    this.#rows = rows;
    this.#handlers = handlers;
    this.#ofHost = new HostDeeds(handlers.deeds);
  }

  /**
   * From here on these rows answer the operator's alerts. A row that says what one of before says goes on
   * with its limit. What an agent was asked for is done; what waits for the limit of a row that is not there
   * any more is not.
   */
  take(rows: readonly ResponseRow[]): void {
    const kept = new Set(rows.map(rowKey));
    this.#rows = rows;
    const unasked = this.#takeWaiting(({ finding, row }) => finding.tenant === null && !kept.has(rowKey(row)));
    for (const asked of unasked) this.#tell(asked, 0, "refused", "host", "its row is not there any more", null);
  }

  /** Whether any alert is answered. */
  get hasRows(): boolean {
    return this.#rows.length > 0;
  }

  /** An alert is out. `peer`: the agent that its event came from; null: nobody can be asked. */
  onAlert(alert: Alert, peer: P | null): void {
    const { rule, finding, tenant = null } = alert;
    if (finding === undefined || tenant !== finding.tenant || peer === null) return;
    const rows = tenant === null ? this.#rows : this.#handlers.rowsOf(tenant, peer);
    for (const row of rows) {
      if (!row.rules.includes(rule)) continue;
      const place = `${peer.number}/${tenant ?? ""}/${rowKey(row)}`;
      const { action } = row;
      if (isOfHost(action)) this.#do(action, row, place, alert, finding, peer);
      else this.#answer(row, place, rule, finding, peer);
    }
  }

  /** An agent says what came of a request. */
  onAnswer(peer: P, { id, step, status, processes, why }: ResponseAnswer): "heard" | "unasked" {
    const asked = this.#asked.get(id);
    const isExpected =
      asked !== undefined && asked.peer.number === peer.number && (asked.actedAt !== null) === (step === "ended");
    if (!isExpected) return "unasked";
    const { kills } = DEEDS[asked.row.action];
    const holds = holdOf(asked.row);
    const isReal = step === "acted" && asked.row.mode === "enforce";
    if (step === "acted") asked.limit.settle(asked.since, status === "gone");
    const isHeld = status === "done" || status === "partial";
    if (isReal && holds === "for" && isHeld) asked.actedAt = this.#handlers.now();
    else this.#forget(id, asked);
    if (isReal && status === "done" && kills) this.#keep(this.#killed, asked.key);
    // A tree is denied its calls once, whoever of it was left alone.
    const isEnough = asked.row.calls.length > 0 ? isHeld : status === "done";
    if (isReal && isEnough && holds === "for good") this.#keep(this.#lasting, asked.key);
    this.#tell(asked, id, step === "ended" ? "ended" : status, "agent", why, processes);
    this.#goOn(asked.place);
    return "heard";
  }

  /** The clock goes on: who should have answered by now? */
  tick(now: bigint): void {
    for (const [id, asked] of this.#asked) {
      const end = asked.since + PATIENCE_NS + (asked.actedAt === null ? 0n : BigInt(asked.row.for) * SECOND_NS);
      if (now > end && asked.actedAt !== null)
        this.#give(id, asked, "unknown", "the agent does not say that it has ended");
      else if (now > end) this.#give(id, asked, "failed", "the agent did not answer in time");
    }
  }

  /** An agent is gone, and nobody answers for it. */
  onLeft(peer: P): void {
    const unasked = this.#takeWaiting((asked) => asked.peer.number === peer.number);
    for (const [id, asked] of this.#asked) {
      if (asked.peer.number !== peer.number) continue;
      if (asked.actedAt !== null) this.#give(id, asked, "unknown", severedText(asked, this.#handlers.now()));
      else this.#give(id, asked, "failed", "the agent is gone, and has not said what it did");
    }
    for (const asked of unasked)
      this.#tell(asked, 0, "failed", "host", "the agent was gone before the limit let it be asked", null);
    for (const key of this.#limits.keys()) if (key.startsWith(`${peer.number}/`)) this.#limits.delete(key);
  }

  /** Nothing more comes. */
  end(): void {
    const unasked = this.#takeWaiting(() => true);
    for (const [id, asked] of this.#asked)
      this.#give(id, asked, "gone", "the workload ended before the agent answered");
    this.#ofHost.end();
    for (const asked of unasked)
      this.#tell(asked, 0, "gone", "host", "the workload ended before the limit let the agent be asked", null);
  }

  /** For whoever tells of an answer that nobody expects. */
  static readonly unasked = UNASKED;

  #answer(row: ResponseRow, place: string, rule: string, finding: Finding, peer: P): void {
    const { pid, started } = finding.process ?? { pid: null, started: null };
    const nameOf = (one: { pid: number | null; started: bigint | null }): string =>
      `${place}/${one.pid}@${one.started}`;
    const key = nameOf({ pid, started });
    const makers = DEEDS[row.action].to === "tree" ? finding.ancestors.map(nameOf) : [];
    const asked: Asked<P> = {
      ...{ peer, row, place, rule, finding, limit: this.#limitOf(place, row), actedAt: null, isDoubted: false },
      ...{ key, covers: [key, ...makers], since: this.#handlers.now() },
    };
    if (pid !== null && started !== null) this.#admit({ asked, process: { pid, started } });
    else this.#tell(asked, 0, "failed", "host", "nobody knows which process it was", null);
  }

  /** Asks, if the alert is not covered and the limit allows it, now or later. */
  #admit(one: Waiting<P>): void {
    const { asked, process } = one;
    const waiting = this.#waiting.get(asked.place) ?? [];
    if (waiting.some(({ asked: { key } }) => asked.covers.includes(key))) return;
    if (this.#isCovered(asked) || this.#isStraggler(asked)) return;
    const allowance = asked.limit.take(asked.since);
    const canWait = allowance === "later" && waiting.length < WAITING_MAX;
    const outcome = allowance === "later" && !canWait ? asked.limit.disarm() : allowance;
    if (outcome === "ready") this.#ask(asked, process);
    if (outcome === "later") this.#waiting.set(asked.place, [...waiting, one]);
    if (outcome === "disarmed") this.#tell(asked, 0, "limited", "host", limitText(asked.row), null);
  }

  /** Nobody will ask an agent for these any more. */
  #takeWaiting(isMeant: (asked: Asked<P>) => boolean): Asked<P>[] {
    const taken: Asked<P>[] = [];
    for (const [place, waiting] of this.#waiting) {
      if (!waiting.some(({ asked }) => isMeant(asked))) continue;
      this.#waiting.delete(place);
      taken.push(...waiting.map(({ asked }) => asked));
    }
    return taken;
  }

  /** One is answered: is there room for those that wait? */
  #goOn(place: string): void {
    const waiting = this.#waiting.get(place) ?? [];
    this.#waiting.delete(place);
    for (const { asked, process } of waiting)
      this.#admit({ asked: { ...asked, since: this.#handlers.now() }, process });
  }

  /**
   * Whether a response is under way, or holds, that means this process. What happened later than an agent
   * said that it holds a tree was done by somebody whom it does not hold: one of `except`, or the agent lies.
   */
  #isCovered({ covers, key, finding }: Asked<P>): boolean {
    if (covers.some((one) => this.#lasting.has(one))) return true;
    const those = covers.flatMap((one) => this.#busy.get(one) ?? []);
    const acts = ({ row }: Asked<P>): boolean => row.action !== "freeze"; // who is only denied calls acts on
    if (those.some((one) => one.actedAt === null || acts(one) || finding.event.time <= one.actedAt + STRAGGLERS_NS))
      return true;
    for (const held of those) {
      const isWithin = finding.event.time < held.since + BigInt(held.row.for) * SECOND_NS;
      const isSpared = held.key !== key && held.row.except.programs.length > 0;
      if (!isWithin || isSpared || held.isDoubted) continue;
      held.isDoubted = true;
      const what = held.key === key ? "this process" : "the tree of this process";
      this.#tell(held, 0, "failed", "host", `the agent said that it holds ${what}, which still acts`, null);
    }
    return false;
  }

  /** Whether the alert was on its way when its process was killed. One that happened later is told of. */
  #isStraggler(asked: Asked<P>): boolean {
    const key = asked.covers.find((one) => this.#killed.has(one));
    if (key === undefined) return false;
    if (asked.finding.event.time <= this.#killed.get(key)! + STRAGGLERS_NS) return true;
    this.#killed.delete(key);
    const what = key === asked.key ? "this process" : "the tree of this process";
    this.#tell(asked, 0, "failed", "host", `the agent said that it had killed ${what}, which still acts`, null);
    return false;
  }

  #ask(asked: Asked<P>, process: { readonly pid: number; readonly started: bigint }): void {
    const { row, peer, key, finding } = asked;
    const id = ++this.#ids;
    this.#asked.set(id, asked);
    this.#busy.set(key, asked);
    const { action, mode, first_process: namesFirst, except } = row;
    const request = {
      id,
      action: DEEDS[action].asks ?? (action as ResponseAction),
      isDry: mode === "dry-run",
      namesFirst,
      ...process,
      seconds: row.for,
      programs: except.programs,
      rows: deniedOf(row, finding.tenant, finding.policy),
    };
    this.#tell(asked, id, "requested", "host", "", null);
    if (!this.#handlers.send(peer, request)) this.#give(id, asked, "failed", "the agent is gone");
  }

  #limitOf(place: string, row: ResponseRow): ResponseLimit {
    const limit = this.#limits.get(place) ?? new ResponseLimit(row.limit);
    this.#limits.set(place, limit);
    return limit;
  }

  #keep(those: Map<string, bigint>, key: string): void {
    those.delete(key); // the latest stands last
    those.set(key, this.#handlers.now());
    if (those.size > KEPT_MAX) those.delete(those.keys().next().value as string);
  }

  /** Nobody is asked: the host does it, once for all that a deed means, whoever's alert it is. */
  #do(action: HostAction, row: ResponseRow, place: string, alert: Alert, finding: Finding, peer: P): void {
    const isOfTask = DEEDS[action].to === "task";
    const key = isOfTask ? `task/${action}/${row.mode}` : "";
    const asked: Asked<P> = {
      ...{ peer, row, place, rule: alert.rule, finding, actedAt: null, isDoubted: false, key, covers: [] },
      ...{ limit: this.#limitOf(place, row), since: this.#handlers.now() },
    };
    if (this.#ofHost.isUnderWay(key) || this.#lasting.has(key)) return;
    if (excepts(row, finding.executable)) {
      this.#tell(asked, 0, "refused", "host", SPARED, null);
      return;
    }
    const allowance = asked.limit.take(asked.since);
    if (allowance === "disarmed") this.#tell(asked, 0, "limited", "host", limitText(row), null);
    if (allowance !== "ready") return;
    const id = ++this.#ids;
    const onAnswer = ({ status, why }: HostAnswer): void => {
      asked.limit.settle(asked.since, false);
      if (status === "done" && row.mode === "enforce" && holdOf(row) === "for good") this.#keep(this.#lasting, key);
      this.#tell(asked, id, status, "host", why, null);
    };
    if (isOfTask) this.#tell(asked, id, "requested", "host", "", null);
    this.#ofHost.begin(action, key, { alert, finding, peer, isDry: row.mode === "dry-run" }, onAnswer);
  }

  #give(id: number, asked: Asked<P>, status: ResponseStatus, why: string): void {
    this.#forget(id, asked);
    if (asked.actedAt === null) asked.limit.settle(asked.since, false);
    this.#tell(asked, id, status, "host", why, null);
    this.#goOn(asked.place);
  }

  #forget(id: number, asked: Asked<P>): void {
    this.#asked.delete(id);
    if (this.#busy.get(asked.key) === asked) this.#busy.delete(asked.key);
  }

  #tell(
    { row, rule, finding, peer }: Asked<P>,
    id: number,
    status: ResponseStatus,
    by: "host" | "agent",
    why: string,
    processes: number | null,
  ): void {
    const { name: container, hostname } = peer;
    const time = this.#handlers.now();
    this.#handlers.onStep({ id, row, rule, finding, status, by, why, processes, container, hostname, time });
  }
}

const rowKeys = new WeakMap<ResponseRow, string>();

/**
 * What a row says. When tenants.yaml is read again, a row that says the same is the same row, and one that
 * says something else is another, wherever it stands.
 */
function rowKey(row: ResponseRow): string {
  let key = rowKeys.get(row);
  if (key === undefined) {
    key = JSON.stringify(row);
    rowKeys.set(row, key);
  }
  return key;
}

/** What is known of a response that holds, and whose agent is not heard any more. */
function severedText({ row, since }: Asked<Responding>, now: bigint): string {
  const { meanwhile = "it holds" } = DEEDS[row.action];
  const left = (since + BigInt(row.for) * SECOND_NS - now + SECOND_NS - 1n) / SECOND_NS;
  const holds = `it is not heard any more: if it lives, ${meanwhile} for ${left > 0n ? left : 0n} s more`;
  return `the agent's connection has ended, and ${holds}; if it has ended, the kernel has killed the tree`;
}

function limitText({ limit: { perMinute: most, after } }: ResponseRow): string {
  const how = after === "off" ? "until the agent connects anew" : "until there were fewer";
  return `there were ${most} within a minute in this container: the row does nothing there ${how}`;
}
