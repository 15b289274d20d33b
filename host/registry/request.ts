// SPDX-License-Identifier: Apache-2.0
// One question to a registry, or to whoever knows its password: with a time limit, and an answer that is not
// longer than it may be. Redirects lead to stores that sign their own addresses: what proves who we are does
// not go along to another host, and nobody leads us from TLS to a plain connection.
import { answerTo, bodyOf } from "../http-request.js";
import { isLoopback } from "./place.js";

/** What came back. Header names are in small letters. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

/** What to ask. */
export interface Question {
  readonly method?: "GET" | "POST" | "PUT";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  /** The longest answer, in MiB; undefined: of a manifest. */
  readonly mostMib?: number;
}

const ANSWER_MS = 10_000;
/** The most that the Distribution API lets a manifest have; a configuration is smaller. */
const ANSWER_MIB_MAX = 4;
const REDIRECTS_MAX = 3;

/** Throws where there is no answer, or too long a one. */
export async function ask(url: URL, question: Question = {}, redirects = REDIRECTS_MAX): Promise<Answer> {
  const { method = "GET", headers = {}, body = null, mostMib = ANSWER_MIB_MAX } = question;
  const signal = AbortSignal.timeout(ANSWER_MS);
  const response = await answerTo({ method, url, headers, body }, { signal });
  const status = response.statusCode as number;
  const read = await bodyOf(response, mostMib);
  const { location } = response.headers;
  const isElsewhere = [301, 302, 303, 307, 308].includes(status);
  if (!isElsewhere || typeof location !== "string" || method !== "GET")
    return { status, headers: response.headers, body: read };
  if (redirects === 0) throw new Error("it redirects again and again");
  return ask(redirected(url, location), { headers: headersFor(url, location, headers), mostMib }, redirects - 1);
}

/** Where `location` leads. Throws where it leads from TLS to a plain connection. */
export function redirected(from: URL, location: string): URL {
  const to = new URL(location, from);
  if (to.protocol === "https:" || (to.protocol === "http:" && from.protocol === "http:" && isLoopback(to.host)))
    return to;
  throw new Error("it redirects to an address without TLS");
}

/** Those that the other place may see. */
export function headersFor(
  from: URL,
  location: string,
  headers: Readonly<Record<string, string>>,
): Record<string, string> {
  const isSame = new URL(location, from).origin === from.origin;
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => isSame || name.toLowerCase() !== "authorization"),
  );
}
