// SPDX-License-Identifier: Apache-2.0
// What earlier runs of `instrument` left in a file: whom they watched, what they wrote, and what somebody
// edited in that since.
import type { Definition } from "./definition.js";
import { findDefinitions } from "./definition.js";
import { wroteEarlier } from "./earlier.js";
import { type Journal, journalIn } from "./journal.js";
import { Kept, type OnConflict } from "./kept.js";
import type { Document } from "./node.js";
import type { RunOptions } from "./options.js";
import { agentPlace, SIDECAR_PLACE, type Standing, standingIn } from "./standing.js";
import { digestOf, treeOf } from "./tree.js";
import { isValueMap, type Value } from "./value.js";
import type { Wrote } from "./wrote.js";

interface Run {
  readonly standing: Standing;
  readonly was: Wrote;
  kept: Kept | null;
}

/** By the ids of task definitions. */
export class EarlierRuns {
  readonly #runs: ReadonlyMap<string, Run>;
  readonly #onConflict: OnConflict;
  readonly #told: ReadonlySet<string>;

  private constructor(runs: ReadonlyMap<string, Run>, { conflicts = "refuse", image }: RunOptions) {
    this.#runs = runs;
    this.#onConflict = conflicts;
    this.#told = new Set(image === undefined ? [] : [`${SIDECAR_PLACE}/image`, `${SIDECAR_PLACE}/Image`]);
  }

  static of(given: Document, wanted: RunOptions): EarlierRuns {
    const runs = findDefinitions(given).flatMap((definition): [string, Run][] => {
      const journal = journalIn(definition.properties);
      return journal === null ? [] : [[definition.id, runIn(definition, journal)]];
    });
    return new EarlierRuns(new Map(runs), wanted);
  }

  /** Keys of the containers that an agent was put into. */
  watched(id: string): ReadonlySet<string> {
    return new Set(this.#runs.get(id)?.standing.watched.map(({ key }) => key));
  }

  /** To write a definition with, once. */
  kept(id: string): Kept {
    const run = this.#runs.get(id);
    if (run === undefined) return Kept.nothing();
    run.kept = new Kept(run.was, run.standing.values, this.#onConflict, this.#told);
    return run.kept;
  }

  /** `written`: the definitions that were written now. */
  remarks(written: ReadonlyMap<string, unknown>): string[] {
    return [...this.#runs].flatMap(([id, { kept, standing }]) => {
      const of = id === "" ? "" : ` in ${id}`;
      if (!written.has(id)) return [`taken out${of}, which is not among the task definitions of this run`];
      const edits = (kept?.edits ?? []).map((edit) => `kept as edited${of}: ${edit}`);
      return [...edits, ...standing.comments.map((text) => `a comment in the sidecar${of} is not kept: ${text}`)];
    });
  }
}

function runIn(definition: Definition, journal: Journal): Run {
  const standing = standingIn(definition);
  return { standing, was: journal.wrote ?? writtenBy01(definition, journal, standing), kept: null };
}

function writtenBy01(definition: Definition, journal: Journal, { values, watched }: Standing): Wrote {
  const sidecar = values.get(SIDECAR_PLACE);
  const sharedSecret = !definition.document.text.includes("--container-secret");
  const wrote = new Map(
    wroteEarlier(definition, journal, watched, sharedSecret, memberOf(definition, sidecar, "image")),
  );
  // Its first form knew no --sys-ptrace. What else it put in has no options: it is taken for unedited where
  // this version writes the same.
  for (const { key } of watched) {
    const words = values.get(agentPlace(key));
    const own = words === undefined ? undefined : treeOf(words).parts?.get("--sys-ptrace");
    if (own !== undefined) wrote.set(`${agentPlace(key)}/--sys-ptrace`, digestOf(own));
  }
  return wrote;
}

function memberOf(definition: Definition, value: Value | undefined, name: string): Value | undefined {
  return value !== undefined && isValueMap(value) ? value[definition.key(name)] : undefined;
}
