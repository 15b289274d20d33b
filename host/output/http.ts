// SPDX-License-Identifier: Apache-2.0
// Carries alerts to an HTTP receiver such as Falcosidekick, one POST each, in order. A receiver that is away
// or overloaded (no answer, 429, 5xx) is tried again; what it refuses (another 4xx) is dropped at once, since
// asking again would not help. What waits, and how long, is the queue's (backlog.ts).
import { VedetteError } from "../errors.js";
import { type ClientSettings, HttpClient } from "./http-client.js";
import type { Carrier, Sent } from "./output.js";
import { withoutPassword } from "./url.js";

/** Where alerts are posted, and how TLS is done. */
export interface HttpSettings extends ClientSettings {
  /** So many alerts may wait. */
  readonly capacity: number;
  readonly isMutual?: boolean;
}

/** Longest wait for an answer. */
const ANSWER_MS = 2000;
const TOO_MANY = 429;
const SERVER_FAILS = 500;
const REFUSED = 300;

/** Posts one alert at a time over one connection. An answer may take 2 s unless `answerMs` says otherwise. */
export class HttpCarrier implements Carrier {
  readonly #url: string;
  readonly #client: HttpClient;

  /** Throws VEDETTE_HTTP_FILE where a certificate or a key cannot be read. */
  constructor(settings: HttpSettings, answerMs = ANSWER_MS) {
    this.#url = settings.url;
    this.#client = new HttpClient(settings, answerMs);
  }

  async send([line = ""]: readonly string[], signal: AbortSignal): Promise<Sent> {
    const answer = await this.#client.post(line, "application/json", signal);
    if (typeof answer === "string") return { outcome: "again", taken: 0, error: this.#fault(answer) };
    const { status, afterMs } = answer;
    if (status < REFUSED) return { outcome: "done" };
    const error = this.#fault(`it answers ${status}`);
    if (status !== TOO_MANY && status < SERVER_FAILS) return { outcome: "refused", taken: 0, error };
    return { outcome: "again", taken: 0, error, ...(afterMs === undefined ? {} : { afterMs }) };
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  #fault(reason: string): VedetteError {
    return new VedetteError("VEDETTE_HTTP_OUTPUT", { url: withoutPassword(this.#url), reason });
  }
}
