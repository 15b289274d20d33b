// SPDX-License-Identifier: Apache-2.0
//
// A change of a policy is tried in the console, beside a real workload: the draft is broken and mended, and
// raises of what just happened what the loaded version does not.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { until } from "../until.js";
import { audit, CHROMIUM, newPage, openBrowser, show } from "./browser.js";
import { environment, scratch, VEDETTE } from "./programs.js";

const WORKLOAD = "while :; do cat /etc/hostname /etc/shadow >/dev/null 2>&1; sleep 0.2; done";
const test = suite("a draft in the console");
const socket = join(scratch(), "control.sock");
const offences: string[] = [];
let host: ChildProcess;
let browser: Browser;

test.before(async () => {
  const flags = ["--console", "--control-tcp", "127.0.0.1:0", "--control", socket];
  const [command, ...words] = [...VEDETTE, "run", ...flags, "--", "sh", "-c", WORKLOAD];
  host = spawn(command!, words, { cwd: scratch(), env: environment(), stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  host.stderr!.on("data", (text: Buffer) => (said += text.toString()));
  await until("the console is there", () => said.includes("the console is at") || host.exitCode !== null);
  assert.is(host.exitCode, null, said);
  browser = await openBrowser();
});
test.after(async () => {
  await browser?.close();
  host?.kill("SIGTERM");
});

/** As a person does: where the machine was too busy to answer in time, it is tried again. */
async function triedAs(page: Page, text: RegExp): Promise<void> {
  const button = page.getByRole("button", { name: "Test the draft" });
  const said = page.getByRole("region", { name: "What became of it" });
  const isTold = async (): Promise<boolean> => {
    if ((await said.getByText(text).count()) > 0) return true;
    if ((await button.count()) > 0 && (await button.isEnabled())) await button.click();
    return false;
  };
  const tell = () => offences.join();
  await until(`${text} is told`, isTold, { ms: 120_000, everyMs: 250, tell });
}

test("a draft of a policy that runs is broken, mended, and raises what the loaded version does not", async () => {
  const page = await newPage(browser, offences);
  const [command, ...words] = [...VEDETTE, "console", "--socket", socket];
  await page.goto(execFileSync(command!, words, { encoding: "utf8" }).trim());
  await page.getByRole("heading", { name: "Overview" }).waitFor();
  await show(page, "policies");
  await page.getByRole("link", { name: "sensitive-file-read" }).click();
  await page.getByRole("link", { name: "Try a change" }).click();
  const field = page.getByLabel("index.ts", { exact: true });
  const loaded = await field.inputValue();
  assert.match(loaded, "export function sensitiveFileRead");
  const wider = loaded.replace("!FILES.has(e.fd.path)", '!(FILES.has(e.fd.path) || e.fd.path == "/etc/hostname")');
  const broken = wider.replace('"/etc/hostname")', '"/etc/hostname"');
  const line = 1 + broken.split("\n").findIndex((one) => one.includes("/etc/hostname"));
  await field.fill(broken);
  await triedAs(page, /Until they are mended/);
  await page
    .getByRole("button", { name: `Line ${line}, column` })
    .first()
    .click();
  const at = "document.activeElement.value.slice(0, document.activeElement.selectionStart).split('\\n').length";
  assert.is(await page.evaluate(at), line, "the cursor is where the error is");
  await field.fill(wider);
  await triedAs(page, /[1-9]\d* passed, 0 failed\./);
  const alone = page.getByRole("region", { name: "Their first alerts" }).getByRole("row", { name: "draft alone" });
  assert.match((await alone.first().textContent())!, "/etc/hostname");
  const shadow = page.getByRole("row", { name: "both" }).first();
  assert.match((await shadow.textContent())!, "/etc/shadow");
  await audit(page, "a draft that was tried");
  await show(page, "events");
  await page.goBack();
  assert.is(await field.inputValue(), wider, "a look elsewhere loses nothing");
  await page.getByRole("button", { name: "Start again" }).click();
  assert.is(await field.inputValue(), loaded);
  await page.close();
});

test("no page failed, complained, or asked anybody but its host", () => assert.equal([...new Set(offences)], []));

if (existsSync(CHROMIUM)) test.run();
else console.log("skip: a draft in the console: chromium is missing");
