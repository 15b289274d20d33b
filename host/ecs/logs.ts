// SPDX-License-Identifier: Apache-2.0
// Where the sidecar's alerts go: its stdout, and from there what its log configuration says. Three answers,
// the first that holds:
//
//   --log-group NAME    awslogs to that group
//   else                as the first watched container logs
//   else                nowhere: ECS drops what a container without a log configuration prints on Fargate

import { VedetteError } from "../errors.js";
import type { Container } from "./containers.js";
import type { Definition } from "./definition.js";
import { isNull, type Node, textOf } from "./node.js";
import type { InstrumentOptions } from "./options.js";
import { copyOf, type Value } from "./value.js";

const PREFIX = "vedette";

/** The sidecar's log configuration, keys in camelCase where it is ours; null: none. */
export function logsOf(definition: Definition, options: InstrumentOptions, chosen: readonly Container[]): Value | null {
  return options.logGroup === null ? copiedLogs(definition, chosen) : ownGroup(definition, options, chosen);
}

/** The first log configuration of a watched container; a router's own logs do not go through itself. */
export function copiedLogs(definition: Definition, chosen: readonly Container[]): Value | null {
  const hasRouter = chosen.some((one) => definition.get(one.node, "firelensConfiguration") !== undefined);
  const found = configurationsOf(definition, chosen).find((node) => !hasRouter || !isRouted(definition, node));
  return found === undefined ? null : copyOf(definition.document, found);
}

/** What a person should know of where alerts go; null where they have a log of their own kind. */
export function adviceOnLogs(definition: Definition, options: InstrumentOptions, logs: Value | null): string | null {
  if (options.logGroup !== null || options.alertsTo.some((to) => to !== "stdout" && to !== "stderr")) return null;
  if (logs === null)
    return "alerts go nowhere: no watched container has a log configuration that the sidecar could use. Add --log-group NAME, or --alerts-to URL";
  if (!isRoutedValue(definition, logs)) return null;
  return "alerts go through FireLens as if they were the application's lines. Add --log-group NAME for a log of their own, or --alerts-to URL";
}

function ownGroup(definition: Definition, options: InstrumentOptions, chosen: readonly Container[]): Value {
  return {
    [definition.key("logDriver")]: "awslogs",
    // Names of its own in both spellings.
    [definition.key("options")]: {
      "awslogs-group": options.logGroup!,
      "awslogs-region": regionOf(definition, options, chosen),
      "awslogs-stream-prefix": PREFIX,
    },
  };
}

/**
 * As told, as CloudFormation knows it, as other containers log, as the image's registry is called, as the
 * shell is set.
 */
function regionOf(definition: Definition, options: InstrumentOptions, chosen: readonly Container[]): Value {
  if (options.logRegion !== null) return options.logRegion;
  if (definition.isTemplate) return { Ref: "AWS::Region" };
  const said = configurationsOf(definition, chosen)
    .map((node) => definition.get(node, "options"))
    .map((node) =>
      textOf(node?.kind === "map" ? node.entries.find(({ key }) => key === "awslogs-region")?.node : undefined),
    )
    .find((region) => region !== undefined);
  const registry = /\.dkr\.ecr(?:-fips)?\.([a-z0-9-]+)\.amazonaws\.com/.exec(options.image)?.[1];
  const region = said ?? registry ?? process.env.AWS_REGION ?? process.env.AWS_DEFAULT_REGION;
  if (region !== undefined) return region;
  throw new VedetteError("VEDETTE_LOG_REGION_NEEDED", definition.where(definition.properties, []));
}

function configurationsOf(definition: Definition, chosen: readonly Container[]): Node[] {
  return chosen
    .map((one) => definition.get(one.node, "logConfiguration"))
    .filter((one): one is Node => one !== undefined && !isNull(one));
}

function isRouted(definition: Definition, node: Node): boolean {
  return textOf(definition.get(node, "logDriver")) === "awsfirelens";
}

function isRoutedValue(definition: Definition, logs: Value): boolean {
  return JSON.stringify(logs).includes("awsfirelens") && definition.key("logDriver") in (logs as object);
}
