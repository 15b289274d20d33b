// SPDX-License-Identifier: Apache-2.0
// Real kernels of other versions, under QEMU without acceleration: Debian's packages for its older releases, fetched by apt with
// lists of their own (the system's stay untouched) from the mirror that this machine uses. Kept in build/lab/kernels.
//
//   image       initramfs: busybox, what the caller puts in, /init (a shell script) - boots in some seconds
//   results     what the script writes to /out comes back as a tar file over the serial line, in base64
import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

const KERNELS = { "5.10": "bullseye", "6.1": "bookworm" } as const;
export type KernelVersion = keyof typeof KERNELS;

const FETCH_MS_MAX = 120_000;
const BOOT_MS_MAX = 240_000;
const KEYRING = "/usr/share/keyrings/debian-archive-keyring.pgp";
const APPLETS = ["sh", "mount", "mkdir", "ifconfig", "tar", "gzip", "base64", "poweroff", "cat", "echo", "sleep"];
const [BEGIN, END] = ["-----BEGIN OUT-----", "-----END OUT-----"];

/** The kernel's file; null when it cannot be had here. */
export function kernelImage(version: KernelVersion): string | null {
  try {
    return findImage(version) ?? fetchImage(version);
  } catch {
    return null;
  }
}

export function missingForKernels(): string | null {
  for (const command of ["qemu-system-x86_64", "cpio", "busybox"]) {
    try {
      execFileSync("sh", ["-c", `command -v ${command}`], { stdio: "ignore" });
    } catch {
      return `the command ${command}`;
    }
  }
  return null;
}

/** Boots, runs `script` as root with `files` (path inside: path outside), and unpacks what it left in /out into `to`. */
export function runUnder(
  image: string,
  files: Readonly<Record<string, string>>,
  script: string,
  folder: string,
  to: string,
): string {
  const root = join(folder, "root");
  for (const name of ["bin", "proc", "sys", "dev", "tmp", "out", "usr/lib"])
    mkdirSync(join(root, name), { recursive: true });
  copyFileSync("/bin/busybox", join(root, "bin/busybox"));
  for (const applet of APPLETS) symlinkSync("busybox", join(root, "bin", applet));
  for (const [inside, outside] of Object.entries(files)) {
    mkdirSync(join(root, dirname(inside)), { recursive: true });
    copyFileSync(outside, join(root, inside));
  }
  writeFileSync(join(root, "init"), initScript(script), { mode: 0o755 });
  const archive = join(folder, "initramfs");
  execFileSync("sh", ["-c", `find . | cpio -o -H newc --quiet | gzip -1 > ${resolve(archive)}`], { cwd: root });
  const append = "console=ttyS0 quiet panic=-1 random.trust_cpu=on";
  const machine = [
    "-M",
    "q35",
    "-accel",
    "tcg",
    "-cpu",
    "max",
    "-m",
    "768",
    "-nographic",
    "-nodefaults",
    "-no-reboot",
    "-serial",
    "stdio",
  ];
  const argv = [...machine, "-kernel", image, "-initrd", archive, "-append", append];
  const serial = execFileSync("qemu-system-x86_64", argv, {
    encoding: "latin1",
    timeout: BOOT_MS_MAX,
    maxBuffer: 1 << 28,
    stdio: ["ignore", "pipe", "pipe"],
  });
  unpack(serial, to);
  return serial;
}

function initScript(script: string): string {
  return `#!/bin/sh
export PATH=/bin
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev; mount -t tmpfs tmp /tmp
mkdir -p /dev/shm /dev/pts; mount -t tmpfs shm /dev/shm; mount -t devpts pts /dev/pts
ifconfig lo 127.0.0.1 up
${script}
echo ${BEGIN}; tar -C /out -cf - . | gzip | base64; echo ${END}
poweroff -f
`;
}

function unpack(serial: string, to: string): void {
  const [, text] = new RegExp(`${BEGIN}\\r?\\n([\\s\\S]*?)${END}`).exec(serial) ?? [];
  if (text === undefined) throw new Error(`the guest gave no results:\n${serial.slice(-4000)}`);
  mkdirSync(to, { recursive: true });
  execFileSync("tar", ["-xzf", "-", "-C", to], { input: Buffer.from(text.replace(/\s/g, ""), "base64") });
}

function folderOf(version: KernelVersion): string {
  return resolve("build", "lab", "kernels", version);
}

function findImage(version: KernelVersion): string | null {
  const boot = join(folderOf(version), "boot");
  const name = existsSync(boot) ? readdirSync(boot).find((one) => one.startsWith("vmlinuz-")) : undefined;
  return name === undefined ? null : join(boot, name);
}

function fetchImage(version: KernelVersion): string | null {
  const folder = folderOf(version);
  rmSync(folder, { recursive: true, force: true });
  for (const name of ["lists/partial", "cache/archives/partial"]) mkdirSync(join(folder, name), { recursive: true });
  writeFileSync(join(folder, "status"), "");
  const mirror = execFileSync("apt-get", ["indextargets", "--format", "$(REPO_URI)"], { encoding: "utf8" })
    .split("\n")
    .find((uri) => /\/debian\/?$/.test(uri));
  writeFileSync(join(folder, "sources.list"), `deb [signed-by=${KEYRING}] ${mirror} ${KERNELS[version]} main\n`);
  const own = {
    "Dir::Etc::sourcelist": "sources.list",
    "Dir::State::lists": "lists",
    "Dir::Cache": "cache",
    "Dir::State::status": "status",
  };
  const options = Object.entries(own).flatMap(([key, name]) => ["-o", `${key}=${join(folder, name)}`]);
  const apt = (command: string, ...words: string[]) =>
    execFileSync(command, [...options, "-o", "Dir::Etc::sourceparts=-", "-o", "APT::Sandbox::User=root", ...words], {
      cwd: folder,
      encoding: "utf8",
      timeout: FETCH_MS_MAX,
      stdio: ["ignore", "pipe", "pipe"],
    });
  apt("apt-get", "update", "-q");
  const found = apt("apt-cache", "search", "--names-only", `^linux-image-${version}.*-cloud-amd64$`);
  const name = found.trim().split("\n").at(-1)!.split(" ")[0]!;
  apt("apt-get", "download", "-q", name);
  execFileSync("dpkg-deb", ["-x", readdirSync(folder).find((one) => one.endsWith(".deb"))!, "."], { cwd: folder });
  return findImage(version);
}
