// SPDX-License-Identifier: Apache-2.0
//
// Findings and alerts for the tests of incidents.
import type { Finding } from "../../../host/finding/finding.js";
import type { Alert } from "../../../host/output/alert.js";

export const SECOND = 1_000_000_000n;
export const START = 1_795_703_412n * SECOND;

/** What a test says of a finding. Times are in seconds from START; processes are pids, which started at 0. */
export interface Said {
  readonly at?: number;
  readonly rule?: string;
  readonly tenant?: string | null;
  readonly source?: string;
  readonly container?: string;
  readonly pid?: number;
  /** The parent first, down to the container's first process. */
  readonly above?: readonly number[];
  readonly session?: number;
  readonly file?: number;
  readonly remote?: string;
  readonly isServer?: boolean;
  readonly tags?: readonly string[];
}

const time = (at: number): bigint => START + BigInt(Math.round(at * 1e9));

export function findingOf(said: Said = {}): Finding {
  const { at = 0, rule = "Rule", tenant = null, source = "5a".repeat(16), container = "web", pid = 10 } = said;
  const { above = [1], session = 0, file, remote, tags = [] } = said;
  const chain = [pid, ...above];
  const named = (one: number) => ({ pid: one, started: START });
  const root = session > 0 ? session : (chain.at(-2) ?? pid);
  return {
    event: { source, num: 1, time: time(at), type: "openat" },
    ...{ policy: "policy", version: "1.0.0", rule, tenant, tags, tid: pid },
    process: { ...named(pid), vpid: pid, name: `p${pid}`, commandLine: `p${pid} run`, cwd: "/", session },
    ancestors: above.map((one) => ({ ...named(one), name: `p${one}`, path: `/bin/p${one}` })),
    lineage: { ...named(root), first: named(session > 0 ? session : chain.at(-1)!) },
    executable: { path: `/bin/p${pid}`, ino: BigInt(pid), dev: 1n, changed: 1n, isOfImage: true },
    file:
      file === undefined
        ? null
        : { path: `/f${file}`, realPath: `/f${file}`, ino: BigInt(file), dev: 1n, type: "file" },
    endpoint:
      remote === undefined
        ? null
        : {
            ...{ localIp: "10.0.0.1", localPort: 40_000, remoteIp: remote, remotePort: 80 },
            ...{ protocol: "tcp", isServer: said.isServer ?? false },
          },
    user: null,
    container: { id: container, name: container, image: null, imageDigest: null },
    task: null,
    prevention: null,
    isCut: false,
  };
}

export function alertOf(said: Said = {}, more: Partial<Alert> = {}): Alert {
  const finding = findingOf(said);
  return {
    rule: finding.rule,
    priority: "Warning",
    tags: finding.tags,
    source: "syscall",
    time: finding.event.time,
    output: `${finding.rule} happened | pid=${said.pid ?? 10}`,
    outputFields: [],
    hostname: "host",
    policy: finding.policy,
    ...(finding.tenant === null ? {} : { tenant: finding.tenant }),
    finding,
    ...more,
  };
}
