// SPDX-License-Identifier: Apache-2.0
// A container as a task definition describes it, started as ECS would start it: its words, user, variables
// and capabilities, and every volume that it names, each a folder of the task's.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { SIDECAR_NAME } from "../../host/ecs/layout.js";
import type { Mount } from "./bundle.js";
import type { Rootfs } from "./rootfs.js";
import type { Container, Task } from "./task.js";

export interface ContainerDefinition {
  readonly name: string;
  readonly entryPoint?: readonly string[];
  readonly command?: readonly string[];
  readonly environment?: readonly { readonly name: string; readonly value: string }[];
  readonly secrets?: readonly { readonly name: string; readonly valueFrom: string }[];
  readonly user?: string;
  readonly readonlyRootFilesystem?: boolean;
  readonly mountPoints?: readonly MountPoint[];
  readonly linuxParameters?: { readonly capabilities?: { readonly add?: readonly string[] } };
  readonly healthCheck?: HealthCheck;
  readonly stopTimeout?: number;
  readonly image: string;
  readonly essential?: boolean;
  /** MiB. */
  readonly memory?: number;
  readonly dependsOn?: readonly { readonly containerName: string; readonly condition: string }[];
  readonly restartPolicy?: {
    readonly enabled: boolean;
    readonly ignoredExitCodes?: readonly number[];
    readonly restartAttemptPeriod?: number;
  };
}

/** Seconds, and how many failures in a row make it unhealthy. */
interface HealthCheck {
  readonly command: readonly string[];
  readonly interval?: number;
  readonly retries?: number;
  readonly startPeriod?: number;
}

interface MountPoint {
  readonly sourceVolume: string;
  readonly containerPath: string;
  readonly readOnly?: boolean;
}

export interface StartOptions {
  /** Of the image, where the definition leaves them to it. */
  readonly entryPoint?: readonly string[];
  /** What `secrets` name, by their ARNs. */
  readonly secrets?: Readonly<Record<string, string>>;
  /** What a word of the definition is to be instead. */
  readonly instead?: readonly [string, string] | undefined;
}

export function startDefined(
  task: Task,
  definition: ContainerDefinition,
  rootfs: Pick<Rootfs, "path" | "mounts">,
  { entryPoint = [], secrets = {}, instead }: StartOptions = {},
): Container {
  const words = [...(definition.entryPoint ?? entryPoint), ...(definition.command ?? [])];
  return task.start({
    name: definition.name,
    rootfs: rootfs.path,
    mounts: [...rootfs.mounts, ...(definition.mountPoints ?? []).map((point) => mountOf(task, point))],
    user: Number(definition.user ?? 0),
    readOnlyRoot: definition.readonlyRootFilesystem ?? false,
    addCapabilities: definition.linuxParameters?.capabilities?.add ?? [],
    environment: {
      ...Object.fromEntries((definition.environment ?? []).map(({ name, value }) => [name, value])),
      ...Object.fromEntries((definition.secrets ?? []).map(({ name, valueFrom }) => [name, secrets[valueFrom]!])),
    },
    ...(definition.memory === undefined ? {} : { memoryBytes: definition.memory << 20 }),
    args: words.map((word) => (word === instead?.[0] ? instead[1] : word)),
  });
}

/** A volume is there, and empty, when the first container that names it starts. */
function mountOf(task: Task, { sourceVolume, containerPath, readOnly = false }: MountPoint): Mount {
  const source = sourceVolume === SIDECAR_NAME ? task.volume : join(task.folder, `volume-${sourceVolume}`);
  mkdirSync(source, { recursive: true, mode: 0o755 });
  return { source, destination: containerPath, readOnly };
}
