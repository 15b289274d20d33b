// SPDX-License-Identifier: Apache-2.0
//
// Other pages in the operator's own browser (H24): one whose name leads to the console (DNS rebinding), one
// of the web, and one that the workload serves at another port of 127.0.0.1. They have a ticket that still
// holds, which is more than such a page would have, and get nothing by it.
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ticketOf } from "../ask.js";
import { CHROMIUM, openBrowser, WAIT_MS_MAX } from "../e2e/browser.js";
import { Host } from "./host.js";

const test = suite("other pages in the operator's browser");
const folder = mkdtempSync(join(tmpdir(), "vedette-pages-"));
const socket = join(folder, "control.sock");
/** What the attacker serves: an empty page that may run anything. */
const elsewhere = createServer((_, response) => response.setHeader("content-type", "text/html").end("<p>hello"));
let host: Host;
let browser: Browser;
let console_: URL;
let otherPort: number;

const newTicket = async (): Promise<string> => (await ticketOf(socket)).ticket;

test.before(async () => {
  host = await Host.start(folder, ["--console", "--control-tcp", "127.0.0.1:0", "--control", socket]);
  console_ = new URL((await ticketOf(socket)).console);
  await new Promise<void>((ready) => elsewhere.listen(0, "127.0.0.1", ready));
  otherPort = (elsewhere.address() as AddressInfo).port;
  browser = await openBrowser("--host-resolver-rules=MAP evil.example 127.0.0.1");
});
test.after(async () => {
  await browser?.close();
  elsewhere.close();
  await host?.stop();
  rmSync(folder, { recursive: true });
});

/** Runs in the page, as text: what an attacker's script can send with what it has. */
const sends = (at: string, ticket: string): string => `(async () => {
  const body = JSON.stringify({ ticket: ${JSON.stringify(ticket)} });
  const ways = {
    json: { method: "POST", headers: { "content-type": "application/json" }, body },
    unasked: { method: "POST", mode: "no-cors", headers: { "content-type": "text/plain" }, body },
    look: { headers: { authorization: "Bearer x" } },
    blind: { mode: "no-cors" },
  };
  const said = {};
  for (const [name, way] of Object.entries(ways))
    said[name] = await fetch(${JSON.stringify(at)} + "api/v1/" + (way.method ? "session" : "incidents"), way)
      .then(async (answer) => answer.type + " " + answer.status + " " + (await answer.text()))
      .catch(() => "refused");
  return said;
})()`;

async function opened(at: string): Promise<Page> {
  const page = await browser.newPage();
  page.setDefaultTimeout(WAIT_MS_MAX);
  await page.goto(at);
  return page;
}

for (const [whose, at] of [
  ["of the web", () => `http://evil.example:${otherPort}/`],
  ["at another port of this machine", () => `http://127.0.0.1:${otherPort}/`],
] as const)
  test(`H24: a page ${whose} gets nothing, and uses up no ticket, by scripts and by a form`, async () => {
    const ticket = await newTicket();
    const page = await opened(at());
    const said = (await page.evaluate(sends(console_.href, ticket))) as Record<string, string>;
    assert.equal(said, { json: "refused", unasked: "opaque 0 ", look: "refused", blind: "opaque 0 " });
    const answered = page.waitForResponse((response) => response.url().includes("/api/v1/session"));
    await page.evaluate(`{
      const form = document.createElement("form");
      Object.assign(form, { method: "POST", action: ${JSON.stringify(`${console_.href}api/v1/session`)}, enctype: "text/plain" });
      const field = Object.assign(document.createElement("input"), { name: '{"ticket":"${ticket}","x":"', value: '"}' });
      form.append(field);
      document.body.append(form);
      form.submit();
    }`);
    assert.is((await answered).status(), 403, "the browser says where the form is from");
    await page.close();
    const own = await opened(`${console_.href}#t=${ticket}`);
    await own.getByRole("heading", { name: "Overview" }).waitFor();
    await own.close();
  });

test("H24: by a name that leads here (DNS rebinding) there is neither a page nor an answer", async () => {
  const page = await browser.newPage();
  const there = await page.goto(`http://evil.example:${console_.port}/`);
  assert.is(there?.status(), 421);
  const said = (await page.evaluate(sends(`http://evil.example:${console_.port}/`, await newTicket()))) as object;
  for (const [way, answer] of Object.entries(said)) assert.match(answer, /^basic 421 /, way);
  await page.close();
});

test("H24: no other page can frame the console, or run its script as its own", async () => {
  const page = await opened(`http://127.0.0.1:${otherPort}/`);
  const frame = `new Promise((done) => {
    const frame = Object.assign(document.createElement("iframe"), { src: ${JSON.stringify(console_.href)} });
    frame.onload = () => done(frame.contentDocument === null ? "not ours to read" : "ours");
    document.body.append(frame);
  })`;
  assert.is(await page.evaluate(frame), "not ours to read");
  assert.is(await page.frames()[1]?.locator("#console").count(), 0, "what is framed is the browser's own error");
  const script = `new Promise((done) => {
    const script = Object.assign(document.createElement("script"), { src: ${JSON.stringify(`${console_.href}console.js`)}, type: "module" });
    script.onload = () => done("ran");
    script.onerror = () => done("refused");
    document.body.append(script);
  })`;
  assert.is(await page.evaluate(script), "refused");
  await page.close();
});

if (existsSync(CHROMIUM)) test.run();
else console.log("skip: other pages in the operator's browser: chromium is missing");
