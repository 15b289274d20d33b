// SPDX-License-Identifier: Apache-2.0
// Containers that many tasks have beside their workload: proxies, tracers, log routers, agents. They are
// known by their images, and not watched unless they are named: they do what no workload should, they are
// updated by others, and watching them costs. Whoever calls an image so that it looks like one of these can
// be seen by whoever reads what `instrument` says.
import type { ImageName } from "./image-name.js";

/** Image names (without registry, tag and digest), and what they are. */
const KNOWN: readonly (readonly [RegExp, string])[] = [
  [/(^|\/)(aws-appmesh-envoy|envoyproxy\/envoy|envoy)(-distroless|-contrib|-dev|-debug)?$/, "an Envoy proxy"],
  [/(^|\/)(ecs-service-connect-agent|aws-ecs-service-connect-agent)$/, "ECS Service Connect"],
  [/(^|\/)(aws-xray-daemon|xray-daemon|xray\/aws-xray-daemon)$/, "the X-Ray daemon"],
  [/(^|\/)(cloudwatch-agent|amazon-cloudwatch-agent)$/, "the CloudWatch agent"],
  [/(^|\/)(datadog\/)?(datadog-agent|agent-datadog)$|(^|\/)datadog\/agent$/, "the Datadog agent"],
  [/(^|\/)(aws-for-fluent-bit|fluent-bit|fluentbit|fluentd)$/, "Fluent Bit"],
  [
    /(^|\/)(aws-otel-collector|adot-collector|opentelemetry-collector|otelcol|otel-collector)(-contrib|-k8s)?$/,
    "an OpenTelemetry collector",
  ],
  [/(^|\/)(aws-guardduty-agent-fargate|guardduty-agent|aws-guardduty-agent)$/, "the GuardDuty agent"],
];

/** What the image is known to be; null for a workload's. */
export function companionOf(image: ImageName): string | null {
  if (image.name === null) return null;
  const name = image.name.replace(/@sha256:.*$/, "").replace(/:[^:/]*$/, "");
  // datadog's own image is called `agent` in its registries
  if (/^(public\.ecr\.aws\/datadog|gcr\.io\/datadoghq|[a-z.]*registry\.datadoghq\.[a-z]+)\/agent$/.test(name))
    return "the Datadog agent";
  return KNOWN.find(([pattern]) => pattern.test(name))?.[1] ?? null;
}
