// SPDX-License-Identifier: Apache-2.0
//
// Each screen of the console in a real browser where there is as much as there may be: 100,000 findings, 300
// policies, sensors and outputs, events without end. Wide and light, narrow and dark. What screens do with
// many rows is in screens-rows.test.ts.
import { existsSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CHROMIUM } from "../e2e/browser.js";
import { auditAll, entered, LOOKS, lookedAt } from "./shown-screens.js";

const test = suite("screens of the console that show much");
const looking = lookedAt(test, "many");

for (const look of LOOKS)
  test(`many of everything at ${look.viewport.width} pixels, ${look.colorScheme}: each screen passes the audit`, async () => {
    await auditAll(await entered(looking.browser, looking.offences, looking.shown, look), "many", looking.shown);
  });

test("no page failed, complained, or asked anybody but its host", () =>
  assert.equal([...new Set(looking.offences)], []));

if (existsSync(CHROMIUM)) test.run();
else console.log("skip: the screens of the console that show much: chromium is missing");
