// SPDX-License-Identifier: Apache-2.0
//
// Each screen of the console in a real browser, in each state that it can be in: nothing is there, one thing
// with a hostile name, as much as there may be (100,000 findings), the host refuses, the host is gone and
// comes back. Wide and light, narrow and dark. No screen says "none" where it could not look.
import { existsSync } from "node:fs";
import type { Browser, Page } from "playwright-core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { audit, CHROMIUM, newPage, openBrowser, show } from "../e2e/browser.js";
import { type Content, MARKUP, opened, type ShownConsole } from "./shown.js";

interface Screen {
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

const SCREENS: readonly Screen[] = [
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
const LOOKS = [
  { viewport: { width: 1280, height: 800 }, colorScheme: "light" },
  { viewport: { width: 390, height: 844 }, colorScheme: "dark" },
] as const;

const test = suite("screens of the console");
const offences: string[] = [];
const consoles = new Map<Content, ShownConsole>();
let browser: Browser;

test.before(async () => {
  for (const content of ["none", "one", "many"] as const) consoles.set(content, await opened(content));
  browser = await openBrowser();
});
test.after(async () => {
  await browser?.close();
  for (const { control } of consoles.values()) await control.close();
});

async function entered(content: Content, look: (typeof LOOKS)[number]): Promise<Page> {
  const page = await newPage(browser, offences, look);
  await page.goto(consoles.get(content)!.entry());
  await page.getByRole("heading", { name: "Overview" }).waitFor();
  return page;
}

/** Events come while the page looks. */
async function coming<T>(content: Content, look: () => Promise<T>): Promise<T> {
  const timer = setInterval(() => consoles.get(content)!.more(), 100);
  try {
    return await look();
  } finally {
    clearInterval(timer);
  }
}

const there = (page: Page, text: string | RegExp): Promise<void> =>
  page.locator("main").getByText(text).first().waitFor();

for (const look of LOOKS)
  for (const content of ["none", "one", "many"] as const)
    test(`${content} of everything at ${look.viewport.width} pixels, ${look.colorScheme}: each screen passes the audit`, async () => {
      const page = await entered(content, look);
      for (const screen of SCREENS) {
        await coming(screen.isStream === true ? content : "none", async () => {
          await show(page, screen.path);
          await there(page, screen[content]);
        });
        await audit(page, screen.path);
      }
      const { incident } = consoles.get(content)!;
      if (incident !== null) {
        await show(page, `incidents/${incident}`);
        await page.getByRole("heading", { name: "Timeline" }).waitFor();
        await audit(page, "an incident");
      }
      assert.is(await page.locator("img").count(), 0, "no name became an element");
      await page.close();
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
  const page = await entered("many", LOOKS[0]);
  for (const { path, many, isStream } of SCREENS) {
    await page.context().setOffline(false);
    await coming(isStream === true ? "many" : "none", async () => {
      await show(page, path);
      await there(page, many);
    });
    await page.context().setOffline(true);
    const gone = page.getByRole("alert").first();
    if (isStream !== true) {
      await gone.getByText("Vedette does not answer.").waitFor();
      await there(page, many);
    }
    await page.context().setOffline(false);
    await gone.waitFor({ state: "detached" });
  }
  await page.close();
});

test("the network screen is narrowed by a condition, and leads to a process, its connections and its events", async () => {
  const page = await entered("many", LOOKS[0]);
  await show(page, "network");
  await page.getByLabel("Condition").fill("fd.rip = 203.0.113.7 and proc.name = p7");
  await page.getByRole("button", { name: "Filter" }).click();
  await there(page, "203.0.113.7:443");
  await page.getByText("203.0.113.99:443").first().waitFor({ state: "detached" });
  await page.getByRole("region", { name: "Connections" }).getByRole("link", { name: "p7" }).first().click();
  await page.getByRole("heading", { name: "Process" }).waitFor();
  await there(page, "/usr/bin/p7");
  await there(page, "203.0.113.7:443");
  await audit(page, "a process");
  await page.getByRole("link", { name: "What it does now" }).click();
  await page.getByRole("heading", { name: "Events" }).waitFor();
  assert.match(await page.getByLabel("Condition").inputValue(), /^proc\.pid = \d+$/);
  await show(page, "network");
  await page.getByLabel("Condition").fill("proc.aname = sh");
  await page.getByRole("button", { name: "Filter" }).click();
  await page.getByRole("alert").getByText("proc.aname is not known of a connection").waitFor();
  await page.getByLabel("Condition").fill("proc.name = nobody");
  await page.getByRole("button", { name: "Filter" }).click();
  await there(page, "No connection is like that.");
  await page.close();
});

test("the monitor shows one row over time, and tells a meter without requests from none, and what found no row", async () => {
  const page = await entered("many", LOOKS[0]);
  await show(page, "monitor");
  await page.getByRole("img", { name: "/route/0: at most 407 requests" }).waitFor();
  await there(page, "of the last hour are in no row");
  await page.getByRole("button", { name: "Over time: name-2 /route/5" }).first().click();
  await page.getByRole("img", { name: "/route/5: at most 402 requests" }).waitFor();
  await page.getByText("As a table").click();
  await page.getByRole("region", { name: "Requests over time" }).getByText("402").first().waitFor();
  await audit(page, "monitor");
  const quiet = { meters: 1, seconds: 900, items: [], more: 0, left_out: 0, over_time: null };
  await page.route("**/api/v1/monitor*", (route) => route.fulfill({ json: quiet }));
  await there(page, "No request was measured in this time.");
  await page.close();
});

test("what the host left out of the events, and counts that it has forgotten, are said", async () => {
  const page = await entered("many", LOOKS[0]);
  const gap = 'event: gap\ndata: {"missed":1234,"batches":7}\n\n';
  await page.route("**/api/v1/events*", (route) => route.fulfill({ contentType: "text/event-stream", body: gap }));
  await page.route("**/api/v1/processes*", async (route) => {
    const response = await route.fetch();
    const { items, ...rest } = (await response.json()) as { items: object[] };
    await route.fulfill({ response, json: { ...rest, items: items.map((one) => ({ ...one, findings: null })) } });
  });
  await show(page, "events");
  await there(page, "1,234 were left out");
  await there(page, "7 batches of events had gone before they could be read.");
  await audit(page, "events");
  await show(page, "processes");
  await there(page, "not known any more");
  await page.close();
});

test("no page failed, complained, or asked anybody but its host", () => assert.equal([...new Set(offences)], []));

if (existsSync(CHROMIUM)) test.run();
else console.log("skip: the screens of the console: chromium is missing");
