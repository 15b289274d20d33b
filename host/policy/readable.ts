// SPDX-License-Identifier: Apache-2.0
// Names the file in a policy's folder that this user may not read, or that went away while we looked
// (VEDETTE_POLICY_UNREADABLE). The author can mend that. Other errors are not the folder's fault, and pass as
// they are.
import { relative } from "node:path";
import { VedetteError } from "../errors.js";
import { NotPlain } from "../plain-file.js";
import { reasonOf } from "../reason.js";

/** Runs `read`, which looks into the policy's `folder`. */
export function reading<T>(folder: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    const { errno, path } = error as NodeJS.ErrnoException;
    if (errno === undefined && !(error instanceof NotPlain)) throw error;
    const file = path === undefined ? "" : relative(folder, path);
    const reason = file === "" ? reasonOf(error) : `${file}: ${reasonOf(error)}`;
    throw new VedetteError("VEDETTE_POLICY_UNREADABLE", { path: folder, reason }, { cause: error });
  }
}
