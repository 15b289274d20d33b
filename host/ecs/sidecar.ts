// SPDX-License-Identifier: Apache-2.0
// The sidecar's container definition. It asks for nothing that Fargate does not grant, writes only to the volumes, and
// logs where the workload logs. Under `availability` the task outlives it; under `security` it is essential.
import type { Container } from "./containers.js";
import type { Definition } from "./definition.js";
import type { Journal } from "./journal.js";
import { labels } from "./journal.js";
import { HOST_COMMAND, SIDECAR_NAME, SOCKET_PATH, VOLUME_PATH } from "./layout.js";
import { isNull, type Node } from "./node.js";
import type { InstrumentOptions } from "./options.js";
import type { OwnVolume } from "./own-volume.js";
import type { Value, ValueMap } from "./value.js";

/** Seconds; the task's stop is SIGTERM, this time, SIGKILL. */
const STOP_TIMEOUT_S = 30;
/** MiB; asked for only where the task has no memory of its own to share, since ECS then wants it of each container. */
const MEMORY_RESERVATION = 128;

/** A watched container, and the volume that it shares with the sidecar. */
export interface Guarded {
  readonly container: Container;
  readonly own: OwnVolume;
}

/**
 * The container definition, with keys in camelCase. `logs` is copied from the first watched container; null:
 * none.
 */
export function sidecar(
  definition: Definition,
  options: InstrumentOptions,
  logs: Value | null,
  journal: Journal,
  guarded: readonly Guarded[],
): Value {
  const own: ValueMap = {
    name: SIDECAR_NAME,
    image: options.image,
    essential: options.start === "security",
    command: [
      "serve",
      "--listen",
      `unix:${SOCKET_PATH}`,
      ...guarded.flatMap(({ container, own }) => own.words(definition, container)),
      ...options.policy.flatMap((one) => ["--policy", one]),
    ],
    readonlyRootFilesystem: true,
    mountPoints: [
      { sourceVolume: SIDECAR_NAME, containerPath: VOLUME_PATH, readOnly: false },
      ...guarded.map(({ own }) => own.mountPoint(false)),
    ],
    healthCheck: {
      command: ["CMD", HOST_COMMAND, "serve", "--check"],
      interval: 10,
      timeout: 5,
      retries: 3,
      startPeriod: 10,
    },
    stopTimeout: STOP_TIMEOUT_S,
    ...(hasTaskMemory(definition) ? {} : { memoryReservation: MEMORY_RESERVATION }),
    dockerLabels: { ...labels(journal) },
  };
  const value = definition.spell(own) as ValueMap;
  return logs === null ? value : { ...value, [definition.key("logConfiguration")]: logs };
}

/** The volumes of the task: the agent's, and one for each watched container. */
export function volumes(guarded: readonly Guarded[]): ValueMap[] {
  return [{ name: SIDECAR_NAME }, ...guarded.map(({ own }) => ({ name: own.name }))];
}

function hasTaskMemory(definition: Definition): boolean {
  const memory: Node | undefined = definition.get(definition.properties, "memory");
  return memory !== undefined && !isNull(memory);
}
