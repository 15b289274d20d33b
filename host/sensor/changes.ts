// SPDX-License-Identifier: Apache-2.0
// Files that a command was told of, and whether they are others now. Each is looked at once a second: that
// sees every way in which a file is replaced, on every file system, and costs a few calls. What changes is
// taken when two looks in a row see the same: a file that is being written is not read halfway.
import { fileStamp } from "../file-stamp.js";

/** What is watched, and who is told. */
export interface ChangesOptions {
  /** Files and folders; another answer after each time that onChange() was called. */
  readonly files: () => Promise<readonly string[]>;
  /** Also without hangUp(). */
  readonly isWatching: boolean;
  /**
   * These are others now. No other call comes before it has ended. `onNamed` is to be called where files()
   * has another answer, before those files are read.
   */
  readonly onChange: (paths: readonly string[], onNamed: () => Promise<void>) => Promise<Outcome>;
}

/** What became of what changed. `refused`: hangUp() tells of it again, and so does the next change. */
export type Outcome = "taken" | "refused";

type Look = ReadonlyMap<string, string>;

const LOOK_MS = 1_000;

/** Knows the files from open(), before they are read, and tells of changes from begin(). */
export class Changes {
  readonly #options: ChangesOptions;
  #known: Look;
  #seen: Look;
  /** What was refused the last time. */
  #refused: readonly string[] = [];
  readonly #everyMs: number;
  #begin: () => void = () => undefined;
  /** Looks, one after the other: the first waits for begin(). */
  #work = new Promise<void>((resolve) => {
    this.#begin = resolve;
  });
  #timer: NodeJS.Timeout | null = null;
  #isClosed = false;

  /** `everyMs`: for tests. */
  static async open(options: ChangesOptions, everyMs = LOOK_MS): Promise<Changes> {
    return new Changes(options, await lookAt(await options.files()), everyMs);
  }

  private constructor(options: ChangesOptions, look: Look, everyMs: number) {
    this.#options = options;
    this.#known = look;
    this.#seen = look;
    this.#everyMs = everyMs;
  }

  /** Who is told can take what changed, also what changed since open(). */
  begin(): void {
    this.#begin();
    if (this.#options.isWatching) this.#next();
  }

  /** What SIGHUP asks for: a look now, or at begin(). Resolves when what changed was dealt with. */
  hangUp(): Promise<void> {
    return this.#look(true);
  }

  /** What is being dealt with comes to its end. */
  close(): Promise<void> {
    this.#isClosed = true;
    this.#begin();
    if (this.#timer !== null) clearTimeout(this.#timer);
    return this.#work;
  }

  #next(): void {
    this.#timer = setTimeout(() => {
      void this.#look(false).then(() => {
        if (!this.#isClosed) this.#next();
      });
    }, this.#everyMs);
    this.#timer.unref();
  }

  #look(isAsked: boolean): Promise<void> {
    this.#work = this.#work.then(async () => {
      const { files } = this.#options;
      const now = await lookAt(await files());
      const changed = differences(this.#known, now);
      const isSettled = isAsked || differences(this.#seen, now).length === 0;
      this.#seen = now;
      const isDue = isAsked ? changed.length + this.#refused.length > 0 : changed.length > 0 && isSettled;
      if (!this.#isClosed && isDue) await this.#tell([...new Set([...this.#refused, ...changed])], now);
    });
    return this.#work;
  }

  async #tell(paths: readonly string[], now: Look): Promise<void> {
    const { files, onChange } = this.#options;
    let named: Look | null = null;
    const lookAgain = async (): Promise<Look> => {
      named = await lookAt(await files());
      return named;
    };
    const outcome = await onChange(paths, async () => void (await lookAgain()));
    this.#refused = outcome === "refused" ? paths : [];
    // A file that is named now, and was not before, is known as it was before somebody read it.
    const next: Look = named ?? (await lookAgain());
    this.#known = new Map([...next].map(([path, stamp]) => [path, now.get(path) ?? stamp]));
  }
}

async function lookAt(paths: readonly string[]): Promise<Look> {
  const look = new Map<string, string>();
  for (const path of new Set(paths)) look.set(path, await fileStamp(path));
  return look;
}

/** Paths that both looked at, and that are not the same in both. */
function differences(before: Look, now: Look): string[] {
  return [...now].flatMap(([path, stamp]) => (before.has(path) && before.get(path) !== stamp ? [path] : []));
}
