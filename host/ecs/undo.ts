// SPDX-License-Identifier: Apache-2.0
// Takes Vedette out of a document by the journal it left there. Where the file was not edited since, the
// result is the original, byte for byte, and the journal's digest proves it; where it was, what Vedette put
// in goes and the rest stays.
import { VedetteError } from "../errors.js";
import { type Definition, findDefinitions } from "./definition.js";
import { digestOf, type Journal, journalIn, type Note, newerForm } from "./journal.js";
import { AGENT_PATH, CAPABILITY, CONTAINER_VARIABLE, SIDECAR_NAME } from "./layout.js";
import { type Document, type ListNode, type MapNode, type Node, textOf } from "./node.js";
import { sidecarNameIn } from "./options.js";
import { OwnVolume } from "./own-volume.js";
import { follow, nameOf } from "./path.js";
import { Remover } from "./removal.js";

type Collection = MapNode | ListNode;

/** What our elements of lists are called. */
const OURS = new Set([SIDECAR_NAME, CONTAINER_VARIABLE, CAPABILITY]);

/** A document without Vedette. `isExact`: it is the original, byte for byte. */
export interface Undone {
  readonly text: string;
  /** Null when Vedette was not in it. */
  readonly journal: Journal | null;
  readonly isExact: boolean;
}

/** Takes Vedette out. A document without Vedette comes back as it is. */
export function undo(document: Document): Undone {
  for (const definition of findDefinitions(document)) refuseNewer(definition);
  const found = findDefinitions(document).map((definition) => ({
    definition,
    journal: journalIn(definition.properties),
  }));
  const remover = new Remover(document);
  for (const { definition, journal } of found)
    for (const note of journal?.notes ?? []) takeBack(remover, definition, note, journal!);
  const text = remover.result();
  const journal = found.find((one) => one.journal !== null)?.journal ?? null;
  return { text, journal, isExact: journal === null || digestOf(text) === journal.digest };
}

function refuseNewer(definition: Definition): void {
  const form = newerForm(definition.properties);
  if (form === null) return;
  const reason = `a newer version of Vedette instrumented it: its journal has form ${form}, which this version does not know; use that version, or a later one`;
  throw new VedetteError("VEDETTE_DEFINITION_INVALID", { ...definition.where(definition.properties, []), reason });
}

function takeBack(remover: Remover, definition: Definition, note: Note, { notes, options }: Journal): void {
  const found = follow(definition.properties, note.pointer);
  if (found === null) {
    if (isGoneWithItsContainer(definition, note, notes)) return;
    const { path, line } = definition.where(definition.properties, []);
    throw new VedetteError("VEDETTE_UNDO_CHANGED", { path, line, place: decodeURIComponent(note.pointer) });
  }
  const { node, index } = found;
  const parent = found.parent as Collection;
  if (note.mark !== "^" && stripOurs(remover, node, sidecarNameIn(options))) return;
  const act = {
    "+": () => remover.appended(parent, index),
    "<": () => remover.first(parent, index, 1),
    "^": () => remover.first(node as ListNode, 0, firstCount(node as ListNode, Number(note.detail))),
    "*": () => remover.filled(node as Collection),
    "=": () => remover.replaced(node, note.detail),
  };
  act[note.mark]();
}

/** Somebody took the whole container out. Where he gave it another name, our words are still in it. */
function isGoneWithItsContainer({ properties }: Definition, { pointer }: Note, notes: readonly Note[]): boolean {
  const [list, container = "#"] = pointer.split("/");
  const containers = follow(properties, list!)?.node;
  if (containers?.kind !== "list" || container.startsWith("#")) return false;
  if (follow(properties, `${list}/${container}`) !== null) return false;
  return !containers.items.some((item) => isWrapped(item) && !notes.some((note) => isIn(note, list!, item)));
}

function isWrapped(container: Node): boolean {
  const words =
    container.kind === "map" ? container.entries.find(({ key }) => /^entryPoint$/i.test(key))?.node : undefined;
  return words?.kind === "list" && textOf(words.items[0]) === AGENT_PATH;
}

function isIn({ pointer }: Note, list: string, container: Node): boolean {
  return pointer.startsWith(`${list}/${encodeURIComponent(nameOf(container) ?? "")}/`);
}

/** The agent's words go up to their `--`, however many somebody made of them. */
function firstCount(list: ListNode, noted: number): number {
  const words = list.items.map((item) => (item.kind === "scalar" ? item.value : null));
  const end = words[0] === AGENT_PATH ? words.indexOf("--") : -1;
  return end < 0 ? noted : end + 1;
}

/** Takes ours out of a collection that we made and somebody added to since; false when all of it is ours. */
function stripOurs(remover: Remover, node: Node, sidecar: string): boolean {
  if (node.kind === "list") return stripItems(remover, node, sidecar);
  if (node.kind !== "map") return false;
  const inner = node.entries.findIndex(({ key }) => /^(capabilities|add)$/i.test(key));
  if (inner < 0) return false;
  const isStripped = stripOurs(remover, node.entries[inner]!.node, sidecar);
  if (!isStripped && node.entries.length === 1) return false;
  if (!isStripped) remover.appended(node, inner);
  return true;
}

function stripItems(remover: Remover, list: ListNode, sidecar: string): boolean {
  const ours = [...list.items.keys()].filter((index) => isOurs(list.items[index]!, sidecar));
  if (ours.length === 0 || ours.length === list.items.length) return false;
  for (const index of ours) remover.appended(list, index);
  return true;
}

/** A container named `vedette` is ours only if the sidecar is called so; the volume always is. */
function isOurs(item: Node, sidecar: string): boolean {
  const name = nameOf(item);
  const isDependency = item.kind === "map" && item.entries.some(({ key }) => /^containerName$/i.test(key));
  if (isDependency) return name === sidecar;
  return name !== null && (OURS.has(name) || OwnVolume.isName(name));
}
