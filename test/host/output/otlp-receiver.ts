// SPDX-License-Identifier: Apache-2.0
// A collector that takes logs over OTLP/HTTP and enforces what OTLP says of a request: each message is held
// against the .proto files of OpenTelemetry, strictly: no field that they do not have, 64-bit numbers as
// texts, enums as numbers, no empty request. What it answers is said beforehand.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import protobuf from "protobufjs";

/** Files of open-telemetry/opentelemetry-proto (Apache-2.0), as they name one another. */
const FOLDER = join(import.meta.dirname, "otlp");
const FILES: Readonly<Record<string, string>> = {
  "opentelemetry/proto/common/v1/common.proto": "values.proto",
  "opentelemetry/proto/logs/v1/logs.proto": "logs.proto",
  "opentelemetry/proto/resource/v1/resource.proto": "resource.proto",
};

const root = new protobuf.Root();
root.resolvePath = (_, target) => join(FOLDER, FILES[target] ?? target);
root.loadSync("service.proto");
const REQUEST = root.lookupType("opentelemetry.proto.collector.logs.v1.ExportLogsServiceRequest");

/** What is wrong with it as OTLP's JSON; null: nothing. */
export function complaint(value: unknown, type: protobuf.Type = REQUEST, at = "request"): string | null {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return `${at} is no object`;
  for (const [name, member] of Object.entries(value)) {
    const field = type.fields[name];
    if (field === undefined) return `${at} has no field ${name}`;
    if (field.repeated && !Array.isArray(member)) return `${at}.${name} is no list`;
    for (const one of field.repeated ? (member as unknown[]) : [member]) {
      const wrong = scalarComplaint(one, field.resolve(), `${at}.${name}`);
      if (wrong !== null) return wrong;
    }
  }
  for (const { name, oneof } of type.oneofsArray)
    if (oneof.filter((one) => Object.hasOwn(value, one)).length > 1) return `${at}: two of ${name}`;
  return null;
}

/** It is written as protobuf and read again. */
export function encodingComplaint(value: object): string | null {
  try {
    const bytes = REQUEST.encode(REQUEST.fromObject(value)).finish();
    REQUEST.decode(bytes);
    return null;
  } catch (error) {
    return `it cannot be encoded: ${(error as Error).message}`;
  }
}

function scalarComplaint(value: unknown, { type, resolvedType }: protobuf.Field, at: string): string | null {
  if (resolvedType instanceof protobuf.Type) return complaint(value, resolvedType, at);
  if (resolvedType instanceof protobuf.Enum)
    return resolvedType.valuesById[value as number] === undefined ? `${at} is no number of its enum` : null;
  if (type === "string") return typeof value === "string" ? null : `${at} is no text`;
  if (type === "bytes") return /^([0-9a-f]{2})*$/.test(String(value)) ? null : `${at} is no hexadecimal text`;
  if (type === "bool") return typeof value === "boolean" ? null : `${at} is not true or false`;
  if (/64$/.test(type))
    return typeof value === "string" && /^-?\d+$/.test(value) ? null : `${at} is no number as a text`;
  return typeof value === "number" ? null : `${at} is no number`;
}

/** One log record, with its resource's attributes, in plain values. */
export interface Taken {
  readonly record: Readonly<Record<string, unknown>>;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly resource: Readonly<Record<string, unknown>>;
}

type Attribute = { key: string; value: Record<string, unknown> };
const plain = (all: Attribute[] = []): Record<string, unknown> =>
  Object.fromEntries(all.map(({ key, value }) => [key, Object.values(value)[0]]));

interface Body {
  resourceLogs: {
    resource: { attributes: Attribute[] };
    scopeLogs: { logRecords: (Record<string, unknown> & { attributes: Attribute[] })[] }[];
  }[];
}

/** Records of a request, the way they came. */
export const recordsOf = ({ resourceLogs }: Body): Taken[] =>
  resourceLogs.flatMap(({ resource, scopeLogs }) =>
    scopeLogs.flatMap(({ logRecords }) =>
      logRecords.map((record) => ({
        record,
        attributes: plain(record.attributes),
        resource: plain(resource.attributes),
      })),
    ),
  );

/** A status with its headers and body; `reset`: the connection breaks; `silent`: there is no answer. */
export type Reply =
  | { readonly status: number; readonly headers?: Record<string, string>; readonly body?: string }
  | "reset"
  | "silent";

/** `reply`: of the how manieth request, from 0. A record counts as taken where the status is 200. */
export async function otlpReceiver(reply: (nth: number) => Reply = () => ({ status: 200 }), port = 0) {
  const taken: Taken[] = [];
  const requests: { at: number; headers: IncomingMessage["headers"]; path: string | undefined; size: number }[] = [];
  const complaints: string[] = [];
  const server = createServer(async (request: IncomingMessage, response: ServerResponse) => {
    const now = reply(requests.length);
    const entry = { at: performance.now(), headers: request.headers, path: request.url, size: 0 };
    requests.push(entry);
    if (now === "reset") {
      request.once("data", () => request.socket.resetAndDestroy());
      return;
    }
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    if (now === "silent") return;
    const raw = Buffer.concat(parts);
    const text = (request.headers["content-encoding"] === "gzip" ? gunzipSync(raw) : raw).toString();
    const body = JSON.parse(text) as Body;
    const wrong =
      request.headers["content-type"] !== "application/json" || request.method !== "POST"
        ? "no POST of JSON"
        : (complaint(body) ?? encodingComplaint(body) ?? (recordsOf(body).length === 0 ? "an empty request" : null));
    if (wrong !== null) complaints.push(wrong);
    entry.size = recordsOf(body).length;
    const status = wrong === null ? now.status : 400;
    if (status === 200) taken.push(...recordsOf(body));
    response.writeHead(status, { "content-type": "application/json", ...now.headers }).end(now.body ?? "{}");
  });
  await new Promise<void>((done) => server.listen(port, "127.0.0.1", done));
  const { port: at } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${at}`,
    port: at,
    taken,
    requests,
    complaints,
    close: (): Promise<void> => {
      server.closeAllConnections();
      return new Promise((done) => server.close(() => done()));
    },
  };
}
