// SPDX-License-Identifier: Apache-2.0
// Reads the PEM files that outputs over TLS are given.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { VedetteError } from "../errors.js";
import { readGivenFile } from "../plain-file.js";
import { reasonOf } from "../reason.js";

const BYTES_MAX = 4 << 20;
/** A machine has some 150. */
const AUTHORITIES_MAX = 4_096;

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

/** What OpenSSL looks for in a folder (openssl-rehash(1)): a hash of the subject, and a number. */
const HASHED = /^[0-9a-f]{8}\.\d{1,4}$/;

/**
 * The certificates of authorities in a folder: those that OpenSSL would find there. Throws VEDETTE_HTTP_FILE
 * where the folder or one of these cannot be read, and where there is none.
 */
export function authoritiesIn(folder: string): Buffer[] {
  const refuse = (reason: string, cause?: unknown): never => {
    const facts = { what: "folder of certificates", path: folder, reason };
    throw new VedetteError("VEDETTE_HTTP_FILE", facts, { cause });
  };
  const names = hashedNames(folder, (cause) => refuse(reasonOf(cause), cause));
  if (names.length === 0) refuse("no certificate there has a name as `openssl rehash` gives them");
  if (names.length > AUTHORITIES_MAX) refuse(`it holds more than ${AUTHORITIES_MAX} certificates`);
  return names.map((name) => pemOf(AUTHORITY, join(folder, name)));
}

/** OpenSSL would find one there. */
export const hasAuthorities = (folder: string): boolean => hashedNames(folder, () => []).length > 0;

function hashedNames(folder: string, otherwise: (cause: unknown) => string[]): string[] {
  try {
    return readdirSync(folder).filter((name) => HASHED.test(name));
  } catch (cause) {
    return otherwise(cause);
  }
}
