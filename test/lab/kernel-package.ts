// SPDX-License-Identifier: Apache-2.0
// Debian's kernels of other releases and processors. Kept in build/lab/kernels, the busybox of that processor
// beside them.
import { copyFileSync, existsSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { DebianMirror } from "./debian-mirror.js";

export type Machine = "x86_64" | "aarch64";

const KERNELS = {
  "5.10": { release: "bullseye", machine: "x86_64", debian: "amd64", version: "5.10" },
  "6.1": { release: "bookworm", machine: "x86_64", debian: "amd64", version: "6.1" },
  "5.10-arm64": { release: "bullseye", machine: "aarch64", debian: "arm64", version: "5.10" },
  "6.12-arm64": { release: "trixie", machine: "aarch64", debian: "arm64", version: "6.12" },
} as const satisfies Record<string, { release: string; machine: Machine; debian: string; version: string }>;
export type KernelName = keyof typeof KERNELS;

const TOOLS = "trixie"; // whose busybox: older ones lack applets

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
  const mirror = new DebianMirror(folder, [release, TOOLS], debian);
  const found = mirror.ask(
    "apt-cache",
    "search",
    "--names-only",
    `^linux-image-${version.replace(".", "\\.")}\\..*-cloud-${debian}$`,
  );
  mirror.unpack([found.trim().split("\n").at(-1)!.split(" ")[0]!, "busybox-static"], folder);
  const bin = ["bin/busybox", "usr/bin/busybox"].map((path) => join(folder, path)).find(existsSync)!;
  copyFileSync(bin, join(folder, "busybox"));
  return kept(name);
}
