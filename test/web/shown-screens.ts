// SPDX-License-Identifier: Apache-2.0
//
// The screens of the console as tests look at them: what each says of nothing, of one thing and of many, and
// the audit of all of them.
import type { Browser, Page } from "playwright-core";
import type { Test } from "uvu";
import * as assert from "uvu/assert";
import { audit, newPage, openBrowser, show } from "../e2e/browser.js";
import { type Content, MARKUP, opened, type ShownConsole } from "./shown.js";

export interface Screen {
  readonly path: string;
  /** What is asked for it; a refusal of this is told. */
  readonly api: string;
  /** Said where there is nothing. */
  readonly none: string | RegExp;
  /** Stands there, of one thing and of many. */
  readonly one: string | RegExp;
  readonly many: string | RegExp;
  /** Of a stream an answer does not come again by itself. */
  readonly isStream?: true;
}

export const SCREENS: readonly Screen[] = [
  { path: "", api: "incidents", none: "No incident is open.", one: MARKUP, many: "100,000 findings" },
  { path: "incidents", api: "incidents", none: "No incident so far.", one: MARKUP, many: /Rule \d+/ },
  { path: "findings", api: "findings", none: "No finding so far.", one: MARKUP, many: "Rule 49" },
  { path: "events", api: "events", none: "0 events came", one: MARKUP, many: "/tmp/99", isStream: true },
  { path: "processes", api: "processes", none: "No process has been seen so far.", one: MARKUP, many: "/usr/bin/p7" },
  {
    path: "network",
    api: "connections",
    none: "No connection has been seen",
    one: "203.0.113.0:443",
    many: "203.0.113.99:443",
  },
  { path: "policies", api: "policies", none: "No policy is loaded.", one: MARKUP, many: "name-299" },
  { path: "monitor", api: "monitor", none: "No meter is loaded", one: MARKUP, many: "/route/9" },
  { path: "tenants", api: "tenants", none: "There are no tenants.", one: MARKUP, many: "t59" },
  { path: "sensors", api: "sensors", none: "No agent has come so far.", one: MARKUP, many: "name-299299" },
  { path: "outputs", api: "outputs", none: /./, one: MARKUP, many: "name-299" },
];
export const LOOKS = [
  { viewport: { width: 1280, height: 800 }, colorScheme: "light" },
  { viewport: { width: 390, height: 844 }, colorScheme: "dark" },
] as const;

/** What a suite looks at. */
export interface Looking {
  readonly browser: Browser;
  readonly shown: ShownConsole;
  /** What a page must never do. */
  readonly offences: string[];
}

/** A console of that content and a browser, from the suite's first test to its last; nothing before. */
export function lookedAt(test: Test, content: Content, findings?: number): Looking {
  const looking = { offences: [] } as Partial<{ -readonly [Part in keyof Looking]: Looking[Part] }>;
  test.before(async () => {
    looking.shown = await opened(content, findings);
    looking.browser = await openBrowser();
  });
  test.after(async () => {
    await looking.browser?.close();
    await looking.shown?.control.close();
  });
  return looking as Looking;
}

/** `shown`: its console, which is entered. */
export async function entered(
  browser: Browser,
  offences: string[],
  shown: ShownConsole,
  look: (typeof LOOKS)[number] = LOOKS[0],
): Promise<Page> {
  const page = await newPage(browser, offences, look);
  await page.goto(shown.entry());
  await page.getByRole("heading", { name: "Overview" }).waitFor();
  return page;
}

export const there = (page: Page, text: string | RegExp): Promise<void> =>
  page.locator("main").getByText(text).first().waitFor();

/** Waits until a screen says what there is. Events come while the page looks. */
export async function showScreen(page: Page, screen: Screen, content: Content, shown: ShownConsole): Promise<void> {
  const timer = screen.isStream === true && content !== "none" ? setInterval(() => shown.more(), 100) : undefined;
  try {
    await show(page, screen.path);
    await there(page, screen[content]);
  } finally {
    clearInterval(timer);
  }
}

/** Each screen, and an incident, pass the audit. */
export async function auditAll(page: Page, content: Content, shown: ShownConsole): Promise<void> {
  for (const screen of SCREENS) {
    await showScreen(page, screen, content, shown);
    await audit(page, screen.path);
  }
  if (shown.incident !== null) {
    await show(page, `incidents/${shown.incident}`);
    await page.getByRole("heading", { name: "Timeline" }).waitFor();
    await audit(page, "an incident");
  }
  if (content !== "none") {
    await show(page, "policies");
    await page.getByRole("region", { name: "Policies" }).getByRole("link").first().click();
    await page.getByRole("heading", { name: "Rules" }).waitFor();
    for (const text of await page.locator("details").all()) await text.locator("summary").click();
    await audit(page, "a policy");
  }
  assert.is(await page.locator("img").count(), 0, "no name became an element");
  await page.close();
}
