// SPDX-License-Identifier: Apache-2.0
// Carries lines to a stream of Amazon Data Firehose, a record each, with a line feed at its end, so that what
// Firehose puts together stays lines. An answer of 200 may say that it took only some (PutRecordBatch in the
// API reference): the others alone are sent again.
import { VedetteError } from "../errors.js";
import { AwsClient, type AwsPlace, awsHost } from "./aws-client.js";
import type { Carrier, Sent } from "./output.js";

/** Which stream, and where. */
export interface FirehoseSettings extends AwsPlace {
  readonly stream: string;
  /** So many alerts may wait. */
  readonly capacity: number;
}

/** Puts one batch at a time. */
export class FirehoseCarrier implements Carrier {
  readonly #stream: string;
  readonly #url: URL;
  readonly #client: AwsClient;
  /** Whether it has each of the first lines that wait: they follow one that it did not take. */
  #taken: boolean[] = [];

  /** Throws VEDETTE_AWS_CREDENTIALS and VEDETTE_HTTP_FILE. */
  constructor(settings: FirehoseSettings, answerMs?: number) {
    const { stream, region, endpoint } = settings;
    this.#stream = stream;
    this.#url = new URL(endpoint ?? `https://${awsHost("firehose", region)}/`);
    this.#client = new AwsClient("firehose", settings, answerMs);
  }

  async send(lines: readonly string[], signal: AbortSignal): Promise<Sent> {
    const open = [...lines.keys()].filter((i) => this.#taken[i] !== true);
    const answer = await this.#client.ask(this.#question(open.map((i) => lines[i] as string)), signal);
    if (answer.kind === "failed") {
      const { isMendable, reason, afterMs } = answer;
      const error = this.#fault(reason);
      if (isMendable) return { outcome: "again", taken: 0, error, ...(afterMs === undefined ? {} : { afterMs }) };
      const had = lines.length - open.length;
      return { outcome: "refused", taken: 0, error, count: this.#forgetBefore(lines.length), had };
    }
    const codes = failuresOf(answer.body, open.length);
    if (codes === null) return { outcome: "again", taken: 0, error: this.#fault("its answer of 200 is not whole") };
    for (const [nth, i] of open.entries()) this.#taken[i] = codes[nth] === null;
    const first = lines.findIndex((_, i) => this.#taken[i] !== true);
    if (first === -1) {
      this.#forgetBefore(lines.length);
      return { outcome: "done" };
    }
    const failed = codes.filter((code) => code !== null);
    const error = this.#fault(`it took all but ${failed.length} of ${open.length}: ${failed[0]}`);
    return { outcome: "again", taken: this.#forgetBefore(first), error };
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  #question(lines: readonly string[]) {
    const Records = lines.map((line) => ({ Data: Buffer.from(`${line}\n`).toString("base64") }));
    return {
      method: "POST",
      url: this.#url,
      headers: { "content-type": "application/x-amz-json-1.1", "x-amz-target": "Firehose_20150804.PutRecordBatch" },
      body: Buffer.from(JSON.stringify({ DeliveryStreamName: this.#stream, Records })),
    } as const;
  }

  /** The queue does, too. */
  #forgetBefore(count: number): number {
    this.#taken = this.#taken.slice(count);
    return count;
  }

  #fault(reason: string): VedetteError {
    return new VedetteError("VEDETTE_AWS_OUTPUT", { place: `firehose:${this.#stream}`, reason });
  }
}

/** The code of each record that failed, null where it was taken; null: the answer does not say. */
function failuresOf(body: string, count: number): (string | null)[] | null {
  const none = new Array<string | null>(count).fill(null);
  try {
    const { FailedPutCount, RequestResponses } = JSON.parse(body) as {
      FailedPutCount?: number;
      RequestResponses?: { ErrorCode?: string }[];
    };
    if (FailedPutCount === 0) return none;
    if (!Array.isArray(RequestResponses) || RequestResponses.length !== count) return null;
    return none.map((_, i) => {
      const code = RequestResponses[i]?.ErrorCode;
      return code === undefined || code === null ? null : String(code).slice(0, "ServiceUnavailableException".length);
    });
  } catch {
    return null;
  }
}
