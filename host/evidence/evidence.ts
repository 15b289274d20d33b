// SPDX-License-Identifier: Apache-2.0
// Evidence of findings: what an agent sent before one, and after it, in a recording that `vedette replay`
// judges again, and where it is asked for in a capture that Falco, sysdig and tshark open. This is the side
// of the host's first thread. It decides which finding makes a file, gives the file its name, and tells
// outputs when it is there. The thread behind it keeps batches and writes; another one makes captures.
//
//   finding - name - order - (pre-roll, live) - file, SHA-256 - alert "Evidence kept"
//                                               capture, SHA-256 - alert "Capture kept"
import type { Worker } from "node:worker_threads";
import { closeReader, openReader } from "../capture/ring.js";
import { VedetteError } from "../errors.js";
import { findingId } from "../finding/finding.js";
import { PRIORITIES } from "../finding/priority.js";
import type { Alert } from "../output/alert.js";
import { lockedFolder, ownFolder, unlockFolder } from "../own-folder.js";
import { reasonOf } from "../reason.js";
import { startThread } from "../thread.js";
import { Allowance } from "./allowance.js";
import { Capturer } from "./capturer.js";
import { extended, MARGIN_MS, withMargin } from "./duration.js";
import { captureAlert, keptAlert, noCaptureAlert, notKeptAlert } from "./evidence-alert.js";
import {
  EVIDENCE_BOUNDS,
  type EvidenceBounds,
  type EvidenceFacts,
  type EvidenceOf,
  type EvidenceSettings,
  type KeepOrder,
  type News,
  type Order,
} from "./parts.js";

/** What evidence needs. */
export interface EvidenceOptions extends EvidenceSettings {
  readonly bounds?: EvidenceBounds;
  readonly ring: SharedArrayBuffer;
  /** Tells what became of a file. */
  readonly onAlert: (alert: Alert) => void;
  /** It failed, and nothing more is kept. */
  readonly onFault: (error: VedetteError) => void;
}

export { type Asked, type CaptureForm, type EvidenceSettings, USUAL_EVIDENCE, type Which } from "./parts.js";

/** Numbers since the start, for metrics. */
export interface EvidenceStats {
  readonly kept: number;
  /** Of recordings and of captures. */
  readonly bytes: number;
  readonly captures: number;
  readonly capturesRefused: number;
  /** limit: the container has made enough files in this hour. full: of the folder, or its disk. */
  readonly refused: Readonly<Record<"limit" | "full" | "unwritable", number>>;
}

/** Findings below it make no file. */
const LEAST = PRIORITIES.indexOf("Notice");
const END_MS_MAX = 10_000;
const CAPTURES_MS_MAX = 20_000;
const NAME_CHARS = 40;
/** V8's of the thread; batches lie outside of its heap. */
const HEAP = { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 3 };

/** One that the thread writes: whose it is, the rule that began it, and how long findings are put into it. */
interface OpenFile {
  readonly name: string;
  readonly rule: string;
  readonly peer: EvidenceOf;
  readonly begun: number;
  until: number;
}

/** Opens with open(). Whoever opened it must close it. */
export class Evidence {
  readonly #options: EvidenceOptions;
  readonly #bounds: EvidenceBounds;
  readonly #worker: Worker;
  readonly #reader: number;
  readonly #allowance: Allowance;
  /** What each agent's file is called, since when it is written, and how long findings are put into it. */
  readonly #open = new Map<number, OpenFile>();
  readonly #refused = { limit: 0, full: 0, unwritable: 0 };
  readonly #capturer: Capturer | null;
  #asked: EvidenceOptions["asked"];
  #kept = 0;
  #bytes = 0;
  #captures = 0;
  #capturesRefused = 0;
  #nth = 0;
  #state: "open" | "ended" | "failed" = "open";
  #isInRing = true;
  #onEnded: () => void = () => undefined;

  /** Throws VEDETTE_EVIDENCE_UNUSABLE. */
  static open(options: EvidenceOptions): Evidence {
    try {
      return lockedFolder(ownFolder(options.folder), () => new Evidence(options));
    } catch (cause) {
      const { folder: path } = options;
      throw new VedetteError("VEDETTE_EVIDENCE_UNUSABLE", { path, reason: reasonOf(cause) }, { cause });
    }
  }

  private constructor(options: EvidenceOptions) {
    const { folder, ring, capture } = options;
    const bounds = boundsOf(options);
    this.#options = options;
    this.#bounds = bounds;
    this.#asked = options.asked;
    this.#capturer =
      capture === null
        ? null
        : new Capturer(folder, bounds, capture, {
            onMade: (recording, made) => {
              this.#captures++;
              this.#bytes += made.bytes;
              this.#allowance.spend(ownerOf(recording), made.bytes, performance.now());
              options.onAlert(captureAlert(recording, made));
            },
            onRefused: (recording, reason) => {
              this.#capturesRefused++;
              options.onAlert(noCaptureAlert(recording, reason));
            },
          });
    this.#allowance = new Allowance(bounds.filesAnHour, bounds.containerBytes);
    this.#reader = openReader(ring, false);
    const workerData = { folder, bounds, ring, reader: this.#reader };
    this.#worker = startThread(import.meta.url, "./evidence-thread", { workerData, resourceLimits: HEAP });
    this.#worker.on("message", (news: News) => this.#onNews(news));
    this.#worker.on("error", (error) => this.#onFailed(error));
    this.#worker.on("exit", () => this.#onFailed(new Error("its thread has ended")));
  }

  /**
   * The alert, with the name of the file that has what came before it; as it is where there is none.
   * `isAsked`: somebody asks for evidence of this alert, whatever its rule and its priority say.
   */
  mark(alert: Alert, peer: EvidenceOf | null, isAsked = false): Alert {
    const { finding, tenant, priority, incident } = alert;
    // A tenant's rule may match everything: it must not use up what the operator's findings need.
    if (this.#state === "ended" || finding === undefined || tenant !== undefined || peer === null) return alert;
    const asked = this.#asked.get(alert.rule);
    if (!isAsked && asked === undefined && !this.#isMeant(priority)) return alert;
    if (this.#state === "failed") {
      this.#refused.unwritable++;
      return alert;
    }
    const most = withMargin(this.#bounds).askedMsMax;
    const wanted = asked?.afterMs ?? this.#options.afterMs ?? this.#bounds.afterMs;
    const afterMs = Math.max(MARGIN_MS, Math.min(wanted, most));
    const name = this.#nameFor(alert, peer, afterMs);
    if (name === null) return alert;
    const { number: stream, hostname, facts } = peer;
    const ids = { finding: findingId(finding), incident: incident?.id ?? null };
    const order: KeepOrder = { kind: "keep", name, stream, hostname, facts, afterMs: afterMs + MARGIN_MS, ...ids };
    this.#order(order);
    const marked = { ...alert, evidence: fileOf(name) };
    this.identify(marked);
    return marked;
  }

  /** What the process of a finding ran is known: the file that has the finding says so. */
  identify({ finding, evidence }: Alert): void {
    const { path = null, sha256 } = finding?.executable ?? {};
    if (this.#state !== "open" || evidence === undefined || path === null || sha256 === undefined) return;
    const name = evidence.slice(0, -fileOf("").length);
    this.#order({ kind: "identify", name, executable: { path, sha256 } });
  }

  /** From here on these rules ask for evidence. */
  ask(asked: EvidenceOptions["asked"]): void {
    this.#asked = asked;
  }

  /** Whether mark() would name a file now, if somebody asked for it. Keeps nothing. */
  canMark({ finding, priority }: Alert, peer: EvidenceOf): boolean {
    if (this.#state !== "open" || finding === undefined) return false;
    const now = performance.now();
    return this.#openOf(peer, now) !== null || this.#allowance.has(keyOf(peer), priority, now);
  }

  /** One whose rule does not ask for evidence. */
  #isMeant(priority: Alert["priority"]): boolean {
    const { which } = this.#options;
    return which === "all" || (which === "notice" && PRIORITIES.indexOf(priority) <= LEAST);
  }

  /** Alerts can be taken: tells of what an earlier Vedette left when it was killed. */
  begin(): void {
    this.#order({ kind: "begin" });
  }

  stats(): EvidenceStats {
    const captures = { captures: this.#captures, capturesRefused: this.#capturesRefused };
    return { kept: this.#kept, bytes: this.#bytes, ...captures, refused: { ...this.#refused } };
  }

  /** Nothing more comes: resolves when what there is has its name, or could not be written in time. */
  async finish(): Promise<void> {
    if (this.#state !== "open") return;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#onEnded = resolve;
      timer = setTimeout(resolve, END_MS_MAX);
      this.#order({ kind: "end" });
    });
    clearTimeout(timer);
    if (this.#state === "open") this.#state = "ended";
    await this.#capturer?.finish(CAPTURES_MS_MAX);
  }

  /** What could not be finished in time is found by the next one. */
  async close(): Promise<void> {
    await this.finish();
    await this.#capturer?.close();
    this.#leaveRing();
    await this.#worker.terminate();
    unlockFolder(this.#options.folder);
  }

  /** Its place may be another's from then on. */
  #leaveRing(): void {
    if (!this.#isInRing) return;
    this.#isInRing = false;
    closeReader(this.#options.ring, this.#reader);
  }

  #order(order: Order): void {
    this.#worker.postMessage(order);
  }

  #nameFor(alert: Alert, peer: EvidenceOf, afterMs: number): string | null {
    const now = performance.now();
    const open = this.#openOf(peer, now);
    if (open !== null) {
      open.until = extended(open, afterMs, now, withMargin(this.#bounds));
      return open.name;
    }
    const { isAllowed, isFirst } = this.#allowance.take(keyOf(peer), alert.priority, now);
    if (!isAllowed) {
      this.#refused.limit++;
      if (isFirst) this.#tellNot("its container has enough files for now", peer, alert.rule);
      return null;
    }
    const time = new Date().toISOString().replace(/[-:]|\.\d+/g, "");
    const who = (peer.facts?.name ?? peer.hostname).replace(/[^\w.-]/g, "_").slice(0, NAME_CHARS);
    const name = `${time}-${who}-${process.pid}.${++this.#nth}`;
    for (const [stream, { until }] of this.#open) if (until < now) this.#open.delete(stream);
    this.#open.set(peer.number, { name, rule: alert.rule, peer, begun: now, until: now + afterMs });
    return name;
  }

  /** The file into which a finding of this agent goes now; null: none is open. */
  #openOf({ number }: EvidenceOf, now: number): OpenFile | null {
    const open = this.#open.get(number);
    return open !== undefined && now < open.until ? open : null;
  }

  #onNews(news: News): void {
    switch (news.kind) {
      case "ended":
        this.#state = "ended";
        this.#leaveRing();
        this.#onEnded();
        break;
      case "kept": {
        const { facts } = news;
        this.#kept++;
        this.#bytes += facts.bytes;
        this.#allowance.spend(ownerOf(facts), facts.bytes, performance.now());
        this.#forget(facts.file);
        this.#options.onAlert(keptAlert(facts));
        this.#capturer?.add(facts);
        break;
      }
      case "refused": {
        const file = fileOf(news.name);
        const open = this.#forget(file);
        this.#refused[news.reason]++;
        this.#tellNot(news.text, open?.peer ?? null, open?.rule ?? null, file);
      }
    }
  }

  /** A file has ended: the next finding begins another. */
  #forget(file: string): OpenFile | null {
    for (const [stream, open] of this.#open) {
      if (fileOf(open.name) !== file) continue;
      this.#open.delete(stream);
      return open;
    }
    return null;
  }

  #tellNot(reason: string, peer: EvidenceOf | null, rule: string | null, file?: string): void {
    this.#options.onAlert(notKeptAlert(reason, peer, rule, file));
  }

  #onFailed(cause: Error): void {
    this.#leaveRing();
    if (this.#state === "open") {
      this.#state = "failed";
      const { folder: path, onFault } = this.#options;
      onFault(new VedetteError("VEDETTE_EVIDENCE_UNUSABLE", { path, reason: reasonOf(cause) }, { cause }));
      this.#tellNot(`from now on nothing is kept, because ${reasonOf(cause)}`, null, null);
    }
    this.#onEnded();
  }
}

/** Who pays for its files. */
const keyOf = ({ facts, hostname }: EvidenceOf): string => facts?.id ?? hostname;

/** Who pays for its bytes. */
const ownerOf = ({ container, hostname }: EvidenceFacts): string => container?.id ?? hostname;

/** An operator may want smaller files, and never larger ones. */
function boundsOf({ bounds = EVIDENCE_BOUNDS, ...said }: EvidenceOptions): EvidenceBounds {
  const { fileBytes = bounds.fileBytes, folderBytes = bounds.folderBytes, youngMs = bounds.youngMs } = said;
  return { ...bounds, fileBytes: Math.min(bounds.fileBytes, fileBytes), folderBytes, youngMs };
}

const fileOf = (name: string): string => `${name}.vedette`;
