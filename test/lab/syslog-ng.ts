// SPDX-License-Identifier: Apache-2.0
// A syslog-ng of Debian's, as a receiver. Debian lets one syslog server be installed, and that is rsyslog: so
// this one is fetched once into build/lab and unpacked there, with the two libraries that nothing else needs.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";

const PACKAGES = ["syslog-ng-core", "libivykis0t64", "libnet1"];
const FOLDER = resolve("build", "lab", "syslog-ng");
const FETCH_MS_MAX = 60_000;

/** How it is started; `missing`: null, or what is not there. */
export interface SyslogNg {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly missing: string | null;
}

/** The one that is installed, or the one that was fetched. */
export function syslogNg(): SyslogNg {
  const own = "/usr/sbin/syslog-ng";
  if (existsSync(own)) return { argv: [own], env: {}, missing: null };
  const at = (path: string): string => join(FOLDER, path);
  try {
    if (!existsSync(FOLDER)) fetch();
  } catch {
    return { argv: [], env: {}, missing: `Debian's ${PACKAGES.join(", ")}` };
  }
  const [modules] = readdirSync(at("usr/lib/syslog-ng")).filter((name) => /^\d/.test(name));
  const libraries = readdirSync(at("usr/lib")).filter((name) => name.endsWith("-linux-gnu"));
  const path = [...libraries, "syslog-ng"].map((name) => at(`usr/lib/${name}`)).join(":");
  const argv = [at("usr/sbin/syslog-ng"), `--module-path=${at(`usr/lib/syslog-ng/${modules}`)}`];
  return { argv, env: { LD_LIBRARY_PATH: path }, missing: null };
}

/** Whole, or not at all. */
function fetch(): void {
  const part = `${FOLDER}.${process.pid}`;
  mkdirSync(part, { recursive: true });
  try {
    const options = { cwd: part, stdio: "ignore", timeout: FETCH_MS_MAX } as const;
    execFileSync("apt-get", ["download", "-o", "APT::Sandbox::User=root", ...PACKAGES], options);
    for (const file of readdirSync(part).filter((name) => name.endsWith(".deb")))
      execFileSync("dpkg-deb", ["-x", file, "."], options);
    renameSync(part, FOLDER);
  } finally {
    rmSync(part, { recursive: true, force: true });
  }
}
