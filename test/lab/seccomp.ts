// SPDX-License-Identifier: Apache-2.0
// Docker's own seccomp profile, as Docker gives it to runc: the file stands in a Debian package (Docker's
// source), which is fetched once into build/lab. Its rules depend on capabilities, architecture and kernel;
// runc wants them resolved.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const PACKAGE = "golang-github-docker-docker-dev";
const PATH = "usr/share/gocode/src/github.com/docker/docker/profiles/seccomp/default.json";
const FETCH_MS_MAX = 60_000;
/** The kernel that the profile's minKernel rules are compared with: what Fargate is known to run. */
const KERNEL = [5, 10];

interface Rule {
  names: string[];
  action: string;
  args?: object[] | null;
  errnoRet?: number;
  includes?: Conditions;
  excludes?: Conditions;
}

interface Conditions {
  caps?: string[];
  arches?: string[];
  minKernel?: string;
}

interface Profile {
  defaultAction: string;
  defaultErrnoRet?: number;
  archMap: { architecture: string; subArchitectures: string[] | null }[];
  syscalls: Rule[];
}

/** The profile for a container with these capabilities ("CAP_..."). */
export function dockerSeccomp(capabilities: readonly string[]): object {
  const profile = JSON.parse(readFileSync(profilePath(), "utf8")) as Profile;
  const native = profile.archMap.find(({ architecture }) => architecture === "SCMP_ARCH_X86_64")!;
  const rules = profile.syscalls.filter((rule) => applies(rule, capabilities));
  return {
    defaultAction: profile.defaultAction,
    defaultErrnoRet: profile.defaultErrnoRet ?? 1,
    architectures: [native.architecture, ...(native.subArchitectures ?? [])],
    syscalls: rules.map(({ names, action, args, errnoRet }) => ({
      names,
      action,
      ...(args?.length ? { args } : {}),
      ...(errnoRet === undefined ? {} : { errnoRet }),
    })),
  };
}

/** Null when it is there or was fetched; else what is missing. */
export function missingSeccomp(): string | null {
  try {
    profilePath();
    return null;
  } catch {
    return `Docker's seccomp profile (Debian package ${PACKAGE})`;
  }
}

function applies({ includes = {}, excludes = {} }: Rule, capabilities: readonly string[]): boolean {
  const has = (caps?: string[]) => (caps ?? []).some((cap) => capabilities.includes(cap));
  if (includes.caps?.length && !has(includes.caps)) return false;
  if (includes.arches?.length && !includes.arches.includes("amd64")) return false;
  if (includes.minKernel !== undefined && !isAtLeast(includes.minKernel)) return false;
  return !has(excludes.caps) && !excludes.arches?.includes("amd64");
}

function isAtLeast(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return KERNEL[0]! > major || (KERNEL[0] === major && KERNEL[1]! >= minor);
}

function profilePath(): string {
  const installed = join("/", PATH);
  if (existsSync(installed)) return installed;
  const folder = join("build", "lab", "docker-source");
  const fetched = join(folder, PATH);
  if (!existsSync(fetched)) fetch(folder);
  return fetched;
}

/** Unpacked, not installed: its dependencies are Docker's, not ours. */
function fetch(folder: string): void {
  mkdirSync(folder, { recursive: true });
  const options = { cwd: folder, stdio: "ignore", timeout: FETCH_MS_MAX } as const;
  execFileSync("apt-get", ["download", "-o", "APT::Sandbox::User=root", PACKAGE], options);
  const file = readdirSync(folder).find((name) => name.endsWith(".deb"))!;
  execFileSync("dpkg-deb", ["-x", file, "."], options);
}
