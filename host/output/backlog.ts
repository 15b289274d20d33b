// SPDX-License-Identifier: Apache-2.0
// The backlog: a bounded queue in front of every output. What comes at once is sent as one batch. A batch
// that fails is tried again, ever later; when the queue is full the newest alert is dropped and counted, as
// in Falco. An output that takes nothing for 1.5 s is stuck: that is told once, and its health is red.
// Nothing here waits on the thread that calls, and close() waits only so long.
//
//   write - queue - batch - carrier - done | busy | again | refused | gone
import { VedetteError } from "../errors.js";
import type { Alert } from "./alert.js";
import type { DiskQueue, Place, StoredLine } from "./disk-queue.js";
import type { IncidentNews } from "./incident-news.js";
import type { Carrier, DropReason, Output, OutputError, OutputState, OutputStats, Sent } from "./output.js";

/** How much may wait, and how long. Times are in milliseconds. */
export interface BacklogLimits {
  /** So many alerts, and bytes of them, may wait. */
  readonly count: number;
  readonly bytes: number;
  /** Of one batch. */
  readonly batchCount: number;
  readonly batchBytes: number;
  /** Longest that an alert waits for others, until there are enough for a batch; undefined: it does not. */
  readonly lingerMs?: number;
  /** Before the first new attempt; doubles with each. */
  readonly retryMs: number;
  readonly retryMsMax: number;
  /** How soon one that is busy is asked again. */
  readonly busyMs: number;
  /** One that takes nothing for so long is stuck. */
  readonly stuckMs: number;
  /**
   * Longest that close() waits. Infinity: the output waits for whoever reads, however long that takes, and
   * drops nothing.
   */
  readonly closeMs: number;
  /** close() goes on trying what fails; else it tries once more. */
  readonly retriesAtEnd: boolean;
}

/** What one backlog needs. It owns `carrier` and closes it. */
export interface BacklogOptions {
  readonly name: string;
  readonly kind: string;
  readonly carrier: Carrier;
  readonly limits: BacklogLimits;
  /** An alert's line. */
  readonly text: (alert: Alert) => string;
  /** Opens the disk where lines wait, too; undefined: they wait in memory alone. */
  readonly disk?: () => DiskQueue;
  /** The most bytes that lines take on that disk. */
  readonly diskBytes?: number;
  /**
   * The line of an alert that was written, and of which more is known now; undefined: nobody is told
   * there.
   */
  readonly update?: (alert: Alert) => string;
  /** An incident's line; undefined: incidents are not told there. */
  readonly news?: (news: IncidentNews) => string;
  /** Alerts for which it does not hold are not written, and counted nowhere; undefined: all are. */
  readonly wants?: (alert: Alert) => boolean;
  /** Told once why alerts do not get there, and again only after some did. */
  readonly onFault: (error: VedetteError) => void;
}

/** Red within 2 s, with half a second for whoever asks. */
export const STUCK_MS = 1500;

/** A receiver may ask for a pause, but not for ever. */
const AFTER_MS_MAX = 3_600_000;

/** What became of an alert that was sent to try an output; `waiting`: nothing, so far. */
export interface Tried {
  readonly end: "taken" | "refused" | "gone" | "full" | "closed" | "waiting";
  readonly ms: number;
  /** The output's newest error; null: there was none. */
  readonly error: string | null;
}

interface Waiting {
  readonly line: string;
  readonly bytes: number;
  /** Since when, by performance.now(). */
  readonly since: number;
  /** Where it ends on the disk; null: it is in memory alone. */
  readonly end: Place | null;
  /** Somebody wants to know what becomes of it. */
  readonly onEnd?: (end: Tried["end"]) => void;
}

/** The one class that is an Output. */
export class Backlog implements Output {
  #options: BacklogOptions;
  /** In memory: all that wait, or the first of those on the disk. */
  readonly #waiting: Waiting[] = [];
  #disk: DiskQueue | null = null;
  readonly #stop = new AbortController();
  readonly #dropped: Record<DropReason, number> = { full: 0, refused: 0, closed: 0, damaged: 0 };
  readonly #errors = new Map<string, number>();
  /** Codes that were told since it last went well. */
  readonly #told = new Set<string>();
  /** Events of findings that were taken, as long as somebody has them. */
  readonly #taken = new WeakSet<object>();
  #bytes = 0;
  #sent = 0;
  #retries = 0;
  #lastError: OutputError | null = null;
  #state: OutputState = "ok";
  /** It is not ok, and only because its file could not be opened again. */
  #isUnopened = false;
  #isScheduled = false;
  #isClosing = false;
  #isClosed = false;
  #sending: Promise<void> | null = null;
  /** The last that came had no room. */
  #isDropping = false;
  /** It has a batch just now. */
  #underway: Carrier | null = null;
  #watch: NodeJS.Timeout | null = null;
  /** Until the oldest alert has waited for others for long enough. */
  #linger: NodeJS.Timeout | null = null;
  /** Until the disk, which gave nothing, is asked again. */
  #later: NodeJS.Timeout | null = null;
  #wake: () => void = () => undefined;
  readonly #onRoom: (() => void)[] = [];

  constructor(options: BacklogOptions) {
    this.#options = options;
  }

  get name(): string {
    return this.#options.name;
  }

  get kind(): string {
    return this.#options.kind;
  }

  start(): void {
    this.#options.carrier.start?.();
    this.#disk = this.#options.disk?.() ?? null;
    if (this.#disk === null) return;
    if (this.#disk.damaged > 0) {
      const reason = `${this.#disk.damaged} bytes of it were not whole, and are left out`;
      this.#fails(new VedetteError("VEDETTE_QUEUE_DISK", { path: this.name, reason }), "ok");
    }
    this.#moveUp();
  }

  write(alert: Alert): void {
    if (this.#options.wants?.(alert) === false || this.#state === "gone") return;
    // In a flood nobody makes lines that have no room.
    if (this.#isClosed) this.#dropped.closed++;
    else if (!this.isPatient && !this.#hasSpace(0)) this.#drop("full");
    else if (this.push(this.#options.text(alert)) && alert.finding !== undefined) this.#taken.add(alert.finding.event);
  }

  /** More is known of an alert. Nothing is told of one that was not taken. */
  update(alert: Alert): void {
    const { update, wants } = this.#options;
    if (update === undefined || alert.finding === undefined || !this.#taken.has(alert.finding.event)) return;
    if (wants?.(alert) !== false) this.push(update(alert));
  }

  /**
   * Sends an alert behind all that wait, to see what becomes of it; resolves after `ms` at the latest. It is
   * in memory alone: the next process does not send it again.
   */
  try(alert: Alert, ms: number): Promise<Tried> {
    const since = performance.now();
    return new Promise<Tried["end"]>((resolve) => {
      if (this.#state === "gone") return resolve("gone");
      if (this.#isClosed) return resolve("closed");
      const line = this.#options.text(alert);
      const bytes = Buffer.byteLength(line);
      if (!this.isPatient && !this.#hasRoom(bytes)) return resolve("full");
      const timer = setTimeout(() => resolve("waiting"), ms);
      const onEnd = (end: Tried["end"]): void => {
        clearTimeout(timer);
        resolve(end);
      };
      this.#append({ line, bytes, since, end: null, onEnd });
      this.flush(); // whoever looks does not wait for other alerts, or for a next attempt
    }).then((end) => ({
      ...{ end, ms: Math.round(performance.now() - since) },
      error: end === "taken" ? null : (this.#lastError?.message ?? null),
    }));
  }

  /** Incidents are told there. */
  get tellsIncidents(): boolean {
    return this.#options.news !== undefined;
  }

  /** What became of an incident. */
  tell(news: IncidentNews): void {
    if (this.#options.news !== undefined) this.push(this.#options.news(news));
  }

  /** An alert's line. False: it is not taken, and counted as dropped where somebody wanted it. */
  push(line: string): boolean {
    if (this.#state === "gone") return false;
    if (this.#isClosed) return this.#drop("closed");
    const bytes = Buffer.byteLength(line);
    if (!this.isPatient && !this.#hasSpace(bytes)) return this.#drop("full");
    const end = this.#disk === null ? null : this.#onDisk(this.#disk, line);
    this.#isDropping = false;
    if (end !== null && ((this.#disk?.unread ?? 0) > 1 || !this.#hasRoom(bytes))) return true; // its turn comes
    if (end === null && this.#disk !== null && !this.#hasRoom(bytes)) return this.#drop("full");
    if (end !== null) this.#disk?.pass(end);
    this.#append({ line, bytes, since: performance.now(), end });
    return true;
  }

  #append(one: Waiting): void {
    this.#waiting.push(one);
    this.#bytes += one.bytes;
    if (this.#watch === null) this.#beginWatch();
    this.#schedule();
  }

  /**
   * Goes on as another one, with what waits and its numbers: of the same name, and the same place on a disk.
   * The carrier of `options` is started; since then its file may have been put away. The one before is closed
   * when it has no batch any more.
   */
  become(options: BacklogOptions): void {
    const { carrier } = this.#options;
    this.#options = options;
    if (options.diskBytes !== undefined) this.#disk?.setBound(options.diskBytes);
    if (this.#state === "gone") this.#state = "ok";
    this.#told.clear();
    if (this.#underway !== carrier) void carrier.close();
    if (this.#watch !== null) this.#beginWatch();
    this.reopen();
  }

  /** A batch that is whole is sent at once, and another when its oldest alert has waited for long enough. */
  #schedule(): void {
    if (this.#sending !== null) return;
    if (!this.#lingers()) {
      if (this.#isScheduled || this.#waiting.length === 0) return;
      this.#isScheduled = true;
      setImmediate(() => this.#begin());
    } else if (this.#linger === null && this.#waiting.length > 0) {
      this.#linger = setTimeout(() => this.#begin(), this.#options.limits.lingerMs);
      this.#linger.unref();
    }
  }

  #drop(reason: DropReason): false {
    if (reason === "full") this.#isDropping = true;
    this.#dropped[reason]++;
    return false;
  }

  flush(): void {
    this.#wake();
    this.#begin();
  }

  /** See Carrier.reopen. */
  reopen(): void {
    try {
      this.#options.carrier.reopen?.();
      // Where a batch is on its way, the carrier opens it behind that, and what becomes of both tells.
      if (this.#isUnopened && this.#underway === null) {
        this.#mend();
        this.#beginWatch(); // the one before may have passed while it failed
      }
    } catch (error) {
      if (!(error instanceof VedetteError)) throw error;
      this.#failsToOpen(error);
    }
    this.flush();
  }

  /** It waits for whoever reads, and drops nothing; whoever writes is to await room(). */
  get isPatient(): boolean {
    return !Number.isFinite(this.#options.limits.closeMs);
  }

  /** Resolves when it could take another alert, or never will. */
  room(): Promise<void> | undefined {
    if (this.#hasRoom(0) || this.#state === "gone" || this.#isClosing) return undefined;
    return new Promise((resolve) => {
      this.#onRoom.push(resolve);
    });
  }

  /** Alerts that somebody wanted and did not get. */
  get lost(): number {
    return Object.values(this.#dropped).reduce((all, one) => all + one, 0);
  }

  health(): string | null {
    if (this.#state === "ok" || this.#state === "gone") return null;
    return this.#lastError?.message ?? `${this.name} takes no alerts`;
  }

  stats(): OutputStats {
    const oldest = this.#waiting[0];
    const isFull = (this.#state === "stuck" || this.#state === "retrying") && (this.#isDropping || !this.#hasSpace(0));
    const onDisk = this.#disk?.unread ?? 0;
    return {
      name: this.name,
      kind: this.kind,
      state: isFull ? "full" : this.#state,
      queued: this.#waiting.length + onDisk,
      queuedBytes: Math.max(this.#bytes, this.#disk?.bytes ?? 0),
      oldestMs: oldest === undefined ? 0 : performance.now() - oldest.since,
      sent: this.#sent,
      retries: this.#retries,
      dropped: { ...this.#dropped },
      errors: new Map(this.#errors),
      lastError: this.#lastError,
    };
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    const { closeMs } = this.#options.limits;
    const timer = this.isPatient ? null : setTimeout(() => this.#stop.abort(), closeMs);
    const late = new Promise<void>((resolve) => {
      this.#stop.signal.addEventListener("abort", () => resolve());
    });
    this.flush();
    // A carrier that does not heed the signal is left behind.
    await Promise.race([this.#sending, late.then(() => new Promise((resolve) => setImmediate(resolve)))]);
    if (timer !== null) clearTimeout(timer);
    this.#isClosed = true;
    this.#stop.abort(); // a carrier that sends still, or waits for its next attempt, ends with us
    for (const timer of [this.#watch, this.#later]) if (timer !== null) clearTimeout(timer);
    this.#dropped.closed += this.#waiting.filter(({ end, onEnd }) => end === null && onEnd === undefined).length;
    this.#tellEnds(this.#waiting.length, "closed");
    this.#disk?.close(); // what is there waits for the next process
    this.#disk = null;
    this.#forget(this.#waiting.length);
    await this.#options.carrier.close();
  }

  /** Whether one more can wait, in memory or on the disk. */
  #hasSpace(bytes: number): boolean {
    return this.#disk === null ? this.#hasRoom(bytes) : this.#disk.hasRoom(bytes);
  }

  /** Null: the disk does not take it, which is told, and it waits in memory. */
  #onDisk(disk: DiskQueue, line: string): Place | null {
    try {
      return disk.append(line);
    } catch (error) {
      if (!(error instanceof VedetteError)) throw error;
      this.#fails(error, this.#state);
      return null;
    }
  }

  /** Lines that wait on the disk move up, and are sent. */
  #moveUp(): void {
    this.#refill();
    this.#beginWatch();
    this.#begin();
  }

  /** What waits on the disk moves up. */
  #refill(): void {
    const { batchCount } = this.#options.limits;
    if (this.#disk === null || this.#waiting.length >= batchCount) return;
    for (const { line, end } of this.#read(this.#disk, batchCount)) {
      const bytes = Buffer.byteLength(line);
      this.#waiting.push({ line, bytes, since: performance.now(), end });
      this.#bytes += bytes;
    }
    const lost = this.#disk.takeLost();
    if (lost === 0) return;
    this.#dropped.damaged += lost;
    const reason = `${lost} alerts cannot be read any more`;
    this.#fails(new VedetteError("VEDETTE_QUEUE_DISK", { path: this.name, reason }), this.#state);
  }

  /** None where it gives none just now. */
  #read(disk: DiskQueue, most: number): StoredLine[] {
    try {
      return disk.read(most);
    } catch (error) {
      if (!(error instanceof VedetteError)) throw error;
      this.#fails(error);
      if (this.#later !== null) clearTimeout(this.#later);
      this.#later = setTimeout(() => this.#moveUp(), this.#options.limits.retryMsMax);
      this.#later.unref();
      return [];
    }
  }

  #hasRoom(bytes: number): boolean {
    const { limits } = this.#options;
    if (this.#waiting.length === 0) return limits.count > 0;
    return this.#waiting.length < limits.count && this.#bytes + bytes <= limits.bytes;
  }

  #begin(): void {
    this.#isScheduled = false;
    if (this.#linger !== null) clearTimeout(this.#linger);
    this.#linger = null;
    if (this.#stop.signal.aborted || this.#sending !== null || this.#waiting.length === 0) return;
    this.#sending = this.#sendAll();
  }

  /** Until nothing waits, or what is left waits for more. Right behind the last of it nobody is sending. */
  async #sendAll(): Promise<void> {
    let delay = this.#options.limits.retryMs;
    let failed = 0; // what may have got there is sent again as the same batch
    try {
      while (this.#waiting.length > 0 && !this.#stop.signal.aborted) {
        const { carrier, limits } = this.#options;
        const lines = failed > 0 ? this.#waiting.slice(0, failed).map(({ line }) => line) : this.#batch();
        this.#underway = carrier;
        const sent = await carrier.send(lines, this.#stop.signal);
        this.#underway = null;
        const refused = sent.outcome === "done" ? (sent.refused?.count ?? 0) : 0;
        this.#take(sent.outcome === "done" ? lines.length : sent.taken, refused);
        if (carrier !== this.#options.carrier) {
          void carrier.close(); // what it did not take, or did not want, goes to the one of now
          [failed, delay] = [0, this.#options.limits.retryMs];
          continue;
        }
        if (sent.outcome === "gone") return this.#leave();
        const isOneBatch = sent.outcome === "again" && sent.taken === 0 && carrier.isByLine !== true;
        failed = isOneBatch ? lines.length : 0;
        if (sent.outcome === "done" || sent.outcome === "refused" || sent.taken > 0) delay = limits.retryMs;
        const wait = this.#settle(sent, lines.length, delay);
        if (wait === null || (sent.outcome === "done" && this.#lingers())) return;
        if (sent.outcome === "again") delay = Math.min(2 * delay, limits.retryMsMax);
        if (wait > 0 && !this.#stop.signal.aborted) await this.#pause(wait); // nothing would end it any more
      }
    } finally {
      this.#sending = null;
      if (!this.#isClosing) this.#schedule();
    }
  }

  /** What is left waits for more. */
  #lingers(): boolean {
    const { batchCount, batchBytes, lingerMs, count, bytes } = this.#options.limits;
    if (lingerMs === undefined || this.#isClosing) return false;
    return this.#waiting.length < Math.min(batchCount, count) && this.#bytes < Math.min(batchBytes, bytes / 2);
  }

  #batch(): string[] {
    const { batchCount, batchBytes } = this.#options.limits;
    const lines: string[] = [];
    for (let bytes = 0; lines.length < Math.min(batchCount, this.#waiting.length); ) {
      const next = this.#waiting[lines.length] as Waiting;
      bytes += next.bytes;
      if (lines.length > 0 && bytes > batchBytes) break;
      lines.push(next.line);
    }
    return lines;
  }

  /** Of a batch of so many lines: how long to wait before the next attempt, ms; null: it is given up. */
  #settle(sent: Sent, lines: number, delay: number): number | null {
    switch (sent.outcome) {
      case "busy":
        return this.#options.limits.busyMs;
      case "again":
        // All is there: what failed is to open the file again, behind it.
        if (sent.taken === lines) this.#failsToOpen(sent.error);
        else if (!this.#stop.signal.aborted) this.#fails(sent.error);
        if (this.#isClosing && !this.#options.limits.retriesAtEnd) return null;
        this.#retries++;
        return Math.max(delay, Math.min(sent.afterMs ?? 0, AFTER_MS_MAX));
      case "refused":
        this.#refuse(sent.count ?? 1, sent.had ?? 0);
        this.#fails(sent.error);
        return 0;
      case "done":
        if (sent.refused !== undefined && sent.refused.count > 0) this.#fails(sent.refused.error, "ok");
        return 0;
      default:
        return 0;
    }
  }

  /** `had` of them the receiver has taken before. */
  #refuse(count: number, had: number): void {
    const all = Math.min(count, this.#waiting.length);
    this.#sent += had;
    this.#dropped.refused += all - had;
    this.#tellEnds(all, had === all ? "taken" : "refused");
    this.#forget(all);
  }

  /** `refused` of them were thrown away by the receiver. */
  #take(count: number, refused = 0): void {
    if (count === 0) return;
    this.#sent += Math.max(0, count - refused);
    this.#dropped.refused += Math.min(count, refused);
    this.#mend();
    this.#tellEnds(count, refused >= count ? "refused" : "taken");
    this.#forget(count);
  }

  #tellEnds(count: number, end: Tried["end"]): void {
    for (const { onEnd } of this.#waiting.slice(0, count)) onEnd?.(end);
  }

  #forget(count: number): void {
    const gone = this.#waiting.splice(0, count);
    this.#isDropping = false;
    for (const { bytes } of gone) this.#bytes -= bytes;
    const last = gone.findLast(({ end }) => end !== null)?.end;
    if (last !== undefined && last !== null) this.#disk?.done(last);
    this.#refill();
    this.#beginWatch();
    for (const resolve of this.#onRoom.splice(0)) resolve();
  }

  /** Nobody reads: what waits is wanted by nobody. */
  #leave(): void {
    this.#state = "gone";
    this.#tellEnds(this.#waiting.length, "gone");
    this.#forget(this.#waiting.length);
  }

  #beginWatch(): void {
    if (this.#watch !== null) clearTimeout(this.#watch);
    this.#watch = null;
    const { stuckMs, lingerMs = 0 } = this.#options.limits;
    if (this.#waiting.length === 0 || this.isPatient) return;
    this.#watch = setTimeout(() => this.#onStuck(stuckMs + lingerMs), stuckMs + lingerMs);
    this.#watch.unref();
  }

  #onStuck(ms: number): void {
    if (this.#state !== "ok" || this.#isClosing) return; // it fails, and that was told
    this.#fails(new VedetteError("VEDETTE_OUTPUT_STUCK", { output: this.name, seconds: ms / 1000 }), "stuck");
  }

  #mend(): void {
    this.#state = "ok";
    this.#isUnopened = false;
    this.#told.clear();
  }

  #failsToOpen(error: VedetteError): void {
    this.#fails(error);
    this.#isUnopened = true;
  }

  #fails(error: VedetteError, state: OutputState = "retrying"): void {
    this.#state = state;
    this.#isUnopened = false;
    this.#lastError = { code: error.code, message: error.message, at: Date.now() };
    this.#errors.set(error.code, (this.#errors.get(error.code) ?? 0) + 1);
    if (this.#told.has(error.code)) return;
    this.#told.add(error.code);
    this.#options.onFault(error);
  }

  #pause(ms: number): Promise<void> {
    const { signal } = this.#stop;
    return new Promise((done) => {
      const end = (): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", end);
        this.#wake = () => undefined;
        done();
      };
      const timer = setTimeout(end, ms);
      // A command that ends in an error does not wait for it; close() does, and who waits for whoever reads.
      if (!this.#isClosing && !this.isPatient) timer.unref();
      signal.addEventListener("abort", end);
      this.#wake = end;
    });
  }
}
