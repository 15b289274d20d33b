// SPDX-License-Identifier: Apache-2.0
// What the host says about itself, for this machine's syslog too: Falco's `log_syslog`. A datagram a line, as
// syslog(3) sends it. It never waits: a line that finds no room, or nobody, is left out there.
import { closeSync, writeSync } from "node:fs";
import { loadAddon } from "../capture/addon.js";
import type { Level } from "../log.js";
import { syslogHeader } from "./syslog-text.js";
import { visible } from "./visible.js";

const SEVERITY: Readonly<Record<Level, number>> = { error: 3, warning: 4, info: 6 };
/** Of a datagram; a server takes at least so much (RFC 5426, 3.2). */
const TEXT_MAX = 1_900;

/** Sends to the socket at `path`, under the name `tag`. Opened when there is something to say. */
export class LogSocket {
  readonly #path: string;
  readonly #tag: string;
  #fd = -1;

  constructor(path: string, tag: string) {
    this.#path = path;
    this.#tag = tag;
  }

  line(text: string, level: Level, now = new Date()): void {
    const message = `${syslogHeader(SEVERITY[level], this.#tag, now)} ${visible(text).slice(0, TEXT_MAX)}`;
    if (!this.#write(message)) this.#write(message); // who listens there may have been started again
  }

  #write(message: string): boolean {
    if (this.#fd < 0) this.#fd = loadAddon().connectDatagrams(this.#path);
    if (this.#fd < 0) return false;
    try {
      writeSync(this.#fd, message);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EAGAIN") return true;
      closeSync(this.#fd);
      this.#fd = -1;
      return false;
    }
  }
}
