// SPDX-License-Identifier: Apache-2.0
//
// The console in a real browser, beside a real workload: an address from `vedette console` lets it in, each
// screen shows what happened, and names that an attacker chose are text. Each screen is audited for
// accessibility (axe, WCAG 2.2 AA), on a wide and on a narrow window, light and dark.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { type Browser, chromium, type Page } from "playwright-core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { environment, ROOT, scratch, VEDETTE } from "./programs.js";

const CHROMIUM = "/usr/bin/chromium";
const WAIT_MS_MAX = 60_000;
const HOSTILE = "<img src=x onerror=alert(1)>";
/** Waits for a word, then does what rules are about, with names that would be code or steer a terminal. */
const WORKLOAD = `read word; cat /etc/shadow '${HOSTILE}' "$(printf '\\033[31mred')" >/dev/null 2>&1
while :; do cat /etc/hostname >/dev/null; sleep 0.2; done`;
const SCREENS = ["", "incidents", "findings", "events", "processes", "policies"];
const RULES = ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"];
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const BYTES_MAX = 120 << 10;

const test = suite("console");
const socket = join(scratch(), "control.sock");
let host: ChildProcess;
let browser: Browser;
/** What a page must never do: fail, complain, or ask elsewhere. */
const offences: string[] = [];

const address = (): string =>
  execFileSync(VEDETTE[0]!, [...VEDETTE.slice(1), "console", "--socket", socket], { encoding: "utf8" }).trim();

async function newPage(options: Parameters<Browser["newPage"]>[0] = {}): Promise<Page> {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 }, ...options });
  page.setDefaultTimeout(WAIT_MS_MAX);
  page.on("pageerror", ({ message }) => offences.push(`failed: ${message}`));
  page.on("console", (said) => {
    // What a refused ticket and a host that is gone look like is another test's.
    if (said.type() === "error" && !/Failed to load resource/.test(said.text())) offences.push(`said: ${said.text()}`);
  });
  page.on("dialog", (dialog) => {
    offences.push(`opened a dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on("request", (request) => {
    if (new URL(request.url()).hostname !== "127.0.0.1") offences.push(`asked ${request.url()}`);
  });
  return page;
}

async function entered(options?: Parameters<Browser["newPage"]>[0]): Promise<Page> {
  const page = await newPage(options);
  await page.goto(address());
  await page.getByRole("heading", { name: "Overview" }).waitFor();
  return page;
}

async function show(page: Page, screen: string): Promise<void> {
  await page.goto(`${new URL(page.url()).origin}/#/${screen}`);
  await page.locator("h1").waitFor();
  await page.getByText("Looking …").waitFor({ state: "detached" });
}

test.before(async () => {
  const flags = ["--console", "--control-tcp", "127.0.0.1:0", "--control", socket];
  const [command, ...words] = [...VEDETTE, "run", ...flags, "--", "sh", "-c", WORKLOAD];
  host = spawn(command!, words, { cwd: scratch(), env: environment(), stdio: ["pipe", "ignore", "pipe"] });
  let said = "";
  await new Promise<void>((ready, fail) => {
    host.stderr!.on("data", (text: Buffer) => {
      said += text.toString();
      if (said.includes("the console is at")) ready();
    });
    host.once("exit", (status) => fail(new Error(`it ended with ${status}: ${said}`)));
  });
  const args = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"];
  browser = await chromium.launch({ executablePath: CHROMIUM, args, timeout: WAIT_MS_MAX });
});
test.after(async () => {
  await browser?.close();
  host?.kill("SIGTERM");
});

test("before anything happens each screen says that there is nothing, and not that it could not look", async () => {
  const page = await entered();
  for (const [screen, text] of [
    ["", "No incident is open."],
    ["incidents", "No incident so far."],
    ["findings", "No finding so far."],
  ] as const) {
    await show(page, screen);
    await page.getByText(text).waitFor();
  }
  await page.close();
});

test("an incident is seen from the overview to its rows, and what an attacker named is text", async () => {
  host.stdin!.write("go\n");
  const page = await entered();
  await page.getByRole("link", { name: "Sensitive file read" }).first().click();
  await page.getByRole("heading", { name: "Timeline" }).waitFor();
  const tree = page.getByRole("region", { name: "Processes" });
  await tree.getByText(`cat /etc/shadow ${HOSTILE}`).waitFor();
  assert.match((await tree.textContent())!, "\\x1b[31mred");
  const chosen = page.getByRole("region", { name: "The chosen row" });
  assert.match((await chosen.textContent())!, "sensitive-file-read");
  assert.is(await page.locator("img").count(), 0);
  await show(page, "findings");
  await page.getByRole("cell", { name: "Sensitive file read" }).first().waitFor();
  await page.close();
});

test("events come under a condition, and a wrong condition is told", async () => {
  const page = await entered();
  await show(page, "events");
  await page.getByLabel("Condition").fill("evt.type = openat and fd.name = /etc/hostname");
  await page.getByRole("button", { name: "Filter" }).click();
  await page.getByRole("cell", { name: "/etc/hostname" }).first().waitFor();
  const types = await page.locator("tbody td:nth-child(2)").allTextContents();
  assert.ok(types.length > 0);
  assert.equal(new Set(types), new Set(["openat"]));
  await page.getByLabel("Condition").fill("evt.typo = 1");
  await page.getByRole("button", { name: "Filter" }).click();
  await page.getByRole("alert").getByText("evt.typo").waitFor();
  await page.close();
});

for (const [width, height, colorScheme] of [
  [1280, 800, "light"],
  [390, 844, "dark"],
] as const)
  test(`every screen passes the audit and fits into ${width} columns, ${colorScheme}`, async () => {
    const page = await entered({ viewport: { width, height }, colorScheme });
    const link = page.getByRole("link", { name: "Sensitive file read" }).first();
    const screens = [...SCREENS, (await link.getAttribute("href"))!.slice("#/".length)];
    for (const screen of screens) {
      await show(page, screen);
      // A string: the page's policy lets nobody make code of text, and this is no code of the page.
      const found = (await page.evaluate(
        `${AXE}; axe.run({runOnly: ${JSON.stringify(RULES)}}).then(({violations}) => violations.map(({id, nodes}) => id + " " + nodes[0].html))`,
      )) as string[];
      assert.equal(found, [], `#/${screen}`);
      const over = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth");
      assert.ok((over as number) <= 0, `#/${screen} is ${over} pixels too wide`);
    }
    await page.close();
  });

test("a ticket that was used lets nobody in, a token field stands there, and who leaves is out", async () => {
  const page = await newPage();
  const once = address();
  await page.goto(once);
  await page.getByRole("heading", { name: "Overview" }).waitFor();
  assert.not.match(page.url(), "t=");
  await page.getByRole("button", { name: "Leave" }).click();
  await page.getByLabel("Or a token of --control-tokens").waitFor();
  await page.close();
  const again = await newPage();
  await again.goto(once);
  await again.getByRole("alert").getByText("This ticket was used").waitFor();
  await again.close();
});

test("when Vedette is gone, the page says so and keeps what it had", async () => {
  const page = await entered();
  await page.getByRole("link", { name: "Sensitive file read" }).first().waitFor();
  host.removeAllListeners("exit");
  const ended = new Promise((done) => host.once("exit", done));
  host.kill("SIGTERM");
  await ended;
  await page.getByRole("alert").getByText("Vedette does not answer.").first().waitFor();
  assert.ok((await page.getByRole("link", { name: "Sensitive file read" }).count()) > 0);
  await page.close();
});

test("no page failed, complained, or asked anybody but us; and all of it is small", () => {
  assert.equal(offences, []);
  const files = ["index.html", "console.js", "console.css", "icon.svg"].map((name) => join(ROOT, "build/web", name));
  const bytes = files.map((file) => gzipSync(readFileSync(file)).length).reduce((sum, each) => sum + each, 0);
  assert.ok(bytes < BYTES_MAX, `${bytes} bytes; the largest are ${files.map((file) => statSync(file).size)}`);
});

if (existsSync(CHROMIUM)) test.run();
else console.log("skip: the console in a browser: chromium is missing");
