// SPDX-License-Identifier: Apache-2.0
//
// Each screen of the console in a real browser: where there is nothing, where there is one thing with a
// hostile name, where the host refuses, and where it is gone and comes back. Wide and light, narrow and dark.
// No screen says "none" where it could not look. Where there is much is in screens-many.test.ts.
import { existsSync } from "node:fs";
import type { Browser } from "playwright-core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { audit, CHROMIUM, newPage, openBrowser } from "../e2e/browser.js";
import { opened, type ShownConsole } from "./shown.js";
import { auditAll, entered, LOOKS, SCREENS, showScreen, there } from "./shown-screens.js";

/** A screen asks every three seconds. */
const EVERY_MS = 3_000;
const test = suite("screens of the console");
const offences: string[] = [];
const consoles = new Map<"none" | "one", ShownConsole>();
let browser: Browser;

test.before(async () => {
  for (const content of ["none", "one"] as const) consoles.set(content, await opened(content));
  browser = await openBrowser();
});
test.after(async () => {
  await browser?.close();
  for (const { control } of consoles.values()) await control.close();
});

for (const look of LOOKS)
  for (const content of ["none", "one"] as const)
    test(`${content} of everything at ${look.viewport.width} pixels, ${look.colorScheme}: each screen passes the audit`, async () => {
      const shown = consoles.get(content)!;
      await auditAll(await entered(browser, offences, shown, look), content, shown);
    });

test("where the host refuses, each screen says so, and does not say that there is nothing", async () => {
  const page = await newPage(browser, offences, LOOKS[0]);
  await page.route(/\/api\/v1\/(?!self|session)/, (route) =>
    route.fulfill({ status: 503, contentType: "application/problem+json", body: '{"status":503,"title":"Not now."}' }),
  );
  await page.goto(consoles.get("none")!.entry());
  for (const { path, none } of SCREENS.filter(({ path }) => path !== "outputs")) {
    await page.goto(`${new URL(page.url()).origin}/#/${path}`);
    await page.getByRole("alert").getByText("Not now.").first().waitFor();
    if (path !== "events") assert.is(await page.locator("main").getByText(none).count(), 0, `#/${path}`);
    await audit(page, path);
  }
  await page.close();
});

test("where the host is gone, each screen says so and keeps what it had; when it is back, nothing is said", async () => {
  const shown = consoles.get("one")!;
  const page = await newPage(browser, offences, LOOKS[0]);
  // The page asks again when the test says so: waiting for that took a minute.
  await page.clock.install();
  await page.goto(shown.entry());
  for (const screen of SCREENS) {
    await showScreen(page, screen, "one", shown);
    await page.context().setOffline(true);
    await page.clock.fastForward(EVERY_MS);
    const gone = page.getByRole("alert").first();
    if (screen.isStream !== true) {
      await gone.getByText("Vedette does not answer.").waitFor();
      await there(page, screen.one);
    }
    await page.context().setOffline(false);
    await page.clock.fastForward(EVERY_MS);
    await gone.waitFor({ state: "detached" });
  }
  await page.close();
});

test("no page failed, complained, or asked anybody but its host", () => assert.equal([...new Set(offences)], []));

if (existsSync(CHROMIUM)) test.run();
else console.log("skip: the screens of the console: chromium is missing");
