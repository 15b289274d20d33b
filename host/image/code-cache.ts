// SPDX-License-Identifier: Apache-2.0
// Started by image/bundle.ts as a process of its own: runs a bundled host, stores what V8 has compiled of it
// by then, and ends. Arguments: the host's folder, one for what it needs meanwhile, and the manner. `serve`:
// until it listens. `all`: it first compiles rules of Falco's and replays a capture, as one that is not the
// image's may be asked to.
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { EMPTY_CAPTURE, SAMPLE_RULES } from "./sample.js";
import { CACHE_FILE, readHost, runHost } from "./start.js";

const LOOK_MS = 20;

const [folder = "", scratch = "", manner = ""] = process.argv.slice(2);
const socket = join(scratch, "host.sock");
const script = readHost(folder);
setFlagsFromString("--no-flush-bytecode"); // what has not run for long is kept, too
if (manner === "all") replayFirst();
else serve();

function replayFirst(): void {
  const capture = join(scratch, "empty.scap");
  writeFileSync(capture, EMPTY_CAPTURE);
  // By the reader of plain files and, for the mark, by the library (falco/reader.ts).
  const files = [SAMPLE_RULES, `---\n${SAMPLE_RULES}`].map((text, i) => {
    const file = join(scratch, `rules${i}.yaml`);
    writeFileSync(file, text);
    return file;
  });
  process.once("beforeExit", serve);
  start("replay", capture, ...files.flatMap((file) => ["--falco-rules", file]));
}

function serve(): void {
  const look = setInterval(() => {
    if (!existsSync(socket)) return;
    clearInterval(look);
    setFlagsFromString("--flush-bytecode");
    writeFileSync(join(folder, CACHE_FILE), script.createCachedData());
    process.kill(process.pid, "SIGTERM");
  }, LOOK_MS);
  start("serve", "--listen", `unix:${socket}`, "--secret-file", join(scratch, "secret"), "--http", "127.0.0.1:0");
}

function start(...words: string[]): void {
  process.argv = [process.execPath, join(folder, "main.js"), ...words];
  runHost(script, folder);
}
