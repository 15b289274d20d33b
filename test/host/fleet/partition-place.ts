// SPDX-License-Identifier: Apache-2.0
// A pool of one partition on a bus in memory, and its owners one after the other.
import type { LoadedPolicy } from "../../../host/engine/policy.js";
import { FindingWriter } from "../../../host/fleet/finding-writer.js";
import { PartitionJudge, type PartitionOptions } from "../../../host/fleet/partition-judge.js";
import { PoolCounts } from "../../../host/fleet/pool-counts.js";
import { BLOCKS } from "../../../host/fleet/stage.js";
import { until } from "../../until.js";
import type { ForwardedAgent } from "./forwarded.js";
import { MemoryBus, MemorySnapshots } from "./memory-bus.js";

/** A pool of one partition. */
export class PartitionPlace {
  readonly #policies: readonly LoadedPolicy[];
  readonly bus = new MemoryBus();
  readonly snapshots = new MemorySnapshots();
  readonly counts = new PoolCounts();
  readonly said: string[] = [];
  readonly ids: string[] = [];
  #epoch = 0;

  /** `policies`: the operator's. */
  constructor(policies: readonly LoadedPolicy[]) {
    this.#policies = policies;
  }

  /** The next owner. */
  owner(more: Partial<PartitionOptions> = {}): PartitionJudge {
    const say = (line: string): void => void this.said.push(line);
    const store = {
      write: async (lines: readonly string[]) => {
        for (const line of lines) this.ids.push(JSON.parse(line.slice(1, line.indexOf("\n"))).id);
        return { outcome: "done" as const };
      },
    };
    const judge = new PartitionJudge({
      ...{
        stage: BLOCKS,
        partition: 0,
        epoch: ++this.#epoch,
        holds: () => true,
        bus: this.bus,
        snapshots: this.snapshots,
      },
      ...{ findings: new FindingWriter({ store, say }), policies: this.#policies, counts: this.counts, say },
      ...{ onFault: (error) => say(error.message), commit: { everyMs: 50, bytes: 1 << 20 } },
      ...more,
    });
    void judge.run();
    return judge;
  }

  get row() {
    return this.snapshots.rows.get(0)?.row;
  }

  async committed(seq = this.bus.messages.length): Promise<void> {
    await until(`message ${seq} is committed`, () => this.row?.seq === seq && this.row.tries === 0, {
      tell: () => JSON.stringify(this.row) + this.said.join("; "),
    });
  }

  async send(agent: ForwardedAgent, block = agent.block(agent.make(2)), subject = agent.subject): Promise<void> {
    await this.bus.publish(subject, block);
  }
}
