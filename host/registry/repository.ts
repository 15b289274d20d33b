// SPDX-License-Identifier: Apache-2.0
// One repository of a registry, by the Distribution API:
//
//   GET /v2/NAME/manifests/TAG      401, and where to get a token; with the token, a manifest
//   GET /v2/NAME/blobs/sha256:      what a manifest names
//   POST /v2/NAME/blobs/uploads/    where a blob may be put; then PUT it there, and PUT the manifest
//
// What a digest names must have it. https://github.com/opencontainers/distribution-spec
import { createHash } from "node:crypto";
import { reasonOf } from "../reason.js";
import { loginFor } from "./login.js";
import { isLoopback, type Place } from "./place.js";
import { type Answer, ask, headersFor, type Question, redirected } from "./request.js";

const MANIFESTS = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
].join(", ");

/** What is asked of a repository: its tokens hold for that alone. */
export type Scope = "pull" | "pull,push";

/** Its methods throw an Error whose message says why not, and holds no secret. */
export class Repository {
  readonly #place: Place;
  readonly #environment: NodeJS.ProcessEnv;
  readonly #scope: Scope;
  #authorization: string | null = null;

  /** `environment`: where `docker login` and AWS leave what we are known by. */
  constructor(place: Place, environment: NodeJS.ProcessEnv, scope: Scope = "pull") {
    this.#place = place;
    this.#environment = environment;
    this.#scope = scope;
  }

  /** `reference`: a tag or a digest. */
  async manifest(reference: string): Promise<Buffer> {
    const answer = await this.#ask(`manifests/${reference}`, { headers: { accept: MANIFESTS } });
    return bodyIn(answer, reference);
  }

  /** As manifest(); null: there is none of this name. */
  async manifestIfAny(reference: string): Promise<Buffer | null> {
    const answer = await this.#ask(`manifests/${reference}`, { headers: { accept: MANIFESTS } });
    return answer.status === 404 ? null : bodyIn(answer, reference);
  }

  /** `mostMib`: of a longer one nothing is given, and an Error thrown. */
  async blob(digest: string, mostMib?: number): Promise<Buffer> {
    const bound = mostMib === undefined ? {} : { mostMib };
    return bodyIn(await this.#ask(`blobs/${digest}`, { headers: { accept: "*/*" }, ...bound }), digest);
  }

  /** Before the manifest that names it. */
  async putBlob(body: Buffer): Promise<void> {
    const begun = await this.#ask("blobs/uploads/", { method: "POST" });
    const { location } = begun.headers;
    if (begun.status !== 202 || typeof location !== "string") throw new Error(refusalIn(begun));
    const from = this.#url("blobs/uploads/");
    const to = redirected(from, location);
    to.searchParams.set("digest", digestOf(body));
    const headers = headersFor(from, location, { ...this.#proof(), "content-type": "application/octet-stream" });
    const answer = await plainly(() => ask(to, { method: "PUT", headers, body }));
    if (answer.status !== 201) throw new Error(refusalIn(answer));
  }

  async putManifest(reference: string, type: string, body: Buffer): Promise<void> {
    const headers = { "content-type": type };
    const answer = await this.#ask(`manifests/${reference}`, { method: "PUT", headers, body });
    if (answer.status !== 201) throw new Error(refusalIn(answer));
  }

  #url(path: string): URL {
    return new URL(`${this.#place.url}/v2/${this.#place.repository}/${path}`);
  }

  #proof(): Record<string, string> {
    return this.#authorization === null ? {} : { authorization: this.#authorization };
  }

  /** Once more where it wants to know who we are, or a token has run out. */
  async #ask(path: string, question: Question): Promise<Answer> {
    return plainly(async () => {
      const url = this.#url(path);
      const asked = (): Promise<Answer> =>
        ask(url, { ...question, headers: { ...question.headers, ...this.#proof() } });
      const answer = await asked();
      if (answer.status !== 401) return answer;
      const before = this.#authorization;
      this.#authorization = await this.#authorize(answer);
      return this.#authorization === before ? answer : asked();
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
    url.searchParams.set("scope", scope ?? `repository:${this.#place.repository}:${this.#scope}`);
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

/** `reference`: what was asked for. */
function bodyIn(answer: Answer, reference: string): Buffer {
  if (answer.status !== 200) throw new Error(refusalIn(answer));
  const is = digestOf(answer.body);
  if (reference.startsWith("sha256:") && is !== reference) throw new Error(`it sent ${is} when asked for ${reference}`);
  return answer.body;
}

/** Of the Distribution API's errors, the first one's message. */
function refusalIn({ status, body }: Answer): string {
  const known = {
    401: "it wants a login: `docker login` stores one",
    403: "access is denied",
    404: "it has nothing of this name",
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
