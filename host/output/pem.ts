// SPDX-License-Identifier: Apache-2.0
// Reads the PEM files that outputs over TLS are given.
import { VedetteError } from "../errors.js";
import { readGivenFile } from "../plain-file.js";
import { reasonOf } from "../reason.js";

const BYTES_MAX = 4 << 20;

/** The file's bytes. `what`: of whom it is, for the error VEDETTE_HTTP_FILE. */
export function pemOf(what: string, path: string): Buffer {
  try {
    return readGivenFile(path, { most: BYTES_MAX });
  } catch (cause) {
    throw new VedetteError("VEDETTE_HTTP_FILE", { what, path, reason: reasonOf(cause) }, { cause });
  }
}

/** `what` for the file that says who may have signed a server's certificate. */
export const AUTHORITY = "certificate of the authority";
