// SPDX-License-Identifier: Apache-2.0
// One connection to NATS, on which messages are published to JetStream and acknowledged. It never connects
// again by itself: whoever publishes asks again later, and then a connection is made to one of the servers
// that were named. Others that a server announces are not followed: a server that lies could name its own.
import { once } from "node:events";
import { checkServerIdentity, type PeerCertificate } from "node:tls";
import type { PubAck } from "@nats-io/jetstream";
import { VedetteError } from "../errors.js";
import { readGivenFile } from "../plain-file.js";
import { reasonOf } from "../reason.js";
import {
  type ConnectionOptions,
  connect,
  credsAuthenticator,
  errors,
  JetStreamApiError,
  jetstream,
  type NatsConnection,
  nkeyAuthenticator,
} from "./nats-library.js";
import { type NatsPlace, type NatsServer, parseNatsUrl } from "./nats-url.js";
import { AUTHORITY, pemOf } from "./pem.js";
import { visible } from "./visible.js";

/** One message of JetStream. `id`: of two with one id the server keeps the first. */
export interface NatsMessage {
  readonly subject: string;
  readonly id: string;
  readonly body: string;
}

/**
 * What became of it. `taken`: a stream has it. `large`: no server takes so many bytes. `subject`: the servers
 * are well, and nobody takes this subject from us. `failed`: it may go well later.
 */
export type NatsEnd =
  | { readonly kind: "taken"; readonly isDouble: boolean }
  | { readonly kind: "large" | "subject" | "failed"; readonly reason: string };

const CONNECT_MS = 5_000;
const ANSWER_MS = 10_000;
/** A connection without a word for two of these is over. */
const PING_MS = 20_000;
const CREDS_BYTES_MAX = 64 << 10;
const CREDS_TEXT = "-----BEGIN NATS";
const CREDS_SEED = "BEGIN USER NKEY SEED";
/** With a message: `Nats-Msg-Id`, `Nats-Expected-Stream`, and their line of protocol. */
const HEAD_BYTES = 64;
/** JSStreamMessageExceedsMaximumErr of nats-server's server/errors.json. */
const STREAM_MESSAGE_MAX = 10054;
/** JSStreamStoreFailedF, of a bound of that one subject; else it is one of the whole stream. */
const STORE_FAILED = 10077;
const PER_SUBJECT = /per subject/i;

/** Publishes, over a connection that it makes when there is something to publish. */
export class NatsClient {
  readonly #servers: readonly NatsServer[];
  readonly #place: NatsPlace;
  readonly #tls: ConnectionOptions["tls"];
  readonly #creds: Uint8Array | undefined;
  readonly #answerMs: number;
  #connection: NatsConnection | null = null;
  #connecting: Promise<NatsConnection> | null = null;
  /** The server is about to leave: the next batch goes to another, if there is one. */
  #isLeaving = false;
  /** Of `#servers`: where the next attempt begins. */
  #turn = 0;
  #isClosed = false;

  /** Throws VEDETTE_HTTP_FILE and VEDETTE_NATS_CREDENTIALS. */
  constructor(place: NatsPlace, answerMs = ANSWER_MS) {
    this.#place = place;
    this.#servers = parseNatsUrl(place.url) ?? [];
    this.#tls = tlsOf(place, this.#servers);
    this.#creds = credsOf(place);
    this.#answerMs = answerMs;
  }

  /**
   * What became of each message, in their order. All are on their way at once. `stream`: it must be this one
   * that takes them; undefined: any. Throws an Error where there is no connection.
   */
  async publish(messages: readonly NatsMessage[], stream: string | undefined, signal: AbortSignal): Promise<NatsEnd[]> {
    const connection = await this.connected(signal);
    const js = jetstream(connection, { timeout: this.#answerMs });
    const most = connection.info?.max_payload ?? 0;
    const over = new AbortController();
    const late = once(signal, "abort", { signal: over.signal }).then(
      (): NatsEnd => ({ kind: "failed", reason: "it takes nothing" }),
    );
    late.catch(() => undefined);
    const sent = messages.map(async ({ subject, id, body }): Promise<NatsEnd> => {
      const size = Buffer.byteLength(body) + id.length + (stream?.length ?? 0) + HEAD_BYTES;
      if (size > most) return { kind: "large", reason: `it has ${size} bytes, and the server takes ${most}` };
      const expect = stream === undefined ? {} : { expect: { streamName: stream } };
      try {
        return endOfAck(await js.publish(subject, body, { msgID: id, ...expect }), stream);
      } catch (error) {
        return endOfFailure(error);
      }
    });
    const ends = await Promise.all(sent.map((one) => Promise.race([one, late])));
    over.abort();
    // One that answers nothing may be on a connection that is there no more.
    if (ends.every(({ kind }) => kind === "failed")) await this.#drop();
    return ends;
  }

  /** Nothing is published any more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#drop();
  }

  async #drop(): Promise<void> {
    const connection = this.#connection;
    this.#connection = null;
    await connection?.close();
  }

  /**
   * The connection that there is, or a new one: whoever asks meanwhile gets the same. Throws an Error with
   * what the last server says.
   */
  connected(signal: AbortSignal): Promise<NatsConnection> {
    this.#connecting ??= this.#connected(signal).finally(() => {
      this.#connecting = null;
    });
    return this.#connecting;
  }

  async #connected(signal: AbortSignal): Promise<NatsConnection> {
    const open = this.#connection;
    if (open !== null && !open.isClosed() && !(this.#isLeaving && this.#servers.length > 1)) return open;
    let failed: unknown = new Error("no server is named");
    for (const _ of this.#servers) {
      if (signal.aborted) break;
      const server = this.#servers[this.#turn++ % this.#servers.length] as NatsServer;
      try {
        return await this.#open(server, open);
      } catch (error) {
        failed = error;
      }
    }
    if (open !== null && !open.isClosed()) return open; // it leaves, and nobody else is there
    throw new Error(wordsOf(failed));
  }

  async #open({ host, port, isSecure }: NatsServer, old: NatsConnection | null): Promise<NatsConnection> {
    const { user, password, token, nkey, inbox } = this.#place;
    const connection = await connect({
      servers: [`${host.includes(":") ? `[${host}]` : host}:${port}`],
      name: "vedette",
      reconnect: false,
      ignoreClusterUpdates: true,
      noAsyncTraces: true,
      timeout: Math.min(CONNECT_MS, this.#answerMs),
      pingInterval: PING_MS,
      ...(isSecure || this.#tls !== undefined ? { tls: { ...this.#tls, ...identityOf(host) } } : {}),
      ...(inbox === undefined ? {} : { inboxPrefix: inbox }),
      ...(user === undefined ? {} : { user, pass: password ?? "" }),
      ...(token === undefined ? {} : { token }),
      ...(nkey === undefined ? {} : { authenticator: nkeyAuthenticator(Buffer.from(nkey)) }),
      ...(this.#creds === undefined ? {} : { authenticator: credsAuthenticator(this.#creds) }),
    });
    if (this.#isClosed) await connection.close();
    this.#connection = connection;
    this.#isLeaving = false;
    void this.#listen(connection);
    await old?.close();
    return connection;
  }

  async #listen(connection: NatsConnection): Promise<void> {
    for await (const { type } of connection.status())
      if (type === "ldm" && connection === this.#connection) this.#isLeaving = true;
  }
}

function endOfAck({ seq, stream, duplicate }: PubAck, asked: string | undefined): NatsEnd {
  // Between an election and its end, a server may know an id without having the message (nats-server#6415).
  if (!(seq > 0)) return { kind: "failed", reason: "it knows the message, and does not have it yet" };
  if (asked !== undefined && stream !== asked)
    return { kind: "failed", reason: "another stream than the one that was asked for has it" };
  return { kind: "taken", isDouble: duplicate };
}

/** What a server says of a message that no stream has. */
export function endOfFailure(error: unknown): NatsEnd {
  const causes = causesOf(error);
  // The library says "jetstream is not enabled" where nobody answers.
  if (causes.some((one) => one instanceof errors.NoRespondersError))
    return { kind: "subject", reason: "no stream takes this subject" };
  if (causes.some((one) => one instanceof errors.PermissionViolationError))
    return { kind: "subject", reason: "we may not publish on this subject" };
  const reason = error instanceof errors.TimeoutError ? "it does not answer" : wordsOf(error);
  if (!(error instanceof JetStreamApiError)) return { kind: "failed", reason };
  if (error.code === STREAM_MESSAGE_MAX) return { kind: "large", reason };
  const isOfSubject = error.code === STORE_FAILED && PER_SUBJECT.test(error.message);
  return { kind: isOfSubject ? "subject" : "failed", reason };
}

/** It, and what caused it. */
function causesOf(error: unknown): unknown[] {
  const { cause } = (error ?? {}) as { cause?: unknown };
  return cause === undefined ? [error] : [error, ...causesOf(cause)];
}

/** What somebody else says, on one line that no terminal obeys. */
function wordsOf(error: unknown): string {
  const { code } = (error ?? {}) as { code?: unknown };
  if (error === undefined || error === null) return "it closed the connection";
  const text = visible(reasonOf(error)).slice(0, 200);
  return text === "" ? String(code ?? "it does not say why") : text;
}

/** Undefined: a server decides whether there is TLS. */
function tlsOf(place: NatsPlace, servers: readonly NatsServer[]): ConnectionOptions["tls"] {
  const { ca, certificate, key, isInsecure } = place;
  const files = {
    ...(ca === undefined ? {} : { ca: pemOf(AUTHORITY, ca).toString() }),
    ...(certificate === undefined ? {} : { cert: pemOf("certificate", certificate).toString() }),
    ...(key === undefined ? {} : { key: pemOf("key", key).toString() }),
    ...(isInsecure === true ? { rejectUnauthorized: false } : {}),
  };
  return Object.keys(files).length > 0 || servers.some(({ isSecure }) => isSecure) ? files : undefined;
}

/** The library asks certificates for a name alone, and not for an address. */
function identityOf(host: string): object {
  return { checkServerIdentity: (_: string, certificate: PeerCertificate) => checkServerIdentity(host, certificate) };
}

function credsOf({ creds }: NatsPlace): Uint8Array | undefined {
  if (creds === undefined) return undefined;
  const bytes = creds.startsWith(CREDS_TEXT) ? Buffer.from(creds) : credsIn(creds);
  if (bytes.includes(CREDS_SEED)) return bytes;
  throw new VedetteError("VEDETTE_NATS_CREDENTIALS", { reason: "they hold no seed of a user" });
}

function credsIn(path: string): Buffer {
  try {
    return readGivenFile(path, { most: CREDS_BYTES_MAX });
  } catch (cause) {
    throw new VedetteError("VEDETTE_NATS_CREDENTIALS", { reason: `${path}: ${reasonOf(cause)}` }, { cause });
  }
}
