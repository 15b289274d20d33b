// SPDX-License-Identifier: Apache-2.0
// Which program a finding is about, by the SHA-256 of its file. Only the agent can read that file, and it
// takes its time, so an alert goes out at once. Where the digest is known by then, the alert has it. Where
// it is not, the agent is asked, and whoever can be told more of an alert is told: the file of evidence,
// and outputs that have a form for it. An agent's word holds for findings of the same file on the same
// connection, or, where it says so, of the same process alone. What it cannot say it is not asked again for
// a while.
import type { HashAnswer, HashRequest } from "../capture/agent.js";
import type { Alert } from "../output/alert.js";

/** An agent that can be asked. */
export interface Identifying {
  readonly number: number;
}

/** Told the alert with its executable's digest. */
export type Tell = (alert: Alert) => void;

/** What an answer may hold for. */
interface Keys {
  /** One process that runs the file. */
  readonly own: string;
  /**
   * All that run it on this connection; null: it changed so shortly before the process began that it may be
   * another one than the process runs.
   */
  readonly all: string | null;
}

interface Question {
  readonly keys: Keys;
  /** When it was asked, in ms of the clock. */
  readonly at: number;
  readonly waiting: { readonly alert: Alert; readonly tell: Tell }[];
}

/** Of one agent. Digests and what cannot be said are by key; the newest stands last. */
interface Peer {
  readonly known: Map<string, string>;
  /** Until when it is not asked again, in ms of the clock. */
  readonly unsaid: Map<string, number>;
  readonly asked: Map<number, Question>;
}

/** What is remembered of one agent; of more, what was needed longest ago is forgotten. */
const KNOWN_MAX = 250;
/** Questions that one agent has not answered. */
const ASKED_MAX = 8;
/** Alerts that wait for one answer; those that are more stay without. */
const WAITING_MAX = 16;
/** An agent reads a file for 20 s at most, one after another: what it has not answered then, it will not. */
const EXPIRES_MS = 180_000;
/** How long what cannot be said is not asked again. */
const UNSAID_MS = 30_000;
/** The clock of files goes in steps. */
const STEP_NS = 1_000_000_000n;

/** Of all agents. */
export class Executables<P extends Identifying> {
  readonly #send: (peer: P, request: HashRequest) => boolean;
  readonly #now: () => number;
  readonly #peers = new Map<number, Peer>();
  #last = 0;

  /** `send`: gives an agent a question; false: it is gone. `now`: a clock in ms that is never set. */
  constructor(send: (peer: P, request: HashRequest) => boolean, now = (): number => performance.now()) {
    this.#send = send;
    this.#now = now;
  }

  /** The alert with its executable's digest; as it is where that is not known. */
  mark(alert: Alert, peer: P | null): Alert {
    const keys = subjectOf(alert)?.keys;
    const known = peer === null ? undefined : this.#peers.get(peer.number)?.known;
    if (keys === undefined || known === undefined) return alert;
    for (const key of [keys.own, keys.all]) {
      const sha256 = key === null ? undefined : known.get(key);
      if (key === null || sha256 === undefined) continue;
      remember(known, key, sha256);
      return withDigest(alert, sha256);
    }
    return alert;
  }

  /**
   * Has `tell` told of the alert's digest, once, as soon as its agent has said it; at once where it has. Not
   * where the alert has one already, and where the agent cannot say.
   */
  ask(alert: Alert, peer: P | null, tell: Tell): void {
    const subject = subjectOf(alert);
    if (peer === null || subject === null || alert.finding?.executable?.sha256 !== undefined) return;
    const marked = this.mark(alert, peer);
    if (marked !== alert) {
      tell(marked);
      return;
    }
    const one = this.#peers.get(peer.number) ?? { known: new Map(), unsaid: new Map(), asked: new Map() };
    const now = this.#now();
    for (const [id, { at }] of one.asked) if (now - at >= EXPIRES_MS) one.asked.delete(id);
    const { keys, request } = subject;
    const open = [...one.asked.values()].find((other) => nameOf(other.keys) === nameOf(keys));
    if (open !== undefined) {
      if (open.waiting.length < WAITING_MAX) open.waiting.push({ alert, tell });
      return;
    }
    if (one.asked.size >= ASKED_MAX || now < (one.unsaid.get(nameOf(keys)) ?? 0)) return;
    const id = ++this.#last;
    if (!this.#send(peer, { id, ...request })) return;
    one.asked.set(id, { keys, at: now, waiting: [{ alert, tell }] });
    this.#peers.set(peer.number, one);
  }

  /** False: this agent was not asked. One that tells of what it was not asked for is not believed. */
  onAnswer(peer: P, { id, sha256, why }: HashAnswer): boolean {
    const one = this.#peers.get(peer.number);
    const asked = one?.asked.get(id);
    if (one === undefined || asked === undefined) return false;
    one.asked.delete(id);
    const { keys, waiting } = asked;
    if (sha256 === null) {
      remember(one.unsaid, nameOf(keys), this.#now() + UNSAID_MS);
      return true;
    }
    const key = why === "" ? nameOf(keys) : keys.own;
    remember(one.known, key, sha256);
    // Those of other processes, for which it does not hold, are asked about in their turn.
    for (const { alert, tell } of waiting) this.ask(alert, peer, tell);
    return true;
  }

  onLeft({ number }: P): void {
    this.#peers.delete(number);
  }
}

/** What a question is about: all for which its answer may hold. */
const nameOf = ({ own, all }: Keys): string => all ?? own;

function remember<Value>(known: Map<string, Value>, key: string, value: Value): void {
  known.delete(key);
  known.set(key, value);
  const [oldest] = known.keys();
  if (known.size > KNOWN_MAX && oldest !== undefined) known.delete(oldest);
}

function withDigest(alert: Alert, sha256: string): Alert {
  const { finding } = alert;
  if (finding?.executable == null) return alert;
  return { ...alert, finding: { ...finding, executable: { ...finding.executable, sha256 } } };
}

/**
 * What is to be asked about an alert; null: nothing. A tenant's findings are left as they are: its cell says
 * which process they are about, and it must not learn of a program what its scope does not show.
 */
function subjectOf({ finding, tenant }: Alert): { keys: Keys; request: Omit<HashRequest, "id"> } | null {
  const { process, executable } = finding ?? {};
  if (tenant !== undefined || process == null || executable == null) return null;
  const { dev, ino, changed, path } = executable;
  const { pid, started } = process;
  if (pid === null || started === null || dev === null || ino === null || changed === null) return null;
  if (path?.startsWith("/") !== true || pid <= 0 || [started, dev, ino, changed].some((number) => number <= 0n))
    return null;
  const file = `${dev}/${ino}/${changed}`;
  const keys = { own: `${file}/${pid}/${started}`, all: started > changed + STEP_NS ? file : null };
  return { keys, request: { pid, started, dev, ino, changed, path } };
}
