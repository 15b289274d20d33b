// SPDX-License-Identifier: Apache-2.0
// An alert as a message of syslog, held against the grammar of RFC 5424 (section 6), whatever a program chose
// for its names.
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { findingId } from "../../../host/finding/finding.js";
import type { Finding } from "../../../host/finding/parts.js";
import { PRIORITIES } from "../../../host/finding/priority.js";
import { syslogText } from "../../../host/output/syslog-text.js";
import { CONNECT, FINDING } from "./shared.js";

/** HEADER SP STRUCTURED-DATA SP MSG of RFC 5424: of its ABNF, what a message of ours may have. */
const NAME = "[!-~]{1,48}";
const SD_NAME = '(?:(?![=\\]" ])[!-~]){1,32}';
const SD_VALUE = '(?:[^"\\\\\\]]|\\\\["\\\\\\]])*';
const GRAMMAR = new RegExp(
  `^<(?:\\d|[1-9]\\d|1[0-8]\\d|19[01])>1 \\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{1,6}Z [!-~]{1,255} ${NAME} [!-~]{1,128} [!-~]{1,32} ` +
    `\\[${SD_NAME}(?: ${SD_NAME}="${SD_VALUE}")*\\] [^\\x00-\\x1f]*$`,
  "su",
);
test("an alert has its rule, its finding's name and what it is about in the structured data", () => {
  assert.is(
    syslogText(CONNECT, 2_048),
    `<12>1 2026-11-26T14:30:12.881781Z ip-10-0-1-7 vedette 41 finding [vedette@32473 id="${findingId(FINDING)}" ` +
      'rule="Task credentials requested" policy="task-credentials" version="1.0.0" tenant="payments" num="48213" container="orders" ' +
      'dst="[fd00::254\\]:80" tags="T1552.005,TA0006" exe="/usr/bin/curl"] A program asks for credentials',
  );
});

test("an alert of no event is a notice, and names nobody", () => {
  const { finding, ...bare } = CONNECT;
  assert.match(
    syslogText({ ...bare, hostname: "" }, 2_048),
    /^<12>1 \S+ - vedette - notice \[vedette@32473 rule="Task /,
  );
});

test("each priority has its severity", () => {
  const severities = PRIORITIES.map((priority) => syslogText({ ...CONNECT, priority }, 2_048).slice(0, 5));
  assert.equal(severities, ["<8>1 ", "<9>1 ", "<10>1", "<11>1", "<12>1", "<13>1", "<14>1", "<15>1"]);
});

test("whatever a program chose for its names, a message is one line of the grammar within its bound", () => {
  const text = fc.string({ unit: "binary", maxLength: 600 });
  fc.assert(
    fc.property(text, text, text, text, fc.constantFrom(2_048, 8_096), (name, path, output, hostname, most) => {
      const finding = {
        ...FINDING,
        policy: name,
        executable: { path, ino: null, dev: null, changed: null, isOfImage: true },
      };
      const message = syslogText(
        { ...CONNECT, rule: name, tags: [path], output, hostname, policy: name, finding },
        most,
      );
      assert.match(message, GRAMMAR);
      assert.ok(Buffer.byteLength(message) <= most);
    }),
    { numRuns: 2_000 },
  );
});

test("a sentence that is too long is cut, and says so", () => {
  const message = syslogText({ ...CONNECT, output: "x".repeat(60_000) }, 2_048);
  assert.match(message, GRAMMAR);
  assert.is(Buffer.byteLength(message), 2_048);
  assert.match(message, /\.\.\.\(cut: 60000 bytes\)$/);
});

test("a finding's name is a UUID of version 8: the same when the event is judged again, another for all else", () => {
  const again = { ...FINDING, event: { ...FINDING.event, num: 3 } };
  assert.match(findingId(FINDING), /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.is(findingId(again), findingId(FINDING), "evt.num counts anew in each run and for each tenant");
  const others: Finding[] = [
    { ...FINDING, tenant: null },
    { ...FINDING, rule: "R" },
    { ...FINDING, policy: "p" },
    { ...FINDING, tid: 42 },
    { ...FINDING, event: { ...FINDING.event, time: FINDING.event.time + 1n } },
    { ...FINDING, event: { ...FINDING.event, source: "5b".repeat(16) } },
  ];
  assert.is(new Set([FINDING, ...others].map(findingId)).size, others.length + 1);
});

test.run();
