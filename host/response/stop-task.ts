// SPDX-License-Identifier: Apache-2.0
// Has ECS stop the task that the host is in (StopTask in the ECS API reference): SIGTERM to all
// containers, and SIGKILL after their stopTimeout. Which task that is, ECS's metadata endpoint says, and
// nothing else: no alert, agent or policy names it. It takes half a minute at most, and a throttle, a
// fault of AWS's or a lost connection is tried again. Any other answer is the end of it.
import { setTimeout as sleep } from "node:timers/promises";
import { METADATA_VARIABLE, TaskMetadata, type TaskName } from "../ecs/metadata.js";
import { VedetteError } from "../errors.js";
import type { Finding } from "../finding/finding.js";
import { findingId } from "../finding/finding.js";
import { AwsClient, awsHost } from "../output/aws-client.js";
import { awsCredentials } from "../output/aws-credentials.js";
import { reasonOf } from "../reason.js";
import type { HostAnswer } from "./host-deeds.js";

/** AWS's own name of it: instead of AWS's address, that of a VPC, or of a server that speaks the same. */
export const ENDPOINT_VARIABLE = "AWS_ENDPOINT_URL_ECS";
const TARGET = "AmazonEC2ContainerServiceV20141113.StopTask";
const ANSWER_MS = 5_000;
const ALL_MS = 30_000;
const TRIES = 5;
const PAUSE_MS = 500;
/** Of the text that DescribeTasks shows as the reason. */
const REASON_MAX = 255;
/** The region becomes a part of AWS's address, so it is read as what it is. */
const ARN = /^arn:[\w-]+:ecs:([a-z]{2,}(?:-[a-z]+)+-\d+):\d+:task\/[\w/-]+$/;

/** What a test may say. `pause` resolves after so many ms, and rejects when the signal comes. */
export interface StopTaskOptions {
  readonly environment?: NodeJS.ProcessEnv;
  readonly pause?: (ms: number, signal: AbortSignal) => Promise<unknown>;
}

/** One try: it is done, would not be done another time, or may be. */
type Outcome =
  | { readonly kind: "done"; readonly why: string }
  | { readonly kind: "failed" | "again"; readonly why: string; readonly afterMs?: number };

/** A task, and the region that its name says. */
interface OwnTask extends TaskName {
  readonly region: string;
}

const waits = (ms: number, signal: AbortSignal): Promise<unknown> => sleep(ms, undefined, { signal });
const failed = (why: string): Outcome => ({ kind: "failed", why });
const again = (why: string): Outcome => ({ kind: "again", why });

/** It never rejects. A dry run asks for the task's name and the keys, and stops nothing. */
export async function stopTask(
  finding: Finding,
  isDry: boolean,
  over: AbortSignal,
  { environment = process.env, pause = waits }: StopTaskOptions = {},
): Promise<HostAnswer> {
  const late = AbortSignal.any([over, AbortSignal.timeout(ALL_MS)]);
  const attempt = (): Promise<Outcome> =>
    (isDry ? triedDry(environment, late) : tried(finding, environment, late)).catch((error) => failed(reasonOf(error)));
  let last = await attempt();
  for (let i = 1; i < TRIES && last.kind === "again" && !late.aborted; i++) {
    const ms = Math.max(last.afterMs ?? 0, PAUSE_MS * 2 ** (i - 1));
    const hasWaited = await pause(ms, late).then(
      () => true,
      () => false,
    );
    if (hasWaited) last = await attempt();
  }
  const how = isDry ? "a dry run: " : "";
  return { status: last.kind === "done" ? "done" : "failed", why: `${how}${last.why}` };
}

async function tried(finding: Finding, environment: NodeJS.ProcessEnv, signal: AbortSignal): Promise<Outcome> {
  const task = await ownTask(environment);
  if ("kind" in task) return task;
  const { arn, cluster, region } = task;
  const client = new AwsClient("ecs", { region }, ANSWER_MS, awsCredentials(environment));
  try {
    const reason = `Vedette: ${finding.rule} (${findingId(finding)})`.slice(0, REASON_MAX);
    const body = { ...(cluster === null ? {} : { cluster }), task: arn, reason };
    const answer = await client.ask(
      {
        method: "POST",
        url: new URL(environment[ENDPOINT_VARIABLE] || `https://${awsHost("ecs", region)}/`),
        headers: { "content-type": "application/x-amz-json-1.1", "x-amz-target": TARGET },
        body: Buffer.from(JSON.stringify(body)),
      },
      signal,
    );
    if (answer.kind === "ok") return { kind: "done", why: `ECS stops ${arn}` };
    const { reason: said, isPassing, afterMs } = answer;
    const hint = /AccessDenied/.test(said) ? ", so the task's role needs ecs:StopTask" : "";
    const why = `ECS does not stop ${arn}: ${said}${hint}`;
    return { kind: isPassing ? "again" : "failed", why, ...(afterMs === undefined ? {} : { afterMs }) };
  } finally {
    await client.close();
  }
}

async function triedDry(environment: NodeJS.ProcessEnv, signal: AbortSignal): Promise<Outcome> {
  const task = await ownTask(environment);
  if ("kind" in task) return task;
  const credentials = awsCredentials(environment);
  try {
    await credentials.keys(signal);
    return { kind: "done", why: `it would have asked ECS to stop ${task.arn}` };
  } catch (error) {
    if (error instanceof VedetteError) return again(reasonOf(error));
    throw error;
  } finally {
    await credentials.close();
  }
}

async function ownTask(environment: NodeJS.ProcessEnv): Promise<OwnTask | Outcome> {
  const address = environment[METADATA_VARIABLE];
  if (!address) return failed(`this is no task of ECS: there is no variable ${METADATA_VARIABLE}`);
  const task = await new TaskMetadata(address).task();
  if (task === null) return again("ECS does not say which task this is");
  const [, region] = ARN.exec(task.arn) ?? [];
  return region === undefined ? failed("what ECS says is no name of a task") : { ...task, region };
}
