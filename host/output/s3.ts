// SPDX-License-Identifier: Apache-2.0
// Carries lines to a bucket of Amazon S3: each batch is an object of its own, lines of JSON, gzipped. Its
// name has the time of the first attempt and the digest of its lines, so a batch whose answer got lost is put
// again under the same name, and is there once:
//
//   PREFIX/2026/11/27/23/20261127T231502Z-3c6e0b8a9c15224a.json.gz
import { createHash } from "node:crypto";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { VedetteError } from "../errors.js";
import { AwsClient, type AwsPlace, awsHost } from "./aws-client.js";
import { uriEncoded } from "./aws-signature.js";
import type { Carrier, Sent } from "./output.js";

/** Which bucket, and where. `prefix`: in front of each object's name; it ends as it is to end. */
export interface S3Settings extends AwsPlace {
  readonly bucket: string;
  readonly prefix: string;
  /** So many alerts may wait. */
  readonly capacity: number;
  /** Longest that an alert waits for others of its object. */
  readonly lingerMs: number;
}

const DIGEST_CHARS = 16;
const compressed = promisify(gzip);

/** Puts one object at a time. */
export class S3Carrier implements Carrier {
  readonly #settings: S3Settings;
  readonly #client: AwsClient;
  /** What the last attempt put. */
  #last: { readonly digest: string; readonly key: string } | null = null;

  /** Throws VEDETTE_AWS_CREDENTIALS and VEDETTE_HTTP_FILE. */
  constructor(settings: S3Settings, answerMs?: number) {
    this.#settings = settings;
    this.#client = new AwsClient("s3", settings, answerMs);
  }

  async send(lines: readonly string[], signal: AbortSignal): Promise<Sent> {
    const text = lines.map((line) => `${line}\n`).join("");
    const body = await compressed(text); // in a thread of Node's pool: it may be 4 MiB
    const headers = {
      "content-type": "application/gzip",
      "x-amz-checksum-sha256": createHash("sha256").update(body).digest("base64"),
    };
    const answer = await this.#client.ask({ method: "PUT", url: this.#urlOf(text), headers, body }, signal);
    if (answer.kind === "ok") return { outcome: "done" };
    const { isMendable, reason, afterMs } = answer;
    const error = new VedetteError("VEDETTE_AWS_OUTPUT", { place: `s3:${this.#settings.bucket}`, reason });
    if (!isMendable) return { outcome: "refused", taken: 0, error, count: lines.length };
    return { outcome: "again", taken: 0, error, ...(afterMs === undefined ? {} : { afterMs }) };
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  /** A bucket whose name has dots does not fit the certificate of its own host. */
  #urlOf(text: string): URL {
    const { bucket, region, endpoint } = this.#settings;
    const key = this.#keyOf(text).split("/").map(uriEncoded).join("/");
    if (endpoint !== undefined) return new URL(`${endpoint.replace(/\/$/, "")}/${bucket}/${key}`);
    const host = awsHost("s3", region);
    return new URL(bucket.includes(".") ? `https://${host}/${bucket}/${key}` : `https://${bucket}.${host}/${key}`);
  }

  #keyOf(text: string): string {
    const digest = createHash("sha256").update(text).digest("hex").slice(0, DIGEST_CHARS);
    if (this.#last?.digest === digest) return this.#last.key;
    const [day = "", time = ""] = new Date().toISOString().split("T");
    const folder = `${day.replaceAll("-", "/")}/${time.slice(0, 2)}`;
    const at = `${day.replaceAll("-", "")}T${time.slice(0, 8).replaceAll(":", "")}Z`;
    const key = `${this.#settings.prefix}${folder}/${at}-${digest}.json.gz`;
    this.#last = { digest, key };
    return key;
  }
}
