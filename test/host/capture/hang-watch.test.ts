// SPDX-License-Identifier: Apache-2.0
// Whose first thread hangs ends, so that it is started again; whoever is slow, starved or busy in parts goes
// on. The limits are those of a host, made small.
import { spawn } from "node:child_process";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { explain, VedetteError } from "../../../host/errors.js";
import { nativeFile } from "../../../host/paths.js";

const ERROR = new VedetteError("VEDETTE_HOST_HUNG", { seconds: 60 });
const STATUS = ERROR.exit;
const TEXT = `vedette: ${explain(ERROR)}\n`;
const LIMITS = { lookMs: 20, looks: 25, cpuMs: 500 };
const ENDS_MS_MAX = 60_000;

/** A process that is watched, and then does this. */
async function watched(what: string): Promise<{ status: number | null; stderr: string }> {
  const { lookMs, looks, cpuMs } = LIMITS;
  const script = `
    const addon = require(${JSON.stringify(nativeFile("capture.node"))});
    addon.watchForHang(${lookMs}, ${looks}, ${cpuMs}, ${JSON.stringify(TEXT)}, ${STATUS});
    const answering = setInterval(() => addon.answerWatch(), 10);
    const used = () => { const { user, system } = process.cpuUsage(); return (user + system) / 1000; };
    const spin = (ms) => { for (const end = used() + ms; used() < end; ); };
    const sleep = (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
    setTimeout(() => { ${what} }, 50);`;
  const child = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "inherit", "pipe"], timeout: ENDS_MS_MAX });
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  return new Promise((done) => child.on("close", (status) => done({ status, stderr })));
}

for (const [how, what] of [
  ["runs in a circle", "for (;;);"],
  ["waits for what never comes", "sleep(Infinity);"],
] as const)
  test(`whose first thread ${how} ends, and says why`, async () => {
    assert.equal(await watched(what), { status: STATUS, stderr: TEXT });
  });

for (const [how, what] of [
  ["is busy for less than the limit", "spin(150); clearInterval(answering); process.exit(0);"],
  [
    "is busy again and again, and answers between",
    "let n = 0; const one = () => ++n < 8 ? (spin(100), setTimeout(one, 30)) : process.exit(0); one();",
  ],
  ["sleeps for less than the limit", "sleep(200); process.exit(0);"],
  ["does nothing for long, and answers", "setTimeout(() => process.exit(0), 1500);"],
] as const)
  test(`who ${how} goes on`, async () => {
    assert.equal(await watched(what), { status: 0, stderr: "" });
  });

test("who works little by little for longer than the limit, as one that is starved, goes on", async () => {
  // In as many looks as end one that waits it uses several times what such a one may use, and in all of them
  // less than ends one that runs.
  const starved = "for (let i = 0; i < 40; i++) { spin(6); sleep(8); } process.exit(0);";
  assert.equal(await watched(starved), { status: 0, stderr: "" });
});

test.run();
