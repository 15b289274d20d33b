// SPDX-License-Identifier: Apache-2.0
// What an orchestrator says of a container, in the words of Falco's container.* fields and our ecs.* ones.
// Plain data: it is posted to workers. Null: it does not say.
/** One container, as ECS describes it to the sidecar. Each member but `id` and `type` may be null. */
export interface ContainerFacts {
  readonly id: string;
  readonly name: string | null;
  /** "ecs" */
  readonly type: string;
  /** As it was asked for: repository and tag or digest. */
  readonly image: string | null;
  readonly imageId: string | null;
  readonly imageRepository: string | null;
  readonly imageTag: string | null;
  readonly imageDigest: string | null;
  /** By name, sorted; a name has no `=`. */
  readonly labels: Readonly<Record<string, string>> | null;
  /** The first of IPv4. */
  readonly ip: string | null;
  readonly cluster: string | null;
  readonly service: string | null;
  readonly taskArn: string | null;
  readonly taskFamily: string | null;
  readonly taskRevision: string | null;
  readonly containerArn: string | null;
  readonly availabilityZone: string | null;
}

/** Those that are one text. */
export type ContainerFact = Exclude<keyof ContainerFacts, "labels">;

/** What container.labels leaves out: they are the engine's own. */
export const INNER_LABELS: readonly string[] = ["annotation.", "io.kubernetes."];

/** `name:value, other:value` */
export function labelsText(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .filter(([name]) => !INNER_LABELS.some((inner) => name.startsWith(inner)))
    .map(([name, value]) => (value === "" ? name : `${name}:${value}`))
    .join(", ");
}
