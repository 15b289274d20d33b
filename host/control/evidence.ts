// SPDX-License-Identifier: Apache-2.0
// The evidence of an incident, and a file of it to be taken along. It is the operator's: a recording has
// all that a container did, and tenants' findings make none. A file may have 32 MiB and the way to the
// browser may be slow, so a download outlives the time of an answer; there are few at once, and one that
// nobody reads ends.
import type { ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import type { EvidenceFacts, EvidenceShelf } from "../evidence/shelf.js";
import { reasonOf } from "../reason.js";
import { Problem } from "./problem.js";

const DOWNLOADS_MAX = 4;
/** Whoever reads nothing for so long is gone. */
const STUCK_MS = 30_000;

/** What is asked of an incident's JSON. */
interface IncidentParts {
  readonly id: string;
  readonly merged: readonly string[];
  readonly rows: readonly { readonly samples: readonly string[] }[];
}

/** The files of one incident. `isKept`: false where Vedette keeps no evidence, and nobody looked. */
export interface EvidenceList {
  readonly isKept: boolean;
  readonly items: readonly EvidenceFacts[];
}

/** Reads the folder of evidence that there is, if any. */
export class EvidenceFiles {
  readonly #folder: () => string | null;
  #shelf: EvidenceShelf | null = null;
  #downloads = 0;

  /** `folder`: null where no evidence is kept. */
  constructor(folder: () => string | null) {
    this.#folder = folder;
  }

  /** Those kept for the incident, or for one of its findings; the newest first. Throws a Problem. */
  async ofIncident({ id, merged, rows }: IncidentParts): Promise<EvidenceList> {
    const shelf = await this.#open();
    if (shelf === null) return { isKept: false, items: [] };
    const incidents = new Set([id, ...merged]);
    const findings = new Set(rows.flatMap(({ samples }) => samples));
    const isOf = (facts: EvidenceFacts): boolean =>
      (facts.incident !== null && incidents.has(facts.incident)) || facts.findings.some((one) => findings.has(one));
    return { isKept: true, items: (await listOf(shelf)).filter(isOf) };
  }

  /** Sends it. Resolves when all of it was read, or nobody reads it. Throws a Problem before it sends. */
  async send(response: ServerResponse, file: string): Promise<void> {
    if (this.#downloads >= DOWNLOADS_MAX) throw new Problem(503, "There are as many downloads as may be.");
    this.#downloads++;
    try {
      const found = (await (await this.#open())?.open(file).catch(() => null)) ?? null;
      if (found === null) throw new Problem(404, "There is no such file of evidence.");
      response.writeHead(200, {
        "content-type": "application/octet-stream",
        "content-length": found.bytes,
        "content-disposition": `attachment; filename="${file}"`,
      });
      response.setTimeout(STUCK_MS, () => response.destroy());
      // It is read up to the size that was said: a file does not grow once it is described.
      const { bytes, handle } = found;
      const parts = handle.createReadStream({ end: Math.max(0, bytes - 1) });
      await pipeline(parts, response).catch(() => undefined);
    } finally {
      this.#downloads--;
    }
  }

  async #open(): Promise<EvidenceShelf | null> {
    const folder = this.#folder();
    if (folder === null) return null;
    const { EvidenceShelf } = await import("../evidence/shelf.js");
    this.#shelf ??= new EvidenceShelf(folder);
    return this.#shelf;
  }
}

async function listOf(shelf: EvidenceShelf): Promise<EvidenceFacts[]> {
  try {
    return await shelf.list();
  } catch (error) {
    throw new Problem(503, `The folder of evidence cannot be read: ${reasonOf(error)}.`);
  }
}
