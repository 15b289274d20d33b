// SPDX-License-Identifier: Apache-2.0
//
// What screens of the console do with many rows, in a real browser: the network is narrowed, a row of the
// monitor is shown over time, and what was left out or forgotten is said.
import { existsSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { audit, CHROMIUM, show } from "../e2e/browser.js";
import { MARKUP } from "./shown.js";
import { entered, lookedAt, there } from "./shown-screens.js";

/** None of these screens shows one; the processes count theirs. */
const FINDINGS = 100;
const test = suite("rows of the console's screens");
const looking = lookedAt(test, "many", FINDINGS);

test("the network screen is narrowed by a condition, and leads to a process, its connections and its events", async () => {
  const page = await entered(looking.browser, looking.offences, looking.shown);
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
  const page = await entered(looking.browser, looking.offences, looking.shown);
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

test("the map of services names both ends, whose numbers they are, and what is missing, and runs no name", async () => {
  const page = await entered(looking.browser, looking.offences, looking.shown);
  const [from, to] = [MARKUP, "api"].map((program) => ({ program, container: { id: "1", name: MARKUP } }));
  const numbers = { requests: 1_200, errors: 12, p50: 0.002, p95: 0.04, p99: 0.1, most: 10, protocol: "http" };
  const measured = [{ ...numbers, by: "client", tenant: "shop", policy: "http-client", metric: "m" }];
  const counts = { transport: "tcp", connections: 3, failed: 2, bytes_to: 100, bytes_from: 9_000 };
  const items = [
    { from, to, addresses: ["127.0.0.1"], port: 80, ...counts, measured },
    { from: null, to, addresses: ["::1"], port: 81, ...counts, measured: [] },
    { from: to, to: null, addresses: [], port: null, ...counts, measured: [] },
  ];
  const rest = { seconds: 60, meters: 1, more: 4, unplaced: 5, left_out: 6, missed: 7 };
  await page.route("**/api/v1/monitor/map*", (route) => route.fulfill({ json: { items, ...rest } }));
  await show(page, "monitor");
  const services = page.getByRole("region", { name: "Services" });
  await services
    .getByRole("row", { name: `${MARKUP} · ${MARKUP}` })
    .first()
    .waitFor();
  const row = "http 1,200 20.0 1.0 % 2.0 ms 40 ms shop/http-client, at the client 3 2 100 B 9.0 kB";
  await services.getByRole("row", { name: row }).waitFor();
  await services.getByRole("row", { name: "outside api" }).waitFor();
  await services.getByRole("row", { name: "all further places tcp not measured" }).waitFor();
  for (const said of ["4 further edges", "6 edges had to go", "7 batches of events", "5 requests of clients"])
    await page.getByText(said).waitFor();
  await audit(page, "the map of services");
  await page.close();
});

test("what the host left out of the events, and counts that it has forgotten, are said", async () => {
  const page = await entered(looking.browser, looking.offences, looking.shown);
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

test("no page failed, complained, or asked anybody but its host", () =>
  assert.equal([...new Set(looking.offences)], []));

if (existsSync(CHROMIUM)) test.run();
else console.log("skip: rows of the console's screens: chromium is missing");
