// SPDX-License-Identifier: Apache-2.0
// Root file systems like those of images people run, made in milliseconds without a registry:
//
//   distroless   a static program and /etc/passwd: no shell, no libc
//   musl         musl's dynamic loader and busybox, as in Alpine
//   debian       this machine's own /usr, mounted read-only
import { execFileSync } from "node:child_process";
import { copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Mount } from "./bundle.js";

export type Kind = "distroless" | "musl" | "debian";
export const KINDS: readonly Kind[] = ["distroless", "musl", "debian"];

export interface Rootfs {
  readonly path: string;
  readonly mounts: readonly Mount[];
}

const FOLDERS = ["proc", "sys", "dev", "etc", "tmp", "usr", "vedette", "bin", "srv", "root"];
const PASSWD = "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000:app:/:/bin/sh\n";
const MUSL_LOADER = "/usr/lib/x86_64-linux-musl/libc.so";
const APPLETS = [
  "sh",
  "cat",
  "echo",
  "ls",
  "wget",
  "sleep",
  "id",
  "head",
  "dd",
  "ln",
  "cp",
  "chmod",
  "kill",
  "ps",
  "true",
  "nc",
  "mkdir",
  "touch",
  "rm",
  "env",
];

/** `files`: programs to copy in, by their path inside. */
export function makeRootfs(kind: Kind, folder: string, files: Readonly<Record<string, string>> = {}): Rootfs {
  for (const name of FOLDERS) mkdirSync(join(folder, name), { recursive: true });
  writeFileSync(join(folder, "etc/passwd"), PASSWD);
  writeFileSync(join(folder, "etc/shadow"), "root:*:19000::::::\n", { mode: 0o640 });
  writeFileSync(join(folder, "etc/hosts"), "127.0.0.1 localhost\n");
  execFileSync("chmod", ["1777", join(folder, "tmp"), join(folder, "srv")]);
  const mounts = MAKERS[kind](folder);
  for (const [inside, outside] of Object.entries(files)) {
    mkdirSync(join(folder, inside, ".."), { recursive: true });
    copyFileSync(outside, join(folder, inside));
  }
  return { path: resolve(folder), mounts };
}

const MAKERS: Record<Kind, (folder: string) => Mount[]> = {
  distroless: () => [],
  musl: (folder) => {
    mkdirSync(join(folder, "lib"));
    copyFileSync(MUSL_LOADER, join(folder, "lib/ld-musl-x86_64.so.1"));
    copyFileSync("/bin/busybox", join(folder, "bin/busybox"));
    for (const applet of APPLETS) symlinkSync("busybox", join(folder, "bin", applet));
    return [];
  },
  debian: (folder) => {
    execFileSync("rmdir", [join(folder, "bin")]);
    for (const link of ["bin", "sbin", "lib", "lib64"]) symlinkSync(`usr/${link}`, join(folder, link));
    for (const name of ["ld.so.cache", "alternatives", "ssl", "java-21-openjdk", "nsswitch.conf"]) {
      if (existsSync(join("/etc", name)))
        cpSync(join("/etc", name), join(folder, "etc", name), { recursive: true, dereference: false });
    }
    return [{ source: "/usr", destination: "/usr", readOnly: true }];
  },
};

/** What a kind of image cannot do without on this machine; null when it is there. */
export function missingFor(kind: Kind): string | null {
  if (kind === "musl" && !existsSync(MUSL_LOADER)) return "musl's loader (Debian package musl-tools)";
  if (kind === "debian" && !readdirSync("/usr/lib").some((name) => name.endsWith("-linux-gnu"))) return "Debian's /usr";
  return null;
}
