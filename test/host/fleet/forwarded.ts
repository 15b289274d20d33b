// SPDX-License-Identifier: Apache-2.0
// What agents of several tasks forward, made by hand, and which findings it holds: a policy counts the calls
// of each process and tells each tenth, so one that forgets, or judges something twice, tells others.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Engine } from "../../../host/engine/engine.js";
import { Feed } from "../../../host/engine/feed.js";
import type { LoadedPolicy } from "../../../host/engine/policy.js";
import { findingId } from "../../../host/finding/finding.js";
import { encodeBlock } from "../../../host/fleet/block.js";
import { placeOfBlocks } from "../../../host/fleet/subject.js";
import { loadPolicies } from "../../../host/policy/load.js";
import { type Batch, openBatch } from "../../../host/wire/batch.js";
import { BatchBuilder } from "../../../host/wire/builder.js";
import { scratch } from "../../e2e/programs.js";

const INDEX = `import { Counter, hours, Openat, Priority, rule } from "vedette";

const SEEN = new Counter(hours(24));

@rule({ name: "Tenth", desc: "each tenth open of a process", priority: Priority.Notice, output: "%evt.num %fd.name" })
export function tenth(e: Openat): bool {
  return SEEN.hit(e, e.proc.key) % 10 == 0;
}

@rule({ name: "Failed", desc: "an open that failed", priority: Priority.Warning, output: "%evt.num %fd.name" })
export function failed(e: Openat): bool {
  return e.res < 0;
}
`;
const YAML = "name: counting\nversion: 1.0.0\ndescription: Counts opens.\n";
const EVENTS = 20;
const FAILS_EACH = 7;
const EARLIER_MS = 3_600_000;
const BEGUN_NS = BigInt(Date.now() - EARLIER_MS) * 1_000_000n;
/** Between two events of an agent: no limit of alerts is met. */
const STEP_NS = 50_000_000n;
const timeOf = (number: number): bigint => BEGUN_NS + STEP_NS * BigInt(number);

/** The folder of that policy. */
export function countingPolicy(): string {
  const folder = join(scratch(), "counting");
  mkdirSync(folder);
  writeFileSync(join(folder, "index.ts"), INDEX);
  writeFileSync(join(folder, "policy.yaml"), YAML);
  return folder;
}

/** One agent of a task of its own. */
export class ForwardedAgent {
  readonly task: string;
  readonly tenant: string;
  readonly source: string;
  readonly subject: string;
  readonly stream: string;
  /** All that it has made. */
  readonly batches: Batch[] = [];
  readonly #number: number;

  constructor(number: number, partitions: number, tenant = "t") {
    this.tenant = tenant;
    this.#number = number;
    this.task = `arn:aws:ecs:eu-west-1:1:task/prod/${number}`;
    this.source = Buffer.alloc(16, number + 1).toString("hex");
    const { subject, stream } = placeOfBlocks(this.tenant, this.task, partitions);
    this.subject = subject;
    this.stream = stream;
  }

  /** So many batches more. `failure`: the result of a call that fails. */
  make(count: number, failure = -2): Batch[] {
    return Array.from({ length: count }, () => this.#batch(failure));
  }

  /** A block of batches, as a sidecar makes it. */
  block(batches: readonly Batch[], more: { task?: string; tenant?: string; taskArn?: string } = {}): Buffer {
    const { tenant = this.tenant, task = this.task, taskArn } = more;
    const sender = { tenant, task, source: this.source, version: "1" };
    const container = taskArn === undefined ? null : { ...CONTAINER, taskArn };
    const sent = batches.map(({ bytes }) => ({ bytes, kept: null }));
    return encodeBlock({ sender, host: `h${this.#number}`, container }, sent);
  }

  #batch(failure: number): Batch {
    const seq = this.batches.length + 1;
    const first = (seq - 1) * EVENTS + 1;
    const source = Buffer.from(this.source, "hex");
    const builder = new BatchBuilder({ source, seq, first, clock: timeOf(first) });
    const process = builder.process({ pid: 100 + this.#number, name: "cat" });
    for (let i = 0; i < EVENTS; i++)
      builder.record("openat", {
        process,
        tid: 100 + this.#number,
        time: timeOf(first + i),
        result: (first + i) % FAILS_EACH === 0 ? failure : 3,
        params: { dirfd: -100, name: `/x${first + i}`, flags: 0 },
      });
    const batch = openBatch(builder.bytes());
    this.batches.push(batch);
    return batch;
  }
}

/** What is said of a container, as little as possible. */
export const CONTAINER = {
  ...{ id: "c", name: "web", type: "ecs", image: null, imageId: null, imageRepository: null, imageTag: null },
  ...{ imageDigest: null, labels: null, ip: null, cluster: null, service: null, taskFamily: null, taskRevision: null },
  ...{ containerArn: null, availabilityZone: null },
};

/** The names of findings that a sidecar of each agent raises. */
export async function expectedIds(policy: string, agents: readonly ForwardedAgent[]): Promise<string[]> {
  return expectedOf(await loadPolicies([policy]), agents);
}

/** The same by policies that are loaded. */
export async function expectedOf(
  policies: readonly LoadedPolicy[],
  agents: readonly ForwardedAgent[],
): Promise<string[]> {
  const ids = await Promise.all(agents.map(({ batches }) => idsOf(policies, batches)));
  return ids.flat().sort();
}

async function idsOf(policies: readonly LoadedPolicy[], batches: readonly Batch[]): Promise<string[]> {
  const feed = new Feed(4 << 20);
  const ids: string[] = [];
  const engine = await Engine.start({
    ...{ ring: feed.ring, readers: [feed.reader()], policies, isReplay: true },
    onAlert: ({ finding }) => ids.push(findingId(finding!)),
  });
  for (const batch of batches) await feed.put(batch, 1);
  feed.close();
  await engine.finished;
  return ids;
}
