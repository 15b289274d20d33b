// SPDX-License-Identifier: Apache-2.0
// user.*, group.*, container.* and ecs.*: on whose behalf and where. Outside a container, container.id is
// `host`, as in Falco; what only an orchestrator knows is null until somebody tells it.
import type { Batch } from "../batch.js";
import { type ContainerFact, labelsText } from "../container.js";
import { PROCESS_AT } from "../layout.js";
import { processInt, processText } from "../process.js";
import { containerIdOf, processAt, timeOf } from "../record.js";
import type { Value } from "../value.js";
import type { FieldRow, FieldRows } from "./row.js";

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
  return containerIdOf(batch, at) ?? (processAt(batch, at) < 0 ? null : "host");
}

/** The orchestrator knows the whole id; else it is in the control group's path. */
function fullId(batch: Batch, at: number): Value {
  if (batch.container !== null) return batch.container.id;
  const process = processAt(batch, at);
  const whole = processText(batch, process, PROCESS_AT.container_full_id as number);
  return whole ?? (process < 0 ? null : "host");
}

/** ns since the first process of the pid namespace started. */
function sinceStart(batch: Batch, at: number): Value {
  const start = processInt(batch, processAt(batch, at), PROCESS_AT.pidns_start as number);
  return start === null ? null : Number(timeOf(batch, at) - BigInt(start));
}

/** What the orchestrator says; else `host` where there is no container, and unknown in one. */
const hostOr = (fact: ContainerFact): FieldRow => ({
  get: (batch, at) =>
    batch.container === null ? (containerId(batch, at) === "host" ? "host" : null) : batch.container[fact],
});
const told = (fact: ContainerFact): FieldRow => ({ get: (batch) => batch.container?.[fact] ?? null });
const labels: FieldRow = {
  get: (batch) => {
    const known = batch.container?.labels ?? null;
    return known === null ? null : labelsText(known);
  },
};
const label: FieldRow = {
  with: (name) => (batch) => {
    const known = batch.container?.labels ?? null;
    return known !== null && Object.hasOwn(known, name) ? (known[name] as string) : null;
  },
};

function privileged(batch: Batch, at: number): Value {
  const value = processInt(batch, processAt(batch, at), PROCESS_AT.container_privileged as number);
  return value === null ? null : Number(value) !== 0;
}

/** How user.*, group.*, container.* and ecs.* are read. */
export const SUBJECT_FIELDS: FieldRows = {
  "user.uid": int("uid"),
  "user.name": text("user"),
  "user.homedir": text("home"),
  "user.shell": text("shell"),
  "user.loginuid": { get: loginUid },
  "user.loginname": text("loginname"),
  "user.ruid": int("ruid"),
  "group.gid": int("gid"),
  "group.name": text("group"),
  "group.rgid": int("rgid"),
  "container.id": { get: containerId },
  "container.full_id": { get: fullId },
  "container.start_ts": int("pidns_start"),
  "container.duration": { get: sinceStart },
  "container.name": hostOr("name"),
  "container.type": hostOr("type"),
  "container.image": told("image"),
  "container.image.id": told("imageId"),
  "container.image.repository": told("imageRepository"),
  "container.image.tag": told("imageTag"),
  "container.image.digest": told("imageDigest"),
  "container.labels": labels,
  "container.label": label,
  "container.ip": told("ip"),
  "container.privileged": { get: privileged },
  "ecs.cluster": told("cluster"),
  "ecs.service": told("service"),
  "ecs.task.arn": told("taskArn"),
  "ecs.task.family": told("taskFamily"),
  "ecs.task.revision": told("taskRevision"),
  "ecs.container.arn": told("containerArn"),
  "ecs.availability_zone": told("availabilityZone"),
};
