// SPDX-License-Identifier: Apache-2.0
// Merges into what may stand at a key or not, be null, be empty, or hang on an `Fn::If`: then both branches
// get it, since either may be the one that is deployed. What only CloudFormation can read (a list behind a
// parameter, a macro) is refused with its place, never guessed. Each change is noted for the journal.
import { VedetteError } from "../errors.js";
import type { Definition } from "./definition.js";
import { type Editor, isEmpty } from "./edit.js";
import { branchesOf, branchWays, describe, intrinsicOf, isNoValue } from "./intrinsic.js";
import type { Mark, Note } from "./journal.js";
import { entryOf, isNull, type ListNode, type MapNode, type Node, type Step } from "./node.js";
import { pointer } from "./path.js";
import type { Value } from "./value.js";

/**
 * Changes one task definition through an editor. Throws VEDETTE_DEFINITION_OPAQUE at what only CloudFormation
 * can read.
 */
export class Merge {
  readonly notes: Note[] = [];
  readonly #editor: Editor;

  constructor(
    readonly definition: Definition,
    editor: Editor,
  ) {
    this.#editor = editor;
  }

  /**
   * Appends to the list at `name` of a map, making the list where there is none. `isThere` says which
   * elements not to add.
   */
  appendTo(
    map: MapNode,
    way: readonly Step[],
    name: string,
    values: readonly Value[],
    isThere = (_: ListNode) => false,
  ): void {
    const key = this.definition.key(name);
    const here = entryOf(map, key)?.node;
    if (here === undefined) this.#addEntry(map, way, key, values);
    else this.#appendInto(here, [...way, key], values, isThere);
  }

  /**
   * The map at `name` of a map, to go on in; null when it had to be made, and was made with `otherwise` in
   * it.
   */
  mapAt(map: MapNode, way: readonly Step[], name: string, inner: string, otherwise: Value): MapNode | null {
    const key = this.definition.key(name);
    const here = entryOf(map, key)?.node;
    const whole = { [this.definition.key(inner)]: otherwise };
    const isFull = here !== undefined && !isNull(here) && !isNoValue(here) && !isEmpty(here);
    if (isFull) return this.#mapOrRefuse(here, [...way, key]);
    if (here === undefined) {
      this.#addEntry(map, way, key, whole);
    } else if (here.kind === "map" && isEmpty(here)) {
      this.#editor.fillMap(here, this.definition.key(inner), otherwise);
      this.#note("*", [...way, key]);
    } else {
      this.#replace(here, [...way, key], whole);
    }
    return null;
  }

  setEntry(map: MapNode, way: readonly Step[], name: string, values: readonly Value[]): void {
    const key = this.definition.key(name);
    const here = entryOf(map, key)?.node;
    if (here === undefined) this.#addEntry(map, way, key, values);
    else if (here.kind === "list" && isEmpty(here)) this.#fill(here, [...way, key], values);
    else this.#replace(here, [...way, key], values);
  }

  /** Puts values first in a list, in each branch of an `Fn::If`. */
  prepend(node: Node, way: readonly Step[], values: readonly Value[]): void {
    const both = branchesOf(node);
    if (both !== null) {
      for (const [branch, to] of branchWays(both, way)) this.prepend(branch, to, values);
      return;
    }
    this.#editor.prependItems(this.#listOrRefuse(node, way), values);
    this.#note("^", way, String(values.length));
  }

  /** The map at a place we must write into; an `Fn::If` between two maps is more than we can merge. */
  #mapOrRefuse(node: Node, way: readonly Step[]): MapNode {
    if (node.kind === "map" && intrinsicOf(node) === null && !node.shared) return node;
    throw this.refusal(node, way);
  }

  #listOrRefuse(node: Node, way: readonly Step[]): ListNode {
    if (node.kind === "list" && node.tag === "" && !node.shared) return node;
    throw this.refusal(node, way);
  }

  refusal(node: Node, way: readonly Step[]): VedetteError {
    if (node.kind === "alias" || node.shared)
      return new VedetteError("VEDETTE_DEFINITION_SHARED", {
        ...this.definition.where(node, way),
        what: describe(node),
      });
    return new VedetteError("VEDETTE_DEFINITION_OPAQUE", { ...this.definition.where(node, way), what: describe(node) });
  }

  #appendInto(node: Node, way: readonly Step[], values: readonly Value[], isThere: (list: ListNode) => boolean): void {
    const both = branchesOf(node);
    if (both !== null) {
      for (const [branch, to] of branchWays(both, way)) this.#appendInto(branch, to, values, isThere);
    } else if (isNull(node) || isNoValue(node)) {
      this.#replace(node, way, values);
    } else {
      const list = this.#listOrRefuse(node, way);
      if (isEmpty(list)) this.#fill(list, way, values);
      else if (!isThere(list)) this.#appendItems(list, way, values);
    }
  }

  #appendItems(list: ListNode, way: readonly Step[], values: readonly Value[]): void {
    const parent = pointer(this.definition.properties, way);
    for (const [index, value] of values.entries()) {
      const mark = this.#editor.appendItem(list, value) === "first" ? "<" : "+";
      this.notes.push({ mark, pointer: `${parent}/${itemWord(value, list.items.length + index)}`, detail: "" });
    }
  }

  #addEntry(map: MapNode, way: readonly Step[], key: string, value: Value): void {
    if (map.shared) throw this.refusal(map, way);
    const mark = this.#editor.appendEntry(map, key, value) === "first" ? "<" : "+";
    const parent = pointer(this.definition.properties, way);
    this.notes.push({ mark, pointer: `${parent === "" ? "" : `${parent}/`}${encodeURIComponent(key)}`, detail: "" });
  }

  #fill(list: ListNode, way: readonly Step[], values: readonly Value[]): void {
    this.#editor.fillList(list, values);
    this.#note("*", way);
  }

  #replace(node: Node, way: readonly Step[], value: Value): void {
    this.#editor.replace(node, value);
    this.#note("=", way, this.definition.document.text.slice(node.start, node.end));
  }

  #note(mark: Mark, way: readonly Step[], detail = ""): void {
    this.notes.push({ mark, pointer: pointer(this.definition.properties, way), detail });
  }
}

/** The word by which a pointer finds a value again once it stands in the list. */
function itemWord(value: Value, index: number): string {
  if (typeof value === "string") return encodeURIComponent(value);
  const named = Object.entries(value as object).find(([key]) => /^(name|sourceVolume|containerName)$/i.test(key));
  return typeof named?.[1] === "string" ? encodeURIComponent(named[1]) : `#${index}`;
}
