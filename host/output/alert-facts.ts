// SPDX-License-Identifier: Apache-2.0
// Every alert says which task, container and image it is about, whatever its rule's output says.

import type { ContainerFact, ContainerFacts } from "../wire/container.js";
import type { Alert } from "./alert.js";

const FIELDS: Readonly<Record<string, ContainerFact>> = {
  "container.id": "id",
  "container.name": "name",
  "container.image": "image",
  "container.image.digest": "imageDigest",
  "ecs.cluster": "cluster",
  "ecs.task.arn": "taskArn",
  "ecs.task.family": "taskFamily",
  "ecs.task.revision": "taskRevision",
  "ecs.availability_zone": "availabilityZone",
};

/**
 * Adds container.* and ecs.* to an alert's output fields, except those that the rule's output already has.
 */
export function withFacts(alert: Alert, facts: ContainerFacts | null): Alert {
  if (facts === null) return alert;
  const has = new Set(alert.outputFields.map(([name]) => name));
  const more = Object.entries(FIELDS).filter(([name]) => !has.has(name));
  return {
    ...alert,
    outputFields: [...alert.outputFields, ...more.map(([name, fact]) => [name, facts[fact]] as const)],
  };
}
