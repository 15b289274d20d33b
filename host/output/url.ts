// SPDX-License-Identifier: Apache-2.0
// A receiver's URL as it may be told: metrics, health and errors are read by more people than may send
// alerts.

/** Without a user's name, password and query: each may be a secret. */
export function withoutPassword(text: string): string {
  const url = new URL(text);
  if (url.username === "" && url.password === "" && url.search === "") return text;
  url.username = "";
  url.password = "";
  url.search = "";
  return url.href;
}
