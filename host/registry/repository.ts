// SPDX-License-Identifier: Apache-2.0
// One repository of a registry, by the Distribution API:
//
//   GET /v2/NAME/manifests/TAG      401, and where to get a token; with the token, a manifest
//   GET /v2/NAME/blobs/sha256:      what a manifest names
//
// What a digest names must have it. https://github.com/opencontainers/distribution-spec
import { createHash } from "node:crypto";
import { reasonOf } from "../reason.js";
import { loginFor } from "./login.js";
import { isLoopback, type Place } from "./place.js";
import { type Answer, ask } from "./request.js";

const MANIFESTS = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
].join(", ");

/** Its methods throw an Error whose message says why not, and holds no secret. */
export class Repository {
  readonly #place: Place;
  readonly #environment: NodeJS.ProcessEnv;
  #authorization: string | null = null;

  /** `environment`: where `docker login` and AWS leave what we are known by. */
  constructor(place: Place, environment: NodeJS.ProcessEnv) {
    this.#place = place;
    this.#environment = environment;
  }

  /** `reference`: a tag or a digest. */
  manifest(reference: string): Promise<Buffer> {
    return this.#get(`manifests/${reference}`, MANIFESTS, reference);
  }

  blob(digest: string): Promise<Buffer> {
    return this.#get(`blobs/${digest}`, "*/*", digest);
  }

  async #get(path: string, accept: string, reference: string): Promise<Buffer> {
    return plainly(async () => {
      const url = new URL(`${this.#place.url}/v2/${this.#place.repository}/${path}`);
      const given = () => ({ accept, ...(this.#authorization === null ? {} : { authorization: this.#authorization }) });
      let answer = await ask(url, { headers: given() });
      if (answer.status === 401 && this.#authorization === null) {
        this.#authorization = await this.#authorize(answer);
        answer = await ask(url, { headers: given() });
      }
      if (answer.status !== 200) throw new Error(refusalIn(answer));
      if (reference.startsWith("sha256:")) checkDigest(answer.body, reference);
      return answer.body;
    });
  }

  /** https://distribution.github.io/distribution/spec/auth/token/ */
  async #authorize({ headers }: Answer): Promise<string> {
    const challenge = String(headers["www-authenticate"] ?? "");
    const login = await loginFor(this.#place.registry, this.#environment);
    if (/^basic\b/i.test(challenge)) {
      if (login === null) throw new Error("it wants a password, and none is known: `docker login` stores one");
      return login;
    }
    const [realm, service, scope] = ["realm", "service", "scope"].map(
      (name) => new RegExp(`[\\s,]${name}="([^"]*)"`, "i").exec(challenge)?.[1],
    );
    if (realm === undefined || !URL.canParse(realm)) throw new Error("it wants a proof of a kind that we do not know");
    const url = new URL(realm);
    if (url.protocol !== "https:" && !isLoopback(url.host)) throw new Error("it wants its password sent without TLS");
    if (service !== undefined) url.searchParams.set("service", service);
    url.searchParams.set("scope", scope ?? `repository:${this.#place.repository}:pull`);
    const answer = await ask(url, { headers: login === null ? {} : { authorization: login } });
    if (answer.status !== 200) throw new Error(`${url.host} gives no token: ${refusalIn(answer)}`);
    const { token, access_token: other } = Object(JSON.parse(answer.body.toString())) as Record<
      string,
      string | undefined
    >;
    if ((token ?? other) === undefined) throw new Error(`${url.host} gives no token`);
    return `Bearer ${token ?? other}`;
  }
}

/** `sha256:` and 64 hexadecimal digits. */
export function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

function checkDigest(body: Buffer, digest: string): void {
  const is = digestOf(body);
  if (is !== digest) throw new Error(`it sent ${is} when asked for ${digest}`);
}

/** Of the Distribution API's errors, the first one's message. */
function refusalIn({ status, body }: Answer): string {
  const known = {
    401: "it wants a login: `docker login` stores one",
    403: "access is denied",
    404: "it has no such image",
  };
  const word = (known as Record<number, string>)[status];
  return `${word ?? "it refused"} (status ${status}${body.length === 0 ? "" : firstError(body)})`;
}

function firstError(body: Buffer): string {
  try {
    const { errors } = JSON.parse(body.toString()) as { errors?: { code?: string }[] };
    const code = errors?.[0]?.code;
    return typeof code === "string" && /^[A-Z_]{1,40}$/.test(code) ? `, ${code}` : "";
  } catch {
    return "";
  }
}

/** Errors in words that fit behind "it". A failed connection says its reason in its causes. */
export async function plainly<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw new Error(plainReason(error), { cause: error });
  }
}

function plainReason(error: unknown): string {
  if (error instanceof Error && error.name === "TimeoutError") return "it did not answer within 10 s";
  if (error instanceof SyntaxError) return "its answer is not JSON";
  return reasonOf(error);
}
