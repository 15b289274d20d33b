// SPDX-License-Identifier: Apache-2.0
//
// What somebody does with the console in a real browser: looks as a viewer, walks a tree of processes by
// keys. What screens show in each of their states is in screens.test.ts.
import { existsSync } from "node:fs";
import type { Browser, Page } from "playwright-core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { audit, CHROMIUM, newPage, openBrowser, type PageOptions, show } from "../e2e/browser.js";
import { MARKUP, opened, type ShownConsole } from "./shown.js";

const test = suite("use of the console");
const offences: string[] = [];
let shown: ShownConsole;
let browser: Browser;

test.before(async () => {
  shown = await opened("one");
  browser = await openBrowser();
});
test.after(async () => {
  await browser?.close();
  await shown?.control.close();
});

async function entered(options: PageOptions = {}): Promise<Page> {
  const page = await newPage(browser, offences, options);
  await page.goto(shown.entry());
  await page.getByRole("heading", { name: "Overview" }).waitFor();
  return page;
}

test("who may only look is told so, and is offered nothing that changes something", async () => {
  const page = await newPage(browser, offences, {});
  await page.route("**/api/v1/self", (route) =>
    route.fulfill({ json: { tenant: null, mayAct: false, from: "sensor" } }),
  );
  const { entry, incident } = shown;
  await page.goto(entry());
  await page.getByText("viewer: may look, and change nothing").waitFor();
  await show(page, `incidents/${incident}`);
  await page.getByRole("heading", { name: "Case" }).waitFor();
  assert.is(await page.getByRole("button", { name: "Close the case" }).count(), 0);
  assert.is(await page.getByLabel("Note").count(), 0);
  await audit(page, "an incident");
  for (const screen of ["policies", "outputs"]) {
    await show(page, screen);
    await page.locator("tbody tr").first().waitFor();
    assert.is(await page.getByRole("button", { name: /test/i }).count(), 0, screen);
  }
  await page.close();
});

test("a tree of processes is walked, closed and opened by keys, and a choice leaves the rows of one process", async () => {
  const page = await entered();
  await page.route("**/api/v1/incidents/*", async (route) => {
    const response = await route.fetch();
    const json = (await response.json()) as { rows: object[]; processes: object[] };
    if (json.rows === undefined) return route.fulfill({ response });
    const [row] = json.rows;
    const of = (pid: number, parent: number | null) => ({
      ...{ key: `k${pid}`, parent: parent === null ? null : `k${parent}`, pid, name: `p${pid}`, command: `p${pid} -x` },
      isFound: pid === 3,
    });
    json.processes = [of(1, null), of(2, 1), of(3, 2), ...Array.from({ length: 300 }, (_, nth) => of(10 + nth, 1))];
    json.rows = [1, 3, 3].map((pid, nth) => ({ ...row, pid, text: `row ${nth}`, first: String(nth + 1) }));
    return route.fulfill({ response, json });
  });
  await show(page, `incidents/${shown.incident}`);
  const tree = page.getByRole("tree", { name: "Processes of the incident" });
  const item = (name: string) => tree.getByRole("treeitem", { name });
  await item("p3 3 finding").waitFor();
  assert.is(await tree.getByRole("treeitem").count(), 200, "more come when somebody asks for them");
  assert.is(await item("p3 3 finding").getAttribute("aria-level"), "3");
  await audit(page, "an incident with a tree");
  await item("p1 1").focus();
  const focused = (): Promise<string | null> => page.locator(":focus").textContent();
  await page.keyboard.press("ArrowDown");
  assert.match((await focused())!, "p2");
  await page.keyboard.press("ArrowLeft");
  await item("p3 3 finding").waitFor({ state: "detached" });
  assert.is(await page.locator(":focus").getAttribute("aria-expanded"), "false");
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("ArrowRight");
  assert.match((await focused())!, "p3");
  await page.keyboard.press("Enter");
  await page.getByText("Rows of process 3 alone.").waitFor();
  const rows = page.getByRole("region", { name: "Timeline" }).last().locator("tbody tr");
  assert.is(await rows.count(), 2);
  await page.getByRole("button", { name: "All rows" }).click();
  assert.is(await rows.count(), 3);
  await page.keyboard.press("Tab");
  await item("p1 1").click();
  await page.getByText("Rows of process 1 alone.").waitFor();
  assert.is(await rows.count(), 1);
  await page.getByRole("button", { name: "103 more" }).click();
  assert.is(await tree.getByRole("treeitem").count(), 303);
  await page.close();
});

test("processes stand below their parents, and one leads to its family", async () => {
  const page = await entered();
  await page.route("**/api/v1/processes?limit=500", async (route) => {
    const response = await route.fetch();
    const { items, ...rest } = (await response.json()) as { items: Record<string, unknown>[] };
    const [first] = items;
    const child = { ...first, key: "x/7@9", pid: 7, ppid: first!.pid, parent: first!.key, session: 7, fds: 12 };
    await route.fulfill({ response, json: { ...rest, items: [child, ...items] } });
  });
  await show(page, "processes");
  const rows = page.locator("tbody tr");
  await page.getByText("from outside").waitFor();
  assert.match((await rows.nth(1).textContent())!, "└ ", "the child is the second row");
  assert.is(await rows.nth(1).getByRole("cell", { name: "12", exact: true }).count(), 1);
  await audit(page, "processes as a tree");
  await rows.nth(0).getByRole("link").first().click();
  await page.getByRole("tree", { name: "Ancestors and children" }).getByRole("treeitem").first().waitFor();
  await page.getByRole("heading", { name: /^Process \d+$/ }).waitFor();
  await audit(page, "a process");
  await page.close();
});

test("a policy is tested on what just happened, and an output by an alert; what came of it is said as text", async () => {
  for (const look of [
    { viewport: { width: 1280, height: 800 }, colorScheme: "light" },
    { viewport: { width: 390, height: 844 }, colorScheme: "dark" },
  ] as const) {
    const page = await entered(look);
    await show(page, "policies");
    await page.getByRole("button", { name: /^Test .* on what just happened$/ }).click();
    const said = page.getByRole("region", { name: "Test", exact: true });
    await said.getByText("from a new state, and raised 1 alert.").waitFor();
    await said.getByText("It failed: <img").waitFor();
    await said.getByRole("region", { name: "First alerts of the test" }).getByText(MARKUP).waitFor();
    await audit(page, "a policy's test");
    await show(page, "outputs");
    await page
      .getByRole("button", { name: /^Send a test to / })
      .first()
      .click();
    await page.getByRole("status").getByText("the receiver refused the test. (1,234 ms)").waitFor();
    assert.is(await page.getByRole("row", { name: "store" }).getByRole("button").count(), 0, "a store is no receiver");
    await audit(page, "an output's test");
    assert.is(await page.locator("img").count(), 0);
    await page.close();
  }
});

test("where a test is refused or the host is gone, that is said, and the button can be pressed again", async () => {
  const page = await entered();
  const body = '{"status":429,"title":"A policy is being tested. Wait until that is done."}';
  await page.route("**/api/v1/policies/test", (route) =>
    route.fulfill({ status: 429, contentType: "application/problem+json", body }),
  );
  await show(page, "policies");
  const button = page.getByRole("button", { name: /^Test .* on what just happened$/ });
  await button.click();
  await page.getByRole("status").getByText("A policy is being tested.").waitFor();
  await page.unroute("**/api/v1/policies/test");
  await page.context().setOffline(true);
  await button.click();
  await page.getByRole("status").getByText("Vedette does not answer.").waitFor();
  await page.context().setOffline(false);
  await button.click();
  await page.getByText("from a new state, and raised 1 alert.").waitFor();
  await page.close();
});

test("no page failed, complained, or asked anybody but its host", () => assert.equal([...new Set(offences)], []));

if (existsSync(CHROMIUM)) test.run();
else console.log("skip: the use of the console: chromium is missing");
