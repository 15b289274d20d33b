// SPDX-License-Identifier: Apache-2.0
// Whether the task has room for the sidecar: ECS's limits, memory, CPU. What ECS would refuse is refused here
// with its place; what it takes although it goes badly is said.
//
//   containers    at most 10 in a task definition
//   memory        what containers ask for, the sidecar with them, may not be more than the task has
//   CPU           a container that asks for none gets what the others leave
//
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-quotas.html
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html
import { VedetteError } from "../errors.js";
import type { Container } from "./containers.js";
import type { Definition } from "./definition.js";
import { isNull, type Node } from "./node.js";
import type { InstrumentOptions } from "./options.js";

const CONTAINERS_MAX = 10;
/** MiB that the host takes at the rates that a task bears (docs/operations.md). */
const MEMORY = 128;
/** The same where it keeps evidence or a store besides: each is a thread, buffers and open files. */
const MEMORY_KEEPING = 176;
const KEEPING = ["evidence", "evidence-capture", "store"];
/** The least that lets it start. */
const MEMORY_LEAST = 96;
/** Shares of 1,024 a CPU below which the host gets behind as soon as the others are busy. */
const CPU_LEAST = 32;

/** What the sidecar may ask for, and what a person should know. */
export interface Room {
  /** MiB to reserve; null where there is nothing left to reserve. */
  readonly memory: number | null;
  readonly advice: readonly string[];
}

/**
 * Throws VEDETTE_DEFINITION_LIMIT for more containers than ECS takes, and VEDETTE_SETTING_INVALID for memory
 * or CPU of the sidecar that ECS would refuse.
 */
export function roomFor(definition: Definition, options: InstrumentOptions, all: readonly Container[]): Room {
  if (all.length >= CONTAINERS_MAX) {
    const reason = `it has ${all.length} containers, and ECS takes at most ${CONTAINERS_MAX} with the sidecar`;
    const { node, way } = all.at(-1)!;
    throw new VedetteError("VEDETTE_DEFINITION_LIMIT", { ...definition.where(node, way), reason });
  }
  const { memory, advice } = memoryFor(definition, options, all);
  return { memory, advice: [...advice, ...adviceOnCpu(definition, options, all), ...adviceOnArm(definition)] };
}

function memoryFor(definition: Definition, { settings }: InstrumentOptions, all: readonly Container[]): Room {
  const task = numberAt(definition, definition.properties, "memory");
  const asked = all.map(
    ({ node }) => numberAt(definition, node, "memory") ?? numberAt(definition, node, "memoryReservation") ?? 0,
  );
  const left = task === null ? Number.POSITIVE_INFINITY : task - asked.reduce((sum, one) => sum + one, 0);
  const taken = () => `the containers ask for ${task! - left} of the task's ${task} MiB`;
  const { memory, memoryReservation } = settings.container();
  if (memory !== undefined && memoryReservation !== undefined && Number(memory) <= Number(memoryReservation))
    throw refused("memory", memory, `ECS takes only more than its memoryReservation, which is ${memoryReservation}`);
  const own = memory ?? memoryReservation;
  if (own !== undefined) {
    const name = memory === undefined ? "memoryReservation" : "memory";
    if (Number(own) > left) throw refused(name, own, `${taken()}, and ECS takes no more than that`);
    return { memory: null, advice: [] };
  }
  const needed = KEEPING.some((key) => settings.has(key)) ? MEMORY_KEEPING : MEMORY;
  if (left >= needed) return { memory: needed, advice: [] };
  const advice = [`${taken()}, and the sidecar needs ${needed}: give the task more memory`];
  return { memory: left >= MEMORY_LEAST ? left : null, advice };
}

function adviceOnCpu(definition: Definition, { settings }: InstrumentOptions, all: readonly Container[]): string[] {
  const task = numberAt(definition, definition.properties, "cpu");
  if (task === null) return [];
  const asked = all.map(({ node }) => numberAt(definition, node, "cpu") ?? 0).reduce((sum, one) => sum + one, 0);
  const own = Number(settings.container().cpu ?? 0);
  const taken = `the containers ask for ${asked} of the task's ${task} CPU units`;
  if (own > 0 && asked + own > task) throw refused("cpu", own, `${taken}, and ECS takes no more than that`);
  if (own > 0 || asked === 0 || task - asked >= CPU_LEAST) return [];
  return [
    `${taken}: where they use them, the sidecar gets behind. Give the task more, or a container less; then --set container.cpu=64`,
  ];
}

function refused(name: string, value: unknown, reason: string): VedetteError {
  return new VedetteError("VEDETTE_SETTING_INVALID", { setting: `container.${name}=${value}`, reason });
}

function adviceOnArm(definition: Definition): string[] {
  const node = definition.get(definition.properties, "runtimePlatform", "cpuArchitecture");
  if (node?.kind !== "scalar" || node.value !== "ARM64") return [];
  return [
    "the task runs on ARM64: give an image that has arm64. Its agent has only the trace tier, in which each call costs more",
  ];
}

/** CloudFormation takes a number as text; ECS also takes "1 vCPU" and "2 GB". */
function numberAt(definition: Definition, from: Node, name: string): number | null {
  const node = definition.get(from, name);
  if (node === undefined || isNull(node) || node.kind !== "scalar" || node.tag !== "") return null;
  const [, digits, unit = ""] = /^([\d.]+) ?(vCPU|GB)?$/i.exec(String(node.value)) ?? [];
  return digits === undefined ? null : Number(digits) * (unit === "" ? 1 : 1024);
}
