// SPDX-License-Identifier: Apache-2.0
// The sidecar's container definition. It asks for nothing that Fargate does not grant, writes only to the
// volumes, and logs where the workload logs. Under `availability` the task outlives it; under `security` it
// is essential. If it ends, ECS starts it again, and the agents keep for it what nobody has judged.
import type { Container } from "./containers.js";
import type { Definition } from "./definition.js";
import { HOST_COMMAND, SIDECAR_NAME, SOCKET_PATH, VOLUME_PATH } from "./layout.js";
import { textOf } from "./node.js";
import { type InstrumentOptions, kindOfReceiver } from "./options.js";
import type { OwnVolume } from "./own-volume.js";
import type { Value, ValueMap } from "./value.js";

/** Seconds; the task's stop is SIGTERM, this time, SIGKILL. */
const STOP_TIMEOUT_S = 30;
/** Seconds, the least that ECS takes: a sidecar that ends sooner after its start is not started again. */
const RESTART_AFTER_S = 60;

/** A watched container, and the volume that it shares with the sidecar. */
export interface Guarded {
  readonly container: Container;
  readonly own: OwnVolume;
}

/**
 * The container definition without labels, in the document's spelling. `logs` null: none; `memory` null: none
 * is reserved.
 */
export function sidecar(
  definition: Definition,
  options: InstrumentOptions,
  logs: Value | null,
  memory: number | null,
  guarded: readonly Guarded[],
): ValueMap {
  const { settings } = options;
  // Tasks of one host share its ports: there the sidecar answers at a socket in the task's volume.
  const isHost = textOf(definition.get(definition.properties, "networkMode")) === "host";
  const http = settings.http ?? (isHost ? `unix:${VOLUME_PATH}/http.sock` : undefined);
  const own: ValueMap = {
    name: settings.sidecarName,
    image: options.image,
    essential: options.start === "security",
    command: [
      "serve",
      "--listen",
      `unix:${SOCKET_PATH}`,
      ...guarded.flatMap(({ container, own }) => own.words(definition, container)),
      ...options.policy.flatMap((one) => ["--policy", one]),
      ...options.alertsTo.flatMap(alertWords),
      ...settings.serveWords(),
      ...(settings.http === undefined && http !== undefined ? ["--http", http] : []),
    ],
    readonlyRootFilesystem: true,
    mountPoints: [
      { sourceVolume: SIDECAR_NAME, containerPath: VOLUME_PATH, readOnly: false },
      ...guarded.map(({ own }) => own.mountPoint(false)),
      ...settings.mountPoints(options.alertsTo),
    ],
    healthCheck: {
      command: ["CMD", HOST_COMMAND, "serve", "--check", ...(http === undefined ? [] : ["--http", http])],
      interval: 10,
      timeout: 5,
      retries: 3,
      startPeriod: 10,
    },
    stopTimeout: STOP_TIMEOUT_S,
    restartPolicy: { enabled: true, restartAttemptPeriod: RESTART_AFTER_S },
    ...(memory === null ? {} : { memoryReservation: memory }),
    ...settings.container(),
  };
  const value = definition.spell(own) as ValueMap;
  return logs === null ? value : { ...value, [definition.key("logConfiguration")]: logs };
}

/** A receiver gets alerts besides stdout. */
function alertWords(to: string): string[] {
  switch (kindOfReceiver(to)) {
    case "http":
      return ["--option", "http_output.enabled=true", "--option", `http_output.url=${to}`];
    case "syslog":
      return ["--syslog", to];
    case "lines":
      return ["--alerts", to];
  }
}

/** The volumes of the task: the agent's, and one for each watched container. */
export function volumes(guarded: readonly Guarded[]): ValueMap[] {
  return [{ name: SIDECAR_NAME }, ...guarded.map(({ own }) => ({ name: own.name }))];
}
