// SPDX-License-Identifier: Apache-2.0
// One request over HTTP or HTTPS, by Node's own client. Its parser is native code. That of undici, which
// fetch uses too, is WebAssembly, and V8 takes 25 MiB to optimize it.
import { type Agent, type IncomingMessage, request as plainRequest } from "node:http";
import { request as tlsRequest } from "node:https";

const MIB = 1 << 20;

/** What is sent, whole. */
export interface HttpRequest {
  readonly method: "GET" | "POST" | "PUT";
  readonly url: string | URL;
  readonly headers: Readonly<Record<string, string>>;
  /** Null: none, as of a GET. */
  readonly body: string | Buffer | null;
}

/** How it is sent. */
export interface HttpManner {
  /** Of the address' protocol; undefined: Node's own. */
  readonly agent?: Agent;
  /** Ends the request and its answer. */
  readonly signal: AbortSignal;
  /** The longest wait for the answer's head, connecting included; undefined: the signal alone ends it. */
  readonly headMs?: number;
}

/** Why there is no answer: none came in time. */
export const NO_ANSWER = "no answer in time";

/** The answer's head; its body is still to be read, or destroyed. Rejects where none comes. */
export function answerTo(asked: HttpRequest, { agent, signal, headMs }: HttpManner): Promise<IncomingMessage> {
  const { method, headers, body } = asked;
  const url = new URL(asked.url);
  return new Promise((resolve, reject) => {
    const start = url.protocol === "https:" ? tlsRequest : plainRequest;
    const request = start(url, { method, headers, signal, ...(agent === undefined ? {} : { agent }) });
    let isInTime = (): void => undefined;
    request.once("socket", () => {
      if (headMs !== undefined) isInTime = unlessRead(headMs, () => request.destroy(new Error(NO_ANSWER)));
    });
    request.once("response", (answer) => {
      isInTime();
      resolve(answer);
    });
    request.on("error", (error) => {
      isInTime();
      reject(error instanceof AggregateError ? error.errors[0] : error); // one for each address of a name
    });
    // `101 Switching Protocols` is no answer, and ends in this alone. After an answer it says nothing.
    request.once("close", () => {
      isInTime();
      reject(new Error("the connection ended without an answer"));
    });
    request.end(body ?? undefined);
  });
}

/**
 * After so many ms `tooLate` runs, unless what it returns was called before. Where we had no turn for that
 * long, the timer is due before what came meanwhile is read: that is read first.
 */
export function unlessRead(ms: number, tooLate: () => void): () => void {
  let read: NodeJS.Immediate | undefined;
  const timer = setTimeout(() => (read = setImmediate(tooLate)), ms);
  return () => {
    clearTimeout(timer);
    clearImmediate(read);
  };
}

/** The answer's body. Throws where it is longer than so many MiB, and closes the connection then. */
export async function bodyOf(answer: IncomingMessage, mostMib: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of answer as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > mostMib * MIB) throw new Error(`the answer is longer than ${mostMib} MiB`);
    parts.push(part);
  }
  return Buffer.concat(parts);
}
