// SPDX-License-Identifier: Apache-2.0
//
// A part of the host that fails: a worker that dies or stands still outside a policy's call, a listener that
// cannot listen or cannot take in. Each ends in a clear error or a red health within 2 s, and the host can
// end, whatever else it has opened. (Outputs that take nothing: outputs.test.ts.) SIGHUP reaches tenants'
// files, too.
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { Agent, get } from "node:http";
import { type AddressInfo, connect, createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { until } from "../until.js";
import { freePort } from "./free-port.js";
import { AGENT, environment, run, scratch, VEDETTE } from "./programs.js";
import { NONESUCH, SLACK_MS, TOLD_MS_MAX } from "./told.js";

/** A worker that stands still is given up after 10 s. */
const END_MS_MAX = 60_000;
const POLICY = `import { Openat, Priority, rule } from "vedette";
@rule({ name: "theirs", desc: "d", priority: Priority.Notice, output: "seen %fd.name" })
export function theirs(e: Openat): bool { return e.fd.name.startsWith("/nonesuch"); }
`;

// Loaded before everything else in each thread: makes policy workers die once they are ready, where they look
// for orders, or stand still where they wait for batches. They look for orders before they take a batch; a
// worker whose batch is already there never waits for it.
const PLANT = `const { isMainThread, parentPort, workerData } = require("node:worker_threads");
const { existsSync } = require("node:fs");
const { load, wait } = Atomics;
if (!isMainThread && workerData?.seats !== undefined) {
  const post = parentPort.postMessage.bind(parentPort);
  let isReady = false;
  parentPort.postMessage = (message) => {
    post(message);
    isReady ||= message.kind === "ready";
  };
  Atomics.load = (...words) => {
    if (isReady && existsSync("dies")) throw new Error("a fault was planted");
    return load(...words);
  };
  Atomics.wait = (...words) => {
    while (existsSync("stands")) wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
    return wait(...words);
  };
}
`;

/** A folder with rules, a tenant's policy in a process of its own, and the plant. */
function house(): string {
  const folder = scratch();
  const policy = join(folder, "policies.d", "blue", "theirs");
  mkdirSync(policy, { recursive: true });
  writeFileSync(join(policy, "policy.yaml"), "name: theirs\nversion: 1.0.0\ndescription: theirs\n");
  writeFileSync(join(policy, "index.ts"), POLICY);
  writeFileSync(
    join(folder, "tenants.yaml"),
    `tenants: {blue: {isolation: process, alerts: ${JSON.stringify(join(folder, "blue"))}}}\n`,
  );
  writeFileSync(join(folder, "rules.yaml"), NONESUCH);
  writeFileSync(join(folder, "plant.cjs"), PLANT);
  return folder;
}

const judging = ["--falco-rules", "rules.yaml", "--policies-d", "policies.d", "--tenants", "tenants.yaml"];
const planted = (folder: string) => environment({ NODE_OPTIONS: `--require ${join(folder, "plant.cjs")}` });

class Host {
  said = "";
  alerts = "";
  status: number | null | undefined;

  private constructor(
    readonly folder: string,
    readonly http: string,
    readonly child: ReturnType<typeof spawn>,
  ) {
    child.stdout!.on("data", (text: Buffer) => {
      this.alerts += text;
    });
    child.stderr!.on("data", (text: Buffer) => {
      this.said += text;
    });
    child.on("exit", (status) => {
      this.status = status;
    });
  }

  static async start(folder: string): Promise<Host> {
    const http = `127.0.0.1:${await freePort()}`;
    const own = ["serve", "--listen", `unix:${folder}/host.sock`, "--http", http, "--drain", "1", "--workers", "1"];
    const argv = [...VEDETTE, ...own, ...judging];
    const options = { cwd: folder, env: planted(folder), stdio: ["ignore", "pipe", "pipe"] as const };
    const host = new Host(folder, http, spawn(argv[0]!, argv.slice(1), { ...options, stdio: [...options.stdio] }));
    await until("it listens", () => host.said.includes("listening at") || host.status !== undefined);
    return host;
  }

  /** /healthz, over a connection that stands already where `agent` holds one; 0: nobody answers. */
  health(agent?: Agent): Promise<{ code: number; text: string }> {
    return new Promise((done) => {
      const request = get(`http://${this.http}/healthz`, agent === undefined ? {} : { agent }, (response) => {
        let text = "";
        response.on("data", (part) => {
          text += part;
        });
        response.on("end", () => done({ code: response.statusCode ?? 0, text: text.trim() }));
      });
      request.on("error", () => done({ code: 0, text: "" }));
    });
  }

  /** A workload whose open makes an alert. */
  watch(name: string): ReturnType<typeof run> {
    return run([AGENT, "--host", `unix:${this.folder}/host.sock`, "--", "sh", "-c", `cat /nonesuch/${name}; true`]);
  }

  async ended(ms: number): Promise<number | null> {
    await until(`its end; it said:\n${this.said}`, () => this.status !== undefined, { ms });
    return this.status ?? null;
  }
}

const plant = (folder: string, fault: "dies" | "stands") => writeFileSync(join(folder, fault), "");

test("serve: a worker that dies outside a policy's call ends the host at once, with an error and an alert", async () => {
  const host = await Host.start(house());
  assert.is((await host.health()).code, 200, host.said);
  plant(host.folder, "dies");
  assert.is(await host.ended(TOLD_MS_MAX + SLACK_MS), 125);
  assert.match(host.said, /Vedette has stopped judging: a fault was planted\. \[VEDETTE_STOPPED_JUDGING\]/);
  assert.match(host.said, /agents keep the events that were not judged/);
  assert.not.match(host.said, /\n\s+at /);
  assert.match(host.alerts, /"rule":"Vedette stopped judging"/);
});

test("serve: a worker that stands still turns health red within 2 s, and SIGTERM still ends the host", async () => {
  const host = await Host.start(house());
  plant(host.folder, "stands");
  await sleep(200);
  await host.watch("unjudged");
  await until("red", async () => (await host.health()).code === 503, { ms: TOLD_MS_MAX + SLACK_MS });
  assert.is((await host.health()).text, "1 policy workers do not move");
  host.child.kill("SIGTERM");
  assert.is(await host.ended(END_MS_MAX), 125);
  assert.match(host.said, /stopped judging: policy workers do not move\. \[VEDETTE_STOPPED_JUDGING\]/);
});

test("run: a worker that dies is told at once; the workload goes on, and its end is the command's", async () => {
  const folder = house();
  const script = "touch dies; sleep 1; echo the workload goes on; exit 3";
  const { status, stdout, stderr } = await run([...VEDETTE, "run", ...judging, "--", "sh", "-c", script], {
    cwd: folder,
    env: planted(folder),
  });
  assert.equal([status, stdout], [125, "the workload goes on\n"], stderr);
  assert.match(stderr, /"rule":"Vedette stopped judging"/);
  assert.match(stderr, /stopped judging: a fault was planted\. \[VEDETTE_STOPPED_JUDGING\]/);
  assert.match(stderr, /The workload goes on, and nobody judges it\. Start it anew/);
  assert.not.match(stderr, /agents keep/);
});

test("replay: a worker that dies ends it with an error, however much is left", async () => {
  const folder = house();
  const recorded = await run([...VEDETTE, "record", "-o", "recording", "--", "cat", "/nonesuch/recorded"], {
    cwd: folder,
  });
  assert.match(recorded.stderr, /recorded \d+ events/);
  plant(folder, "dies");
  const { status, stderr } = await run([...VEDETTE, "replay", "recording", "--falco-rules", "rules.yaml"], {
    cwd: folder,
    env: planted(folder),
  });
  assert.is(status, 125, stderr);
  assert.match(stderr, /VEDETTE_STOPPED_JUDGING\]\n {2}Start it again: the file still holds everything\./);
});

const busy = createServer();
await new Promise<void>((done) => busy.listen(0, "127.0.0.1", done));
test.after(() => void busy.close());
const taken = `127.0.0.1:${(busy.address() as AddressInfo).port}`;
const REFUSED: Readonly<Record<string, readonly [words: string[], code: string]>> = {
  "agents cannot be taken in at": [["--listen", "unix:none/host.sock"], "VEDETTE_LISTEN_REFUSED"],
  "the monitor cannot answer at": [["--http", taken], "VEDETTE_HTTP_REFUSED"],
  "the control API cannot answer at": [["--control", "none/control.sock"], "VEDETTE_CONTROL_REFUSED"],
  "alerts cannot be written to": [["--alerts", "none/alerts"], "VEDETTE_SINK_UNWRITABLE"],
};
for (const [what, [words, code]] of Object.entries(REFUSED)) {
  test(`serve: a place that ${what} ends it with one sentence, whatever is open by then`, async () => {
    const http = ["--http", `127.0.0.1:${await freePort()}`];
    const argv = [...VEDETTE, "serve", "--listen", "unix:host.sock", ...http, ...judging, ...words];
    const { status, stderr } = await run(argv, { cwd: house() });
    assert.ok(status !== 0 && status !== null, stderr);
    assert.match(stderr, new RegExp(`\\[${code}\\]`));
    assert.not.match(stderr, /\n\s+at /);
  });
}

test("run: a control API that cannot answer ends it before the workload begins", async () => {
  const words = [...judging, "--control", "none/control.sock"];
  const { status, stdout, stderr } = await run([...VEDETTE, "run", ...words, "--", "echo", "begun"], { cwd: house() });
  assert.ok(status !== 0 && status !== null, stderr);
  assert.is(stdout, "");
  assert.match(stderr, /\[VEDETTE_CONTROL_REFUSED\]/);
});

test("serve: a listener that cannot take in any more turns health red within 2 s, and green when it can again", async () => {
  const host = await Host.start(house());
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  assert.is((await host.health(agent)).code, 200, host.said);
  const limit = (count: string) => execFileSync("prlimit", ["--pid", String(host.child.pid), `--nofile=${count}:`]);
  limit("3");
  const peer = connect(join(host.folder, "host.sock")).on("error", () => undefined);
  await until("red", async () => (await host.health(agent)).code === 503, { ms: TOLD_MS_MAX + SLACK_MS });
  assert.match((await host.health(agent)).text, /^agents cannot be taken in: too many open files/i);
  limit("4096");
  peer.destroy();
  await until("green", async () => (await host.health(agent)).code === 200);
  agent.destroy();
  host.child.kill("SIGTERM");
  assert.is(await host.ended(END_MS_MAX), 0, host.said);
});

test("SIGHUP opens the operator's and the tenants' files by their names again", async () => {
  const folder = house();
  const host = await Host.start(folder);
  const file = join(folder, "blue");
  const lines = (path: string) => (existsSync(path) ? readFileSync(path, "utf8").trim().split("\n") : []);
  await host.watch("before");
  await until("the tenant's alert", () => lines(file).some((line) => line.includes("/nonesuch/before")));
  renameSync(file, `${file}.1`);
  host.child.kill("SIGHUP");
  await until("a new file", () => existsSync(file));
  await host.watch("after");
  await until("its alert there", () => lines(file).some((line) => line.includes("/nonesuch/after")));
  assert.not(lines(`${file}.1`).some((line) => line.includes("/nonesuch/after")));
  host.child.kill("SIGTERM");
  assert.is(await host.ended(END_MS_MAX), 0, host.said);
});

test.run();
