// SPDX-License-Identifier: Apache-2.0
// Carries log records over OTLP/HTTP, as JSON, a batch in one request. By OTLP's specification a receiver is
// asked again only after 429, 502, 503, 504 or a lost connection, not before its Retry-After, and an answer
// that rejects some records is final. Everything else that is no 2xx refuses the whole batch.
import { VedetteError } from "../errors.js";
import { type ClientSettings, HttpClient } from "./http-client.js";
import { rejectedBy } from "./otlp-answer.js";
import { PART } from "./otlp-record.js";
import type { Carrier, Sent } from "./output.js";
import { withoutPassword } from "./url.js";

/** `url`: of the endpoint for logs, whole. */
export interface OtlpSettings extends ClientSettings {
  /** So many records may wait. */
  readonly capacity: number;
}

/** OTLP's own default. */
const ANSWER_MS = 10_000;
const AGAIN = new Set([429, 502, 503, 504]);
const REFUSED = 300;

/** Posts one batch at a time. */
export class OtlpCarrier implements Carrier {
  readonly #url: string;
  readonly #client: HttpClient;
  readonly #scope: string;

  /** Throws VEDETTE_HTTP_FILE where a certificate or a key cannot be read. */
  constructor(settings: OtlpSettings, version: string, answerMs = ANSWER_MS) {
    this.#url = settings.url;
    this.#client = new HttpClient(settings, answerMs);
    this.#scope = JSON.stringify({ name: "vedette", version });
  }

  async send(lines: readonly string[], signal: AbortSignal): Promise<Sent> {
    const answer = await this.#client.post(this.#request(lines), "application/json", signal);
    if (typeof answer === "string") return { outcome: "again", taken: 0, error: this.#fault(answer) };
    const { status, afterMs, body } = answer;
    if (status < REFUSED) return this.#taken(body);
    const error = this.#fault(`it answers ${status}`);
    if (!AGAIN.has(status)) return { outcome: "refused", taken: 0, error, count: lines.length };
    return { outcome: "again", taken: 0, error, ...(afterMs === undefined ? {} : { afterMs }) };
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  /** Records of one resource stand together. */
  #request(lines: readonly string[]): string {
    const byResource = new Map<string, string[]>();
    for (const line of lines) {
      const at = line.indexOf(PART);
      const resource = line.slice(0, at);
      byResource.set(resource, [...(byResource.get(resource) ?? []), line.slice(at + PART.length)]);
    }
    const logs = [...byResource].map(
      ([resource, records]) =>
        `{"resource":${resource},"scopeLogs":[{"scope":${this.#scope},"logRecords":[${records.join(",")}]}]}`,
    );
    return `{"resourceLogs":[${logs.join(",")}]}`;
  }

  #taken(body: string): Sent {
    const { count, reason } = rejectedBy(body, "rejectedLogRecords");
    if (count === 0) return { outcome: "done" };
    return { outcome: "done", refused: { count, error: this.#fault(`it rejects ${count} of a batch: ${reason}`) } };
  }

  #fault(reason: string): VedetteError {
    return new VedetteError("VEDETTE_OTLP_OUTPUT", { url: withoutPassword(this.#url), reason });
  }
}
