// SPDX-License-Identifier: Apache-2.0
// One service of AWS as its outputs meet it: signed requests over one connection, keys that are asked for
// again when they have ended, and what each kind of answer asks for.
import { VedetteError } from "../errors.js";
import { type AwsCredentials, awsCredentials } from "./aws-credentials.js";
import { signedHeaders } from "./aws-signature.js";
import { type Answer, HttpClient } from "./http-client.js";

/** Where a service is. `ca`: a PEM file, of an endpoint that is not AWS's. */
export interface AwsPlace {
  readonly region: string;
  /** Instead of AWS's own: of a VPC, or of a server that speaks the same. */
  readonly endpoint?: string;
  readonly ca?: string;
}

/** What is asked of it. `headers` in small letters. */
export interface AwsQuestion {
  readonly method: "POST" | "PUT";
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

const ANSWER_MS = 10_000;
/** PutRecordBatch answers with some 300 bytes for each of 500 records. */
const BODY_MAX = 1 << 20;
const REFUSED = 300;
const SERVER_FAILS = 500;
/** The keys have ended, or the clock that they are for is another's. */
const ENDED = /Expired|InvalidToken|UnrecognizedClient|InvalidClientTokenId/;
/**
 * Refused by what an operator can mend while alerts wait: a policy, a name, a region, a rate. The rest of 400
 * is about what was sent, and asking again would not help.
 */
const MENDABLE =
  /AccessDenied|NotAuthorized|NotFound|NoSuchBucket|Throttl|SlowDown|LimitExceeded|Unavailable|Timeout|Redirect|Expired|Token|Signature|InvalidAccessKeyId|TooSkewed|UnrecognizedClient|KMS/;
const CODE = /<Code>([A-Za-z.]+)<\/Code>|"__type"\s*:\s*"(?:[^"#]*#)?([A-Za-z.]+)"/;
/** Who has no right, a wrong place, or comes at a bad time, whatever else is said. */
const ALWAYS_AGAIN = new Set([401, 403, 404, 408, 429]);

/** Of those, what time alone mends. */
const PASSING = new Set([408, 429]);
const THROTTLES = /Throttl|SlowDown|RequestLimitExceeded|Unavailable|Timeout/;

/** What became of a request: its answer, or that it failed, and what may help. */
export type AwsAnswer =
  | { readonly kind: "ok"; readonly body: string }
  | {
      readonly kind: "failed";
      /** Asking again may help, once somebody has mended something. */
      readonly isMendable: boolean;
      /** Asking again in a moment may help. */
      readonly isPassing: boolean;
      readonly reason: string;
      readonly afterMs?: number;
    };

/** AWS's own address of a service. China's regions are a partition of their own. */
export function awsHost(service: string, region: string): string {
  return `${service}.${region}.${region.startsWith("cn-") ? "amazonaws.com.cn" : "amazonaws.com"}`;
}

/** Signs and sends. One request at a time. */
export class AwsClient {
  readonly #service: string;
  readonly #region: string;
  readonly #http: HttpClient;
  readonly #credentials: AwsCredentials;

  /** Throws VEDETTE_AWS_CREDENTIALS and VEDETTE_HTTP_FILE. */
  constructor(service: string, { region, ca }: AwsPlace, answerMs = ANSWER_MS, credentials = awsCredentials()) {
    this.#service = service;
    this.#region = region;
    this.#credentials = credentials;
    const settings = { url: "", userAgent: "vedette", bodyMax: BODY_MAX, ...(ca === undefined ? {} : { ca }) };
    this.#http = new HttpClient(settings, answerMs);
  }

  async ask(question: AwsQuestion, signal: AbortSignal): Promise<AwsAnswer> {
    const first = await this.#asked(question, signal);
    if (first.kind === "ok" || !ENDED.test(first.reason)) return first;
    this.#credentials.forget();
    return this.#asked(question, signal);
  }

  async close(): Promise<void> {
    await this.#http.close();
    await this.#credentials.close();
  }

  async #asked(question: AwsQuestion, signal: AbortSignal): Promise<AwsAnswer> {
    try {
      const keys = await this.#credentials.keys(signal);
      const request = { ...question, service: this.#service, region: this.#region };
      const headers = signedHeaders(request, keys, new Date());
      return judged(await this.#http.send({ ...question, headers }, signal));
    } catch (error) {
      if (!(error instanceof VedetteError)) throw error;
      return { kind: "failed", isMendable: true, isPassing: true, reason: error.message.replace(/\.$/, "") };
    }
  }
}

function judged(answer: Answer | string): AwsAnswer {
  if (typeof answer === "string") return { kind: "failed", isMendable: true, isPassing: true, reason: answer };
  const { status, body, afterMs } = answer;
  if (status < REFUSED) return { kind: "ok", body };
  const [, ofXml, ofJson] = CODE.exec(body) ?? [];
  const code = ofXml ?? ofJson ?? "";
  const isMendable = status >= SERVER_FAILS || status < 400 || ALWAYS_AGAIN.has(status) || MENDABLE.test(code);
  const isPassing = status >= SERVER_FAILS || PASSING.has(status) || THROTTLES.test(code);
  const reason = `it answers ${status}${code === "" ? "" : ` ${code}`}`;
  return { kind: "failed", isMendable, isPassing, reason, ...(afterMs === undefined ? {} : { afterMs }) };
}
