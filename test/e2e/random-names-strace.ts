// SPDX-License-Identifier: Apache-2.0
//
// What `strace -f -y` says of the programs of test/fixtures/random_names.c, call by call: the paths as the
// kernel took them, from the directory that each began in, by the name that the kernel had for it then; and
// the file behind each descriptor as it was when it was opened.
import { strict as assert } from "node:assert";
import { readFileSync } from "node:fs";
import { constants } from "node:os";
import { posix } from "node:path";

/** The calls that are compared. */
export const COMPARED = new Set(
  (
    "open openat close dup dup2 unlink unlinkat rename renameat link symlink mkdir mkdirat rmdir chmod truncate " +
    "utimensat chdir fchdir"
  ).split(" "),
);
/** The calls whose first number is a descriptor that is told by its file, or whose result is. */
export const OF_DESCRIPTOR = /^(open|openat|close|dup|dup2|fchdir)$/;
const MARKS = ["access", "getcwd"];
/** The arguments of strace that this reads the output of. */
export const STRACE = ["strace", "-f", "-y", "-qq", "-s", "400", "-e", `trace=${[...COMPARED, ...MARKS].join(",")}`];

/** Of a path that begins at a descriptor: by each name that it has, or the kernel's once it was renamed. */
export interface Straced {
  type: string;
  result: number;
  paths: string[][];
  real: string;
}

interface Opened {
  names: string[]; // as the program gave it, and what else it may be called
  real: string; // by the kernel
}
interface Place {
  cwd: string;
  open: Map<string, Opened>;
}
interface Parameter {
  path: string | undefined;
  number: string | undefined;
  is: string | undefined; // what the kernel calls it now
}

// `4711 openat(5</here/p0>, "f0", O_RDONLY) = 3</here/p0/f0>(deleted)`
const LINE = /^(\d+) +(\w+)\((.*)\) += (-?\d+)(?:<(.*)>(\(deleted\))?)?(?: (E[A-Z]+) .*)?$/;
const PARAMETER = /"([^"]*)"|(?:^|, )(-?\d+|AT_FDCWD)(?:<([^<>]*)>(?:\(deleted\))?)?(?=,|$)/g;

/** The calls of each program of the log. They ran in `folder`, `@` here; the first has that number. */
export function readStrace(path: string, folder: string, first: number): Straced[][] {
  const programs: Straced[][] = [];
  let reader: Program | null = null;
  for (const line of readFileSync(path, "utf8").replaceAll(folder, "@").split("\n")) {
    const match = LINE.exec(line);
    if (match === null) {
      assert.doesNotMatch(line, /unfinished|resumed/);
      continue;
    }
    if (match[2] !== "access") reader?.take(match);
    else if (match[3]!.startsWith(`"/program:begin"`)) reader = new Program(first + programs.length);
    else if (reader !== null) {
      programs.push(reader.calls);
      reader = null;
    }
  }
  return programs;
}

class Program {
  readonly calls: Straced[] = [];
  readonly #number: number;
  readonly #main: Place;
  readonly #places = new Map<string, Place>();
  #moved: Place | null = null; // by the call before

  constructor(number: number) {
    this.#number = number;
    this.#main = { cwd: `@/p${number}`, open: new Map() };
  }

  take(match: RegExpExecArray): void {
    const [, pid, type, text, returned, name, deleted, error] = match;
    const parameters = [...text!.matchAll(PARAMETER)].map(
      (one): Parameter => ({ path: one[1], number: one[2], is: one[3] }),
    );
    if (type === "getcwd") {
      const cwd = parameters[0]?.path; // none: it has been removed, and keeps its name
      if (cwd !== undefined) this.#moveTo(this.#placeOf(pid!), cwd);
      this.#moved = null;
    }
    if (!COMPARED.has(type!)) return;
    const result = error === undefined ? Number(returned) : -constants.errno[error as keyof typeof constants.errno];
    const real = name === undefined ? "-" : name + (deleted === undefined ? "" : " (deleted)");
    this.#add(this.#placeOf(pid!), type!, parameters, result, real);
  }

  // A relative path of a chdir is told as the directory that it led to.
  #moveTo(place: Place, cwd: string): void {
    place.cwd = cwd;
    const last = this.calls.at(-1);
    if (this.#moved === place && last?.type === "chdir") last.paths[0]!.push(cwd);
  }

  // Threads have one place in common; a child begins with a copy of its own.
  #placeOf(pid: string): Place {
    const known = this.#places.get(pid);
    if (known !== undefined) return known;
    const isShared = this.#places.size === 0 || this.#number % 3 === 2;
    const place = isShared ? this.#main : { cwd: this.#main.cwd, open: new Map(this.#main.open) };
    this.#places.set(pid, place);
    return place;
  }

  #add(place: Place, type: string, parameters: Parameter[], result: number, real: string): void {
    const paths = parameters.flatMap(({ path }, i) => {
      if (path === undefined) return [];
      if (type === "symlink" && i === 0) return [[path]];
      const from = type.endsWith("at") ? parameters[i - 1]! : { number: "AT_FDCWD", is: place.cwd };
      // Where a file took a folder's place, nobody keeps its name up to date.
      const mayBeFile = result === -constants.errno.ENOTDIR || (result < 0 && i > 1);
      return [namesOf(path, from, place, mayBeFile)];
    });
    const number = parameters.find((one) => one.number !== undefined)?.number ?? "";
    const isOpen = type.startsWith("open");
    const told = isOpen ? real : (place.open.get(number)?.real ?? "-");
    if (result >= 0) {
      if (isOpen) {
        paths[0]!.push(real); // where its folder has been moved, the file's own name is told
        place.open.set(String(result), { names: paths[0]!, real });
      }
      if (type === "close") place.open.delete(number);
      else if (type.startsWith("dup")) place.open.set(String(result), place.open.get(number)!);
      else if (type.endsWith("chdir")) this.#moved = place;
      if (type === "chdir" && paths[0]!.length === 1) place.cwd = paths[0]![0]!;
    }
    this.calls.push({ type, result, paths, real: result >= 0 ? told : "-" });
  }
}

const withoutMark = (name: string): string => name.replace(/ \(deleted\)$/, "");

function namesOf(path: string, from: Pick<Parameter, "number" | "is">, place: Place, mayBeFile: boolean): string[] {
  if (path.startsWith("/") || path.startsWith("@")) return [posix.normalize(path)];
  if (from.is === undefined) return [path];
  const names = [from.is];
  const folder = place.open.get(from.number!);
  if (folder !== undefined && mayBeFile) names.push(...folder.names);
  else if (folder !== undefined && withoutMark(folder.real) === from.is) names.push(folder.names[0]!);
  return names.map((name) => posix.join(name, path));
}
