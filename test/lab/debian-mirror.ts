// SPDX-License-Identifier: Apache-2.0
// Packages of other releases of Debian and for other processors, fetched by apt with lists of their own (the
// system's stay untouched) from the mirror that this machine uses.
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const FETCH_MS_MAX = 120_000;
const KEYRING = "/usr/share/keyrings/debian-archive-keyring.pgp";

/** apt, for which nothing is installed, in a folder that it makes anew. Throws where no mirror answers. */
export class DebianMirror {
  readonly #options: readonly string[];

  /** `debian`: the processor, as Debian names it. */
  constructor(
    readonly folder: string,
    releases: readonly string[],
    debian: string,
  ) {
    rmSync(folder, { recursive: true, force: true });
    for (const part of ["lists/partial", "cache/archives/partial"]) mkdirSync(join(folder, part), { recursive: true });
    writeFileSync(join(folder, "status"), "");
    const mirror = execFileSync("apt-get", ["indextargets", "--format", "$(REPO_URI)"], { encoding: "utf8" })
      .split("\n")
      .find((uri) => /\/debian\/?$/.test(uri));
    const lines = [...new Set(releases)].map((one) => `deb [signed-by=${KEYRING}] ${mirror} ${one} main\n`);
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
    this.#options = Object.entries(own).flatMap(([key, value]) => ["-o", `${key}=${value}`]);
    this.ask("apt-get", "update", "-q");
  }

  /** What one of apt's commands prints. */
  ask(command: string, ...words: readonly string[]): string {
    return execFileSync(command, [...this.#options, ...words], {
      cwd: this.folder,
      encoding: "utf8",
      timeout: FETCH_MS_MAX,
      stdio: ["ignore", "pipe", "pipe"],
    });
  }

  /** Unpacks these packages into `to`. */
  unpack(names: readonly string[], to: string): void {
    this.ask("apt-get", "download", "-q", ...names);
    for (const file of readdirSync(this.folder).filter((one) => one.endsWith(".deb")))
      execFileSync("dpkg-deb", ["-x", file, to], { cwd: this.folder });
  }

  /** And those that they need. */
  unpackAll(names: readonly string[], to: string): void {
    const planned = this.ask("apt-get", "install", "-s", "--no-install-recommends", ...names);
    this.unpack(
      [...planned.matchAll(/^Inst (\S+)/gm)].map(([, name = ""]) => name),
      to,
    );
  }
}
