// SPDX-License-Identifier: Apache-2.0
//
// The documentation's site: made as `npm run site` makes it, and read from the disk in a real browser, which
// has no network.
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser, Page } from "playwright-core";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { ERRORS } from "../../build/generated/errors.js";
import { builtFile } from "../../host/paths.js";
import { audit, CHROMIUM, newPage, openBrowser } from "./browser.js";
import { ROOT, scratch } from "./programs.js";

const site = scratch();
const WIDE = { width: 1280, height: 800 };
const PHONE = { width: 360, height: 740 };

test.before(() => void execFileSync(process.execPath, [builtFile("js/host/image/site.js"), site], { stdio: "pipe" }));

const pages = (): string[] =>
  readdirSync(site, { recursive: true })
    .map(String)
    .filter((name) => name.endsWith(".html"));
const textOf = (path: string): string => readFileSync(join(site, path), "utf8");

test("each page of docs/ is there, in the list of every page", () => {
  const docs = readdirSync(join(ROOT, "docs"), { recursive: true }).map(String);
  const wanted = docs.filter((name) => name.endsWith(".md")).map((name) => `docs/${name.replace(/md$/, "html")}`);
  assert.ok(wanted.length > 20);
  for (const path of ["index.html", "CHANGELOG.html", ...wanted]) {
    assert.ok(pages().includes(path), path);
    assert.ok(textOf("index.html").includes(`href="${path}"`), `${path} is in no list`);
  }
});

test("each error of the catalogue has an entry that says what to do", () => {
  const text = textOf("reference/errors.html");
  for (const [code, { hint }] of Object.entries(ERRORS)) {
    const entry = text.split(`<h2 id="${code.toLowerCase()}">`)[1]?.split("<h2 ")[0];
    assert.ok(entry !== undefined, code);
    if (String(hint) !== "") assert.match(entry, "What to do.", code);
  }
});

test("commands, fields, keys, metrics and the pack are what the program says", () => {
  for (const [path, words] of [
    ["commands", ["vedette policy test", "--alerts"]],
    ["fields", ["fd.realpath", "proc.aname"]],
    ["configuration-keys", ["VEDETTE_FALCO_RULES"]],
    ["metrics", ["vedette_lost_events_total", "vedette_judging"]],
    ["pack", ["policies/credential-access"]],
  ] as const)
    for (const word of words) assert.match(textOf(`reference/${path}.html`), word, path);
});

test("no page asks for anything from elsewhere", () => {
  for (const path of pages())
    for (const [, at = ""] of textOf(path).matchAll(/<(?:script|link|img)[^>]* (?:src|href)="([^"]+)"/g))
      assert.ok(!/^([a-z]+:|\/)/.test(at) && existsSync(join(site, path, "..", at)), `${path}: ${at}`);
});

test("each link of a page leads to a page, and to a heading that is there", () => {
  const headings = new Map(pages().map((path) => [path, new Set(textOf(path).match(/(?<=\bid=")[^"]+/g))]));
  for (const path of pages())
    for (const [, link = ""] of textOf(path).matchAll(/<a\b[^>]* href="([^"]+)"/g)) {
      if (/^[a-z]+:/.test(link)) continue;
      const [file = "", heading] = decodeURIComponent(link).split("#");
      const target = file === "" ? path : join(dirname(path), file);
      assert.ok(existsSync(join(site, target)), `${path}: ${link}`);
      if (heading !== undefined && target.endsWith(".html"))
        assert.ok(headings.get(target)?.has(heading), `${path}: ${link}`);
    }
});

let browser: Browser;
const offences: string[] = [];
const opened = async (path: string, options: Parameters<typeof newPage>[2]): Promise<Page> => {
  const page = await newPage(browser, offences, options);
  await page.goto(pathToFileURL(join(site, path)).href);
  return page;
};

if (existsSync(CHROMIUM)) {
  test.before(async () => {
    browser = await openBrowser();
  });
  test.after(() => browser.close());

  for (const [viewport, colorScheme] of [
    [WIDE, "light"],
    [PHONE, "dark"],
  ] as const)
    test(`pages are accessible, ${viewport.width} pixels wide, ${colorScheme}`, async () => {
      for (const path of ["index", "docs/threat-model", "docs/abi/v1", "reference/errors", "reference/fields"]) {
        const page = await opened(`${path}.html`, { viewport, colorScheme });
        await audit(page, path);
        await page.close();
      }
    });

  test("the search finds a section, and leads to it", async () => {
    const page = await opened("docs/abi/v1.html", { viewport: WIDE });
    await page.keyboard.press("/");
    await page.keyboard.type("kill-tree");
    await page.locator('#found a[href*="docs/response.html"]').first().click();
    await page.waitForURL(/docs\/response\.html/);
    await page.locator("#search").fill("zzqqxx");
    await page.getByText("Nothing is found.").waitFor();
    await page.keyboard.press("Escape");
    await page.locator("#found").waitFor({ state: "hidden" });
    await page.close();
  });

  test("nothing failed, and nothing was asked of anybody", () => {
    assert.equal(
      offences.filter((one) => !one.startsWith("asked file:") && !/site.css.*CORS policy/.test(one)), // axe asks for it
      [],
    );
  });
} else console.log("skip: the site in a browser: chromium is missing");

test.run();
