// SPDX-License-Identifier: Apache-2.0
// The keys with which requests to AWS are signed: those of the environment, or those of the task's role. ECS
// and EKS give these to whoever asks at an address of the container (Amazon ECS Developer Guide, "Task IAM
// role"). They end after some hours, so they are asked for anew before that, and whenever AWS says that they
// have ended.
import { readFileSync } from "node:fs";
import { VedetteError } from "../errors.js";
import { reasonOf } from "../reason.js";
import type { AwsKeys } from "./aws-signature.js";
import { HttpClient } from "./http-client.js";

/** Gives keys, the same ones until they end. */
export interface AwsCredentials {
  /** Throws VEDETTE_AWS_CREDENTIALS. */
  keys(signal: AbortSignal): Promise<AwsKeys>;
  /** AWS took them no more: the next are asked for anew. */
  forget(): void;
  close(): Promise<void>;
}

/** What the environment says of credentials; AWS's own SDKs give these names a meaning. */
export type AwsEnvironment = Readonly<Record<string, string | undefined>>;

/** Where ECS's agent answers to a container (169.254.170.2), and EKS's (169.254.170.23, fd00:ec2::23). */
const ECS = "http://169.254.170.2";
const LINK_LOCAL = new Set(["169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"]);
const LOOPBACK = /^(127(\.\d+){3}|localhost|\[::1\])$/;
/** Before the end of the keys. */
const EARLY_MS = 300_000;
const ANSWER_MS = 5_000;

/** Those of the environment where it has them, else the container's. Throws VEDETTE_AWS_CREDENTIALS. */
export function awsCredentials(environment: AwsEnvironment = process.env): AwsCredentials {
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = environment;
  if (accessKeyId && secretAccessKey) {
    const token = environment.AWS_SESSION_TOKEN;
    const keys = { accessKeyId, secretAccessKey, ...(token ? { token } : {}) };
    return { keys: async () => keys, forget: () => undefined, close: async () => undefined };
  }
  return new ContainerCredentials(placeOf(environment), environment);
}

/** Asks the container's address, and keeps what it says until five minutes before its end. */
class ContainerCredentials implements AwsCredentials {
  readonly #url: URL;
  readonly #environment: AwsEnvironment;
  readonly #client = new HttpClient({ url: "", userAgent: "vedette" }, ANSWER_MS);
  #keys: AwsKeys | null = null;
  #until = 0;

  constructor(url: URL, environment: AwsEnvironment) {
    this.#url = url;
    this.#environment = environment;
  }

  async keys(signal: AbortSignal): Promise<AwsKeys> {
    if (this.#keys !== null && Date.now() < this.#until - EARLY_MS) return this.#keys;
    try {
      const { keys, until } = await this.#asked(signal);
      this.#keys = keys;
      this.#until = until;
      return keys;
    } catch (error) {
      if (this.#keys !== null && Date.now() < this.#until) return this.#keys;
      const reason = `${this.#url.host} gives none: ${reasonOf(error)}`;
      throw new VedetteError("VEDETTE_AWS_CREDENTIALS", { reason }, { cause: error });
    }
  }

  forget(): void {
    this.#keys = null;
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  async #asked(signal: AbortSignal): Promise<{ keys: AwsKeys; until: number }> {
    const authorization = this.#token();
    const headers = authorization === null ? {} : { authorization };
    const late = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]);
    const answer = await this.#client.send({ method: "GET", url: this.#url, headers, body: null }, late);
    if (typeof answer === "string") throw new Error(answer);
    if (answer.status !== 200) throw new Error(`it answers ${answer.status}`);
    return keysOf(answer.body);
  }

  /** EKS writes a new one into the file from time to time. */
  #token(): string | null {
    const { AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: file, AWS_CONTAINER_AUTHORIZATION_TOKEN: token } =
      this.#environment;
    const text = (file ? readFileSync(file, "utf8") : (token ?? "")).trim();
    if (/[\r\n]/.test(text)) throw new Error("the token for it has a line feed");
    return text === "" ? null : text;
  }
}

function placeOf(environment: AwsEnvironment): URL {
  const { AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: relative, AWS_CONTAINER_CREDENTIALS_FULL_URI: full } = environment;
  const refused = (reason: string): VedetteError => new VedetteError("VEDETTE_AWS_CREDENTIALS", { reason });
  if (relative) {
    const whole = `${ECS}${relative}`;
    if (relative.startsWith("/") && URL.canParse(whole)) return new URL(whole);
    throw refused("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI is no path");
  }
  if (!full) throw refused("the environment has neither keys nor the address of a task's role");
  if (!URL.canParse(full)) throw refused("AWS_CONTAINER_CREDENTIALS_FULL_URI is no address");
  const url = new URL(full);
  const isNear = LOOPBACK.test(url.hostname) || LINK_LOCAL.has(url.hostname);
  if (url.protocol === "https:" || (url.protocol === "http:" && isNear)) return url;
  throw refused("AWS_CONTAINER_CREDENTIALS_FULL_URI leads to another machine without TLS");
}

function keysOf(text: string): { keys: AwsKeys; until: number } {
  const { AccessKeyId, SecretAccessKey, Token, Expiration } = jsonOf(text);
  if (typeof AccessKeyId !== "string" || typeof SecretAccessKey !== "string") throw new Error("its answer has no keys");
  const until = typeof Expiration === "string" ? Date.parse(Expiration) : Number.NaN;
  return {
    keys: {
      accessKeyId: AccessKeyId,
      secretAccessKey: SecretAccessKey,
      ...(typeof Token === "string" ? { token: Token } : {}),
    },
    until: Number.isNaN(until) ? Number.POSITIVE_INFINITY : until,
  };
}

/** No message repeats a part of the answer: it may be a key. */
function jsonOf(text: string): Record<string, unknown> {
  try {
    return Object(JSON.parse(text)) as Record<string, unknown>;
  } catch {
    throw new Error("its answer is no JSON");
  }
}
