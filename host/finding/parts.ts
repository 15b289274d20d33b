// SPDX-License-Identifier: Apache-2.0
// What a finding is made of: plain data, which is posted between threads and comes from tenants' processes.
// Null: it is not known, or the event has no such thing.

/** What one finding's texts may take together, in bytes of JSON. */
export const FINDING_BYTES_MAX = 16 << 10;
/** How many ancestors a finding names, the parent first. It leaves the older ones out. */
export const ANCESTORS_MAX = 16;

/** What an alert was raised about, and by whose rule. */
export interface Finding {
  readonly event: FindingEvent;
  /** The policy's name and version, and its rule's name. */
  readonly policy: string;
  readonly version: string;
  readonly rule: string;
  /** Whose policy it is; null: the operator's own. */
  readonly tenant: string | null;
  readonly tags: readonly string[];
  /** The thread that made the call. */
  readonly tid: number;
  readonly process: FindingProcess | null;
  /** The parent first. */
  readonly ancestors: readonly FindingAncestor[];
  readonly lineage: FindingLineage | null;
  readonly executable: FindingExecutable | null;
  readonly file: FindingFile | null;
  readonly endpoint: FindingEndpoint | null;
  readonly user: FindingUser | null;
  readonly container: FindingContainer | null;
  readonly task: FindingTask | null;
  readonly prevention: FindingPrevention | null;
  /** Some text was longer than it may be, and ends with a mark. */
  readonly isCut: boolean;
}

/** Which event it was. `source` and `num` together name it in a recording. */
export interface FindingEvent {
  /** The agent's source, 32 hexadecimal digits. */
  readonly source: string;
  /** evt.num, as the policy sees it: a tenant's counts from the first event of a run that its scope shows. */
  readonly num: number;
  /** ns since the epoch. */
  readonly time: bigint;
  /** evt.type */
  readonly type: string;
}

/** The process that made the call, after the call: an execve's finding has the new program. */
export interface FindingProcess {
  readonly pid: number | null;
  readonly vpid: number | null;
  readonly name: string | null;
  readonly commandLine: string | null;
  readonly cwd: string | null;
  /** ns since the epoch. */
  readonly started: bigint | null;
  /** First process of the session by which it came in from outside; 0: it descends from the workload. */
  readonly session: number | null;
}

/** One ancestor, as it was when the event happened. `started` is in ns since the epoch. */
export interface FindingAncestor {
  readonly pid: number | null;
  readonly started: bigint | null;
  readonly name: string | null;
  readonly path: string | null;
}

/**
 * The process that all of this began with: the oldest ancestor, or the process itself, below the first
 * process of its container. Of somebody who came in from outside it is the first process of that session.
 */
export interface FindingLineage {
  readonly pid: number | null;
  /** ns since the epoch. */
  readonly started: bigint | null;
  /** The first process of the container, or of the session; it may be the process itself. */
  readonly first: { readonly pid: number | null; readonly started: bigint | null };
}

/** The file that the process runs. `ino` and `dev` stay the same when somebody renames it. */
export interface FindingExecutable {
  readonly path: string | null;
  readonly ino: bigint | null;
  readonly dev: bigint | null;
  /** When its inode was last changed, ns since the epoch. */
  readonly changed: bigint | null;
  /**
   * Of its bytes, 64 hexadecimal digits. Left out: it is not known, or not yet
   * (host/sensor/executables.ts).
   */
  readonly sha256?: string;
  /** Nothing has changed it since its agent began, and its path leads to it (`vedette.exe_of_image`). */
  readonly isOfImage: boolean;
}

/** The file or directory that the call worked on. */
export interface FindingFile {
  /** The name as the program gave it, made absolute, and what the kernel calls the file. */
  readonly path: string | null;
  readonly realPath: string | null;
  readonly ino: bigint | null;
  readonly dev: bigint | null;
  /** fd.type: `file`, `directory` ... */
  readonly type: string | null;
}

/** The IPv4 or IPv6 connection that the call worked on. */
export interface FindingEndpoint {
  readonly localIp: string | null;
  readonly localPort: number | null;
  readonly remoteIp: string | null;
  readonly remotePort: number | null;
  /** `tcp`, `udp` ... */
  readonly protocol: string | null;
  /** The process is the one that was connected to. */
  readonly isServer: boolean | null;
}

/** The process's effective user, and the user who logged in. */
export interface FindingUser {
  readonly uid: number | null;
  readonly name: string | null;
  /** -1: nobody logged in. */
  readonly loginUid: number | null;
}

/** The container as its runtime or ECS names it. `image` and `imageDigest` come from ECS alone. */
export interface FindingContainer {
  readonly id: string;
  readonly name: string | null;
  readonly image: string | null;
  readonly imageDigest: string | null;
}

/** The Fargate task, from ECS's metadata (version 4). */
export interface FindingTask {
  readonly arn: string | null;
  readonly family: string | null;
  readonly revision: string | null;
  readonly cluster: string | null;
  readonly availabilityZone: string | null;
}

/** Which row of `prevent:` decided on the call, for findings of the rules that tell of it. */
export interface FindingPrevention {
  readonly mode: string | null;
  readonly call: string | null;
  readonly subject: string | null;
  readonly action: string | null;
}
