// SPDX-License-Identifier: Apache-2.0
// user.*, group.*, container.* and k8s.*: on whose behalf and where. Outside a container, container.id is `host`, as in Falco;
// what only an orchestrator knows is null until somebody tells it.
import type { Batch } from "../batch.js";
import type { FieldRow, FieldRows } from "../fields.js";
import { PROCESS_AT } from "../layout.js";
import { processInt, processText } from "../process.js";
import { processAt } from "../record.js";
import type { Value } from "../value.js";

const NO_LOGIN = 0xffffffff;

const int = (field: string): FieldRow => {
  const offset = PROCESS_AT[field] as number;
  return { get: (batch, at) => processInt(batch, processAt(batch, at), offset) };
};
const text = (field: string): FieldRow => {
  const offset = PROCESS_AT[field] as number;
  return { get: (batch, at) => processText(batch, processAt(batch, at), offset) };
};

function loginUid(batch: Batch, at: number): Value {
  const value = processInt(batch, processAt(batch, at), PROCESS_AT.loginuid as number);
  return value === NO_LOGIN ? -1 : value;
}

function containerId(batch: Batch, at: number): Value {
  const process = processAt(batch, at);
  return process < 0 ? null : (processText(batch, process, PROCESS_AT.container_id as number) ?? "host");
}

/** `host` where there is no container, and unknown in one. */
const containerName: FieldRow = { get: (batch, at) => (containerId(batch, at) === "host" ? "host" : null) };
const unknown: FieldRow = { get: () => null };

export const SUBJECT_FIELDS: FieldRows = {
  "user.uid": int("uid"),
  "user.name": text("user"),
  "user.loginuid": { get: loginUid },
  "user.loginname": text("loginname"),
  "user.ruid": int("ruid"),
  "group.gid": int("gid"),
  "group.name": text("group"),
  "group.rgid": int("rgid"),
  "container.id": { get: containerId },
  "container.name": containerName,
  "container.type": containerName,
  "container.image": unknown,
  "container.image.id": unknown,
  "container.image.repository": unknown,
  "container.image.tag": unknown,
  "container.image.digest": unknown,
  "container.privileged": unknown,
  "container.mounts": unknown,
  "k8s.ns.name": unknown,
  "k8s.pod.name": unknown,
  "k8s.pod.id": unknown,
};
