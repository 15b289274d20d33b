// SPDX-License-Identifier: Apache-2.0
// Paths as Falco joins them: a string operation, never a look at the file system. `.` and `..` and doubled
// slashes collapse, an absolute path stays as it was passed.

/** `path` seen from `base`. Without a base the path stays relative: nobody knows better. */
export function joinPath(base: string | null, path: string): string {
  if (path === "" || path.startsWith("/") || base === null) return path;
  return normalise(`${base}/${path}`);
}

/**
 * Gives an absolute path without `.`, `..`, doubled or trailing slashes. `..` above the root stays at the
 * root.
 */
export function normalise(path: string): string {
  if (path.startsWith("/") && !IS_ODD.test(path)) return path;
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return `/${parts.join("/")}`;
}

/** It has a part that is empty, `.` or `..`. */
const IS_ODD = /\/(?:$|\/|\.\.?(?:\/|$))/;

/** Everything before the last slash; `/` for a name in the root or a name without a slash. */
export function directoryOf(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash <= 0 ? "/" : path.slice(0, slash);
}

/** Everything behind the last slash; the whole name where there is none. */
export function fileNameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
