// SPDX-License-Identifier: Apache-2.0
// Which descriptors we were given, beyond the standard streams: they are the workload's (`3<file`, a process
// substitution, make's jobserver, socket activation). Node marks them close-on-exec when it starts, together
// with its own, so the two are told apart by how Node works: its first own descriptor is an event queue at
// the lowest free number, so everything below was there before; above it, Node has event queues, pairs of
// pipes and /dev/null. Ask before anything else opens a file. A thread of Node's reads the certificates that
// NODE_EXTRA_CA_CERTS names, and opens them without close-on-exec: that file is left out. Ask again, before
// the agent starts, which are still open: fdinfo is closed to some, and Node may have others open just then.
import { existsSync, fstatSync, readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { VedetteError } from "../errors.js";
import { reasonOf } from "../reason.js";

const FIRST = 3;
const O_CLOEXEC = 0o2000000;

interface Open {
  readonly fd: number;
  readonly target: string;
  readonly closesOnExec: boolean;
}

/** A descriptor, and what it was open at when we started. */
export interface Inherited {
  readonly fd: number;
  /** Device and inode. */
  readonly file: string;
}

/**
 * In ascending order. Throws where /proc does not tell of us. `infoOf`: what fdinfo says of a descriptor,
 * which tests have say something else.
 */
export function inheritedDescriptors(infoOf: (fd: number) => string = readInfo): Inherited[] {
  expectProc();
  const open = openDescriptors(infoOf);
  const nodes =
    open.find(({ target, closesOnExec }) => closesOnExec && target.startsWith("anon_inode:"))?.fd ?? Infinity;
  const isNodes = ({ target }: Open): boolean =>
    target.startsWith("anon_inode:") ||
    target === "/dev/null" ||
    (target.startsWith("pipe:") && open.filter((other) => other.target === target).length > 1);
  const certificates = certificatesOfNode();
  return open
    .filter((one) => one.fd < nodes || !one.closesOnExec || !isNodes(one))
    .flatMap(({ fd, closesOnExec }) => {
      const file = fileAt(fd);
      const isReadByNode = fd > nodes && !closesOnExec && file === certificates;
      return file === null || isReadByNode ? [] : [{ fd, file }];
    });
}

/** Device and inode of the file that a thread of Node's reads at the start, if there is one. */
function certificatesOfNode(): string | null {
  try {
    const { dev, ino } = statSync(process.env.NODE_EXTRA_CA_CERTS ?? "", { bigint: true });
    return `${dev}:${ino}`;
  } catch {
    return null; // none is named, or it is not there
  }
}

/** The numbers of those that are open still, at the same files. */
export function stillOpen(inherited: readonly Inherited[]): number[] {
  return inherited.filter(({ fd, file }) => fileAt(fd) === file).map(({ fd }) => fd);
}

function fileAt(fd: number): string | null {
  try {
    const { dev, ino } = fstatSync(fd, { bigint: true });
    return `${dev}:${ino}`;
  } catch {
    return null; // closed
  }
}

// The /proc of a pid namespace above ours shows us too, under another number; one beside or below ours does
// not.
function expectProc(): void {
  try {
    readlinkSync("/proc/self");
  } catch (error) {
    const reason = reasonOf(error);
    throw new VedetteError(
      existsSync("/proc/version") ? "VEDETTE_PROC_FOREIGN" : "VEDETTE_PROC_MISSING",
      { reason },
      { cause: error },
    );
  }
}

/** The lowest number that the child has no use for. */
export function freeNumber(inherited: readonly number[]): number {
  let number = FIRST;
  while (inherited.includes(number)) number++;
  return number;
}

const readInfo = (fd: number): string => readFileSync(`/proc/self/fdinfo/${fd}`, "utf8");

function openDescriptors(infoOf: (fd: number) => string): Open[] {
  return readdirSync("/proc/self/fd")
    .map(Number)
    .filter((fd) => fd >= FIRST)
    .sort((a, b) => a - b)
    .flatMap((fd) => {
      try {
        return [{ fd, target: readlinkSync(`/proc/self/fd/${fd}`), closesOnExec: closesOnExec(fd, infoOf) }];
      } catch {
        return []; // the listing's own
      }
    });
}

/**
 * Before Linux 5.14 a process that is not dumpable, and no root, may not read its own fdinfo: it made itself
 * so when it started an agent before, or it may not read Node's executable. Node has marked by then all that
 * it was given.
 */
function closesOnExec(fd: number, infoOf: (fd: number) => string): boolean {
  try {
    const flags = /^flags:\s*([0-7]+)/m.exec(infoOf(fd))?.[1] ?? "0";
    return (Number.parseInt(flags, 8) & O_CLOEXEC) !== 0;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EACCES") return true;
    throw error;
  }
}
