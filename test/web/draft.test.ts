// SPDX-License-Identifier: Apache-2.0
//
// A draft of a policy in a real browser: it is changed by keys, tried and taken along, and hostile texts and
// answers are text. What the API makes of a draft is in test/attacks/host-draft.test.ts.
import { existsSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { audit, CHROMIUM, show } from "../e2e/browser.js";
import { until } from "../until.js";
import { MARKUP } from "./shown.js";
import { entered, LOOKS, lookedAt } from "./shown-screens.js";

const test = suite("a draft on its page");
const looking = lookedAt(test, "one");

test("a draft is changed by keys, tried, and taken along; hostile texts and answers are text", async () => {
  const hostile = `${MARKUP}\u202e\u0007${"long".repeat(1_024)}`;
  const at = { file: "index.ts", line: 3, column: 3, isError: false, text: hostile, code: "X", hint: hostile };
  const side = { alerts: 1, left_out: 5, fault: hostile, logs: [hostile] };
  const sample = { time: "1", rule: hostile, priority: "Notice", output: hostile };
  const tests = {
    ...{ passed: 1, failed: 1, problem: null, missing: [hostile] },
    failures: [{ name: hostile, differences: [hostile], logs: [hostile] }],
  };
  const answer = {
    problems: [at, { ...at, file: hostile }, { ...at, file: null, line: null, column: null }],
    ...{ tests, events: 2, from: "1", to: "2", draft: side, loaded: side },
    rules: [{ rule: hostile, priority: "Notice", draft: 1, loaded: 0 }],
    samples: (["draft", "loaded", "both"] as const).map((by) => ({ ...sample, by })),
  };
  const text = `// ${MARKUP} \u202e\nfunction f() {\n  a();\n}\n`;
  for (const look of LOOKS) {
    let loaded = "as it was\n";
    let mayAnswer = Promise.resolve();
    const page = await entered(looking.browser, looking.offences, looking.shown, look);
    await page.route("**/api/v1/policy?*", async (route) => {
      const response = await route.fetch();
      const json = (await response.json()) as { detail: object };
      const files = [{ name: "index.ts", text: loaded, isWhole: true }];
      await route.fulfill({ response, json: { ...json, detail: { ...json.detail, files } } });
    });
    const sent: string[] = [];
    await page.route("**/api/v1/policies/draft", async (route) => {
      sent.push((route.request().postDataJSON() as { text: string }).text);
      await mayAnswer;
      return route.fulfill({ json: answer });
    });
    await show(page, "policies");
    await page.keyboard.press("j");
    await page.keyboard.press("Enter");
    await page.getByRole("link", { name: "Try a change" }).click();
    const field = page.getByLabel("index.ts", { exact: true });
    assert.is(await field.inputValue(), loaded);
    loaded = text;
    const followed = async () => (await field.inputValue()) === text;
    await until("a draft that nobody has changed follows what is loaded", followed, { ms: 20_000 });
    await page.getByText("Line 1 of the text has characters that are not seen").waitFor();
    await page.getByRole("button", { name: "Start again" }).waitFor({ state: "detached" });
    await field.focus();
    await page.evaluate("document.activeElement.setSelectionRange(0, 0)");
    for (const key of ["ArrowDown", "ArrowDown", "End", "Enter"]) await page.keyboard.press(key);
    await page.keyboard.type("b();");
    await page.keyboard.press("Home");
    await page.keyboard.press("Tab");
    const changed = text.replace("a();\n", "a();\n    b();\n");
    assert.is(await field.inputValue(), changed, "Enter keeps the indent, and Tab adds to it");
    await page.keyboard.press("Shift+Tab");
    await page.keyboard.press("Control+z");
    assert.is(await field.inputValue(), changed, "undo knows of it");
    await page.keyboard.press("Control+Enter");
    const said = page.getByRole("region", { name: "What became of it" });
    await said.getByText("1 passed, 1 failed.").waitFor();
    assert.equal(sent, [changed]);
    const status = said.getByRole("status");
    assert.is(await status.textContent(), "The draft is compiled, 1 failed test, and it raised 6 alerts.");
    await page.keyboard.press("Escape");
    await page.keyboard.press("Tab");
    assert.is(await page.locator(":focus").textContent(), "Test the draft", "Esc lets Tab go on");
    let answers = (): void => undefined;
    mayAnswer = new Promise((resolve) => (answers = resolve));
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Testing …" }).waitFor();
    assert.is(await page.locator(":focus").textContent(), "Testing …", "the button keeps the focus");
    answers();
    await page.getByRole("button", { name: "Test the draft" }).waitFor();
    assert.is(sent.length, 2);
    await said.getByRole("button", { name: "Line 3, column 3" }).first().click();
    const cursor = "document.activeElement.value.slice(0, document.activeElement.selectionStart)";
    assert.is(await page.evaluate(cursor), `${text.split("\n").slice(0, 2).join("\n")}\n  `);
    assert.is(await page.locator("main img").count(), 0);
    const told = (await said.textContent()) ?? "";
    assert.ok(told.includes(MARKUP));
    assert.not.match(told, /[\u202e\u0007]/);
    await audit(page, "a hostile draft");
    const downloading = page.waitForEvent("download");
    await page.getByRole("button", { name: "Download index.ts" }).click();
    assert.is((await downloading).suggestedFilename(), "index.ts");
    loaded = `${text}// another\n`;
    await page.getByText("Another text has been loaded since").waitFor();
    assert.is(await field.inputValue(), changed, "a draft that was changed stays");
    await page.reload();
    assert.is(await field.inputValue(), changed, "a reload loses nothing");
    await page.getByText("Another text has been loaded since").waitFor();
    await page.getByRole("button", { name: "Start again" }).click();
    await page.getByRole("button", { name: "Bring my draft back" }).click();
    assert.is(await field.inputValue(), changed);
    await page.getByText("Another text has been loaded since").waitFor({ state: "detached" });
    await page.getByRole("button", { name: "Leave" }).click();
    await page.getByLabel("Or a token of --control-tokens").waitFor();
    const kept = "Object.keys(sessionStorage).filter((key) => key.startsWith('vedette.draft')).length";
    assert.is(await page.evaluate(kept), 0, "who leaves takes drafts away");
    await page.close();
  }
});

test("no page failed, complained, or asked anybody but its host", () =>
  assert.equal([...new Set(looking.offences)], []));

if (existsSync(CHROMIUM)) test.run();
else console.log("skip: a draft on its page: chromium is missing");
