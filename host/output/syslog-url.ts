// SPDX-License-Identifier: Apache-2.0
// Where a syslog server is: `udp://HOST[:514]`, `tcp://HOST:PORT` or `tls://HOST[:6514]`.

/** What the command was asked for. */
export interface SyslogSettings {
  readonly url: string;
  readonly transport: "udp" | "tcp" | "tls";
  readonly host: string;
  readonly port: number;
  /** A PEM file: who may have signed the server's certificate; undefined: whom Node knows. */
  readonly ca?: string;
}

/** RFC 5426 and RFC 5425; TCP has none of its own (RFC 6587). */
const PORTS: Readonly<Record<string, number | null>> = { udp: 514, tcp: null, tls: 6514 };

/** Null: it is no such address. */
export function parseSyslogUrl(text: string): Pick<SyslogSettings, "url" | "transport" | "host" | "port"> | null {
  const [, transport = "", bare, plain, given] =
    /^(udp|tcp|tls):\/\/(?:\[([0-9a-f:]+)\]|([\w.-]+))(?::(\d{1,5}))?\/?$/i.exec(text) ?? [];
  const host = bare ?? plain;
  const port = given === undefined ? PORTS[transport] : Number(given);
  if (host === undefined || port === undefined || port === null || port < 1 || port > 65_535) return null;
  return { url: text, transport: transport as SyslogSettings["transport"], host, port };
}
