// SPDX-License-Identifier: Apache-2.0
// Asks a registry what an image runs, without pulling it: three small answers of the Distribution API.
//
//   GET /v2/NAME/manifests/TAG      401, and where to get a token; with the token, a manifest or a list of them
//   GET /v2/NAME/manifests/sha256:  of a list, the manifest for the task's processor
//   GET /v2/NAME/blobs/sha256:      the configuration: Entrypoint, Cmd
//
// What a digest names must have it. https://github.com/opencontainers/distribution-spec
import { createHash } from "node:crypto";
import { reasonOf } from "../reason.js";
import { configOf, type ImageConfig } from "./image-config.js";
import { loginFor } from "./registry-login.js";
import { type ImagePlace, isLoopback, placeOfImage } from "./registry-name.js";
import { type Answer, ask } from "./registry-request.js";

/** Of a task: what its containers run on. */
export type Architecture = "amd64" | "arm64";

const MANIFESTS = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
].join(", ");

interface Manifest {
  readonly manifests?: readonly {
    readonly digest: string;
    readonly platform?: { readonly os?: string; readonly architecture?: string };
  }[];
  readonly config?: { readonly digest?: string };
}

/** Throws an Error whose message says why not, and holds no secret. */
export async function askRegistry(
  image: string,
  architecture: Architecture,
  environment: NodeJS.ProcessEnv,
): Promise<ImageConfig> {
  const place = placeOfImage(image);
  if (place === null) throw new Error("it is no image's name");
  try {
    return await new Conversation(place, environment).config(architecture);
  } catch (error) {
    throw new Error(plainReason(error), { cause: error });
  }
}

/** With one repository. */
class Conversation {
  readonly #place: ImagePlace;
  readonly #environment: NodeJS.ProcessEnv;
  #authorization: string | null = null;

  constructor(place: ImagePlace, environment: NodeJS.ProcessEnv) {
    this.#place = place;
    this.#environment = environment;
  }

  async config(architecture: Architecture): Promise<ImageConfig> {
    const first = await this.#manifest(this.#place.reference);
    const of = first.manifests;
    const manifest = of === undefined ? first : await this.#manifest(digestFor(of, architecture));
    const digest = manifest.config?.digest;
    if (digest === undefined) throw new Error("its manifest names no configuration");
    const config = (await this.#get(`blobs/${digest}`, "*/*", digest)) as Record<string, unknown>;
    const made = config.architecture;
    if (made !== undefined && made !== architecture)
      throw new Error(`it is made for ${made}, and the task runs on ${architecture}`);
    return configOf(Object(config.config) as Record<string, unknown>);
  }

  async #manifest(reference: string): Promise<Manifest> {
    return (await this.#get(`manifests/${reference}`, MANIFESTS, reference)) as Manifest;
  }

  /** `reference`: a tag or a digest. */
  async #get(path: string, accept: string, reference: string): Promise<object> {
    const url = new URL(`${this.#place.url}/v2/${this.#place.repository}/${path}`);
    const given = () => ({ accept, ...(this.#authorization === null ? {} : { authorization: this.#authorization }) });
    let answer = await ask(url, { headers: given() });
    if (answer.status === 401 && this.#authorization === null) {
      this.#authorization = await this.#authorize(answer);
      answer = await ask(url, { headers: given() });
    }
    if (answer.status !== 200) throw new Error(refusalIn(answer));
    if (reference.startsWith("sha256:")) checkDigest(answer.body, reference);
    return Object(JSON.parse(answer.body.toString())) as object;
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

function digestFor(manifests: NonNullable<Manifest["manifests"]>, architecture: Architecture): string {
  const found = manifests.find(({ platform }) => platform?.os === "linux" && platform.architecture === architecture);
  if (found !== undefined) return found.digest;
  throw new Error(`it has no image for linux/${architecture}`);
}

function checkDigest(body: Buffer, digest: string): void {
  const is = `sha256:${createHash("sha256").update(body).digest("hex")}`;
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

/** A failed connection says so in its causes. */
function plainReason(error: unknown): string {
  if (error instanceof Error && error.name === "TimeoutError") return "it did not answer within 10 s";
  if (error instanceof SyntaxError) return "its answer is not JSON";
  return reasonOf(error);
}
