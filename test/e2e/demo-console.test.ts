// SPDX-License-Identifier: Apache-2.0
//
// Somebody who has never seen the console looks at the demo's break-in: `npm run demo -- --console`, and then
// three clicks from the overview lead to who ran what, and to the evidence, whose digest is right. With
// VEDETTE_SCREENSHOTS=write the two pictures of README are taken on the way.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { audit, CHROMIUM, newPage, openBrowser } from "./browser.js";
import { ROOT, run, scratch, VEDETTE } from "./programs.js";

const START_MS_MAX = 180_000;
const PICTURE_BYTES_MAX = 60 << 10;
/** So much of the window as stays small, in pixels. */
const PICTURE = { x: 0, y: 0, width: 1000, height: 350 };
const PICTURES = join(ROOT, "docs/images");
const offences: string[] = [];
let demo: ChildProcess | null = null;
let browser: Browser;
let page: Page;

/** The address that the demo prints. */
function played(): Promise<string> {
  let said = "";
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`the demo takes too long: ${said}`)), START_MS_MAX);
    const env = { ...process.env, VEDETTE_DEMO_AT: "127.0.0.1:0" };
    demo = spawn("bash", [join(ROOT, ".ci/demo"), "--console"], {
      cwd: ROOT,
      env,
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [demo.stdout!, demo.stderr!])
      stream.on("data", (text: Buffer) => {
        said += text.toString();
        const [address] = /http:\/\/127\.0\.0\.1:\d+\/#t=[\w-]+/.exec(said) ?? [];
        if (address === undefined) return;
        clearTimeout(late);
        resolve(address);
      });
    demo.once("exit", (status) => reject(new Error(`the demo ended with ${status}: ${said}`)));
  });
}

async function picture(name: string): Promise<void> {
  const path = join(PICTURES, name);
  if (process.env.VEDETTE_SCREENSHOTS === "write") {
    await page.evaluate("scrollTo(0, 0)");
    await page.screenshot({ path, animations: "disabled", clip: PICTURE });
  }
  assert.ok(statSync(path).size <= PICTURE_BYTES_MAX, `${name} has ${statSync(path).size} bytes`);
}

test.before(async () => {
  const address = await played();
  browser = await openBrowser();
  page = await newPage(browser, offences, { colorScheme: "light", viewport: { width: 1000, height: 640 } });
  await page.goto(address);
});
test.after(async () => {
  await browser?.close();
  if (demo?.pid !== undefined && demo.exitCode === null) process.kill(-demo.pid, "SIGINT");
});

test("three clicks lead from the demo's overview to who ran what, and to the evidence as it was kept", async () => {
  const incidents = page.getByRole("region", { name: "Incidents" });
  await incidents.getByRole("link").first().waitFor();
  await page.getByRole("figure").waitFor();
  await picture("overview.png");
  await incidents.getByRole("link").first().click(); // 1
  const tree = page.getByRole("region", { name: "Processes" });
  await tree.getByText("cat /etc/shadow").first().waitFor();
  assert.match((await tree.textContent())!, /python3.*bash/s, "the server, and the shell under it");
  const row = page.getByRole("row").filter({ hasText: "/etc/shadow" }).first();
  await row.getByRole("button").click(); // 2
  const chosen = page.getByRole("region", { name: "The chosen row" });
  await chosen.getByText("cat /etc/shadow").first().waitFor();
  const evidence = page.getByRole("region", { name: "Evidence" }).first();
  const take = evidence.getByRole("button", { name: /^Take .*\.vedette$/ }).first();
  await take.waitFor();
  await picture("incident.png");
  await audit(page, "an incident with evidence");
  const [taken] = await Promise.all([page.waitForEvent("download"), take.click()]); // 3
  const path = join(scratch(), taken.suggestedFilename());
  await taken.saveAs(path);
  const digest = createHash("sha256").update(readFileSync(path)).digest("hex");
  assert.ok((await evidence.textContent())!.includes(digest), `no row has ${digest}`);
  const replayed = await run([...VEDETTE, "replay", path]);
  assert.match(replayed.stdout, "Sensitive file read");
  assert.equal(offences, []);
});

const canPlay = spawnSync("unshare", ["--net", "true"]).status === 0 && existsSync("/bin/bash");
if (!existsSync(CHROMIUM)) console.log("skip: the demo in the console: chromium is missing");
else if (!canPlay) console.log("skip: the demo in the console: no network namespace can be made here");
else test.run();
