// SPDX-License-Identifier: Apache-2.0
// Where the monitor answers, as `--http` says it. Loopback unless told otherwise.
import { isIP } from "node:net";
import { resolve as resolvePath } from "node:path";
import { VedetteError } from "../errors.js";

/** Where the monitor answers: `unix:PATH`, or as parseAddress takes it. */
export function placeOf(address: string): { readonly path: string } | { readonly host: string; readonly port: number } {
  const path = /^unix:(.+)$/s.exec(address)?.[1];
  if (path !== undefined) return { path: resolvePath(path) };
  const [host, port] = parseAddress(address);
  return { host, port };
}

/** Takes `ADDRESS:PORT` or `[IPv6]:PORT`. Throws VEDETTE_HTTP_REFUSED for anything else, names included. */
export function parseAddress(address: string): [host: string, port: number] {
  const [, host = "", port = ""] = /^\[?([^\]]*)\]?:(\d{1,5})$/.exec(address) ?? [];
  if (isIP(host) === 0 || Number(port) > 65535)
    throw new VedetteError("VEDETTE_HTTP_REFUSED", { address, reason: "it is neither ADDRESS:PORT nor unix:PATH" });
  return [host, Number(port)];
}
