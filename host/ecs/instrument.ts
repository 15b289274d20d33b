// SPDX-License-Identifier: Apache-2.0
// Puts Vedette into the task definitions of a document. The steps:
//
//   take out what an earlier run put in (so that twice is once), and remember what was edited in it - find
// the task definitions -
//   choose containers - wrap them - add the volumes and the sidecar, with the journal in it - prove that
// --undo gives back what there was
//
// The edits are made twice: the first pass finds out what the journal must say, the second writes it.
import { VedetteError } from "../errors.js";
import { type Container, chosenOf, containersOf } from "./containers.js";
import { type Definition, findDefinitions } from "./definition.js";
import { EarlierRuns } from "./earlier-runs.js";
import { Editor } from "./edit.js";
import type { ImageConfigs } from "./image-config.js";
import { digestOf, type Journal, labels, UNDO_LABEL } from "./journal.js";
import type { Kept } from "./kept.js";
import { OWN_PATH, OWN_VOLUME, SIDECAR_NAME, VOLUME_PATH } from "./layout.js";
import { adviceOnLogs, logsOf } from "./logs.js";
import { Merge } from "./merge.js";
import { imagesNeeded, type Missing } from "./missing-images.js";
import { type Document, entryOf, textOf } from "./node.js";
import {
  type GivenOptions,
  givenOptions,
  type InstrumentOptions,
  mergedOptions,
  optionsText,
  type RunOptions,
  resolvedOptions,
} from "./options.js";
import { OwnVolume } from "./own-volume.js";
import { nameOf } from "./path.js";
import { parseDocument } from "./read.js";
import { readersOf } from "./readers.js";
import { RememberedImages } from "./remembered-images.js";
import { roomFor } from "./room.js";
import { type Guarded, sidecar, volumes } from "./sidecar.js";
import { SIDECAR_PLACE, volumePlace } from "./standing.js";
import { refuseLostTargets } from "./targets.js";
import { undo } from "./undo.js";
import { isValueMap, type Value, type ValueMap } from "./value.js";
import { configFor, needsImage, wrap } from "./wrap.js";

/** A document with Vedette in it. */
export interface Instrumented {
  readonly text: string;
  /** The text before Vedette was in it. */
  readonly original: string;
  /** What a person should know: who is watched, who is not. */
  readonly remarks: readonly string[];
  /** What will go badly: alerts that nobody gets, a task without room. */
  readonly advice: readonly string[];
}

/** Throws VEDETTE_DEFINITION_* where the document cannot be changed so that --undo would give it back. */
export function instrument(given: Document, wanted: RunOptions, images: ImageConfigs): Instrumented {
  const plan = planFor(given, wanted, images);
  const { document, earlier } = plan;
  const missing = missingOf(plan);
  if (missing.length > 0) throw imagesNeeded(missing);
  const said: Said = { remarks: isOlder(given) && wanted.image === undefined ? [IMAGE_STAYS] : [], advice: [] };
  const { written } = edit(plan, new Map(), said);
  const { text } = edit(plan, written, { remarks: [], advice: [] });
  prove(given.path, document.text, text);
  const remarks = [...said.remarks, ...earlier.remarks(written)];
  return { text, original: document.text, remarks, advice: said.advice };
}

/** The containers of a document whose images must be known, and are not. */
export function missingImages(given: Document, wanted: RunOptions, images: ImageConfigs): Missing[] {
  return missingOf(planFor(given, wanted, images));
}

function planFor(given: Document, wanted: RunOptions, images: ImageConfigs): Plan {
  const before = undo(given);
  const document = before.journal === null ? given : parseDocument(given.path, before.text);
  const settings = mergedOptions(givenOptions(wanted), before.journal?.options ?? null);
  const options = resolvedOptions(settings);
  return {
    document,
    settings,
    options,
    images: RememberedImages.of(given, images),
    earlier: EarlierRuns.of(given, wanted),
  };
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
  readonly earlier: EarlierRuns;
}

/** What the journal of each task definition is to say, by its id. */
type Written = ReadonlyMap<string, Pick<Journal, "notes" | "wrote">>;

interface Said {
  readonly remarks: string[];
  readonly advice: string[];
}

function edit(plan: Plan, written: Written, said: Said): { text: string; written: Written } {
  const editor = new Editor(plan.document);
  const now = new Map<string, Pick<Journal, "notes" | "wrote">>();
  for (const definition of findDefinitions(plan.document, plan.options.definitions)) {
    const merge = new Merge(definition, editor);
    const kept = plan.earlier.kept(definition.id);
    editDefinition(plan, { definition, merge, kept }, written.get(definition.id) ?? NOTHING_WRITTEN, said);
    kept.refuseConflicts(definition.where(definition.properties, []));
    now.set(definition.id, { notes: merge.notes, wrote: kept.wrote });
  }
  return { text: editor.edits.apply(plan.document.text), written: now };
}

const NOTHING_WRITTEN = { notes: [], wrote: new Map() };

interface Change {
  readonly definition: Definition;
  readonly merge: Merge;
  readonly kept: Kept;
}

function editDefinition(
  plan: Plan,
  { definition, merge, kept }: Change,
  written: Pick<Journal, "notes" | "wrote">,
  said: Said,
): void {
  const { document, options, images, settings } = plan;
  const { all, chosen } = chosenIn(plan, definition);
  refuseLostTargets(definition, options.settings, all, chosen);
  const withoutEntryPoint = chosen.filter((container) => needsImage(definition, container)).length;
  const guarded = chosen.map((container, index) => ({ container, own: new OwnVolume(index + 1) }));
  for (const { container, own } of guarded)
    wrap({ definition, merge, options, images, own, withoutEntryPoint, kept }, container);
  const logs = logsOf(definition, options, chosen);
  const room = roomFor(definition, options, all);
  const own = kept.merged(SIDECAR_PLACE, sidecar(definition, options, logs, room.memory, guarded));
  const journal = { digest: digestOf(document.text), options: optionsText(settings), ...written };
  merge.appendTo(definition.properties, [], "containerDefinitions", [withLabels(definition, own, labels(journal))]);
  const added = volumes(guarded).map((one) => kept.merged(volumePlace(String(one.name)), definition.spell(one)));
  if (!definition.isList) merge.appendTo(definition.properties, [], "volumes", added);
  const advice = [
    adviceOnLogs(definition, options, logsIn(definition, own)),
    ...room.advice,
    adviceOnRestart(definition),
  ];
  const of = (one: string) => (definition.id === "" ? one : `${definition.id}: ${one}`);
  if (definition.isList) said.remarks.push(volumesToAdd(guarded));
  said.advice.push(...advice.filter((one) => one !== null).map(of));
  said.remarks.push(...remarksOn(definition, all, chosen), ...readersOf(definition, all, chosen));
}

/** As Terraform writes them. */
function volumesToAdd(guarded: readonly Guarded[]): string {
  const blocks = volumes(guarded).map(({ name }) => `    volume {\n      name = ${JSON.stringify(name)}\n    }`);
  return `the task definition needs these volumes:\n${blocks.join("\n")}`;
}

/** The containers of a definition, and those to watch. */
function chosenIn({ options, earlier }: Plan, definition: Definition): { all: Container[]; chosen: Container[] } {
  refuseWindows(definition);
  const all = containersOf(definition);
  refuseTakenNames(definition, all, options.settings.sidecarName);
  const chosen = chosenOf(definition, all, options.containers, earlier.watched(definition.id));
  if (chosen.length === 0) throw none(definition);
  for (const container of chosen) refuseUnfit(definition, container);
  return { all, chosen };
}

/** Of the whole file, so that one run names all. */
function missingOf(plan: Plan): Missing[] {
  return findDefinitions(plan.document, plan.options.definitions).flatMap((definition) => {
    const bare = chosenIn(plan, definition).chosen.filter((container) => needsImage(definition, container));
    const wrapping = { definition, images: plan.images, withoutEntryPoint: bare.length };
    return bare
      .filter((container) => configFor(wrapping, container) === undefined)
      .map((container) => ({ definition, container }));
  });
}

/** Labels that somebody added stay before ours. */
function withLabels(definition: Definition, own: Value, ours: Record<string, string>): Value {
  const key = definition.key("dockerLabels");
  const { [key]: others, ...rest } = own as ValueMap;
  return { ...rest, [key]: { ...(others !== undefined && isValueMap(others) ? others : {}), ...ours } };
}

function logsIn(definition: Definition, sidecar: Value): Value | null {
  return (sidecar as ValueMap)[definition.key("logConfiguration")] ?? null;
}

function refuseWindows(definition: Definition): void {
  const family = definition.get(definition.properties, "runtimePlatform", "operatingSystemFamily");
  if (family === undefined || !textOf(family)?.startsWith("WINDOWS")) return;
  throw new VedetteError("VEDETTE_DEFINITION_WINDOWS", definition.where(family, ["runtimePlatform"]));
}

/** A command line as one text, and a volume where ours goes. */
function refuseUnfit(definition: Definition, { node, way }: Container): void {
  for (const name of ["entryPoint", "command"]) {
    const words = definition.get(node, name);
    if (words?.kind !== "scalar" || words.tag !== "" || words.value === null) continue;
    const reason = "it is one text, and ECS takes a list of words";
    throw new VedetteError("VEDETTE_DEFINITION_INVALID", {
      ...definition.where(words, [...way, definition.key(name)]),
      reason,
    });
  }
  const mounts = definition.get(node, "mountPoints");
  for (const mount of mounts?.kind === "list" ? mounts.items : []) {
    const path = textOf(definition.get(mount, "containerPath"))?.replace(/\/+$/, "") ?? "";
    if (
      path !== VOLUME_PATH &&
      path !== OWN_PATH &&
      !path.startsWith(`${VOLUME_PATH}/`) &&
      !path.startsWith(`${OWN_PATH}/`)
    )
      continue;
    throw new VedetteError("VEDETTE_NAME_TAKEN", { ...definition.where(mount, way), kind: "mount point", name: path });
  }
}

/** On Fargate it always does. */
function adviceOnRestart(definition: Definition): string | null {
  const list = definition.get(definition.properties, "requiresCompatibilities");
  const isElsewhere = list?.kind === "list" && list.items.some((item) => /^(EC2|EXTERNAL)$/.test(textOf(item) ?? ""));
  if (!isElsewhere) return null;
  return "ECS starts a sidecar again that has ended if the instance's ECS agent is of version 1.86 or later; with an earlier one, nobody judges until the task ends";
}

function refuseTakenNames(definition: Definition, all: readonly Container[], sidecar: string): void {
  const list = entryOf(definition.properties, definition.key("volumes"))?.node;
  const isOurs = (name: string | null) => name === SIDECAR_NAME || (name !== null && OwnVolume.isName(name));
  const volume = list?.kind === "list" ? list.items.find((item) => isOurs(nameOf(item))) : undefined;
  const container = all.find((one) => one.name === sidecar);
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

/**
 * A file that --undo cannot give back must never be written: this is our promise, so its breach is our
 * mistake.
 */
function prove(path: string, original: string, text: string): void {
  if (undo(parseDocument(path, text)).text === original) return;
  throw new Error(`instrument: undoing the result for ${path} does not give back the original`);
}
