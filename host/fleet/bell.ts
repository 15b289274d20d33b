// SPDX-License-Identifier: Apache-2.0
// A bell that rings now and then, for who waits for something else at the same time: a race of promises
// leaves nothing behind on the other one.

/** Rings each so many ms for whoever waits. Whoever made it must stop it. */
export class Bell {
  readonly #timer: NodeJS.Timeout;
  #ring: () => void = () => undefined;
  #rung = new Promise<null>(() => undefined);

  constructor(ms: number) {
    this.#renew();
    this.#timer = setInterval(() => {
      const ring = this.#ring;
      this.#renew();
      ring();
    }, ms);
  }

  /** Resolves when it rings next. */
  rings(): Promise<null> {
    return this.#rung;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #renew(): void {
    this.#rung = new Promise((resolve) => {
      this.#ring = () => resolve(null);
    });
  }
}
