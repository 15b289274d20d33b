// SPDX-License-Identifier: Apache-2.0
// Files that a command was told of, and whether they are others now. Each is looked at once a second: that
// sees every way in which a file is replaced, on every file system, and costs a few calls. What changes is
// taken when two looks in a row see the same: a file that is being written is not read halfway.
import { fileStamp } from "../file-stamp.js";

/** What is watched, and who is told. */
export interface ChangesOptions {
  /** Files and folders; another answer after each time that onChange() was called. */
  readonly files: () => readonly string[];
  /** Also without hangUp(). */
  readonly isWatching: boolean;
  /** These are others now. No other call comes before it has ended. */
  readonly onChange: (paths: readonly string[]) => Promise<void>;
}

type Look = ReadonlyMap<string, string>;

const LOOK_MS = 1_000;

/** Knows the files from open(), before they are read, and tells of changes from begin(). */
export class Changes {
  readonly #options: ChangesOptions;
  #known: Look;
  #seen: Look;
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
    return new Changes(options, await lookAt(options.files()), everyMs);
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
      const now = await lookAt(this.#options.files());
      const changed = differences(this.#known, now);
      const isSettled = isAsked || differences(this.#seen, now).length === 0;
      this.#seen = now;
      if (this.#isClosed || changed.length === 0 || !isSettled) return;
      this.#known = now;
      await this.#options.onChange(changed);
      // Files that are named now and were not before are known as they are.
      const next = await lookAt(this.#options.files());
      this.#known = new Map([...next].map(([path, stamp]) => [path, now.get(path) ?? stamp]));
    });
    return this.#work;
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
