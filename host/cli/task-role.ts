// SPDX-License-Identifier: Apache-2.0
// What a task's roles must be allowed for what the sidecar was told: statements of IAM, for the policies of
// the task role (what the sidecar itself asks of AWS) and of the execution role (what ECS asks of AWS to
// start it). Each allows no more than is used.
import type { NamedOutput } from "../output/registry.js";
import type { ResponseRow } from "../response/response.js";

/** One statement. */
export interface Statement {
  readonly Effect: "Allow";
  readonly Action: string;
  readonly Resource: string;
}

/** Of the task role: appending, and nothing else, because every container of the task has this role. */
export function taskStatements(outputs: readonly NamedOutput[]): Statement[] {
  return outputs.flatMap((one) => {
    if (one.kind === "firehose") {
      const { region, stream } = one.settings;
      const partition = partitionOf(region);
      return [allow("firehose:PutRecordBatch", `arn:${partition}:firehose:${region}:*:deliverystream/${stream}`)];
    }
    if (one.kind !== "s3") return [];
    const { region, bucket, prefix } = one.settings;
    return [allow("s3:PutObject", `arn:${partitionOf(region)}:s3:::${bucket}/${prefix}*`)];
  });
}

/**
 * Of the task role, for rows that have ECS stop the task. Nobody knows here which cluster it will run in, and
 * every container of the task has this role: so the statement allows nothing until somebody names it.
 */
export function stopStatements(responses: readonly ResponseRow[], region = "*"): Statement[] {
  const isUsed = responses.some(({ action, mode }) => action === "stop-task" && mode === "enforce");
  return isUsed ? [allow("ecs:StopTask", `arn:${partitionOf(region)}:ecs:${region}:*:task/CLUSTER/*`)] : [];
}

/** Of the execution role, for what `container.secrets.NAME` names. */
export function executionStatements(secrets: readonly string[]): Statement[] {
  return secrets.flatMap((arn) => {
    if (/^arn:[\w-]+:secretsmanager:/.test(arn))
      return [allow("secretsmanager:GetSecretValue", arn.split(":").slice(0, SECRET_PARTS).join(":"))];
    return /^arn:[\w-]+:ssm:/.test(arn) ? [allow("ssm:GetParameters", arn)] : [];
  });
}

/** Behind these stand the key, the stage and the version within the secret (ECS Developer Guide). */
const SECRET_PARTS = 7;

const allow = (Action: string, Resource: string): Statement => ({ Effect: "Allow", Action, Resource });

function partitionOf(region: string): string {
  if (region.startsWith("cn-")) return "aws-cn";
  return region.startsWith("us-gov-") ? "aws-us-gov" : "aws";
}
