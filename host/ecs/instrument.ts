// SPDX-License-Identifier: Apache-2.0
// Puts Vedette into the task definitions of a document. The steps:
//
//   take out what an earlier run put in (so that twice is once) - find the task definitions - choose containers - wrap them -
//   add the volumes and the sidecar, with the journal in it - prove that --undo gives back what there was
//
// The edits are made twice: the first pass finds out what the journal must say, the second writes it.
import { VedetteError } from "../errors.js";
import { type Container, chosenOf, containersOf } from "./containers.js";
import { type Definition, findDefinitions } from "./definition.js";
import { Editor } from "./edit.js";
import type { ImageConfigs } from "./image-config.js";
import { digestOf, type Note, UNDO_LABEL } from "./journal.js";
import { OWN_VOLUME, SIDECAR_NAME } from "./layout.js";
import { Merge } from "./merge.js";
import { type Document, entryOf, isNull, type Node, textOf } from "./node.js";
import { type GivenOptions, type InstrumentOptions, mergedOptions, optionsText, resolvedOptions } from "./options.js";
import { OwnVolume } from "./own-volume.js";
import { nameOf } from "./path.js";
import { parseDocument } from "./read.js";
import { readersOf } from "./readers.js";
import { RememberedImages } from "./remembered-images.js";
import { sidecar, volumes } from "./sidecar.js";
import { undo } from "./undo.js";
import { copyOf, type Value } from "./value.js";
import { needsImage, wrap } from "./wrap.js";

/** A document with Vedette in it. */
export interface Instrumented {
  readonly text: string;
  /** The text before Vedette was in it. */
  readonly original: string;
  /** What a person should know: who is watched, who is not. */
  readonly remarks: readonly string[];
}

/** Throws VEDETTE_DEFINITION_* where the document cannot be changed so that --undo would give it back. */
export function instrument(given: Document, wanted: GivenOptions, images: ImageConfigs, version: string): Instrumented {
  const before = undo(given);
  const document = before.journal === null ? given : parseDocument(given.path, before.text);
  const settings = mergedOptions(wanted, before.journal?.options ?? null);
  const known = RememberedImages.of(given, images);
  const plan = { document, settings, options: resolvedOptions(settings, version), images: known };
  const remarks: string[] = isOlder(given) && wanted.image === undefined ? [IMAGE_STAYS] : [];
  const { notes } = edit(plan, new Map(), remarks);
  const { text } = edit(plan, notes, []);
  prove(given.path, document.text, text);
  return { text, original: document.text, remarks };
}

const IMAGE_STAYS =
  "the sidecar's image stays as it is: it must know --container-secret, so give one of this version with --image";

/** An earlier version made it, in which containers had no secrets of their own. */
function isOlder({ text }: Document): boolean {
  return text.includes(UNDO_LABEL) && !text.includes(OWN_VOLUME);
}

interface Plan {
  readonly document: Document;
  readonly settings: GivenOptions;
  readonly options: InstrumentOptions;
  readonly images: ImageConfigs;
}

type Notes = ReadonlyMap<string, readonly Note[]>;

function edit(plan: Plan, journals: Notes, remarks: string[]): { text: string; notes: Notes } {
  const editor = new Editor(plan.document);
  const notes = new Map<string, readonly Note[]>();
  for (const definition of findDefinitions(plan.document, plan.options.definitions)) {
    const merge = new Merge(definition, editor);
    editDefinition(plan, definition, merge, journals.get(definition.id) ?? [], remarks);
    notes.set(definition.id, merge.notes);
  }
  return { text: editor.edits.apply(plan.document.text), notes };
}

function editDefinition(
  plan: Plan,
  definition: Definition,
  merge: Merge,
  notes: readonly Note[],
  remarks: string[],
): void {
  const { document, options, images, settings } = plan;
  refuseWindows(definition);
  const all = containersOf(definition);
  refuseTakenNames(definition, all);
  const chosen = chosenOf(definition, all, options.containers);
  if (chosen.length === 0) throw none(definition);
  const withoutEntryPoint = chosen.filter((container) => needsImage(definition, container)).length;
  const guarded = chosen.map((container, index) => ({ container, own: new OwnVolume(index + 1) }));
  for (const { container, own } of guarded)
    wrap({ definition, merge, options, images, own, withoutEntryPoint }, container);
  const journal = { digest: digestOf(document.text), notes, options: optionsText(settings) };
  const value = sidecar(definition, options, logsOf(definition, chosen), journal, guarded);
  merge.appendTo(definition.properties, [], "containerDefinitions", [value]);
  merge.appendTo(
    definition.properties,
    [],
    "volumes",
    volumes(guarded).map((one) => definition.spell(one)),
  );
  remarks.push(...remarksOn(definition, all, chosen), ...readersOf(definition, all, chosen));
}

/** The first log configuration of a watched container; a router's own logs do not go through itself. */
function logsOf(definition: Definition, chosen: readonly Container[]): Value | null {
  const hasRouter = chosen.some((one) => definition.get(one.node, "firelensConfiguration") !== undefined);
  const configurations = chosen
    .map((one) => definition.get(one.node, "logConfiguration"))
    .filter((one) => one !== undefined && !isNull(one));
  const isRouted = (node: Node) => textOf(definition.get(node, "logDriver")) === "awsfirelens";
  const found = configurations.find((node) => !hasRouter || !isRouted(node!));
  return found === undefined ? null : copyOf(definition.document, found);
}

function refuseWindows(definition: Definition): void {
  const family = definition.get(definition.properties, "runtimePlatform", "operatingSystemFamily");
  if (family === undefined || !textOf(family)?.startsWith("WINDOWS")) return;
  const reason = "Vedette watches Linux containers, and this task runs on Windows";
  throw new VedetteError("VEDETTE_DEFINITION_INVALID", { ...definition.where(family, ["runtimePlatform"]), reason });
}

function refuseTakenNames(definition: Definition, all: readonly Container[]): void {
  const list = entryOf(definition.properties, definition.key("volumes"))?.node;
  const isOurs = (name: string | null) => name === SIDECAR_NAME || (name !== null && OwnVolume.isName(name));
  const volume = list?.kind === "list" ? list.items.find((item) => isOurs(nameOf(item))) : undefined;
  const container = all.find((one) => one.name === SIDECAR_NAME);
  const [node, kind] = container === undefined ? [volume, "volume"] : [container.node, "container"];
  if (node === undefined) return;
  const way = container?.way ?? [definition.key("volumes")];
  throw new VedetteError("VEDETTE_NAME_TAKEN", { ...definition.where(node, way), kind, name: nameOf(node) ?? "" });
}

function none(definition: Definition): VedetteError {
  const reason = "none of its containers is essential; name those to watch with --container";
  return new VedetteError("VEDETTE_DEFINITION_NONE", { path: definition.document.path, reason });
}

function remarksOn(definition: Definition, all: readonly Container[], chosen: readonly Container[]): string[] {
  const of = definition.id === "" ? "" : ` in ${definition.id}`;
  const left = all
    .filter((one) => !chosen.includes(one))
    .map((one) => (one.reason === null ? one.name : `${one.name} (${one.reason})`));
  const watched = `watched${of}: ${chosen.map((one) => one.name).join(", ")}`;
  return left.length === 0 ? [watched] : [watched, `not watched${of}: ${left.join(", ")}; --container NAME adds one`];
}

/** A file that --undo cannot give back must never be written: this is our promise, so its breach is our mistake. */
function prove(path: string, original: string, text: string): void {
  if (undo(parseDocument(path, text)).text === original) return;
  throw new Error(`instrument: undoing the result for ${path} does not give back the original`);
}
