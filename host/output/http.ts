// SPDX-License-Identifier: Apache-2.0
// Carries alerts to an HTTP receiver such as Falcosidekick, one POST each, in order. A receiver that is away
// or overloaded (no answer, 429, 5xx) is tried again; what it refuses (another 4xx) is dropped at once, since
// asking again would not help. What waits, and how long, is the queue's (backlog.ts).
import { VedetteError } from "../errors.js";
import { type Answer, type ClientSettings, HttpClient, isLate } from "./http-client.js";
import type { Carrier, Sent } from "./output.js";
import { withoutPassword } from "./url.js";

/** Where alerts are posted, and how TLS is done. */
export interface HttpSettings extends ClientSettings {
  /** So many alerts may wait. */
  readonly capacity: number;
  readonly isMutual?: boolean;
  /** Longest wait for an answer, ms; 2,000 where nothing is said. */
  readonly answerMs?: number;
  /** After so many late answers in a row the alert is sent again at once, then with pauses (0). */
  readonly lateMax?: number;
  /** What the receiver answers is told, too. */
  readonly isEchoed?: boolean;
}

/** Longest wait for an answer. */
const ANSWER_MS = 2000;
const TOO_MANY = 429;
const SERVER_FAILS = 500;
const REFUSED = 300;

/** Of an answer that is told, characters. */
const ECHO_MAX = 1_000;

/** Posts one alert at a time over one connection. */
export class HttpCarrier implements Carrier {
  readonly #settings: HttpSettings;
  readonly #client: HttpClient;
  readonly #onAnswer: (line: string) => void;
  /** Answers in a row that did not come in time. */
  #late = 0;

  /** `onAnswer`: is told answers. Throws VEDETTE_HTTP_FILE where a certificate or a key cannot be read. */
  constructor(settings: HttpSettings, onAnswer: (line: string) => void = () => undefined) {
    this.#settings = settings;
    this.#client = new HttpClient(settings, settings.answerMs ?? ANSWER_MS);
    this.#onAnswer = onAnswer;
  }

  async send([line = ""]: readonly string[], signal: AbortSignal): Promise<Sent> {
    const answer = await this.#answerTo(line, signal);
    if (typeof answer === "string") return { outcome: "again", taken: 0, error: this.#fault(answer) };
    const { status, afterMs } = answer;
    if (status < REFUSED) return { outcome: "done" };
    const error = this.#fault(`it answers ${status}`);
    if (status !== TOO_MANY && status < SERVER_FAILS) return { outcome: "refused", taken: 0, error };
    return { outcome: "again", taken: 0, error, ...(afterMs === undefined ? {} : { afterMs }) };
  }

  async #answerTo(line: string, signal: AbortSignal): Promise<Answer | string> {
    const { isEchoed = false, lateMax = 0 } = this.#settings;
    for (;;) {
      const answer = await this.#client.post(line, "application/json", signal);
      this.#late = isLate(answer) ? this.#late + 1 : 0;
      if (isEchoed && typeof answer !== "string") this.#echo(answer);
      if (this.#late === 0 || this.#late > lateMax || signal.aborted) return answer;
    }
  }

  #echo({ status, body }: Answer): void {
    this.#onAnswer(`${withoutPassword(this.#settings.url)} answers ${status}: ${body.slice(0, ECHO_MAX).trimEnd()}`);
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  #fault(reason: string): VedetteError {
    return new VedetteError("VEDETTE_HTTP_OUTPUT", { url: withoutPassword(this.#settings.url), reason });
  }
}
