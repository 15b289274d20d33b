// SPDX-License-Identifier: Apache-2.0
// Over TCP: whether it may be a page of our own that asks. The operator's browser shows other pages too, and
// each of them can send requests here: pages of the web, and pages of a program that listens at another port
// of this machine, as a workload of the same task may. A browser says of each request which page it is from,
// and no page can change what it says:
//
//   Host: evil.example:7411       that page had its own name lead here (DNS rebinding)
//   Sec-Fetch-Site: cross-site    another site's; same-site: another port of this machine; none: typed by hand
//   Origin: http://127.0.0.1:80   not the address at which we are asked
//
// Other programs (curl) say nothing of these, and need a token as everybody does.
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { Problem } from "./problem.js";

/** Throws a Problem where we are asked by another name than these. */
export function refuseOtherNames({ headers }: IncomingMessage, names: ReadonlySet<string>): void {
  if (!names.has(hostOf(headers))) throw new Problem(421, "This is not asked for by that name.");
}

/** Throws a Problem where a browser says that another page asks. */
export function refuseOtherPages({ method, headers }: IncomingMessage): void {
  const { origin, host = "", "sec-fetch-site": site } = headers;
  const isTyped = site === "none" && method === "GET";
  const isOwnSite = site === undefined || site === "same-origin" || isTyped;
  const isOwnOrigin = origin === undefined || origin.replace(/^https?:\/\//, "").toLowerCase() === host.toLowerCase();
  if (!isOwnSite || !isOwnOrigin) throw new Problem(403, "Another page than the console may not ask here.");
}

/** `Host` without its port, in small letters. */
function hostOf({ host = "" }: IncomingHttpHeaders): string {
  return host.replace(/:\d+$/, "").toLowerCase();
}
