// SPDX-License-Identifier: Apache-2.0
// A folder of rules that were compiled once, so that the next replay need not compile them. Whoever can write
// there could blind rules, so a file counts only if this user owns it and nobody else may write to it or to
// the folder, and if its sum is right. What cannot be used or written is passed over: it only saves time.
//
//   KEY             sum of the rest \n  what is said of the rules, as JSON \n  the module
//
// The folder is VEDETTE_RULE_CACHE (`off`: none), or vedette/rules in the user's folder for caches.
import { createHash, randomUUID } from "node:crypto";
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  type Stats,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";

/** What was said of the rules when they were compiled, and their module. */
export interface KeptRules {
  readonly said: readonly string[];
  readonly wasm: Uint8Array;
}

const FILES_MAX = 16;
const BYTES_MAX = 8 << 20;
const OTHERS_MAY_WRITE = 0o022;
const NEWLINE = 0x0a;
const SUM_LENGTH = 64;

/** The folder where rules are kept; null: nowhere. */
export function keptFolder(environment: NodeJS.ProcessEnv): string | null {
  const { VEDETTE_RULE_CACHE: named, XDG_CACHE_HOME: caches } = environment;
  if (named !== undefined) return isAbsolute(named) ? named : null;
  const folder = caches !== undefined && isAbsolute(caches) ? caches : join(homedir(), ".cache");
  return isAbsolute(folder) ? join(folder, "vedette", "rules") : null;
}

/** What is kept under the key, if it can be trusted. `key`: a file's name. */
export function keptRules(folder: string, key: string): KeptRules | null {
  try {
    if (!isOurs(lstatSync(folder))) return null;
    const file = openSync(join(folder, key), constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      const stat = fstatSync(file);
      return stat.isFile() && isOurs(stat) ? parsed(readFileSync(file)) : null;
    } finally {
      closeSync(file);
    }
  } catch {
    return null;
  }
}

/** Keeps rules, and drops those that were kept longest ago where there are many. */
export function keepRules(folder: string, key: string, { said, wasm }: KeptRules): void {
  if (wasm.length > BYTES_MAX) return;
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    if (!isOurs(lstatSync(folder))) return;
    const rest = Buffer.concat([Buffer.from(`${JSON.stringify(said)}\n`), wasm]);
    const made = join(folder, `.${randomUUID()}`);
    writeFileSync(made, Buffer.concat([Buffer.from(`${sumOf(rest)}\n`), rest]), { mode: 0o600, flag: "wx" });
    renameSync(made, join(folder, key));
    dropOldest(folder);
  } catch {
    // It would have saved time.
  }
}

const isOurs = ({ uid, mode }: Stats): boolean => uid === process.geteuid!() && (mode & OTHERS_MAY_WRITE) === 0;
const sumOf = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

function parsed(file: Buffer): KeptRules | null {
  const rest = file.subarray(SUM_LENGTH + 1);
  if (file.toString("latin1", 0, SUM_LENGTH) !== sumOf(rest)) return null;
  const end = rest.indexOf(NEWLINE);
  return { said: JSON.parse(rest.toString("utf8", 0, end)), wasm: rest.subarray(end + 1) };
}

function dropOldest(folder: string): void {
  const files = readdirSync(folder).map((name) => ({ name, at: lstatSync(join(folder, name)).mtimeMs }));
  files.sort((a, b) => b.at - a.at);
  for (const { name } of files.slice(FILES_MAX)) rmSync(join(folder, name), { force: true });
}
