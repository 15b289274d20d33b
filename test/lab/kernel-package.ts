// SPDX-License-Identifier: Apache-2.0
// Debian's kernels of other releases and processors, fetched by apt with lists of their own (the system's
// stay untouched) from the mirror that this machine uses. Kept in build/lab/kernels, the busybox of that
// processor beside them.
import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

export type Machine = "x86_64" | "aarch64";

const KERNELS = {
  "5.10": { release: "bullseye", machine: "x86_64", debian: "amd64", version: "5.10" },
  "6.1": { release: "bookworm", machine: "x86_64", debian: "amd64", version: "6.1" },
  "5.10-arm64": { release: "bullseye", machine: "aarch64", debian: "arm64", version: "5.10" },
  "6.12-arm64": { release: "trixie", machine: "aarch64", debian: "arm64", version: "6.12" },
} as const satisfies Record<string, { release: string; machine: Machine; debian: string; version: string }>;
export type KernelName = keyof typeof KERNELS;

const FETCH_MS_MAX = 120_000;
const TOOLS = "trixie"; // whose busybox: older ones lack applets
const KEYRING = "/usr/share/keyrings/debian-archive-keyring.pgp";

/** What boots: files of this machine. `version` is how its name begins. */
export interface Kernel {
  machine: Machine;
  version: string;
  image: string;
  busybox: string;
}

/** null when it cannot be had here. */
export function debianKernel(name: KernelName): Kernel | null {
  try {
    return kept(name) ?? fetched(name);
  } catch {
    return null;
  }
}

function folderOf(name: KernelName): string {
  return resolve("build", "lab", "kernels", name);
}

function kept(name: KernelName): Kernel | null {
  const folder = folderOf(name);
  const boot = join(folder, "boot");
  const image = existsSync(boot) ? readdirSync(boot).find((one) => one.startsWith("vmlinuz-")) : undefined;
  const busybox = join(folder, "busybox");
  if (image === undefined || !existsSync(busybox)) return null;
  const { machine, version } = KERNELS[name];
  return { machine, version, image: join(boot, image), busybox };
}

function fetched(name: KernelName): Kernel | null {
  const folder = folderOf(name);
  const { release, debian, version } = KERNELS[name];
  rmSync(folder, { recursive: true, force: true });
  for (const part of ["lists/partial", "cache/archives/partial"]) mkdirSync(join(folder, part), { recursive: true });
  writeFileSync(join(folder, "status"), "");
  const mirror = execFileSync("apt-get", ["indextargets", "--format", "$(REPO_URI)"], { encoding: "utf8" })
    .split("\n")
    .find((uri) => /\/debian\/?$/.test(uri));
  const lines = [...new Set([release, TOOLS])].map((one) => `deb [signed-by=${KEYRING}] ${mirror} ${one} main\n`);
  writeFileSync(join(folder, "sources.list"), lines.join(""));
  const own = {
    "Dir::Etc::sourcelist": join(folder, "sources.list"),
    "Dir::Etc::sourceparts": "-",
    "Dir::State::lists": join(folder, "lists"),
    "Dir::Cache": join(folder, "cache"),
    "Dir::State::status": join(folder, "status"),
    "APT::Architecture": debian,
    "APT::Architectures::": debian,
    "APT::Sandbox::User": "root",
  };
  const options = Object.entries(own).flatMap(([key, value]) => ["-o", `${key}=${value}`]);
  const apt = (command: string, ...words: string[]) =>
    execFileSync(command, [...options, ...words], {
      cwd: folder,
      encoding: "utf8",
      timeout: FETCH_MS_MAX,
      stdio: ["ignore", "pipe", "pipe"],
    });
  apt("apt-get", "update", "-q");
  const found = apt(
    "apt-cache",
    "search",
    "--names-only",
    `^linux-image-${version.replace(".", "\\.")}\\..*-cloud-${debian}$`,
  );
  const wanted = [found.trim().split("\n").at(-1)!.split(" ")[0]!, "busybox-static"];
  apt("apt-get", "download", "-q", ...wanted);
  for (const file of readdirSync(folder).filter((one) => one.endsWith(".deb")))
    execFileSync("dpkg-deb", ["-x", file, "."], { cwd: folder });
  const bin = ["bin/busybox", "usr/bin/busybox"].map((path) => join(folder, path)).find(existsSync)!;
  copyFileSync(bin, join(folder, "busybox"));
  return kept(name);
}
