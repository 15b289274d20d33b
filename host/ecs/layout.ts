// SPDX-License-Identifier: Apache-2.0
// Where things are in an instrumented task. The sidecar's image declares the volume, so that ECS copies the
// agent into it before any container of the task starts; the image of `npm run package` and the tests' lab
// are laid out by these names.
/** Where the volume with the agent is mounted, in every container. */
export const VOLUME_PATH = "/vedette";
/** The agent's executable in the volume. */
export const AGENT_PATH = `${VOLUME_PATH}/vedette-capture`;
/** The sidecar's Unix socket in the volume. */
export const SOCKET_PATH = `${VOLUME_PATH}/host.sock`;
/** Of a task that was not instrumented, or by an earlier version. */
export const SECRET_PATH = `${VOLUME_PATH}/secret`;
/** Where the volumes are that the sidecar shares with one container each, and what they are called. */
export const OWN_PATH = "/vedette-own";
/** What the names of containers' own volumes begin with. */
export const OWN_VOLUME = "vedette-own";
/** The host's executable in the sidecar's image. */
export const HOST_COMMAND = "/bin/vedette";

/** What the agent learns its container's name from. */
export const CONTAINER_VARIABLE = "VEDETTE_CONTAINER";
/** Name of the sidecar's container and of the volume with the agent. */
export const SIDECAR_NAME = "vedette";

/** Lets the agent follow programs that change their user; Fargate grants no other capability. */
export const CAPABILITY = "SYS_PTRACE";
