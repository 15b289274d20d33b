// SPDX-License-Identifier: Apache-2.0
// The password of Amazon's registry (ECR), which lives for twelve hours: asked of AWS with the credentials of
// the environment, or with those that ECS gives a task's role. One call, signed as AWS wants it.
//
// https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
import { createHash, createHmac } from "node:crypto";
import { isLoopback } from "./place.js";
import { type Answer, ask } from "./request.js";

/** What AWS knows somebody by. */
export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
}

/** What is asked, by whom, when. */
export interface SignedCall {
  readonly url: URL;
  readonly region: string;
  readonly service: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

const CREDENTIALS_HOST = "http://169.254.170.2";
const ECR = /^\d{12}\.dkr\.ecr(?:-fips)?\.([\w-]+)\.amazonaws\.com(\.cn)?$/;

/** The region of a registry of ECR; null: it is none. */
export function regionOfEcr(registry: string): string | null {
  return ECR.exec(registry)?.[1] ?? null;
}

/**
 * `Basic`, as the registry takes it; null: the environment holds no credentials. Throws where AWS gives no
 * token.
 */
export async function ecrLogin(registry: string, environment: NodeJS.ProcessEnv): Promise<string | null> {
  const region = regionOfEcr(registry);
  const credentials = region === null ? null : await credentialsIn(environment);
  if (region === null || credentials === null) return null;
  const url =
    environment.AWS_ENDPOINT_URL_ECR ?? `https://api.ecr.${region}.amazonaws.com${ECR.exec(registry)![2] ?? ""}`;
  const call = {
    url: new URL("/", url),
    region,
    service: "ecr",
    headers: {
      "content-type": "application/x-amz-json-1.1",
      "x-amz-target": "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken",
    },
    body: "{}",
  };
  const headers = signed(call, credentials, new Date());
  const answer = await ask(call.url, { method: "POST", headers, body: call.body });
  const { authorizationData } = parsed(answer) as { authorizationData?: { authorizationToken?: string }[] };
  const token = authorizationData?.[0]?.authorizationToken;
  if (token === undefined) throw new Error(`AWS gives no token (status ${answer.status})`);
  return `Basic ${token}`;
}

async function credentialsIn(environment: NodeJS.ProcessEnv): Promise<AwsCredentials | null> {
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = environment;
  if (accessKeyId && secretAccessKey)
    return { accessKeyId, secretAccessKey, sessionToken: environment.AWS_SESSION_TOKEN };
  const path = environment.AWS_CONTAINER_CREDENTIALS_RELATIVE_URI;
  const url = path ? `${CREDENTIALS_HOST}${path}` : environment.AWS_CONTAINER_CREDENTIALS_FULL_URI;
  if (!url) return null;
  const { protocol, hostname: host } = new URL(url);
  if (protocol !== "https:" && !isLoopback(host) && !url.startsWith(`${CREDENTIALS_HOST}/`))
    throw new Error("AWS_CONTAINER_CREDENTIALS_FULL_URI is an address without TLS");
  const token = environment.AWS_CONTAINER_AUTHORIZATION_TOKEN;
  const answer = await ask(new URL(url), { headers: token ? { authorization: token } : {} });
  const given = parsed(answer) as Record<string, string | undefined>;
  if (!given.AccessKeyId || !given.SecretAccessKey)
    throw new Error(`ECS gives no credentials (status ${answer.status})`);
  return { accessKeyId: given.AccessKeyId, secretAccessKey: given.SecretAccessKey, sessionToken: given.Token };
}

/** The headers with which AWS takes the call. */
export function signed(call: SignedCall, credentials: AwsCredentials, time: Date): Record<string, string> {
  const { url, region, service, body } = call;
  const at = time.toISOString().replace(/[:-]|\.\d+/g, "");
  const day = at.slice(0, 8);
  const token = credentials.sessionToken;
  const headers: Record<string, string> = {
    ...call.headers,
    host: url.host,
    "x-amz-content-sha256": sha256(body),
    "x-amz-date": at,
    ...(token ? { "x-amz-security-token": token } : {}),
  };
  const names = Object.keys(headers).toSorted();
  const lines = names.map((name) => `${name}:${headers[name]!.trim()}\n`).join("");
  const request = ["POST", url.pathname, "", lines, names.join(";"), sha256(body)].join("\n");
  const scope = `${day}/${region}/${service}/aws4_request`;
  const toSign = ["AWS4-HMAC-SHA256", at, scope, sha256(request)].join("\n");
  const key = [day, region, service, "aws4_request"].reduce<string | Buffer>(
    (under, part) => createHmac("sha256", under).update(part).digest(),
    `AWS4${credentials.secretAccessKey}`,
  );
  const signature = createHmac("sha256", key).update(toSign).digest("hex");
  const who = `Credential=${credentials.accessKeyId}/${scope}`;
  return {
    ...headers,
    authorization: `AWS4-HMAC-SHA256 ${who}, SignedHeaders=${names.join(";")}, Signature=${signature}`,
  };
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function parsed({ body }: Answer): object {
  try {
    return Object(JSON.parse(body.toString())) as object;
  } catch {
    return {}; // its status says enough
  }
}
