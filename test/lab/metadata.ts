// SPDX-License-Identifier: Apache-2.0
// The task metadata endpoint, version 4, as Fargate answers it: a server on 169.254.170.2 port 80, meant to
// run inside the task's network namespace. Its argument is a JSON object of containers (name, image, digest)
// and the task's names.
//
//   http://169.254.170.2/v4/<id of a container>        that container
//   http://169.254.170.2/v4/<id of a container>/task   the task
//   http://169.254.170.2/v2/credentials/<anything>     credentials (made up), whoever asks
//   POST http://169.254.170.2/                         ECS's API, of which it has StopTask, for this task alone:
//                                                      it writes the reason to stdout
import { createServer, type IncomingMessage } from "node:http";

export interface TaskFacts {
  readonly taskId: string;
  readonly cluster: string;
  readonly family: string;
  readonly revision: string;
  readonly containers: readonly { readonly name: string; readonly image: string; readonly digest: string }[];
}

export const ADDRESS = "169.254.170.2";
const ACCOUNT = "arn:aws:ecs:eu-west-1:123456789012";

export function containerId(facts: TaskFacts, index: number): string {
  return `${facts.taskId}-${1000000000 + index}`;
}

export function taskArn(facts: TaskFacts): string {
  return `${ACCOUNT}:task/${facts.cluster}/${facts.taskId}`;
}

function containerAnswer(facts: TaskFacts, index: number): object {
  const { name, image, digest } = facts.containers[index]!;
  const labels = "com.amazonaws.ecs.";
  return {
    DockerId: containerId(facts, index),
    Name: name,
    DockerName: name,
    Image: image,
    ImageID: digest,
    Labels: {
      [`${labels}cluster`]: `${ACCOUNT}:cluster/${facts.cluster}`,
      [`${labels}container-name`]: name,
      [`${labels}task-arn`]: taskArn(facts),
      [`${labels}task-definition-family`]: facts.family,
      [`${labels}task-definition-version`]: facts.revision,
    },
    DesiredStatus: "RUNNING",
    KnownStatus: "RUNNING",
    Limits: { CPU: 2 },
    CreatedAt: "2026-01-15T10:00:00.000000000Z",
    StartedAt: "2026-01-15T10:00:01.000000000Z",
    Type: "NORMAL",
    ContainerARN: `${ACCOUNT}:container/${facts.cluster}/${facts.taskId}/${index}`,
    LogDriver: "awslogs",
    Networks: [{ NetworkMode: "awsvpc", IPv4Addresses: ["10.0.0.61"], MACAddress: "0a:00:00:00:00:01" }],
    Snapshotter: "overlayfs",
  };
}

function taskAnswer(facts: TaskFacts): object {
  return {
    Cluster: `${ACCOUNT}:cluster/${facts.cluster}`,
    ServiceName: `${facts.family}-service`,
    TaskARN: taskArn(facts),
    Family: facts.family,
    Revision: facts.revision,
    DesiredStatus: "RUNNING",
    KnownStatus: "RUNNING",
    Limits: { CPU: 0.25, Memory: 512 },
    PullStartedAt: "2026-01-15T09:59:50.000000000Z",
    PullStoppedAt: "2026-01-15T09:59:59.000000000Z",
    AvailabilityZone: "eu-west-1b",
    LaunchType: "FARGATE",
    Containers: facts.containers.map((_, index) => containerAnswer(facts, index)),
    ClockDrift: { ClockErrorBound: 0.5, ClockSynchronizationStatus: "SYNCHRONIZED" },
    EphemeralStorageMetrics: { Utilized: 250, Reserved: 20496 },
    FaultInjectionEnabled: false,
  };
}

function answer(facts: TaskFacts, url: string): object | null {
  if (url.startsWith("/v2/credentials/"))
    return { RoleArn: "made-up", AccessKeyId: "ASIA0000000000000000", SecretAccessKey: "none" };
  const [, id, rest = ""] = /^\/v4\/([^/]+)(\/task)?$/.exec(url) ?? [];
  const index = facts.containers.findIndex((_, at) => containerId(facts, at) === id);
  if (index < 0) return null;
  return rest === "/task" ? taskAnswer(facts) : containerAnswer(facts, index);
}

const STOP = "AmazonEC2ContainerServiceV20141113.StopTask";
const SIGNED = /^AWS4-HMAC-SHA256 Credential=ASIA0000000000000000\/\d{8}\/eu-west-1\/ecs\/aws4_request, /;

/** The reason that is given, where it is StopTask's and of this task; null: ECS would refuse it. */
async function stopReason(facts: TaskFacts, request: IncomingMessage): Promise<string | null> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  const { "x-amz-target": target, authorization = "" } = request.headers;
  if (target !== STOP || !SIGNED.test(authorization)) return null;
  const { cluster, task, reason } = JSON.parse(Buffer.concat(parts).toString()) as Record<string, string>;
  const isOurs = task === taskArn(facts) && cluster === `${ACCOUNT}:cluster/${facts.cluster}`;
  return isOurs ? (reason ?? "") : null;
}

if (process.argv[2] !== undefined && import.meta.url === `file://${process.argv[1]}`) {
  const facts = JSON.parse(process.argv[2]) as TaskFacts;
  const server = createServer(async (request, response) => {
    const reason = request.method === "POST" ? await stopReason(facts, request) : null;
    if (reason !== null) console.log(`StopTask ${reason}`);
    const value = reason === null ? answer(facts, request.url ?? "") : { task: { taskArn: taskArn(facts) } };
    response.writeHead(value === null ? 404 : 200, { "content-type": "application/json" }).end(JSON.stringify(value));
  });
  server.listen(80, ADDRESS, () => console.log("ready"));
}
