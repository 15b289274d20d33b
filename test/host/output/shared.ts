// SPDX-License-Identifier: Apache-2.0
// An alert to send, where it does not matter what it says, and one with a finding.
import type { Finding } from "../../../host/finding/parts.js";
import type { Alert } from "../../../host/output/alert.js";
import type { IncidentNews } from "../../../host/output/incident-news.js";

export const ALERT: Alert = {
  rule: "R",
  priority: "Notice",
  tags: [],
  source: "syscall",
  time: 1n,
  output: "o",
  outputFields: [],
  hostname: "h",
  policy: "p",
};

/**
 * An output is stuck when it takes nothing for 1.5 s. A busy machine may take that for anything: where a test
 * is about something else, none ever is, or it does not listen to that.
 */
export const NEVER_STUCK = { stuckMs: 3_600_000 };
export const unlessStuck =
  (hear: (said: string) => void) =>
  ({ code, message }: { readonly code: string; readonly message: string }): void => {
    if (code !== "VEDETTE_OUTPUT_STUCK") hear(`${message} [${code}]`);
  };

export const FINDING: Finding = {
  event: { source: "5a".repeat(16), num: 48_213, time: 1_795_703_412_881_781_397n, type: "connect" },
  policy: "task-credentials",
  version: "1.0.0",
  rule: "Task credentials requested",
  tenant: "payments",
  tags: ["T1552.005"],
  tid: 41,
  process: { pid: 41, vpid: 41, name: "curl", commandLine: "curl", cwd: "/", started: 1n, session: 0 },
  ancestors: [],
  lineage: null,
  executable: { path: "/usr/bin/curl", ino: 7n, dev: 8n, changed: 1n, isOfImage: true },
  file: null,
  endpoint: {
    localIp: "10.0.1.7",
    localPort: 40_212,
    remoteIp: "fd00::254",
    remotePort: 80,
    protocol: "tcp",
    isServer: false,
  },
  user: null,
  container: { id: "0a1b", name: "orders", image: null, imageDigest: null },
  task: null,
  prevention: null,
  isCut: false,
};
/** Of that finding. */
export const CONNECT: Alert = {
  ...ALERT,
  rule: FINDING.rule,
  priority: "Warning",
  tags: ["TA0006", "T1552.005", "TA0006"],
  time: FINDING.event.time,
  output: "A program asks for credentials",
  hostname: "ip-10-0-1-7",
  policy: FINDING.policy,
  tenant: "payments",
  finding: FINDING,
};

export const NEWS: IncidentNews = {
  activity: "opened",
  into: null,
  incident: {
    id: "0197b0c4-8e2a-8f31-a5c0-3b1f6d2e9c44",
    severity: "Alert",
    title: "Shell on a socket",
    tactics: ["Execution"],
    tags: ["TA0002"],
    tenant: null,
    container: { id: "0a1b", name: "orders" },
    first: 1n,
    last: 1_795_703_412_881_781_397n,
    count: 2,
    rows: [{ text: "a", policy: "p", rule: "r", first: 1n, samples: ["one", "two"] }],
  },
};
