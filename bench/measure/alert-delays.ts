// SPDX-License-Identifier: Apache-2.0
//
// How late alerts are, as a process hears them that does nothing else: it blocks on the sidecar's standard
// output, notes the time at once, and looks at what came only when all has come. A bench that reads files and
// asks for metrics meanwhile hears an alert when it comes to it, which is later.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { closeSync, openSync, rmSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";

/** Its argument is the pipe. Prints [[when a piece came, in ms, the piece], ...]. */
const READER = `
const { openSync, readSync } = require("node:fs");
const pipe = openSync(process.argv[1], "r");
const bytes = Buffer.allocUnsafe(1 << 20);
const heard = [];
for (;;) {
  const size = readSync(pipe, bytes);
  const at = Date.now();
  if (size === 0) break;
  heard.push([at, bytes.latin1Slice(0, size)]);
}
process.stdout.write(JSON.stringify(heard));
`;

type Heard = readonly (readonly [ms: number, piece: string])[];

/** One pipe and who listens at it. `output` is for whom is listened to; close it once that one has it. */
export class AlertDelays {
  readonly output: number;
  readonly #path: string;
  readonly #reader: ChildProcess;
  readonly #said: Promise<string>;

  constructor(folder: string) {
    this.#path = join(folder, "alerts.pipe");
    rmSync(this.#path, { force: true });
    execFileSync("mkfifo", [this.#path]);
    this.#reader = spawn(process.execPath, ["-e", READER, this.#path], { stdio: ["ignore", "pipe", "inherit"] });
    this.#said = text(this.#reader.stdout!);
    this.output = openSync(this.#path, "r+"); // which waits for nobody
  }

  /** The other one has it. */
  given(): void {
    closeSync(this.output);
  }

  /** When the other one has ended: how late each alert was that came from then on, in ms, sorted. */
  async since(ms: number): Promise<number[]> {
    const heard = JSON.parse(await this.#said) as Heard;
    rmSync(this.#path);
    return delaysIn(heard.filter(([at]) => at >= ms)).sort((a, b) => a - b);
  }
}

/** A line came with the piece that holds its end. What ends a line that began before is left out. */
function delaysIn(heard: Heard): number[] {
  let rest = "";
  return heard.flatMap(([at, piece]) => {
    const lines = (rest + piece).split("\n");
    rest = lines.pop() as string;
    return lines.flatMap((line) => {
      const [, time] = /"time":"([^"]+)"/.exec(line) ?? [];
      return time === undefined ? [] : [at - Date.parse(time)];
    });
  });
}
