// SPDX-License-Identifier: Apache-2.0
// The {reason} of an error's sentence: the system's own words where it has some ("no such file or
// directory"), else what the cause says of itself, on one line.
import { getSystemErrorMap, getSystemErrorName } from "node:util";

/** Of an errno as the kernel gives it. */
export function reasonOfErrno(errno: number): string {
  return getSystemErrorMap().get(-errno)?.[1] ?? getSystemErrorName(-errno);
}

/** One line without a full stop at its end, whatever was thrown. */
export function reasonOf(cause: unknown): string {
  const errno = (cause as NodeJS.ErrnoException | null)?.errno;
  if (typeof errno === "number" && errno < 0) return reasonOfErrno(-errno);
  const text = cause instanceof Error ? cause.message : String(cause);
  return (text.split("\n", 1)[0] as string).replace(/\.$/, "");
}
