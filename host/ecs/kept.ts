// SPDX-License-Identifier: Apache-2.0
// What somebody edited in what `instrument` had put in, kept when it runs again. Three values are compared,
// part by part (tree.ts):
//
//   was      what the last run wrote; the sidecar's label `vedette.wrote` has a digest of each part
//   is       what stands there now
//   new      what this run writes
//
//   is = was            nobody edited it: new
//   new = was           an edit: it stays
//   is = new            both say the same
//   three differ        a conflict: it is shown and refused, or decided by --conflicts
import { VedetteError } from "../errors.js";
import { parsedValue } from "./plain-value.js";
import { digestOf, digestOfParts, joined, type Tree, treeOf } from "./tree.js";
import type { Value } from "./value.js";
import type { Wrote } from "./wrote.js";

/** What to do where an edit and this run both changed one thing. */
export type OnConflict = "refuse" | "keep" | "replace";

interface Conflict {
  readonly place: string;
  readonly is: string;
  readonly becomes: string;
}

/** The edits of one task definition. Each thing that `instrument` puts in goes through merged(). */
export class Kept {
  /** What this run writes, edits aside: the `was` of the next one. */
  readonly wrote = new Map<string, string>();
  /** For people: what stays as it was edited. */
  readonly edits: string[] = [];
  readonly conflicts: Conflict[] = [];
  readonly #was: Wrote;
  readonly #is: ReadonlyMap<string, Value>;
  readonly #onConflict: OnConflict;
  /** Places that the command line decides. */
  readonly #told: ReadonlySet<string>;

  constructor(was: Wrote, is: ReadonlyMap<string, Value>, onConflict: OnConflict, told: ReadonlySet<string>) {
    this.#was = was;
    this.#is = is;
    this.#onConflict = onConflict;
    this.#told = told;
  }

  static nothing(): Kept {
    return new Kept(new Map(), new Map(), "refuse", new Set());
  }

  /** What to write at this place. */
  merged(place: string, value: Value): Value {
    const fresh = treeOf(value);
    this.#note(place, fresh);
    const is = this.#is.get(place);
    return is === undefined ? value : (this.#merge(place, treeOf(is), fresh) ?? value);
  }

  /** Throws VEDETTE_EDIT_CONFLICT. */
  refuseConflicts(where: { readonly path: string; readonly line: number }): void {
    if (this.conflicts.length === 0 || this.#onConflict !== "refuse") return;
    const diff = this.conflicts
      .map(({ place, is, becomes }) => `  @@ ${decoded(place)} @@\n  -${is}\n  +${becomes}`)
      .join("\n");
    throw new VedetteError("VEDETTE_EDIT_CONFLICT", { ...where, count: this.conflicts.length, diff });
  }

  #note(place: string, tree: Tree): void {
    if (tree.parts === null) this.wrote.set(place, digestOf(tree));
    else for (const [key, part] of tree.parts) this.#note(below(place, key), part);
  }

  /** Undefined: nothing stands there any more. */
  #merge(place: string, is: Tree | undefined, fresh: Tree | undefined): Value | undefined {
    if (this.#told.has(place) && fresh !== undefined) return this.#replaced(place, is, fresh);
    if (is !== undefined && fresh !== undefined && is.parts !== null && is.kind === fresh.kind)
      return this.#mergeParts(place, is, fresh);
    const [was, now, becomes] = [this.#wasAt(place), digestAt(is), digestAt(fresh)];
    if (now === becomes || now === was) return fresh?.value;
    if (becomes === was) return this.#edited(place, is);
    this.conflicts.push({ place, is: shown(is), becomes: shown(fresh) });
    return this.#onConflict === "keep" ? this.#edited(place, is) : fresh?.value;
  }

  /** In the order that this run writes; what somebody added comes behind. */
  #mergeParts(place: string, is: Tree, fresh: Tree): Value {
    const keys = new Set([...fresh.parts!.keys(), ...is.parts!.keys()]);
    const parts = [...keys].flatMap((key): [string, Value][] => {
      const value = this.#merge(below(place, key), is.parts!.get(key), fresh.parts!.get(key));
      return value === undefined ? [] : [[key, value]];
    });
    return joined(is.kind, parts);
  }

  #edited(place: string, is: Tree | undefined): Value | undefined {
    this.edits.push(is === undefined ? `${decoded(place)} (taken out)` : decoded(place));
    return is?.value;
  }

  #replaced(place: string, is: Tree | undefined, fresh: Tree): Value {
    const now = digestAt(is);
    if (now !== undefined && now !== this.#wasAt(place) && now !== digestAt(fresh))
      this.edits.push(`${decoded(place)} was edited to ${shown(is)}, and becomes ${shown(fresh)} as the options say`);
    return fresh.value;
  }

  #wasAt(place: string): string | undefined {
    const own = this.#was.get(place);
    if (own !== undefined) return own;
    const parts = new Map<string, string>();
    for (const at of this.#was.keys()) {
      if (!at.startsWith(`${place}/`)) continue;
      const key = at.slice(place.length + 1).split("/", 1)[0]!;
      parts.set(decodeURIComponent(key), this.#wasAt(`${place}/${key}`)!);
    }
    return parts.size === 0 ? undefined : digestOfParts([...parts]);
  }
}

function digestAt(tree: Tree | undefined): string | undefined {
  return tree === undefined ? undefined : digestOf(tree);
}

function below(place: string, key: string): string {
  return `${place}/${encodeURIComponent(key)}`;
}

function decoded(place: string): string {
  return decodeURIComponent(place);
}

function shown(tree: Tree | undefined): string {
  return tree === undefined ? " (nothing)" : JSON.stringify(parsedValue(tree.value));
}
