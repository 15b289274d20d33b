// SPDX-License-Identifier: Apache-2.0
// Carries alerts to a stream of NATS JetStream, a message each, which counts as sent when the stream has
// acknowledged it. Its id is the finding's, so that a message whose acknowledgement got lost is kept once.
// A line that waits is `SUBJECT ID BODY`. All lines of a batch are on their way at once, and those that were
// not taken are sent again, they alone.
import { VedetteError } from "../errors.js";
import { uuidOf } from "../finding/finding.js";
import { type Alert, alertId } from "./alert.js";
import type { IncidentNews } from "./incident-news.js";
import { NatsClient, type NatsEnd, type NatsMessage } from "./nats-client.js";
import { type SubjectNames, subjectOf } from "./nats-subject.js";
import type { NatsPlace } from "./nats-url.js";
import type { Carrier, Sent } from "./output.js";

/** Where alerts go, and on which subject. */
export interface NatsSettings extends NatsPlace {
  /** `vd.a.{tenant}` (nats-subject.ts). */
  readonly subject: string;
  /** The stream that must take it; undefined: any. */
  readonly stream?: string;
  /** So many alerts may wait. */
  readonly capacity: number;
}

/** A subject that nobody takes while others are taken is given up after so long, ms. */
const SUBJECT_MS = 30_000;

/** What is known of a line that waits. */
interface Known {
  isTaken?: true;
  /** Since when nobody takes its subject, while others are taken; by performance.now(). */
  since?: number;
}

/** An alert's line. `body`: what the message says. */
export function natsLine(template: string, alert: Alert, body: string): string {
  return `${subjectOf(template, namesOf(alert))} ${alertId(alert)} ${body}`;
}

/** The line of an alert that was sent before, and of which more is known now. */
export function natsUpdate(template: string, alert: Alert, body: string): string {
  return `${subjectOf(template, namesOf(alert))} ${uuidOf(["update", body])} ${body}`;
}

/** An incident's line. */
export function natsNews(template: string, { incident }: IncidentNews, body: string): string {
  const { tenant, container, severity } = incident;
  const names = { tenant, container: container?.name ?? container?.id ?? null, priority: severity };
  return `${subjectOf(template, names)} ${uuidOf(["news", body])} ${body}`;
}

function namesOf({ rule, priority, policy, tenant, finding, hostname }: Alert): SubjectNames {
  const { container = null, task = null } = finding ?? {};
  return {
    ...{ rule, priority, policy: policy ?? null, tenant: tenant ?? null },
    ...{ container: container?.name ?? container?.id ?? null, task: task?.arn ?? hostname },
  };
}

function messageOf(line: string): NatsMessage {
  const [subject = "", id = ""] = line.split(" ", 2);
  return { subject, id, body: line.slice(subject.length + id.length + 2) };
}

/** Publishes a batch at a time. */
export class NatsCarrier implements Carrier {
  readonly isByLine = true;
  readonly #client: NatsClient;
  readonly #settings: NatsSettings;
  readonly #subjectMs: number;
  /** Of the first lines that wait. */
  #known: Known[] = [];

  /** Throws VEDETTE_HTTP_FILE and VEDETTE_NATS_CREDENTIALS. */
  constructor(settings: NatsSettings, answerMs?: number, subjectMs = SUBJECT_MS) {
    this.#settings = settings;
    this.#client = new NatsClient(settings, answerMs);
    this.#subjectMs = subjectMs;
  }

  async send(lines: readonly string[], signal: AbortSignal): Promise<Sent> {
    const open = [...lines.keys()].filter((i) => this.#known[i]?.isTaken !== true);
    const messages = open.map((i) => messageOf(lines[i] as string));
    let ends: NatsEnd[];
    try {
      ends = await this.#client.publish(messages, this.#settings.stream, signal);
    } catch (error) {
      return { outcome: "again", taken: 0, error: this.#fault((error as Error).message) };
    }
    for (const [nth, i] of open.entries()) this.#learn(i, nth, ends, messages);
    const first = lines.findIndex((_, i) => this.#known[i]?.isTaken !== true);
    if (first === -1) {
      this.#forget(lines.length);
      return { outcome: "done" };
    }
    const end = ends[open.indexOf(first)] as Exclude<NatsEnd, { kind: "taken" }>;
    const { since = Number.POSITIVE_INFINITY } = this.#known[first] ?? {};
    const error = this.#fault(end.reason);
    if (end.kind === "large" || performance.now() - since >= this.#subjectMs) {
      this.#forget(first + 1);
      return { outcome: "refused", taken: first, error };
    }
    this.#forget(first);
    return { outcome: "again", taken: first, error };
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  /**
   * A subject on which nobody takes anything is the operator's to mend, and waits. Where the stream takes
   * others behind it, it may be one that a container chose: it must not keep those for ever.
   */
  #learn(i: number, nth: number, ends: readonly NatsEnd[], messages: readonly NatsMessage[]): void {
    const end = ends[nth] as NatsEnd;
    this.#known[i] ??= {};
    const known = this.#known[i];
    if (end.kind === "taken") known.isTaken = true;
    const isAlone =
      end.kind === "subject" &&
      ends.some(({ kind }, other) => kind === "taken" && messages[other]?.subject !== messages[nth]?.subject);
    if (isAlone) known.since ??= performance.now();
    else if (end.kind !== "subject") delete known.since;
  }

  /** The queue does, too. */
  #forget(count: number): void {
    this.#known = this.#known.slice(count);
  }

  #fault(reason: string): VedetteError {
    return new VedetteError("VEDETTE_NATS_OUTPUT", { url: this.#settings.url, reason });
  }
}
