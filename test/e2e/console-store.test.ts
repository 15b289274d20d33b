// SPDX-License-Identifier: Apache-2.0
//
// The console over stores that no Vedette writes any more, in a browser: one that is empty, and one of
// 100,000 findings, with names that would be code or turn a line round.
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { VedetteError } from "../../host/errors.js";
import type { Alert } from "../../host/output/alert.js";
import { SqliteStore } from "../../host/store/threaded.js";
import { alertOf } from "../host/incident/shared.js";
import { incident } from "../host/store/store-suite.js";
import { until } from "../until.js";
import { audit, CHROMIUM, newPage, openBrowser, type PageOptions, show } from "./browser.js";
import { scratch, VEDETTE } from "./programs.js";

const MANY = 100_000;
const INCIDENTS = 300;
const MARKUP = "<img src=x onerror=alert(1)>";
const TURNED = "gpj.\u202Eexe";
const LONG = "a".repeat(4_096);
const SCREENS = ["", "incidents", "findings", "events", "processes", "policies", "tenants", "sensors", "outputs"];

const test = suite("console of a store");
const offences: string[] = [];
const shown: ChildProcess[] = [];
let browser: Browser;
let empty: () => Promise<Page>;
let many: (options?: PageOptions) => Promise<Page>;

/** A machine that is busy may take longer than an output should. */
function onFault(error: VedetteError): void {
  if (error.code !== "VEDETTE_OUTPUT_STUCK") assert.unreachable(error.message);
}

/** Of the last day; one in a thousand has names that mean harm. */
function alertAt(index: number): Alert {
  const isHostile = index % 1_000 === 7;
  const name = isHostile ? MARKUP : `rule ${index % 40}`;
  const time =
    (BigInt(Date.now()) - BigInt(Math.floor((index * 80_000_000) / MANY))) * 1_000_000n + BigInt(index % 1_000);
  const alert = alertOf({ pid: index, container: isHostile ? TURNED : `web-${index % 12}`, rule: name });
  const output = isHostile ? `${MARKUP} ${TURNED} \u001b[31mred ${LONG}` : `process ${index} read /etc/shadow`;
  const finding = { ...alert.finding!, event: { ...alert.finding!.event, time } };
  return { ...alert, time, output, finding, priority: index % 50 === 0 ? "Critical" : "Warning" };
}

/** Shows a store with `vedette console --store`; gives the address that lets a browser in. */
function consoleOf(folder: string): Promise<string> {
  const [command, ...words] = [...VEDETTE, "console", "--store", folder, "--at", "127.0.0.1:0"];
  const child = spawn(command!, words, { stdio: ["ignore", "pipe", "inherit"] });
  shown.push(child);
  return new Promise((resolve, reject) => {
    let said = "";
    child.stdout!.setEncoding("utf8").on("data", (part: string) => {
      said += part;
      if (said.includes("\n")) resolve(said.trim());
    });
    child.once("exit", (status) => reject(new Error(`it ended with ${status}`)));
  });
}

async function entered(address: string, options?: PageOptions): Promise<Page> {
  const page = await newPage(browser, offences, options);
  await page.goto(address);
  await page.getByRole("heading", { name: "Overview" }).waitFor();
  return page;
}

test.before(async () => {
  browser = await openBrowser();
  const nothing = join(scratch(), "empty");
  await (await SqliteStore.open({ folder: nothing, onFault })).close();
  empty = async () => entered(await consoleOf(nothing));
  const folder = join(scratch(), "many");
  const store = await SqliteStore.open({ folder, onFault });
  for (let i = 0; i < MANY; i++) {
    store.append(alertAt(i));
    if (i % 2_000 === 1_999) while (store.stats().queued > 0) await store.flush();
  }
  for (let i = 0; i < INCIDENTS; i++)
    store.keep(
      incident(`incident-${i}`, {
        title: i === INCIDENTS - 1 ? `${MARKUP} ${TURNED}` : `Incident ${i}`,
        container: "web",
        doc: docOf(i),
      }),
    );
  while (store.stats().queued > 0) await store.flush();
  await store.close();
  many = async (options) => entered(await consoleOf(folder), options);
});
test.after(async () => {
  await browser?.close();
  for (const child of shown) {
    child.removeAllListeners("exit");
    child.kill("SIGTERM");
  }
});

/** As host/incident/json.ts makes it. */
function docOf(index: number): string {
  const isHostile = index === INCIDENTS - 1;
  const [title, command] = isHostile ? [`${MARKUP} ${TURNED}`, `${MARKUP} ${LONG}`] : [`Incident ${index}`, "sh"];
  const at = String(BigInt(Date.now()) * 1_000_000n);
  const row = {
    ...{ kind: "finding", text: title, subject: command, pid: 7, command, policy: "p", rule: title },
    ...{ priority: "Warning", runbook: null, first: at, last: at, count: 2, samples: ["x"] },
  };
  const processes = [{ key: "7", parent: null, pid: 7, name: title, command, isFound: true }];
  return JSON.stringify({
    ...{
      state: "closed",
      closed_by: "silence",
      id: `incident-${index}`,
      severity: "Warning",
      title,
      tactics: ["TA0006"],
    },
    ...{ tags: [MARKUP], tenant: null, source: "s", container: { id: "web", name: "web" }, first: at, last: at },
    ...{ count: 2, repeats: 1, rows: [row, { ...row, kind: "exec", rule: null, priority: null }], processes },
    ...{ previous: null, merged: [], left_out: { findings: 0, steps: 0, processes: 0 } },
  });
}

test("a store that is empty says so, and that nothing is judged here", async () => {
  const page = await empty();
  await page.getByText("This is a store. Nothing is judged here").waitFor();
  for (const [screen, text] of [
    ["", "No incident is open."],
    ["incidents", "No incident so far."],
    ["findings", "No finding so far."],
  ] as const) {
    await show(page, screen);
    await page.getByText(text).waitFor();
    await audit(page, screen);
  }
  await page.close();
});

test("of 100,000 findings the overview has the sums, and leads to those of a rule, page by page", async () => {
  const page = await many();
  await page.getByText("100,000 findings and 300 incidents are kept.").waitFor();
  await page.getByText("100,000 findings in 24 h").first().waitFor();
  await page.getByText("As a table").click();
  await page
    .getByRole("cell", { name: /Critical/ })
    .first()
    .waitFor();
  const most = page.getByRole("region", { name: "Rules with most findings" }).getByRole("link").first();
  const rule = (await most.textContent())!;
  await most.click();
  await page.getByRole("heading", { name: "Findings", level: 1 }).waitFor();
  await page.getByRole("cell", { name: rule, exact: true }).first().waitFor();
  const first = await page.locator("tbody tr").first().textContent();
  assert.is(await page.locator("tbody tr").count(), 100);
  await page.getByRole("button", { name: "Older" }).click();
  const firstRow = (): Promise<string | null> => page.locator("tbody tr").first().textContent();
  await page.getByRole("button", { name: "Newer", disabled: false }).waitFor();
  await until("older rows", async () => (await firstRow()) !== first);
  await page.getByRole("button", { name: "Newer" }).click();
  await until("the newest rows", async () => (await firstRow()) === first);
  await page.close();
});

test("a word is found among 100,000 findings, and hostile names are text wherever they stand", async () => {
  const page = await many();
  await show(page, "findings");
  await page.getByLabel("Words").fill("process 99998");
  await page.getByRole("button", { name: "Find" }).click();
  await page.getByRole("cell", { name: "process 99998 read /etc/shadow" }).waitFor();
  assert.is(await page.locator("tbody tr").count(), 1);
  await show(page, `findings?${new URLSearchParams({ rule: MARKUP })}`);
  await page.getByRole("cell", { name: MARKUP }).first().waitFor();
  const text = (await page.locator("table").textContent())!;
  assert.match(text, "\\x1b[31mred");
  assert.not.match(text, /[\u202E\u001b]/);
  await show(page, "incidents");
  await page.getByRole("link", { name: MARKUP }).click();
  await page.getByRole("heading", { name: "Timeline" }).waitFor();
  assert.not.match((await page.locator("body").textContent())!, /\u202E/);
  assert.is(await page.locator("img").count(), 0);
  await page.close();
});

for (const [width, height, colorScheme] of [
  [1280, 800, "dark"],
  [390, 844, "light"],
] as const)
  test(`many findings and hostile names pass the audit and fit into ${width} columns, ${colorScheme}`, async () => {
    const page = await many({ viewport: { width, height }, colorScheme });
    for (const screen of [
      ...SCREENS,
      `incidents/incident-${INCIDENTS - 1}`,
      `findings?${new URLSearchParams({ rule: MARKUP })}`,
    ]) {
      await show(page, screen);
      await audit(page, screen);
    }
    await page.close();
  });

test("no page failed, complained, or asked anybody but us", () => assert.equal(offences, []));

if (existsSync(CHROMIUM)) test.run();
else console.log("skip: the console of a store in a browser: chromium is missing");
