// SPDX-License-Identifier: Apache-2.0
// Which program a finding is about, by the SHA-256 of its file. Only the agent can read that file, and it
// takes its time, so an alert goes out at once. Where the digest is known by then, the alert has it. Where
// it is not, the agent is asked, and whoever can be told more of an alert is told: the file of evidence,
// and outputs that have a form for it. An agent's word holds for findings of the same file on the same
// connection.
import type { HashAnswer, HashRequest } from "../capture/agent.js";
import type { Alert } from "../output/alert.js";

/** An agent that can be asked. */
export interface Identifying {
  readonly number: number;
}

/** What came of an answer. */
export interface Identified {
  /** The alert that it was asked for, with the digest; null: there is none. */
  readonly told: Alert | null;
  /** Whether this agent was asked. */
  readonly isAsked: boolean;
}

/** Executables that are remembered; the one that was needed longest ago is forgotten first. */
const KNOWN_MAX = 1_000;
/** Questions that one agent has not answered: who never answers is asked no more. */
const ASKED_MAX = 8;
/**
 * A file that changed so shortly before a process began may be another one than the process runs: the clock
 * of files goes in steps.
 */
const STEP_NS = 1_000_000_000n;

/** Of all agents. */
export class Executables<P extends Identifying> {
  readonly #send: (peer: P, request: HashRequest) => boolean;
  /** SHA-256, by agent and file. */
  readonly #known = new Map<string, string>();
  readonly #asked = new Map<number, { readonly peer: P; readonly key: string; readonly alert: Alert }>();
  #last = 0;

  /** `send`: gives an agent a question; false: it is gone. */
  constructor(send: (peer: P, request: HashRequest) => boolean) {
    this.#send = send;
  }

  /** The alert with its executable's digest; as it is where that is not known. */
  mark(alert: Alert, peer: P | null): Alert {
    const key = keyOf(alert, peer);
    const sha256 = key === null ? undefined : this.#known.get(key);
    if (key === null || sha256 === undefined) return alert;
    this.#remember(key, sha256);
    return withDigest(alert, sha256);
  }

  /** Asks the alert's agent where it does not say what its executable is, and nobody has asked. */
  ask(alert: Alert, peer: P | null): void {
    const key = keyOf(alert, peer);
    const { process, executable } = alert.finding ?? {};
    if (peer === null || key === null || process == null || executable == null || executable.sha256 !== undefined)
      return;
    const asked = [...this.#asked.values()].filter((one) => one.peer.number === peer.number);
    if (asked.length >= ASKED_MAX || asked.some((one) => one.key === key)) return;
    const { pid, started } = process;
    const { dev, ino, changed, path } = executable;
    if (pid === null || started === null || dev === null || ino === null || changed === null || path === null) return;
    const id = ++this.#last;
    if (this.#send(peer, { id, pid, started, dev, ino, changed, path })) this.#asked.set(id, { peer, key, alert });
  }

  /** An agent that tells of what it was not asked for is not believed. */
  onAnswer(peer: P, { id, sha256 }: HashAnswer): Identified {
    const asked = this.#asked.get(id);
    if (asked === undefined || asked.peer.number !== peer.number) return { told: null, isAsked: false };
    this.#asked.delete(id);
    if (sha256 === null) return { told: null, isAsked: true };
    this.#remember(asked.key, sha256);
    return { told: withDigest(asked.alert, sha256), isAsked: true };
  }

  onLeft({ number }: P): void {
    for (const [id, { peer }] of this.#asked) if (peer.number === number) this.#asked.delete(id);
    for (const key of this.#known.keys()) if (key.startsWith(`${number}/`)) this.#known.delete(key);
  }

  /** The newest stands last. */
  #remember(key: string, sha256: string): void {
    this.#known.delete(key);
    this.#known.set(key, sha256);
    const [oldest] = this.#known.keys();
    if (this.#known.size > KNOWN_MAX && oldest !== undefined) this.#known.delete(oldest);
  }
}

function withDigest(alert: Alert, sha256: string): Alert {
  const { finding } = alert;
  if (finding?.executable == null) return alert;
  return { ...alert, finding: { ...finding, executable: { ...finding.executable, sha256 } } };
}

/**
 * What one answer holds for: a file on this connection, or one process's, where the file changed so shortly
 * before. Null: nobody is asked. A tenant's findings are left as they are: its cell says which process they
 * are about, and it must not learn of a program what its scope does not show.
 */
function keyOf({ finding, tenant }: Alert, peer: Identifying | null): string | null {
  const { process, executable } = finding ?? {};
  if (peer === null || tenant !== undefined || process == null || executable == null) return null;
  const { dev, ino, changed } = executable;
  const { pid, started } = process;
  if (pid === null || started === null || dev === null || ino === null || changed === null) return null;
  const file = `${peer.number}/${dev}/${ino}/${changed}`;
  return started > changed + STEP_NS ? file : `${file}/${pid}/${started}`;
}
