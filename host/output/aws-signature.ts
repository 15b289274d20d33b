// SPDX-License-Identifier: Apache-2.0
// Signs a request to AWS: Signature Version 4, of which every step is here (IAM User Guide, "Create a signed
// AWS API request"). It signs all headers that are given, and the whole body.
import { createHash, createHmac } from "node:crypto";

/** Who signs. `token`: of credentials that end. */
export interface AwsKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly token?: string;
}

/** What is signed. `url`: its path is encoded as it is to be sent. Names of headers are in small letters. */
export interface AwsRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /** As AWS calls them: `s3` and `eu-west-1`. */
  readonly service: string;
  readonly region: string;
}

const ALGORITHM = "AWS4-HMAC-SHA256";

/** The request's headers with `authorization` and what that needs. */
export function signedHeaders(request: AwsRequest, keys: AwsKeys, now: Date): Record<string, string> {
  const { method, url, body, service, region } = request;
  const time = now.toISOString().replace(/[-:]|\.\d+/g, "");
  const bodyHash = sha256(body);
  const headers: Record<string, string> = {
    ...request.headers,
    host: url.host,
    "x-amz-content-sha256": bodyHash,
    "x-amz-date": time,
    ...(keys.token === undefined ? {} : { "x-amz-security-token": keys.token }),
  };
  const names = Object.keys(headers).sort();
  const signed = names.join(";");
  const lines = names.map((name) => `${name}:${(headers[name] ?? "").trim().replace(/ +/g, " ")}\n`).join("");
  const canonical = [method, pathOf(url, service), queryOf(url), lines, signed, bodyHash].join("\n");
  const scope = [time.slice(0, "20261127".length), region, service, "aws4_request"];
  const key = scope.reduce<string | Buffer>((secret, part) => hmac(secret, part), `AWS4${keys.secretAccessKey}`);
  const signature = hmac(key, [ALGORITHM, time, scope.join("/"), sha256(canonical)].join("\n")).toString("hex");
  headers.authorization =
    `${ALGORITHM} Credential=${keys.accessKeyId}/${scope.join("/")}, ` +
    `SignedHeaders=${signed}, Signature=${signature}`;
  return headers;
}

/** Every service but S3 wants a path encoded twice. */
function pathOf(url: URL, service: string): string {
  return service === "s3" ? url.pathname : url.pathname.split("/").map(uriEncoded).join("/");
}

function queryOf(url: URL): string {
  const pairs = [...url.searchParams].map(([name, value]) => `${uriEncoded(name)}=${uriEncoded(value)}`);
  return pairs.sort().join("&");
}

/** As AWS encodes: all but letters, digits and `-._~` (RFC 3986, 2.3). */
export function uriEncoded(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`);
}

const sha256 = (data: string | Buffer): string => createHash("sha256").update(data).digest("hex");
const hmac = (key: string | Buffer, data: string): Buffer => createHmac("sha256", key).update(data).digest();
