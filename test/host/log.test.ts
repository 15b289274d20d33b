// SPDX-License-Identifier: Apache-2.0
//
// A line of the log: with time and level, or as JSON in which an error is apart in its parts.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { explain, VedetteError } from "../../host/errors.js";
import { logLine } from "../../host/log.js";

const TIME = new Date("2026-11-27T12:03:12.123Z");

test("a line has its time and level in front", () => {
  const line = logLine("text", "vedette: listening at unix:/vedette/host.sock", "info", TIME);
  assert.is(line, "2026-11-27T12:03:12.123Z info vedette: listening at unix:/vedette/host.sock");
});

test("JSON is one line, with an error's code and hint apart", () => {
  const error = new VedetteError("VEDETTE_LISTEN_REFUSED", { address: '"a"\n', reason: "it is none" });
  const line = logLine("json", `vedette: ${explain(error)}`, "error", TIME);
  assert.not.match(line, /\n/);
  const { time, level, message, code, hint } = JSON.parse(line);
  assert.equal([time, level, message, code], [TIME.toISOString(), "error", error.message, error.code]);
  assert.is(hint, error.hint);
  const plain = JSON.parse(logLine("json", "vedette: app [VEDETTE_X] has left", "warning", TIME));
  assert.equal(plain, { time: TIME.toISOString(), level: "warning", message: "app [VEDETTE_X] has left" });
});

test.run();
