// SPDX-License-Identifier: Apache-2.0
//
// What somebody does with the console in a real browser: looks as a viewer, walks a tree of processes by
// keys, tests policies and outputs, looks at the map, chooses a theme. What screens show in each of their
// states is in screens.test.ts.
import { existsSync } from "node:fs";
import type { Page } from "playwright-core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { audit, CHROMIUM, newPage, type PageOptions, show } from "../e2e/browser.js";
import { until } from "../until.js";
import { MARKUP } from "./shown.js";
import { LOOKS, lookedAt } from "./shown-screens.js";

const test = suite("use of the console");
const looking = lookedAt(test, "one");

async function entered(options: PageOptions = {}): Promise<Page> {
  const page = await newPage(looking.browser, looking.offences, options);
  await page.goto(looking.shown.entry());
  await page.getByRole("heading", { name: "Overview" }).waitFor();
  return page;
}

test("who may only look is told so, and is offered nothing that changes something", async () => {
  const page = await newPage(looking.browser, looking.offences, {});
  await page.route("**/api/v1/self", (route) =>
    route.fulfill({ json: { tenant: null, mayAct: false, from: "sensor" } }),
  );
  const { entry, incident } = looking.shown;
  await page.goto(entry());
  await page.getByText("viewer: may look, and change nothing").waitFor();
  await show(page, "incidents");
  await page.locator("tbody tr").first().waitFor();
  assert.is(await page.getByRole("checkbox").count(), 0);
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
  await show(page, `incidents/${looking.shown.incident}`);
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

test("a theme that was chosen is kept, and without a choice the system's holds", async () => {
  const page = await entered({ colorScheme: "dark" });
  const ground = (): Promise<unknown> => page.evaluate("getComputedStyle(document.body).backgroundColor");
  const [dark, light] = ["rgb(20, 23, 28)", "rgb(255, 255, 255)"];
  assert.is(await ground(), dark);
  await page.getByLabel("Theme").selectOption("light");
  assert.is(await ground(), light);
  await audit(page, "light, on a dark system");
  await page.reload();
  await page.getByRole("heading", { name: "Overview" }).waitFor();
  assert.equal([await ground(), await page.getByLabel("Theme").inputValue()], [light, "light"]);
  await page.getByLabel("Theme").selectOption("dark");
  await page.emulateMedia({ colorScheme: "light" });
  assert.is(await ground(), dark);
  await audit(page, "dark, on a light system");
  await page.getByLabel("Theme").selectOption("system");
  assert.is(await ground(), light);
  await page.close();
});

test("keys lead to screens, rows and fields, are listed, and can be switched off", async () => {
  const page = await entered();
  const at = (place: string): Promise<void> => page.waitForURL((url) => url.hash === place);
  await page.keyboard.type("gi");
  await page.getByRole("heading", { name: "Incidents", exact: true }).waitFor();
  const row = page.locator("tbody tr").first();
  await row.waitFor();
  await page.keyboard.press("j");
  const isChosen = "document.activeElement === document.querySelector('main tbody tr')";
  assert.ok(await page.evaluate(isChosen), "the first row has the focus");
  await page.keyboard.press("k");
  await page.keyboard.press("j");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Timeline" }).waitFor();
  await page.keyboard.press("Escape");
  await at("#/incidents");
  // The address changes before the page does.
  await page.getByRole("heading", { name: "Incidents", exact: true }).waitFor();
  await page.keyboard.press("/");
  await page.keyboard.type("gf?");
  assert.is(await page.getByLabel("Contains").inputValue(), "gf?", "in a field a letter is a letter");
  await page.keyboard.press("Escape");
  await page.keyboard.press("?");
  const list = page.getByRole("dialog", { name: "Keys" });
  await list.getByText("g i").waitFor();
  await audit(page, "the list of keys");
  await page.keyboard.press("j");
  await list.getByLabel("Listen for these keys").uncheck();
  await page.keyboard.press("Escape");
  await list.waitFor({ state: "hidden" });
  await page.keyboard.type("gf");
  await page.reload();
  await page.getByRole("heading", { name: "Incidents", exact: true }).waitFor();
  await page.keyboard.type("gf?");
  assert.equal([new URL(page.url()).hash, await list.isVisible()], ["#/incidents", false]);
  await page.getByRole("button", { name: "Keys" }).click();
  await list.getByLabel("Listen for these keys").check();
  await list.getByRole("button", { name: "Close" }).click();
  await page.keyboard.type("gf");
  await at("#/findings");
  await page.close();
});

test("Enter opens a row by what shows more of it, and presses no button that does something", async () => {
  const page = await entered();
  const acts: string[] = [];
  page.on("request", (request) => {
    if (request.method() === "POST") acts.push(new URL(request.url()).pathname);
  });
  for (const [screen, name] of [
    ["outputs", /^Send a test to /],
    ["policies", /^Test .* on what just happened$/],
  ] as const) {
    await show(page, screen);
    const button = page.getByRole("button", { name }).first();
    await button.waitFor();
    await page.keyboard.press("j");
    assert.ok(await page.evaluate("document.activeElement.matches('main tbody tr')"), screen);
    await page.keyboard.press("Enter");
    if (screen === "policies") {
      await page.getByRole("heading", { name: "Rules" }).waitFor(); // it has a page, and that is what Enter opens
      await show(page, screen);
      await button.waitFor();
    }
    const answered = page.waitForResponse(`**/api/v1/${screen}/test`);
    await button.click();
    await answered;
    assert.equal(acts.splice(0), [`/api/v1/${screen}/test`], "by the click alone");
  }
  await show(page, "monitor");
  await page
    .getByRole("button", { name: /^Over time: / })
    .first()
    .waitFor();
  await page.evaluate(`{
    const [button] = document.querySelectorAll("main tbody tr button[data-opens]");
    button.addEventListener("click", () => { window.isOpened = true; });
    button.closest("tr").tabIndex = -1;
    button.closest("tr").focus();
  }`);
  await page.keyboard.press("Enter");
  assert.ok(await page.evaluate("window.isOpened"), "a button that shows more of its row opens it");
  await page.close();
});

test("who does not see the screen is told of a new incident, and of none that was there before", async () => {
  const page = await newPage(looking.browser, looking.offences);
  let more = 0;
  await page.route("**/api/v1/incidents?limit=20", async (route) => {
    const response = await route.fetch();
    const { items, ...rest } = (await response.json()) as { items: { seq: number }[] };
    const [first] = items;
    const fresh = Array.from({ length: more }, (_, nth) => ({ ...first, seq: first!.seq + nth + 1, title: "<b>new" }));
    await route.fulfill({ response, json: { ...rest, items: [...fresh.reverse(), ...items] } });
  });
  const looked = (): Promise<unknown> => page.waitForResponse("**/api/v1/incidents?limit=20");
  const before = looked();
  await page.goto(looking.shown.entry());
  await before;
  const news = page.locator("p.news");
  await looked();
  assert.is(await news.textContent(), "");
  more = 1;
  await news.getByText("New incident: Warning, <b>new").waitFor();
  more = 3;
  await news.getByText("2 new incidents. The newest: Warning, <b>new").waitFor();
  assert.is(await page.locator("main b").count(), 0);
  await page.close();
});

test("the network is shown as a map, what clutters it is left out, and a node narrows the screen", async () => {
  for (const look of [
    { viewport: { width: 1280, height: 800 }, colorScheme: "dark" },
    { viewport: { width: 390, height: 844 }, colorScheme: "light" },
  ] as const) {
    const page = await entered(look);
    await show(page, "network");
    await page.getByLabel("Show").selectOption("map");
    const map = page.getByRole("region", { name: "Map of the network" });
    const places = map.getByRole("list", { name: "Places" });
    await places.getByRole("link", { name: "203.0.113.0 :443" }).waitFor();
    await map.getByRole("list", { name: "Programs" }).getByText(MARKUP.slice(0, 15)).first().waitFor();
    await audit(page, "network as a map");
    await map.getByRole("button", { name: "Leave out 203.0.113.0 :443" }).click();
    await map.getByText("1 program or place left out.").waitFor();
    await places.getByRole("link", { name: "203.0.113.0 :443" }).waitFor({ state: "detached" });
    await map.getByRole("button", { name: "Show all again" }).click();
    await places.getByRole("link", { name: "203.0.113.0 :443" }).click();
    await page.waitForURL(/fd\.rip/);
    const condition = page.getByLabel("Condition");
    const narrowed = "evt.type = connect and fd.rip = 203.0.113.0 and fd.rport = 443";
    await until("the condition", async () => (await condition.inputValue()) === narrowed);
    assert.is(await page.locator("img").count(), 0);
    await page.close();
  }
});

test("a process of which there are more ancestors or children than are shown says so", async () => {
  const page = await entered();
  let more = false;
  await page.route("**/api/v1/processes?around=*", async (route) => {
    const response = await route.fetch();
    return route.fulfill({ response, json: { ...((await response.json()) as object), more } });
  });
  await show(page, "processes");
  await page
    .getByRole("region", { name: /^Processes of/ })
    .getByRole("link")
    .first()
    .click();
  await page.getByRole("tree", { name: "Ancestors and children" }).waitFor();
  assert.is(await page.getByText("there are more").count(), 0);
  more = true;
  await page.getByText("The 64 nearest ancestors and 100 children at most; there are more.").waitFor();
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
  const body = '{"status":429,"title":"A policy of yours is being tested. Wait until that is done."}';
  await page.route("**/api/v1/policies/test", (route) =>
    route.fulfill({ status: 429, contentType: "application/problem+json", body }),
  );
  await show(page, "policies");
  const button = page.getByRole("button", { name: /^Test .* on what just happened$/ });
  await button.click();
  await page.getByRole("status").getByText("A policy of yours is being tested.").waitFor();
  await page.unroute("**/api/v1/policies/test");
  await page.context().setOffline(true);
  await button.click();
  await page.getByRole("status").getByText("Vedette does not answer.").waitFor();
  await page.context().setOffline(false);
  await button.click();
  await page.getByText("from a new state, and raised 1 alert.").waitFor();
  await page.close();
});

test("a policy has a page: its rules lead to what they raised, its text is shown as text, and it is tested", async () => {
  const page = await entered();
  await show(page, "policies");
  await page.keyboard.press("j");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Policy" }).waitFor();
  await page.waitForURL(/#\/policies\?.*policy=/);
  for (const heading of ["Rules", "Parameters", "What it denies", "Text"])
    await page.getByRole("heading", { name: heading, exact: true }).waitFor();
  await page.getByText("switched off").waitFor();
  await page.getByText("There is more of it.").waitFor({ state: "hidden" });
  await page.locator("details summary").click();
  await page.getByRole("region", { name: "Text of" }).getByText(`rule\n${MARKUP}`).waitFor();
  await page.getByRole("button", { name: "Test on what just happened" }).click();
  await page.getByText("from a new state, and raised 1 alert.").waitFor();
  await audit(page, "a policy that was tested");
  await page.getByRole("link", { name: "Findings of" }).first().click();
  await page.waitForURL(/#\/findings\?rule=/);
  await page.goBack();
  await page.getByRole("heading", { name: "Rules" }).waitFor();
  await page.keyboard.press("Escape");
  await page.waitForURL((url) => url.hash === "#/policies");
  assert.is(await page.locator("img").count(), 0);
  await page.close();
});

test("an explanation shows hostile names as text, as wide as a phone", async () => {
  const hostile = `${MARKUP}\u202e\u0007${"long".repeat(1_024)}`;
  const term = { term: hostile, is: false, values: [{ name: hostile, value: hostile }], at: hostile };
  const nearest = [{ count: 2, event: hostile, terms: [term] }];
  const rules = [{ rule: hostile, fired: 0, events: 2, nearest }];
  for (const look of LOOKS) {
    const page = await entered(look);
    await page.route("**/api/v1/policies/explain", (route) =>
      route.fulfill({ json: { events: 2, chosen: 2, from: "1", to: "2", rules } }),
    );
    await show(page, "policies");
    await page.keyboard.press("j");
    await page.keyboard.press("Enter");
    const why = page.getByRole("region", { name: "Why", exact: true });
    await why.getByRole("button", { name: "Explain what just happened" }).click();
    await why.getByText("Otherwise it would have fired.").waitFor();
    assert.is(await why.locator("img").count(), 0);
    const text = (await why.textContent()) ?? "";
    assert.ok(text.includes(MARKUP), text.slice(0, 500));
    assert.not.match(text, /[\u202e\u0007]/);
    await audit(page, "a hostile explanation");
    await page.close();
  }
});

test("cases of several incidents are closed at once, and one that is not kept any more is said", async () => {
  const page = await entered();
  await page.route("**/api/v1/incidents?*", async (route) => {
    const response = await route.fetch();
    const { items, ...rest } = (await response.json()) as { items: { id: string }[] };
    const gone = { ...items[0], id: "gone", title: "What is gone" };
    return route.fulfill({ response, json: { ...rest, items: [...items, gone] } });
  });
  await show(page, "incidents");
  const form = page.getByRole("form", { name: "Close cases" });
  await form.getByRole("button", { name: "Close 0 cases" }).waitFor();
  await page.getByRole("checkbox", { name: "Choose What is gone" }).check();
  await form.getByRole("button", { name: "Close 1 case" }).waitFor();
  await form.getByRole("button", { name: "Choose all 2" }).click();
  await form.getByLabel("Verdict").selectOption("false_positive");
  await form.getByLabel("Note").fill(`a test ${MARKUP}`);
  await audit(page, "incidents of which some are chosen");
  await form.getByRole("button", { name: "Close 2 cases" }).click();
  await form.getByRole("status").getByText("1 case closed. 1 incident not kept any more.").waitFor();
  await page.getByRole("cell", { name: "goes on, closed: false positive" }).first().waitFor();
  await page.unroute("**/api/v1/incidents?*");
  await page.getByRole("checkbox").first().waitFor({ state: "detached" });
  await show(page, `incidents/${looking.shown.incident}`);
  await page.getByText(`closed it: false positive: a test ${MARKUP}`).waitFor();
  await page.close();
});

test("no page failed, complained, or asked anybody but its host", () =>
  assert.equal([...new Set(looking.offences)], []));

if (existsSync(CHROMIUM)) test.run();
else console.log("skip: the use of the console: chromium is missing");
