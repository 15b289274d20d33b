// SPDX-License-Identifier: Apache-2.0
// Which screen the address asks for: what stands behind `#`, a path and a query.
//
//   #/findings?rule=Sensitive+file+read
import { signal } from "@preact/signals";

export const path = signal("/");
export const query = signal(new URLSearchParams());

/** Reads the address, now and whenever it changes. */
export function followPlace(): void {
  const read = (): void => {
    const [first = "", ...rest] = location.hash.slice(1).split("?");
    path.value = first || "/";
    query.value = new URLSearchParams(rest.join("?"));
  };
  addEventListener("hashchange", read);
  read();
}
