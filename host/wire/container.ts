// SPDX-License-Identifier: Apache-2.0
// What an orchestrator says of a container, in the words of Falco's container.* fields and our ecs.* ones. Plain data: it is
// posted to workers. Null: it does not say.
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
  readonly cluster: string | null;
  readonly service: string | null;
  readonly taskArn: string | null;
  readonly taskFamily: string | null;
  readonly taskRevision: string | null;
  readonly containerArn: string | null;
  readonly availabilityZone: string | null;
}

export type ContainerFact = keyof ContainerFacts;
