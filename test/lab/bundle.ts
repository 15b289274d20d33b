// SPDX-License-Identifier: Apache-2.0
// An OCI bundle as Fargate would make it: Docker's default capabilities, seccomp profile and masked paths,
// the task's network, a pid namespace of its own (or the task's), cgroup v1 limits. https://github.com/opencontainers/runtime-spec
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { TABLES } from "../../build/generated/flags.js";
import { dockerSeccomp } from "./seccomp.js";

export interface Mount {
  readonly source: string;
  readonly destination: string;
  readonly readOnly?: boolean;
}

export interface ContainerOptions {
  readonly name: string;
  readonly rootfs: string;
  readonly args: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly user?: number;
  readonly readOnlyRoot?: boolean;
  /** Beside Docker's own: Fargate grants SYS_PTRACE alone. */
  readonly addCapabilities?: readonly string[];
  /**
   * As `docker run --privileged`: all capabilities, no seccomp profile, nothing masked, all devices. Fargate
   * never does it.
   */
  readonly isPrivileged?: boolean;
  /** Without a seccomp profile, as Kubernetes runs pods by default. */
  readonly isUnconfined?: boolean;
  readonly mounts?: readonly Mount[];
  /** Of a CPU. */
  readonly cpu?: number;
  readonly memoryBytes?: number;
  /** pidMode "task": the path of the namespace to join. */
  readonly pidNamespace?: string;
  /** A descriptor of ours that its standard output goes to; nobody keeps it then. */
  readonly output?: number;
}

const CAPABILITIES = [
  ..."CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP".split(" "),
  ..."NET_BIND_SERVICE SYS_CHROOT KILL AUDIT_WRITE".split(" "),
];
const MASKED = [
  ..."/proc/asound /proc/acpi /proc/kcore /proc/keys /proc/latency_stats /proc/timer_list".split(" "),
  ..."/proc/timer_stats /proc/sched_debug /proc/scsi /sys/firmware".split(" "),
];
const READ_ONLY = "/proc/bus /proc/fs /proc/irq /proc/sys /proc/sysrq-trigger".split(" ");
const PERIOD_US = 100_000;
const SHARED_MEMORY = "size=65536k";

/** Writes `folder`/config.json. `group`: of its cgroup, as ECS names it (/ecs/TASK/CONTAINER). */
export function writeBundle(folder: string, group: string, network: string, options: ContainerOptions): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "config.json"), JSON.stringify(config(group, network, options), null, 1));
}

function config(group: string, network: string, options: ContainerOptions): object {
  const isPrivileged = options.isPrivileged ?? false;
  const capabilities = isPrivileged
    ? allCapabilities()
    : [...CAPABILITIES, ...(options.addCapabilities ?? [])].map((name) => `CAP_${name}`);
  const user = options.user ?? 0;
  return {
    ociVersion: "1.0.2",
    process: {
      terminal: false,
      user: { uid: user, gid: user },
      args: options.args,
      env: Object.entries({ PATH: "/usr/local/bin:/usr/bin:/bin", ...options.environment }).map((pair) =>
        pair.join("="),
      ),
      cwd: "/",
      // As Docker: another user than root has them in the bounding set alone.
      capabilities: {
        bounding: capabilities,
        effective: user === 0 ? capabilities : [],
        permitted: user === 0 ? capabilities : [],
        inheritable: [],
        ambient: [],
      },
      noNewPrivileges: false,
    },
    root: { path: options.rootfs, readonly: options.readOnlyRoot ?? false },
    hostname: options.name,
    mounts: mounts(options.mounts ?? [], isPrivileged),
    linux: {
      cgroupsPath: group,
      resources: resources(options),
      namespaces: [
        { type: "mount" },
        { type: "uts" },
        { type: "ipc" },
        { type: "network", path: network },
        options.pidNamespace === undefined ? { type: "pid" } : { type: "pid", path: options.pidNamespace },
      ],
      ...(isPrivileged || options.isUnconfined ? {} : { seccomp: dockerSeccomp(capabilities) }),
      ...(isPrivileged ? {} : { maskedPaths: MASKED, readonlyPaths: READ_ONLY }),
    },
  };
}

// Those that this machine itself has: a machine may be a container too.
function allCapabilities(): string[] {
  const bounding = BigInt(`0x${/^CapBnd:\s*(\w+)$/m.exec(readFileSync("/proc/self/status", "utf8"))![1]}`);
  return TABLES.capabilities!.rows.filter(({ value }) => (bounding & value) !== 0n).map(({ name }) => name);
}

function resources({ cpu, memoryBytes, isPrivileged }: ContainerOptions): object {
  return {
    ...(isPrivileged ? { devices: [{ allow: true, access: "rwm" }] } : {}),
    ...(memoryBytes === undefined ? {} : { memory: { limit: memoryBytes } }),
    ...(cpu === undefined
      ? {}
      : { cpu: { quota: Math.round(cpu * PERIOD_US), period: PERIOD_US, shares: Math.round(cpu * 1024) } }),
  };
}

function mounts(own: readonly Mount[], isPrivileged: boolean): object[] {
  const made = (destination: string, type: string, options: string[]) => ({ destination, type, source: type, options });
  return [
    made("/proc", "proc", ["nosuid", "noexec", "nodev"]),
    made("/dev", "tmpfs", ["nosuid", "strictatime", "mode=755", "size=65536k"]),
    made("/dev/pts", "devpts", ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]),
    made("/sys", "sysfs", ["nosuid", "noexec", "nodev", isPrivileged ? "rw" : "ro"]),
    made("/dev/shm", "tmpfs", ["nosuid", "noexec", "nodev", "mode=1777", SHARED_MEMORY]),
    ...own.map(({ source, destination, readOnly }) => ({
      destination,
      type: "bind",
      source,
      options: ["rbind", readOnly ? "ro" : "rw"],
    })),
  ];
}
