// SPDX-License-Identifier: Apache-2.0
// Real kernels of other versions and processors, under QEMU without acceleration (kernel-package.ts has
// them).
//
//   image       initramfs: busybox, what the caller puts in, /init (a shell script) - boots in some seconds
//   results     what the script writes to /out comes back as a tar file over the serial line, in base64
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { Kernel, Machine } from "./kernel-package.js";

const BOOT_MS_MAX = 240_000;
const APPLETS = [
  "sh",
  "mount",
  "mkdir",
  "ifconfig",
  "tar",
  "gzip",
  "base64",
  "poweroff",
  "cat",
  "cp",
  "date",
  "echo",
  "sleep",
];
const [BEGIN, END] = ["-----BEGIN OUT-----", "-----END OUT-----"];

const MACHINES: Record<Machine, { qemu: string; model: string[]; append: string }> = {
  x86_64: { qemu: "qemu-system-x86_64", model: ["q35", "max"], append: "console=ttyS0 random.trust_cpu=on" },
  aarch64: { qemu: "qemu-system-aarch64", model: ["virt", "cortex-a72"], append: "console=ttyAMA0" },
};

/** The command that a machine's guests need and this machine has not, or null. */
export function missingForKernels(machine: Machine): string | null {
  for (const command of [MACHINES[machine].qemu, "cpio"]) {
    try {
      execFileSync("sh", ["-c", `command -v ${command}`], { stdio: "ignore" });
    } catch {
      return `the command ${command}`;
    }
  }
  return null;
}

/**
 * Boots, runs `script` as root with `files` (path inside: path outside), and unpacks what it left in /out
 * into `to`. `folder` is for what is made on the way.
 */
export function runUnder(
  kernel: Kernel,
  files: Readonly<Record<string, string>>,
  script: string,
  folder: string,
  to: string,
): string {
  const root = join(folder, "root");
  for (const name of ["bin", "proc", "sys", "dev", "tmp", "out", "usr/lib"])
    mkdirSync(join(root, name), { recursive: true });
  copyFileSync(kernel.busybox, join(root, "bin/busybox"));
  for (const applet of APPLETS) symlinkSync("busybox", join(root, "bin", applet));
  for (const [inside, outside] of Object.entries(files)) {
    mkdirSync(join(root, dirname(inside)), { recursive: true });
    copyFileSync(outside, join(root, inside));
  }
  writeFileSync(join(root, "init"), initScript(script), { mode: 0o755 });
  const archive = join(folder, "initramfs");
  execFileSync("sh", ["-c", `find . | cpio -o -H newc --quiet | gzip -1 > ${resolve(archive)}`], { cwd: root });
  const { qemu, model, append } = MACHINES[kernel.machine];
  const options =
    `-M ${model[0]} -cpu ${model[1]} -accel tcg -m 768 -nographic -nodefaults -no-reboot -serial stdio`.split(" ");
  const boot = ["-kernel", kernel.image, "-initrd", archive, "-append", `${append} quiet panic=-1`];
  const serial = execFileSync(qemu, [...options, ...boot], {
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
echo 0 > /proc/sys/kernel/printk # or the last words of a kernel that goes down fall among ours
echo ${BEGIN}; tar -C /out -cf - . | gzip | base64; echo ${END}
printf '%8192s\\n' '' # a machine that is switched off loses what its serial line has not sent yet: 4 KiB of this
poweroff -f
`;
}

function unpack(serial: string, to: string): void {
  const [, text] = new RegExp(`${BEGIN}\\r?\\n([\\s\\S]*?)${END}`).exec(serial) ?? [];
  if (text === undefined) throw new Error(`the guest gave no results:\n${serial.slice(-4000)}`);
  mkdirSync(to, { recursive: true });
  execFileSync("tar", ["-xzf", "-", "-C", to], { input: Buffer.from(text.replace(/\s/g, ""), "base64") });
}
