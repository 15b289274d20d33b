// SPDX-License-Identifier: Apache-2.0
// What version 0.1 wrote, which left no digests of it: so that an upgrade tells edits from what an older
// version says otherwise. It wrote in two forms, first with one secret for the whole task, then with one for
// each container. Frozen: nobody improves this file.
import type { Container } from "./containers.js";
import type { Definition } from "./definition.js";
import type { Journal } from "./journal.js";
import { Kept } from "./kept.js";
import { AGENT_PATH, HOST_COMMAND, SECRET_PATH, SIDECAR_NAME, SOCKET_PATH, VOLUME_PATH } from "./layout.js";
import { copiedLogs } from "./logs.js";
import { isNull } from "./node.js";
import { OwnVolume } from "./own-volume.js";
import type { Value, ValueMap } from "./value.js";

/**
 * Of the definition as it stands, the digests of what 0.1 wrote into it. `image`: what the sidecar's image is
 * now.
 */
export function wroteEarlier(
  definition: Definition,
  journal: Journal,
  watched: readonly Container[],
  sharedSecret: boolean,
  image: Value | undefined,
): Kept["wrote"] {
  const kept = Kept.nothing();
  const { options } = journal;
  const guarded = watched.map((container, index) => ({ container, own: new OwnVolume(index + 1) }));
  const policy = options.get("policy")?.split(",") ?? [];
  const memory = definition.get(definition.properties, "memory");
  const own: ValueMap = {
    name: SIDECAR_NAME,
    image: options.get("image") ?? image ?? "",
    essential: options.get("start") === "security",
    command: [
      "serve",
      "--listen",
      `unix:${SOCKET_PATH}`,
      ...(sharedSecret ? ["--secret-file", SECRET_PATH] : []),
      ...(sharedSecret ? [] : guarded.flatMap(({ container, own }) => own.words(definition, container))),
      ...policy.flatMap((one) => ["--policy", one]),
    ],
    readonlyRootFilesystem: true,
    mountPoints: [
      { sourceVolume: SIDECAR_NAME, containerPath: VOLUME_PATH, readOnly: false },
      ...(sharedSecret ? [] : guarded.map(({ own }) => own.mountPoint(false))),
    ],
    healthCheck: {
      command: ["CMD", HOST_COMMAND, "serve", "--check"],
      interval: 10,
      timeout: 5,
      retries: 3,
      startPeriod: 10,
    },
    stopTimeout: 30,
    ...(memory !== undefined && !isNull(memory) ? {} : { memoryReservation: 128 }),
  };
  const logs = copiedLogs(definition, watched);
  const spelled = definition.spell(own) as ValueMap;
  kept.merged("vedette", logs === null ? spelled : { ...spelled, [definition.key("logConfiguration")]: logs });
  for (const { container, own } of guarded) {
    const words = [
      AGENT_PATH,
      "--host",
      `unix:${SOCKET_PATH}`,
      "--secret-file",
      sharedSecret ? SECRET_PATH : own.secret,
    ];
    const start = [
      "--start",
      options.get("start") ?? "availability",
      "--on-overload",
      options.get("onOverload") ?? "shed",
    ];
    kept.merged(`${encodeURIComponent(container.name)}/agent`, [...words, ...start]);
  }
  return kept.wrote;
}
