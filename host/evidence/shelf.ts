// SPDX-License-Identifier: Apache-2.0
// What lies in a folder of evidence, for whoever looks through the control API: the descriptions of the
// files, and a file to be read. Nothing is changed here, and the folder may be that of a Vedette that has
// ended. A name comes from a request, so it is looked up among the descriptions and never joined as it is;
// no link is followed.
import { constants } from "node:fs";
import { type FileHandle, open, readdir } from "node:fs/promises";
import { join } from "node:path";
import type { EvidenceFacts } from "./parts.js";

export type { EvidenceFacts } from "./parts.js";

/** Files that are told of: the newest. */
const FILES_MAX = 1_000;
const FACTS_BYTES_MAX = 1 << 20;
/** Begins with a time; so the order of names is the order in which they began. */
const DESCRIPTION = /^\d[\w.-]{0,200}\.json$/;

/** A file that can be read. Whoever has it closes the handle. */
export interface ShelvedFile {
  readonly handle: FileHandle;
  readonly bytes: number;
}

interface Known {
  readonly mtimeMs: number;
  readonly facts: EvidenceFacts | null;
}

/** Reads one folder. */
export class EvidenceShelf {
  readonly #folder: string;
  /** Descriptions by their file: one changes only when a capture is made. */
  #known = new Map<string, Known>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** The newest first. What cannot be read is left out. Throws where the folder cannot be read. */
  async list(): Promise<EvidenceFacts[]> {
    const names = (await readdir(this.#folder)).filter((name) => DESCRIPTION.test(name));
    const newest = names.sort().reverse().slice(0, FILES_MAX);
    const known = new Map<string, Known>();
    for (const name of newest) {
      const one = await this.#describe(name).catch(() => null); // removed meanwhile
      if (one !== null) known.set(name, one);
    }
    this.#known = known;
    return [...known.values()].flatMap(({ facts }) => (facts === null ? [] : [facts]));
  }

  /** A recording or a capture by the name that its description has; null: there is none. */
  async open(file: string): Promise<ShelvedFile | null> {
    const isKnown = (await this.list()).some((facts) => facts.file === file || facts.capture?.file === file);
    if (!isKnown || !/^\d[\w.-]*$/.test(file)) return null;
    const handle = await openPlain(join(this.#folder, file)).catch(() => null);
    if (handle === null) return null;
    const status = await handle.stat();
    if (status.isFile()) return { handle, bytes: status.size };
    await handle.close();
    return null;
  }

  async #describe(name: string): Promise<Known> {
    const handle = await openPlain(join(this.#folder, name));
    try {
      const { mtimeMs, size } = await handle.stat();
      const known = this.#known.get(name);
      if (known?.mtimeMs === mtimeMs) return known;
      return { mtimeMs, facts: size > FACTS_BYTES_MAX ? null : factsIn(await handle.readFile("utf8")) };
    } finally {
      await handle.close();
    }
  }
}

function openPlain(path: string): Promise<FileHandle> {
  return open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
}

function factsIn(text: string): EvidenceFacts | null {
  try {
    const facts = JSON.parse(text) as EvidenceFacts;
    return typeof facts.file === "string" && Array.isArray(facts.findings) ? facts : null;
  } catch {
    return null;
  }
}
