// SPDX-License-Identifier: Apache-2.0
// The task definition that the walks through the pages begin with, as ECS describes it.

/** `container`: what of the workload's container is the walk's own. */
export const ordersWith = <Container extends object>(container: Container) => ({
  taskDefinitionArn: "arn:aws:ecs:eu-west-1:123456789012:task-definition/orders:12",
  family: "orders",
  revision: 12,
  status: "ACTIVE",
  networkMode: "awsvpc",
  requiresCompatibilities: ["FARGATE"],
  cpu: "256",
  memory: "512",
  containerDefinitions: [{ name: "orders", image: "registry.example/orders:7", essential: true, ...container }],
  volumes: [],
});
