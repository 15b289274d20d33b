// SPDX-License-Identifier: Apache-2.0
// Run with NODE_EXTRA_CA_CERTS naming a FIFO that somebody holds open: a thread of Node's then has it open
// too, without CLOEXEC, until the other closes it. Prints one line of JSON for each step of
// inheritance.test.ts; a line on standard input starts the second.
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { createInterface } from "node:readline";
import "node:tls"; // starts that thread
import { inheritedDescriptors } from "../../../host/capture/inheritance.js";
import { Session } from "../../../host/capture/session.js";
import { until } from "../../until.js";
import { end, FAKE_AGENT, hello, streamFile } from "./frames.js";

const fifo = process.env.NODE_EXTRA_CA_CERTS as string;

const isFifo = (fd: number): boolean => {
  const link = `/proc/self/fd/${fd}`;
  return existsSync(link) && readlinkSync(link) === fifo;
};
const isOpen = (): boolean => readdirSync("/proc/self/fd").some((fd) => isFifo(Number(fd)));

await until(`a thread of Node's opens ${fifo}`, isOpen);
const atStart = inheritedDescriptors().filter(({ fd }) => isFifo(fd));
const open = isOpen();
const stream = streamFile(hello(), end(0));
const session = new Session({});
session.start({ executable: FAKE_AGENT, command: [stream, "fds"] });
await session.ending;
console.log(JSON.stringify({ agents: readFileSync(`${stream}.fds`, "utf8") }));
await new Promise((done) => createInterface(process.stdin).once("line", done));
await until(`a thread of Node's closes ${fifo}`, () => !isOpen());
console.log(JSON.stringify({ atStart: atStart.length, open }));
process.exit(0);
