// SPDX-License-Identifier: Apache-2.0
// Where a database is, as an address that libpq would take (postgresql.org/docs/17/libpq-connect.html):
//
//   postgres://vedette@db.example:5432/security?sslmode=verify-full&sslrootcert=/etc/ca.pem
//   postgres:///security?host=/run/postgresql          a Unix socket, by its folder
//
// The password may stand in it; better it comes from PGPASSWORD, or from the file that PGPASSFILE names. What
// is shown of an address has neither password nor parameters. A mode of TLS that would fall back to clear
// text is refused, and so is a parameter that we do not know: a misspelt one would do the same.
import { readFileSync } from "node:fs";
import { userInfo } from "node:os";
import type { ConnectionOptions } from "node:tls";
import { VedetteError } from "../../errors.js";
import { reasonOf } from "../../reason.js";

const SCHEME = /^postgres(ql)?:\/\//i;
/** libpq takes a user without a host, and an address of the web's does not. */
const NO_HOST = /^(postgres(?:ql)?:\/\/[^/?#]*@)\//;
const NOWHERE = "no-host.invalid";
const LOCAL = new Set(["localhost", "127.0.0.1", "::1"]);
const SOCKETS = "/run/postgresql";
const PORT = 5432;
const PARAMETERS = new Set(["host", "sslmode", "sslrootcert", "sslcert", "sslkey"]);

/** A database, as its client wants it. `password`: undefined: from PGPASSWORD or PGPASSFILE. */
export interface Address {
  /** As it may be shown. */
  readonly name: string;
  /** A name or an address, or the folder of a Unix socket. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
  readonly password: string | undefined;
  readonly ssl: ConnectionOptions | false;
}

/** Whether a place of a store is meant to be one. */
export function isAddress(place: string): boolean {
  return SCHEME.test(place);
}

/** Throws VEDETTE_STORE_UNUSABLE. */
export function addressOf(text: string): Address {
  const refused = (name: string, reason: string): VedetteError =>
    new VedetteError("VEDETTE_STORE_UNUSABLE", { path: name, reason });
  let url: URL;
  try {
    url = new URL(text.replace(NO_HOST, `$1${NOWHERE}/`));
  } catch {
    throw refused("postgres://...", "that is no address"); // whatever it is, a password may be in it
  }
  // What is not escaped in a password ends up behind its host, and would be shown there.
  if (`${url.pathname}${url.search}${url.hash}`.includes("@")) throw refused("postgres://...", "that is no address");
  const { searchParams: said } = url;
  const [user, password, hostname, path] = [url.username, url.password, url.hostname, url.pathname].map(plain);
  const host =
    said.get("host") ?? (hostname === "" || hostname === NOWHERE ? SOCKETS : hostname!.replace(/^\[(.*)\]$/, "$1"));
  const database = path!.slice(1);
  const port = url.port === "" ? PORT : Number(url.port);
  const who = user === "" ? (process.env.PGUSER ?? userInfo().username) : user!;
  const name = `postgres://${who}@${host.startsWith("/") ? "" : host}${url.port === "" ? "" : `:${port}`}/${database}`;
  const unknown = [...said.keys()].find((key) => !PARAMETERS.has(key));
  if (unknown !== undefined) throw refused(name, `it has a parameter that is not known, ${unknown}`);
  if (host.includes(",")) throw refused(name, "it names more than one host");
  if (database === "") throw refused(name, "it names no database");
  try {
    const ssl = tlsOf(host, said);
    return { name, host, port, user: who, database, password: password === "" ? undefined : password, ssl };
  } catch (cause) {
    throw refused(name, reasonOf(cause));
  }
}

function tlsOf(host: string, said: URLSearchParams): ConnectionOptions | false {
  const isLocal = host.startsWith("/") || LOCAL.has(host);
  const mode = said.get("sslmode") ?? (isLocal ? "disable" : "verify-full");
  if (mode === "disable") return false;
  const [ca, cert, key] = ["sslrootcert", "sslcert", "sslkey"].map((name) => {
    const path = said.get(name);
    return path === null ? undefined : readFileSync(path);
  });
  const files: ConnectionOptions = {
    host, // whose certificate it has to be: pg says so of names alone, and an address would be "localhost"
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
  switch (mode) {
    case "verify-full":
      return { ...files, rejectUnauthorized: true };
    case "verify-ca":
      return { ...files, rejectUnauthorized: true, checkServerIdentity: () => undefined };
    case "require": // as libpq: with a root certificate it is verify-ca
      return { ...files, rejectUnauthorized: ca !== undefined, checkServerIdentity: () => undefined };
    default:
      throw new Error("its sslmode is none of disable, require, verify-ca, verify-full");
  }
}

function plain(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
