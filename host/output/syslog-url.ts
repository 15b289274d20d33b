// SPDX-License-Identifier: Apache-2.0
// Where a syslog server is: `udp://HOST[:514]`, `tcp://HOST:PORT`, `tls://HOST[:6514]`, or on this machine
// `unix:/dev/log`.

/** What the command was asked for. */
export type SyslogSettings = SyslogServer | SyslogSocket;

/** Over the network. */
export interface SyslogServer {
  readonly url: string;
  readonly transport: "udp" | "tcp" | "tls";
  readonly host: string;
  readonly port: number;
  /** A PEM file: who may have signed the server's certificate; undefined: whom Node knows. */
  readonly ca?: string;
}

/** On this machine. */
export interface SyslogSocket {
  readonly url: string;
  readonly transport: "unix";
  readonly path: string;
  /** Who says it; undefined: `vedette`. */
  readonly tag?: string;
}

/** RFC 5426 and RFC 5425; TCP has none of its own (RFC 6587). */
const PORTS: Readonly<Record<string, number | null>> = { udp: 514, tcp: null, tls: 6514 };
/** Longest path of a socket, unix(7). */
const PATH_BYTES_MAX = 107;

/** Null: it is no such address. */
export function parseSyslogUrl(text: string): SyslogSettings | null {
  const path = /^unix:(\/.+)$/s.exec(text)?.[1];
  if (path !== undefined) return socketAt(path);
  const [, transport = "", bare, plain, given] =
    /^(udp|tcp|tls):\/\/(?:\[([0-9a-f:]+)\]|([\w.-]+))(?::(\d{1,5}))?\/?$/i.exec(text) ?? [];
  const host = bare ?? plain;
  const port = given === undefined ? PORTS[transport] : Number(given);
  if (host === undefined || port === undefined || port === null || port < 1 || port > 65_535) return null;
  return { url: text, transport: transport as SyslogServer["transport"], host, port };
}

function socketAt(path: string): SyslogSocket | null {
  if (Buffer.byteLength(path) > PATH_BYTES_MAX || path.includes("\0")) return null;
  return { url: `unix:${path}`, transport: "unix", path };
}

/** The same server, whose certificate that authority may have signed; undefined: as it is. */
export function withAuthority(settings: SyslogSettings, ca: string | undefined): SyslogSettings {
  return ca === undefined || settings.transport === "unix" ? settings : { ...settings, ca };
}
