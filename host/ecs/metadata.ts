// SPDX-License-Identifier: Apache-2.0
// The task metadata endpoint, version 4: what ECS says of the task and its containers. The sidecar asks its
// own address for the whole task and finds the others in the answer, by ECS's id or by name. The answer comes
// from outside: bounded in time and size, and read only as far as it has the documented form. A container
// that is not in it yet (they start one after another) is asked for again, not more often than once a second.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-metadata-endpoint-v4-fargate-response.html
import { hostname } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import * as z from "zod";
import { answerTo, bodyOf } from "../http-request.js";
import type { ContainerFacts } from "../wire/container.js";

/** The variable by which ECS tells a container its metadata address. */
export const METADATA_VARIABLE = "ECS_CONTAINER_METADATA_URI_V4";
const ANSWER_MS_MAX = 1_000;
const ANSWER_MIB_MAX = 1;
const OK = 200;
const AGAIN_MS = 1_000;
/** Containers of a task are there within seconds of each other. */
const TRIES = 30;

const text = z.string().max(4096).nullish().catch(null);

const Container = z.object({
  DockerId: z.string().max(256),
  Name: z.string().max(256),
  Image: text,
  ImageID: text,
  ContainerARN: text,
  Labels: z.record(z.string(), z.string()).nullish().catch(null),
  Networks: z
    .array(z.object({ IPv4Addresses: z.array(z.string().max(64)).nullish().catch(null) }))
    .nullish()
    .catch(null),
});
const TaskAnswer = z.object({
  Cluster: text,
  ServiceName: text,
  TaskARN: text,
  Family: text,
  Revision: text,
  AvailabilityZone: text,
  Limits: z
    .object({ CPU: z.number().positive().nullish().catch(null) })
    .nullish()
    .catch(null),
  Containers: z.array(z.unknown()).max(256).catch([]),
});

/** How an agent names the container it is in. */
export interface ContainerClue {
  readonly id: string | null;
  readonly name: string | null;
}

/** Which task it is. `cluster`: its name or its ARN; null: the endpoint does not say. */
export interface TaskName {
  readonly arn: string;
  readonly cluster: string | null;
}

/** The task's containers, as the endpoint last said. It never throws: without an answer it knows nothing. */
export class TaskMetadata {
  #containers: readonly ContainerFacts[] = [];
  #askedAt = Number.NEGATIVE_INFINITY;
  #asking: Promise<void> | null = null;

  /** `address`: of our own container; null outside ECS. */
  readonly #address: string | null;
  readonly #now: () => number;
  readonly #pause: (ms: number) => Promise<unknown>;

  constructor(
    address: string | null,
    now: () => number = () => performance.now(),
    pause: (ms: number) => Promise<unknown> = (ms) => sleep(ms, undefined, { ref: false }),
  ) {
    this.#address = address;
    this.#now = now;
    this.#pause = pause;
  }

  /** Null outside ECS, and where the endpoint does not answer: then fields say what the agent sees itself. */
  async find(clue: ContainerClue): Promise<ContainerFacts | null> {
    const known = this.#known(clue);
    if (known !== null || this.#address === null) return known;
    if (this.#now() - this.#askedAt >= AGAIN_MS) await this.#ask();
    else await this.#asking;
    return this.#known(clue);
  }

  /**
   * For a container that ECS did not name yet: asks again while it `isWanted`, at most TRIES times, and no
   * more often than find().
   */
  async findLater(clue: ContainerClue, isWanted: () => boolean): Promise<ContainerFacts | null> {
    for (let i = 0; this.#address !== null && i < TRIES; i++) {
      await this.#pause(AGAIN_MS);
      if (!isWanted()) break;
      const found = await this.find(clue);
      if (found !== null) return found;
    }
    return null;
  }

  /** Our own task; null: nobody says. */
  async task(): Promise<TaskName | null> {
    return this.#address === null ? null : readTaskName(await fetchJson(`${this.#address}/task`));
  }

  /** Our own task's ARN; outside ECS the machine's name. */
  async arnOrHost(): Promise<string> {
    return (await this.task())?.arn ?? hostname();
  }

  /** What the task may use, in processors; null: it has no limit, or nobody says. */
  async processors(): Promise<number | null> {
    return this.#address === null ? null : readProcessors(await fetchJson(`${this.#address}/task`));
  }

  #known({ id, name }: ContainerClue): ContainerFacts | null {
    const byId = this.#containers.find((one) => id !== null && one.id === id);
    return byId ?? this.#containers.find((one) => name !== null && one.name === name) ?? null;
  }

  #ask(): Promise<void> {
    this.#askedAt = this.#now();
    this.#asking = fetchTask(`${this.#address}/task`).then((containers) => {
      if (containers !== null) this.#containers = containers;
    });
    return this.#asking;
  }
}

async function fetchTask(url: string): Promise<ContainerFacts[] | null> {
  const answer = await fetchJson(url);
  return answer === null ? null : readTask(answer);
}

async function fetchJson(url: string): Promise<unknown> {
  try {
    const signal = AbortSignal.timeout(ANSWER_MS_MAX);
    const answer = await answerTo({ method: "GET", url, headers: {}, body: null }, { signal });
    const body = await bodyOf(answer, ANSWER_MIB_MAX);
    return answer.statusCode === OK ? JSON.parse(body.toString()) : null;
  } catch {
    return null; // not there (yet): events go on without it
  }
}

/** The task's name in an answer; null: it has none. */
export function readTaskName(answer: unknown): TaskName | null {
  const task = TaskAnswer.safeParse(answer);
  const { TaskARN: arn = null, Cluster: cluster = null } = task.success ? task.data : {};
  return arn === null ? null : { arn, cluster };
}

/** The task's limit of an answer. */
export function readProcessors(answer: unknown): number | null {
  const task = TaskAnswer.safeParse(answer);
  return task.success ? (task.data.Limits?.CPU ?? null) : null;
}

/** The containers of an answer; those that do not hold are left out. */
export function readTask(answer: unknown): ContainerFacts[] | null {
  const task = TaskAnswer.safeParse(answer);
  if (!task.success) return null;
  return task.data.Containers.flatMap((one) => {
    const container = Container.safeParse(one);
    return container.success ? [factsOf(task.data, container.data)] : [];
  });
}

function factsOf(task: z.infer<typeof TaskAnswer>, container: z.infer<typeof Container>): ContainerFacts {
  return {
    id: container.DockerId,
    name: container.Name,
    type: "ecs",
    ...imageFacts(container.Image ?? null, container.ImageID ?? null),
    labels: labelFacts(container.Labels ?? null),
    ip: container.Networks?.flatMap((network) => network.IPv4Addresses ?? [])[0] ?? null,
    cluster: task.Cluster ?? null,
    service: task.ServiceName ?? null,
    taskArn: task.TaskARN ?? null,
    taskFamily: task.Family ?? null,
    taskRevision: task.Revision ?? null,
    containerArn: container.ContainerARN ?? null,
    availabilityZone: task.AvailabilityZone ?? null,
  };
}

/** Sorted; a label that could not be told from another as NAME=VALUE is left out. */
function labelFacts(labels: Readonly<Record<string, string>> | null): ContainerFacts["labels"] {
  if (labels === null) return null;
  const told = Object.entries(labels).filter(([name, value]) => !/[=\0]/.test(name) && !value.includes("\0"));
  return Object.fromEntries(told.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** `registry:5000/team/app:1.2@sha256:...`: the tag is behind the last colon that no slash follows. */
export function imageFacts(image: string | null, id: string | null) {
  const [named = "", digest = null] = image?.split("@") ?? [];
  const colon = named.lastIndexOf(":");
  const hasTag = colon > named.lastIndexOf("/");
  return {
    image,
    imageId: id,
    imageRepository: image === null ? null : hasTag ? named.slice(0, colon) : named,
    imageTag: image === null || !hasTag ? null : named.slice(colon + 1),
    imageDigest: digest ?? (id?.startsWith("sha256:") ? id : null),
  };
}
