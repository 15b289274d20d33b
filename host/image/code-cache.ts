// SPDX-License-Identifier: Apache-2.0
// Started by `npm run package` as a process of its own: runs a packaged host until it listens, stores what V8
// has compiled of it by then, and ends it. Arguments: the host's folder, and one for the socket and the
// secret.
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { letHeapGrow } from "../heap.js";
import { CACHE_FILE, readHost, runHost } from "./start.js";

const LOOK_MS = 20;

const [folder = "", scratch = ""] = process.argv.slice(2);
const socket = join(scratch, "host.sock");
const script = readHost(folder);
const words = [
  "serve",
  "--listen",
  `unix:${socket}`,
  "--secret-file",
  join(scratch, "secret"),
  "--http",
  "127.0.0.1:0",
];
process.argv = [process.execPath, join(folder, "main.js"), ...words];
const look = setInterval(() => {
  if (!existsSync(socket)) return;
  clearInterval(look);
  letHeapGrow();
  writeFileSync(join(folder, CACHE_FILE), script.createCachedData());
  process.kill(process.pid, "SIGTERM");
}, LOOK_MS);
runHost(script, folder);
