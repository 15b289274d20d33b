// SPDX-License-Identifier: Apache-2.0
// The secret that an agent must say in its hello. The first sidecar of a task makes it, in the volume that only this task's
// containers share; a sidecar that was restarted finds it there. It keeps other tasks and other machines out, and whoever
// reaches the socket some other way; a process inside a watched container can read it too, and is seen doing so.
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { VedetteError } from "../errors.js";
import { reasonOf } from "../reason.js";

const BYTES = 16;
const FORM = /^[0-9a-f]{32}$/;
/** Containers run as users of their own. */
const MODE = 0o444;

export class Secret {
  readonly #digest: Buffer;

  constructor(text: string) {
    this.#digest = digest(text);
  }

  /** Finds it, or makes it: written beside and moved, so that no agent reads half of one. */
  static atPath(path: string): Secret {
    try {
      const found = readOrNull(path);
      if (found !== null && FORM.test(found)) return new Secret(found);
      const made = randomBytes(BYTES).toString("hex");
      const draft = `${path}.${process.pid}`;
      writeFileSync(draft, `${made}\n`, { mode: MODE, flag: "wx" });
      renameSync(draft, path);
      return new Secret(made);
    } catch (cause) {
      throw new VedetteError("VEDETTE_SECRET_UNUSABLE", { path, reason: reasonOf(cause) }, { cause });
    }
  }

  matches(said: string | null): boolean {
    return said !== null && timingSafeEqual(digest(said), this.#digest);
  }
}

function readOrNull(path: string): string | null {
  try {
    return readFileSync(path, "utf8").trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
