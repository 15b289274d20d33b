// SPDX-License-Identifier: Apache-2.0
//
// A host whose store is a database that is not there yet: it starts, guards and says so; and when the
// database comes, it is used without a restart. Its password is nowhere to be seen.
// Time limit: 480 s.
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { missing, PASSWORD, PostgresServer } from "../host/store/postgres-server.js";
import { scratch, VEDETTE } from "./programs.js";

const WAIT_MS_MAX = 60_000;
const folder = scratch();
let said = "";

function ask(socketPath: string, path: string): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve) => {
    const asked = request({ socketPath, path, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (part: string) => {
        text += part;
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
    });
    asked.on("error", ({ message }) => resolve({ status: 0, text: message })).end();
  });
}

async function until(what: string, look: () => Promise<string | null>): Promise<void> {
  for (const end = performance.now() + WAIT_MS_MAX; ; await new Promise((resolve) => setTimeout(resolve, 50))) {
    const problem = await look();
    if (problem === null) return;
    if (performance.now() > end) throw new Error(`expected: ${what}; got: ${problem}; it said: ${said}`);
  }
}

function start(words: readonly string[], environment: NodeJS.ProcessEnv): ChildProcess {
  const [command, ...more] = [...VEDETTE, ...words];
  const child = spawn(command!, more, { cwd: folder, env: { ...process.env, ...environment } });
  for (const stream of [child.stdout!, child.stderr!])
    stream.setEncoding("utf8").on("data", (part: string) => {
      said += part;
    });
  return child;
}

if (missing !== null) console.log(`skip: ${missing} is missing (test/e2e/store-postgres.test.ts)`);
else
  test("a host starts without its database, says so, and uses it when it comes", async () => {
    const server = await PostgresServer.start();
    const address = await server.database();
    await server.kill();
    writeFileSync(join(folder, "rules.yaml"), "[]\n");
    const words = ["serve", "--falco-rules", "rules.yaml", "--listen", "unix:host.sock", "--http", "unix:http.sock"];
    const host = start([...words, "--control", "control.sock"], { VEDETTE_STORE: address });
    const [http, control] = [join(folder, "http.sock"), join(folder, "control.sock")];
    let shown: ChildProcess | null = null;
    try {
      await until("health is red because of the store", async () => {
        const { text } = await ask(http, "/api/v1/health");
        return /"status":"red"/.test(text) && /VEDETTE_STORE_UNWRITABLE/.test(text) ? null : text;
      });
      assert.is(host.exitCode, null, "it goes on");
      const { status, text } = await ask(control, "/api/v1/findings");
      assert.is(status, 503, text);
      assert.match((await ask(http, "/metrics")).text, /^vedette_output_healthy\{[^}]*store0[^}]*\} 0$/m);
      await server.resume();
      await until("health is well", async () => {
        const { text: health } = await ask(http, "/api/v1/health");
        return /"status":"ok"/.test(health) ? null : health;
      });
      assert.is((await ask(control, "/api/v1/findings")).status, 200);
      shown = start(["console", "--store", address, "--at", "127.0.0.1:0"], {});
      await until("the console shows it", async () => (/http:\/\/127\.0\.0\.1:\d+\/#t=/.test(said) ? null : said));
      const everything = `${said}${(await ask(http, "/metrics")).text}${(await ask(http, "/api/v1/health")).text}`;
      for (const secret of [PASSWORD, encodeURIComponent(PASSWORD)]) assert.not.ok(everything.includes(secret));
      assert.match(everything, /postgres:\/\/vedette@\/store0/);
      assert.not.ok(readFileSync(`/proc/${host.pid}/cmdline`, "utf8").includes("postgres:"));
    } finally {
      for (const child of [host, shown]) child?.kill("SIGKILL");
      await server.end();
    }
  });

test.run();
