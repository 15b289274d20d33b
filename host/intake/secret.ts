// SPDX-License-Identifier: Apache-2.0
// The secret that an agent must say in its hello. The sidecar makes it at its first start, in a volume; a
// sidecar that was restarted finds it there. Whoever can read the volume knows the secret:
//
//   a container's own   the volume is the container's and the sidecar's alone (own-volume.ts): it proves the container's name
//   the task's          all containers of the task share the volume: it keeps other tasks and other machines out, and proves no name
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { VedetteError } from "../errors.js";
import { reasonOf } from "../reason.js";

const BYTES = 16;
const FORM = /^[0-9a-f]{32}$/;
/** Containers run as users of their own. */
const MODE = 0o444;

/** One secret, kept as its digest. matches() takes the same time for every wrong answer. */
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

/** One `--container-secret NAME=FILE`. */
export interface NamedFile {
  /** Of the container. */
  readonly name: string;
  readonly path: string;
}

/**
 * What a host asks agents for: the secret of their container where it has one of its own, else the task's.
 */
export class Secrets {
  readonly #task: Secret | null;
  /** A name may stand in both branches of a condition, and have a secret in each. */
  readonly #own = new Map<string, readonly Secret[]>();

  constructor(task: Secret | null, own: readonly (readonly [string, Secret])[] = []) {
    this.#task = task;
    for (const [name, secret] of own) this.#own.set(name, [...(this.#own.get(name) ?? []), secret]);
  }

  static atPaths(task: string | undefined, own: readonly NamedFile[]): Secrets {
    return new Secrets(
      task === undefined ? null : Secret.atPath(task),
      own.map(({ name, path }) => [name, Secret.atPath(path)]),
    );
  }

  /** Nobody is asked for one. */
  get areNone(): boolean {
    return this.#task === null && this.#own.size === 0;
  }

  /** Names of containers must be proven here: what an agent says of itself is not enough. */
  get proveNames(): boolean {
    return this.#own.size > 0;
  }

  isOwn(name: string): boolean {
    return this.#own.has(name);
  }

  /** Whether who says that it is of the container `name` may come in. */
  admit(name: string, said: string | null): boolean {
    const own = this.#own.get(name);
    if (own !== undefined) return own.some((secret) => secret.matches(said));
    return this.#task?.matches(said) ?? !this.proveNames;
  }

  /** Why it may not. `shown`: the name, as a sentence may hold it. */
  refusalOf(name: string, peer: string, shown: string): VedetteError {
    const isTasks = this.#task !== null && !this.isOwn(name);
    if (isTasks) return new VedetteError("VEDETTE_SECRET_WRONG", { peer });
    return new VedetteError("VEDETTE_NAME_UNPROVEN", { peer, container: shown });
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
