// SPDX-License-Identifier: Apache-2.0
// A receiver's URL as it may be told: metrics, health and errors are read by more people than may send
// alerts.

/** Without a user's name and password. */
export function withoutPassword(text: string): string {
  const url = new URL(text);
  if (url.username === "" && url.password === "") return text;
  url.username = "";
  url.password = "";
  return url.href;
}
