// SPDX-License-Identifier: Apache-2.0
// Puts the agent before a container's own words, and beside them what it needs: the volume with the agent in
// it, SYS_PTRACE, its name, the secret that proves it, and the sidecar before it.
//
//   "entryPoint": ["sh", "-c"]    ->    "entryPoint": ["/vedette/vedette-capture", ..., "--", "sh", "-c"]
//
// `command` stays, so that an override of a run-task keeps its meaning.
import { VedetteError } from "../errors.js";
import type { Container } from "./containers.js";
import type { Definition } from "./definition.js";
import { isEmpty } from "./edit.js";
import type { ImageConfig, ImageConfigs } from "./image-config.js";
import { imageName } from "./image-name.js";
import { branchesOf, isNoValue, wordOf } from "./intrinsic.js";
import type { Kept } from "./kept.js";
import { AGENT_PATH, CAPABILITY, CONTAINER_VARIABLE, SIDECAR_NAME, SOCKET_PATH, VOLUME_PATH } from "./layout.js";
import type { Merge } from "./merge.js";
import { isNull, type ListNode, type Node } from "./node.js";
import type { InstrumentOptions } from "./options.js";
import type { OwnVolume } from "./own-volume.js";
import { nameOf } from "./path.js";
import { agentPlace, itemPlace } from "./standing.js";
import { copyOf, type Value, type ValueMap } from "./value.js";

/** What all containers of one task definition are wrapped with. */
export interface Wrapping {
  readonly definition: Definition;
  readonly merge: Merge;
  readonly options: InstrumentOptions;
  readonly images: ImageConfigs;
  readonly kept: Kept;
  /** Of the container that is wrapped. */
  readonly own: OwnVolume;
  /** How many containers leave their words to the image. */
  readonly withoutEntryPoint: number;
}

/**
 * Wraps one container. Its image's words must be known where the definition leaves them to it
 * (missing-images.ts).
 */
export function wrap(wrapping: Wrapping, container: Container): void {
  const { definition, merge, kept } = wrapping;
  const { node, way } = container;
  wrapEntryPoint(wrapping, container);
  const add = (name: string, value: ValueMap, ...more: ValueMap[]) => {
    const values = [value, ...more].map((one) => kept.merged(itemPlace(container, name, one), definition.spell(one)));
    merge.appendTo(node, way, name, values, (list) => list.items.some((item) => nameOf(item) === itemName(value)));
  };
  const shared = { sourceVolume: SIDECAR_NAME, containerPath: VOLUME_PATH, readOnly: true };
  add("mountPoints", shared, wrapping.own.mountPoint(true));
  addCapability(wrapping, container);
  add("environment", { name: CONTAINER_VARIABLE, value: copyOf(definition.document, definition.get(node, "name")!) });
  add("dependsOn", { containerName: wrapping.options.settings.sidecarName, condition: "START" });
}

/** `isGiven`: the container has SYS_PTRACE of its own, and its programs keep it. */
function agentCommand({ options, own, kept }: Wrapping, { key }: Container, isGiven: boolean): Value[] {
  const whose = isGiven ? "share" : "withhold";
  const settings = ["--start", options.start, "--on-overload", options.overload, "--sys-ptrace", whose];
  const words = [AGENT_PATH, "--host", `unix:${SOCKET_PATH}`, "--secret-file", own.secret, ...settings];
  return [...(kept.merged(agentPlace(key), [...words, ...options.settings.agentWords()]) as Value[]), "--"];
}

/** Whether the definition leaves the entryPoint to the image. */
export function needsImage(definition: Definition, container: Container): boolean {
  return !isThere(definition.get(container.node, "entryPoint"));
}

function wrapEntryPoint(wrapping: Wrapping, container: Container): void {
  const { definition, merge } = wrapping;
  const { node, way } = container;
  const words = agentCommand(
    wrapping,
    container,
    mayHaveCapability(definition.get(node, "linuxParameters", "capabilities", "add")),
  );
  const entryPoint = definition.get(node, "entryPoint");
  if (isThere(entryPoint)) {
    merge.prepend(entryPoint!, [...way, definition.key("entryPoint")], words);
    return;
  }
  const config = imageConfig(wrapping, container);
  const command = definition.get(node, "command");
  if (!isThere(command) && config.entryPoint.length + config.command.length === 0) {
    const reason = `it names neither Entrypoint nor Cmd, and the container ${container.name} has no command`;
    throw new VedetteError("VEDETTE_IMAGE_CONFIG_INVALID", { path: definition.document.path, reason });
  }
  merge.setEntry(node, way, "entryPoint", [...words, ...config.entryPoint]);
  if (!isThere(command) && config.command.length > 0) merge.setEntry(node, way, "command", config.command);
}

function imageConfig(wrapping: Wrapping, container: Container): ImageConfig {
  const config = configFor(wrapping, container);
  if (config !== undefined) return config;
  throw new Error(`instrument: ${container.name} has no image configuration although all were asked for`);
}

/** The words of the container's image; undefined: nobody said them. */
export function configFor(
  { definition, images, withoutEntryPoint }: Pick<Wrapping, "definition" | "images" | "withoutEntryPoint">,
  container: Container,
): ImageConfig | undefined {
  const image = definition.get(container.node, "image");
  const name = imageName(definition, image).name ?? (image === undefined ? null : wordOf(image));
  return images.find(definition.id, container.name, name, withoutEntryPoint === 1);
}

function addCapability({ definition, merge }: Wrapping, { node, way }: Container): void {
  const [linux, capabilities] = [definition.key("linuxParameters"), definition.key("capabilities")];
  const add = { [definition.key("add")]: [CAPABILITY] };
  const parameters = merge.mapAt(node, way, "linuxParameters", "capabilities", add);
  if (parameters === null) return;
  const within = merge.mapAt(parameters, [...way, linux], "capabilities", "add", [CAPABILITY]);
  if (within !== null) merge.appendTo(within, [...way, linux, capabilities], "add", [CAPABILITY], hasCapability);
}

function hasCapability(list: ListNode): boolean {
  return list.items.some((item) => item.kind === "scalar" && (item.value === CAPABILITY || item.value === "ALL"));
}

/** In one branch of an `Fn::If` or the other. */
function mayHaveCapability(added: Node | undefined): boolean {
  if (added === undefined) return false;
  const branches = branchesOf(added)?.branches;
  if (branches !== undefined) return branches.some(mayHaveCapability);
  return added.kind === "list" && hasCapability(added);
}

function isThere(node: Node | undefined): boolean {
  return node !== undefined && !isNull(node) && !isNoValue(node) && !isEmpty(node);
}

function itemName(value: ValueMap): unknown {
  return value.name ?? value.sourceVolume ?? value.containerName;
}
