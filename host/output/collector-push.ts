// SPDX-License-Identifier: Apache-2.0
// Sends to a collector of OpenTelemetry every so often, and once at the end: one request at a time, so a
// collector that is slow gets fewer. What is sent, and what a failure means for it, is the caller's. The
// first of the failures in a row is told.
import { VedetteError } from "../errors.js";
import { reasonOf } from "../reason.js";
import { type Answer, type ClientSettings, HttpClient } from "./http-client.js";
import { withoutPassword } from "./url.js";

/** What a push needs. */
export interface CollectorOptions {
  readonly settings: ClientSettings;
  readonly everyMs: number;
  /** What a failure is called. */
  readonly code: "VEDETTE_OTLP_METRICS" | "VEDETTE_OTLP_TRACES";
  readonly onFault: (error: VedetteError) => void;
}

const ANSWER_MS = 10_000;
const CLOSE_MS = 3_000;

/** Begins when it is made. Whoever made it must close it. */
export abstract class CollectorPush {
  readonly #options: CollectorOptions;
  readonly #client: HttpClient;
  readonly #timer: NodeJS.Timeout;
  readonly #stop = new AbortController();
  #sending: Promise<void> | null = null;
  #isFailing = false;

  /** Throws VEDETTE_HTTP_FILE where a certificate or a key cannot be read. */
  constructor(options: CollectorOptions) {
    this.#options = options;
    this.#client = new HttpClient(options.settings, ANSWER_MS);
    this.#timer = setInterval(() => this.#push(), options.everyMs).unref();
  }

  /** Sends what there is, for a limited time. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    const late = setTimeout(() => this.#stop.abort(), CLOSE_MS);
    await this.#sending;
    this.#push();
    await this.#sending;
    clearTimeout(late);
    await this.#client.close();
  }

  /**
   * Sends once. Gives why it was not taken; null: it was; undefined: there was nothing. What it throws is a
   * reason, too.
   */
  protected abstract send(): Promise<string | null | undefined>;

  /** Whether there is more to send, when something was taken. */
  protected hasMore(): boolean {
    return false;
  }

  /** Posts a request. A text: why there is no answer. */
  protected post(request: string): Promise<Answer | string> {
    return this.#client.post(request, "application/json", this.#stop.signal);
  }

  #push(): void {
    if (this.#sending !== null) return;
    this.#sending = this.#sendAll().finally(() => {
      this.#sending = null;
    });
  }

  async #sendAll(): Promise<void> {
    do {
      const reason = await this.send().catch(reasonOf);
      if (reason === undefined) return;
      if (reason !== null && !this.#isFailing) this.#tell(reason);
      this.#isFailing = reason !== null;
    } while (!this.#isFailing && this.hasMore());
  }

  #tell(reason: string): void {
    const { code, settings, onFault } = this.#options;
    onFault(new VedetteError(code, { url: withoutPassword(settings.url), reason }));
  }
}
