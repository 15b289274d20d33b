// SPDX-License-Identifier: Apache-2.0
// What was opened, to be closed in reverse order, whatever the way out. A part is added where it is opened,
// together with what closes it, so no path can forget one. (An AsyncDisposableStack takes nothing more while
// it closes, and a part may come late.)
interface Part {
  readonly close: () => unknown;
}

/** A stack of open parts. A part that is added while close() runs is closed too. */
export class Opened {
  readonly #parts: Part[] = [];
  #closing: Promise<void> | null = null;

  /** It is closed before everything that was added earlier. */
  add<T>(part: T, close: (part: T) => unknown): T {
    this.#parts.push({ close: () => close(part) });
    return part;
  }

  /** Closes all, once, also behind one that fails; throws the first of the errors then. */
  close(): Promise<void> {
    this.#closing ??= this.#closeAll();
    return this.#closing;
  }

  async #closeAll(): Promise<void> {
    const errors: unknown[] = [];
    for (let part = this.#parts.pop(); part !== undefined; part = this.#parts.pop()) {
      try {
        await part.close();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw errors[0];
  }
}
