// SPDX-License-Identifier: Apache-2.0
// A server that speaks as Firehose, S3, ECS and a container's credentials and metadata do. It enforces
// signatures: aws4fetch, a signer of its own, has to come to the same `authorization` from what was
// received, and headers and digests have to be as AWS wants them. What it answers is said beforehand.
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { gunzipSync } from "node:zlib";
import { AwsV4Signer } from "aws4fetch";

/** Whose keys it knows: the secret of each. */
export const SECRETS: Readonly<Record<string, string>> = { AKIDONE: "one/secret+key", AKIDTWO: "two/secret+key" };
export const REGION = "eu-west-1";
const TARGETS = {
  firehose: "Firehose_20150804.PutRecordBatch",
  ecs: "AmazonEC2ContainerServiceV20141113.StopTask",
} as const;

/** One request that was signed as it is to be. */
export interface Put {
  readonly path: string;
  readonly keyId: string;
  readonly token: string | undefined;
  readonly lines: readonly string[];
}

/** What the `nth` request gets instead of being taken; null: it is taken. `taken, reset`: it is, too. */
export type Replies = (nth: number) => "reset" | "taken, reset" | { status: number; body?: string } | null;

export interface AwsReceiver {
  readonly url: string;
  readonly puts: Put[];
  /** Why a request was not as AWS wants it. */
  readonly complaints: string[];
  /** How often keys were asked for. */
  asked(): number;
  /** The environment of a task that has a role, and whose metadata this server has. */
  readonly environment: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

export interface AwsReceiverOptions {
  readonly replies?: Replies;
  /** Of Firehose: the records that the `nth` request fails, by their place. */
  readonly fails?: (nth: number, count: number) => readonly number[];
  /** What the `nth` question for keys gets; by default the keys of AKIDONE, for an hour. */
  readonly keys?: (nth: number) => object | string;
  /** What ECS's metadata says of the task; by default nobody answers. */
  readonly task?: object;
}

export async function awsReceiver(options: AwsReceiverOptions = {}): Promise<AwsReceiver> {
  const { replies = () => null, fails = () => [], keys = () => keysOf("AKIDONE"), task } = options;
  const puts: Put[] = [];
  const complaints: string[] = [];
  let asked = 0;
  let nth = 0;
  const server = createServer(async (request, response) => {
    const body = await bodyOf(request);
    if (request.url === "/keys") {
      const answer = keys(asked++);
      if (request.headers.authorization !== "pod token") response.writeHead(401).end();
      else response.end(typeof answer === "string" ? answer : JSON.stringify(answer));
      return;
    }
    if (request.url === "/metadata/task") {
      if (task === undefined) response.writeHead(404).end();
      else response.end(JSON.stringify(task));
      return;
    }
    const complaint = await complaintOf(request, body);
    if (complaint !== null) {
      complaints.push(complaint);
      response.writeHead(403).end("<Error><Code>SignatureDoesNotMatch</Code></Error>");
      return;
    }
    const number = nth++;
    const reply = replies(number);
    if (reply === "reset") return void request.socket.resetAndDestroy();
    if (reply !== null && reply !== "taken, reset") return void response.writeHead(reply.status).end(reply.body);
    take(request, response, body, number, reply === null);
  });
  const take = (request: IncomingMessage, response: ServerResponse, body: Buffer, number: number, isTold: boolean) => {
    const isOfTask = request.headers["x-amz-target"] === TARGETS.ecs;
    const whole = isOfTask
      ? [body.toString()]
      : request.method === "PUT"
        ? gunzipSync(body).toString().split("\n").slice(0, -1)
        : recordsOf(body);
    const failed = new Set(request.method === "PUT" ? [] : fails(number, whole.length));
    const lines = whole.filter((_, i) => !failed.has(i));
    const [, keyId = ""] = /Credential=(\w+)/.exec(request.headers.authorization ?? "") ?? [];
    const token = request.headers["x-amz-security-token"] as string | undefined;
    puts.push({ path: request.url ?? "", keyId, token, lines });
    if (!isTold) return void request.socket.resetAndDestroy();
    if (isOfTask) return void response.end(JSON.stringify({ task: { desiredStatus: "STOPPED" } }));
    const RequestResponses = whole.map((_, i) =>
      failed.has(i)
        ? { ErrorCode: "ServiceUnavailableException", ErrorMessage: "Slow down." }
        : { RecordId: recordIdOf(i) },
    );
    response.end(JSON.stringify({ Encrypted: false, FailedPutCount: failed.size, RequestResponses }));
  };
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    puts,
    complaints,
    asked: () => asked,
    environment: {
      AWS_CONTAINER_CREDENTIALS_FULL_URI: `${url}/keys`,
      AWS_CONTAINER_AUTHORIZATION_TOKEN: "pod token",
      ECS_CONTAINER_METADATA_URI_V4: `${url}/metadata`,
      AWS_ENDPOINT_URL_ECS: `${url}/`,
    },
    close: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}

/** As long as Firehose's are in its API reference. */
const recordIdOf = (i: number): string => `${i}-${"Nb8i6LYBMGpyqVQ".repeat(14)}`;

/** As the container's address answers. */
export function keysOf(AccessKeyId: string, ms = 3_600_000): object {
  const Expiration = new Date(Date.now() + ms).toISOString();
  return { AccessKeyId, SecretAccessKey: SECRETS[AccessKeyId], Token: `token of ${AccessKeyId}`, Expiration };
}

/** Why the request is not as AWS wants it; null: it is. */
async function complaintOf(request: IncomingMessage, body: Buffer): Promise<string | null> {
  const { authorization = "" } = request.headers;
  const form = /^AWS4-HMAC-SHA256 Credential=(\w+)\/(\d{8})\/([\w-]+)\/(\w+)\/aws4_request, SignedHeaders=([\w;-]+), /;
  const [, keyId = "", day = "", region = "", service = "", names = ""] = form.exec(authorization) ?? [];
  const secretAccessKey = SECRETS[keyId];
  if (secretAccessKey === undefined) return `its authorization is ${authorization}`;
  const header = (name: string): string => String(request.headers[name] ?? "");
  if (region !== REGION || !header("x-amz-date").startsWith(day)) return `its scope is ${day}/${region}`;
  const digest = createHash("sha256").update(body);
  const hex = digest.copy().digest("hex");
  if (header("x-amz-content-sha256") !== hex) return "the digest is of another body";
  const isOfTask = header("x-amz-target").startsWith("AmazonEC2ContainerService");
  const wanted = request.method === "PUT" ? "s3" : isOfTask ? "ecs" : "firehose";
  if (service !== wanted) return `it is signed for ${service}`;
  if (wanted === "s3" && header("x-amz-checksum-sha256") !== digest.digest("base64")) return "its checksum is wrong";
  if (wanted !== "s3" && header("x-amz-target") !== TARGETS[wanted]) return "no such target";
  if (wanted !== "s3" && header("content-type") !== "application/x-amz-json-1.1") return "it is no JSON";
  const signed = names.split(";");
  const left = ["content-type", "x-amz-target", "x-amz-checksum-sha256", "x-amz-security-token"].find(
    (name) => request.headers[name] !== undefined && !signed.includes(name),
  );
  if (left !== undefined) return `${left} is not signed`;
  const signer = new AwsV4Signer({
    method: request.method ?? "",
    url: `http://${header("host")}${request.url}`,
    headers: Object.fromEntries(signed.filter((name) => name !== "host").map((name) => [name, header(name)])),
    body,
    accessKeyId: keyId,
    secretAccessKey,
    service,
    region,
    datetime: header("x-amz-date"),
    allHeaders: true,
  });
  const { headers } = await signer.sign();
  const ours = headers.get("authorization");
  return ours === authorization ? null : `the signature is ${authorization}, not ${ours}`;
}

function recordsOf(body: Buffer): string[] {
  const { DeliveryStreamName, Records } = JSON.parse(body.toString()) as {
    DeliveryStreamName: string;
    Records: { Data: string }[];
  };
  if (DeliveryStreamName !== "alerts" || Records.length === 0 || Records.length > 500 || body.length > 4 << 20)
    throw new Error(`no batch of Firehose: ${Records.length} records, ${body.length} bytes`);
  return Records.map(({ Data }) => {
    const text = Buffer.from(Data, "base64").toString();
    if (!text.endsWith("\n")) throw new Error("a record does not end in a line feed");
    return text.slice(0, -1);
  });
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts);
}
