// SPDX-License-Identifier: Apache-2.0
// A receiver's URL as it may be told: metrics, health and errors are read by more people than may send
// alerts.

/** A part of a path that may be a token, as in the addresses of webhooks: it is long, and has a digit. */
const TOKEN = /(?<=\/)(?=[^/]*\d)[^/]{20,}/g;

/** Without a user's name, password, query and what may be a token in its path: each may be a secret. */
export function withoutPassword(text: string): string {
  const url = new URL(text);
  const path = url.pathname.replace(TOKEN, "...");
  if (url.username === "" && url.password === "" && url.search === "" && path === url.pathname) return text;
  url.username = "";
  url.password = "";
  url.search = "";
  url.pathname = path;
  return url.href;
}
