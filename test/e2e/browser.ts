// SPDX-License-Identifier: Apache-2.0
//
// A real browser for the tests of the console, what a page of it must never do, and the audit of a screen.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { type Browser, chromium, type Page } from "playwright-core";
import * as assert from "uvu/assert";

export const CHROMIUM = "/usr/bin/chromium";
export const WAIT_MS_MAX = 60_000;
const RULES = ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"];
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export type PageOptions = Parameters<Browser["newPage"]>[0];

/** `more`: what Chromium is told beside what it needs here. */
export function openBrowser(...more: readonly string[]): Promise<Browser> {
  const args = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", ...more];
  return chromium.launch({ executablePath: CHROMIUM, args, timeout: WAIT_MS_MAX });
}

/** `offences`: what a page must never do: fail, complain, or ask elsewhere. */
export async function newPage(browser: Browser, offences: string[], options: PageOptions = {}): Promise<Page> {
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

/**
 * Goes to a screen, and waits until its first answers are there. The address changes before the page does:
 * until the new screen is the current one, the one before would take what a test types.
 */
export async function show(page: Page, screen: string): Promise<void> {
  await page.goto(`${new URL(page.url()).origin}/#/${screen}`);
  const [name] = screen.split(/[/?]/);
  await page.locator(`nav a[aria-current="page"][href="#/${name}"]`).waitFor();
  await page.locator("h1").waitFor();
  await page.getByText("Looking …").first().waitFor({ state: "detached" });
}

/** Nothing that axe complains of (WCAG 2.2 AA), and no scrolling sideways. */
export async function audit(page: Page, screen: string): Promise<void> {
  // A string: the page's policy lets nobody make code of text, and this is no code of the page.
  const found = (await page.evaluate(
    `${AXE}; axe.run({runOnly: ${JSON.stringify(RULES)}}).then(({violations}) => violations.map(({id, nodes}) => id + " " + nodes[0].html))`,
  )) as string[];
  assert.equal(found, [], `#/${screen}`);
  const over = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth");
  assert.ok((over as number) <= 0, `#/${screen} is ${over} pixels too wide`);
}
