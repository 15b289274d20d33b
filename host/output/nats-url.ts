// SPDX-License-Identifier: Apache-2.0
// Where a bus of NATS is: `nats://HOST[:4222]`, or `tls://HOST[:4222]`, which is never spoken to without TLS;
// several with commas between them.

/** Where the bus is, and as whom we come. */
export interface NatsPlace {
  /** `nats://HOST[:4222]` or `tls://HOST[:4222]`; several with commas between them. */
  readonly url: string;
  readonly user?: string;
  readonly password?: string;
  readonly token?: string;
  /** The seed of an nkey, `SU...`. */
  readonly nkey?: string;
  /** A file of credentials (a JWT and its seed), or its text. */
  readonly creds?: string;
  /** PEM files: who may have signed a server's certificate; ours, and its key. */
  readonly ca?: string;
  readonly certificate?: string;
  readonly key?: string;
  /** Servers' certificates are not looked at. */
  readonly isInsecure?: boolean;
  /** In front of the subjects of answers (`_INBOX`). */
  readonly inbox?: string;
}

/** A server that a place names. */
export interface NatsServer {
  readonly host: string;
  readonly port: number;
  readonly isSecure: boolean;
}

const PORT = 4222;
const SERVER = /^(nats|tls):\/\/(?:\[([0-9a-f:]+)\]|([\w.-]+))(?::(\d{1,5}))?\/?$/i;

/** Null: it names no servers. */
export function parseNatsUrl(text: string): NatsServer[] | null {
  const servers = text.split(",").map((one) => serverOf(one.trim()));
  return servers.every((one) => one !== null) ? servers : null;
}

function serverOf(text: string): NatsServer | null {
  const [, scheme = "", bare, plain, given] = SERVER.exec(text) ?? [];
  const host = bare ?? plain;
  const port = given === undefined ? PORT : Number(given);
  if (host === undefined || port < 1 || port > 65_535) return null;
  return { host, port, isSecure: scheme.toLowerCase() === "tls" };
}
