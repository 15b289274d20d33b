// SPDX-License-Identifier: Apache-2.0
// The users of a scene's world: those of this machine, and those that cases ask for beside them. They stand
// in a file of their own, which is mounted over /etc/passwd where the scene is played, so that the machine's
// is left alone.
import { readFileSync, writeFileSync } from "node:fs";

export interface User {
  uid: number;
  gid: number;
}

const FIRST = 48_000;

export class Users {
  readonly #lines: string[];

  constructor(names: readonly string[]) {
    this.#lines = readFileSync("/etc/passwd", "utf8").split("\n").filter(Boolean);
    for (const name of new Set(names)) {
      if (this.#find(name)) continue;
      const id = FIRST + this.#lines.length;
      this.#lines.push(`${name}:x:${id}:${id}::/:/bin/sh`);
    }
  }

  get(name: string): User {
    const [, , uid, gid] = this.#find(name) ?? [];
    if (uid === undefined) throw new Error(`there is no user ${name}`);
    return { uid: Number(uid), gid: Number(gid) };
  }

  write(path: string): void {
    writeFileSync(path, `${this.#lines.join("\n")}\n`, { mode: 0o644 });
  }

  #find(name: string): string[] | undefined {
    return this.#lines.map((line) => line.split(":")).find(([one]) => one === name);
  }
}
