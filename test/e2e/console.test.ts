// SPDX-License-Identifier: Apache-2.0
//
// The console in a real browser, beside a real workload: an address from `vedette console` lets it in, each
// screen shows what happened, and names that an attacker chose are text. Each screen is audited for
// accessibility (axe, WCAG 2.2 AA), on a wide and on a narrow window, light and dark.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { Browser, Locator, Page } from "playwright-core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { until } from "../until.js";
import { audit, CHROMIUM, newPage as newPageIn, openBrowser, type PageOptions, show } from "./browser.js";
import { environment, ROOT, scratch, VEDETTE } from "./programs.js";

const HOSTILE = "<img src=x onerror=alert(1)>";
/**
 * Waits for a word, then does what rules are about, with names that would be code or steer a terminal; and
 * again for each file `again`. The host keeps some 4 MiB of the newest events to explain, here a minute's.
 */
const WORKLOAD = `shadow() { cat /etc/shadow '${HOSTILE}' "$(printf '\\033[31mred')" >/dev/null 2>&1; }
read word; shadow
while :; do cat /etc/hostname >/dev/null; [ ! -e again ] || { rm again; shadow; }; sleep 0.2; done`;
const SCREENS = [
  "",
  "incidents",
  "findings",
  "events",
  "processes",
  "network",
  "policies",
  "tenants",
  "sensors",
  "outputs",
];
const BYTES_MAX = 120 << 10;

const test = suite("console");
const socket = join(scratch(), "control.sock");
const folder = scratch();
let host: ChildProcess;
let browser: Browser;
/** What a page must never do: fail, complain, or ask elsewhere. */
const offences: string[] = [];

const address = (): string =>
  execFileSync(VEDETTE[0]!, [...VEDETTE.slice(1), "console", "--socket", socket], { encoding: "utf8" }).trim();

const newPage = (options?: PageOptions): Promise<Page> => newPageIn(browser, offences, options);

async function entered(options?: PageOptions): Promise<Page> {
  const page = await newPage(options);
  await page.goto(address());
  await page.getByRole("heading", { name: "Overview" }).waitFor();
  return page;
}

test.before(async () => {
  const flags = ["--console", "--control-tcp", "127.0.0.1:0", "--control", socket];
  const [command, ...words] = [...VEDETTE, "run", ...flags, "--", "sh", "-c", WORKLOAD];
  host = spawn(command!, words, { cwd: folder, env: environment(), stdio: ["pipe", "ignore", "pipe"] });
  let said = "";
  await new Promise<void>((ready, fail) => {
    host.stderr!.on("data", (text: Buffer) => {
      said += text.toString();
      if (said.includes("the console is at")) ready();
    });
    host.once("exit", (status) => fail(new Error(`it ended with ${status}: ${said}`)));
  });
  browser = await openBrowser();
});
test.after(async () => {
  await browser?.close();
  host?.kill("SIGTERM");
});

/** On the overview. A rule with that name has a link as well, which may be there first. */
const incidentLink = (page: Page): Locator =>
  page.getByRole("region", { name: "Incidents" }).getByRole("link", { name: "Sensitive file read" }).first();

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
  await incidentLink(page).click();
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

test("three clicks lead from the overview to who ran what and the finding's facts, and a person closes the case", async () => {
  const page = await entered();
  await incidentLink(page).click();
  const timeline = page.getByRole("region", { name: "Timeline" }).first();
  await timeline.getByRole("button", { name: "Warning" }).first().click();
  await page.getByRole("region", { name: "The chosen row" }).getByText("sensitive-file-read").waitFor();
  await page.getByLabel("Verdict").selectOption("true_positive");
  await page.getByLabel("Note").fill(HOSTILE);
  await page.getByRole("button", { name: "Close the case" }).click();
  await page.getByText(`closed it: true positive: ${HOSTILE}`).waitFor();
  await page.getByRole("button", { name: "Open the case again" }).click();
  await page.getByText("opened it again").waitFor();
  assert.is(await page.locator("img").count(), 0);
  await page.close();
});

test("findings are found by words and by rule, and what is not there is said to be so", async () => {
  const page = await entered();
  await show(page, "findings");
  await page.getByLabel("Words").fill("shadow");
  await page.getByRole("button", { name: "Find" }).click();
  await page.getByRole("cell", { name: "Sensitive file read" }).first().waitFor();
  await page.getByLabel("Rule").fill("no such rule");
  await page.getByRole("button", { name: "Find" }).click();
  await page.getByText("No finding is like that.").waitFor();
  await page.close();
});

test("findings are found by a condition of Falco's, and one over what they do not keep is told", async () => {
  const page = await entered();
  await show(page, "findings");
  const condition = page.getByLabel("Condition");
  const ask = async (text: string): Promise<void> => {
    await condition.fill(text);
    await page.getByRole("button", { name: "Find" }).click();
  };
  await ask("fd.name = /etc/shadow and evt.type startswith open");
  await page.getByText(/The condition was asked about \d+ findings?\./).waitFor();
  await page.getByRole("cell", { name: "Sensitive file read" }).first().waitFor();
  await ask("fd.name = /no/such/file");
  await page.getByText("No finding is like that.").waitFor();
  await ask("proc.env contains SECRET");
  await page.getByText(/proc\.env is not kept of what is asked here/).waitFor();
  await page.close();
});

test("sensors and outputs say what came, what was lost and what waits", async () => {
  const page = await entered();
  await show(page, "sensors");
  await page.getByRole("cell", { name: "this workload" }).waitFor();
  await page.getByRole("cell", { name: "nothing", exact: true }).waitFor();
  await show(page, "outputs");
  await page.getByRole("cell", { name: "store" }).waitFor();
  await show(page, "tenants");
  await page.getByText("There are no tenants.").waitFor();
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

/** As a person does: where the machine was too busy to answer in time, it is done and asked again. */
async function explained(why: Locator, text: RegExp, again: () => void = () => {}): Promise<void> {
  const button = why.getByRole("button");
  const isTold = async (): Promise<boolean> => {
    if ((await why.getByText(text).count()) > 0) return true;
    again();
    if (await button.isEnabled()) await button.click();
    return false;
  };
  await until("it is explained", isTold, { ms: 180_000 });
}

test("an event of the stream is explained by a policy: the terms that decided, with what they looked at", async () => {
  const page = await entered();
  const condition = "evt.type = openat and fd.name = /etc/hostname";
  await show(page, `events?filter=${encodeURIComponent(condition)}`);
  await page.getByRole("cell", { name: "/etc/hostname" }).first().waitFor();
  await page.getByRole("link", { name: "Explain" }).first().click();
  await page.getByText("Choose the policy that is to explain the event").waitFor();
  await page.getByRole("link", { name: "sensitive-file-read" }).click();
  const why = page.getByRole("region", { name: "Why", exact: true });
  assert.match(
    await why.getByLabel("Events").inputValue(),
    /^evt\.num = \d+ and thread\.tid = \d+ and evt\.type = openat$/,
  );
  await why.getByRole("status").getByText(/./).first().waitFor({ timeout: 120_000 });
  await why.getByLabel("Events").fill(condition); // on a busy machine that event is too old by now
  await explained(why, /It did not fire for any of/);
  await why
    .getByText(/events?; these came nearest:/)
    .first()
    .waitFor();
  await why.getByRole("cell", { name: / is / }).first().waitFor();
  await why
    .getByRole("cell", { name: /^index\.ts:\d+$/ })
    .first()
    .waitFor();
  await why.getByLabel("Events").fill("fd.name = /etc/shadow");
  await explained(why, /It fired for \d+ of \d+ event/, () => writeFileSync(join(folder, "again"), ""));
  await why.getByText("Otherwise it would not have fired.").first().waitFor();
  await audit(page, "an explanation");
  await page.close();
});

for (const [width, height, colorScheme] of [
  [1280, 800, "light"],
  [390, 844, "dark"],
] as const)
  test(`every screen passes the audit and fits into ${width} columns, ${colorScheme}`, async () => {
    const page = await entered({ viewport: { width, height }, colorScheme });
    const link = incidentLink(page);
    const screens = [...SCREENS, (await link.getAttribute("href"))!.slice("#/".length)];
    for (const screen of screens) {
      await show(page, screen);
      await audit(page, screen);
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
  await incidentLink(page).waitFor();
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
