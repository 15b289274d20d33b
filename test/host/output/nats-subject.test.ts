// SPDX-License-Identifier: Apache-2.0
// Subjects of NATS, whose names a program may have chosen: whatever they are, a subject has the tokens that
// its template has, and no two names are one.
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { SUBJECT_NAMES, subjectComplaint, subjectOf, subjectToken } from "../../../host/output/nats-subject.js";

test("a plain name is its own token, and what is none is escaped", () => {
  const tokens = ["payments", "Web_1-a", "", "_", "a.b", "a b", "*", ">", "%2E", "$JS", "é", "\r\nPUB x 0"].map(
    subjectToken,
  );
  assert.equal(tokens, [
    ...["payments", "Web_1-a", "_", "%5F", "a%2Eb", "a%20b", "%2A", "%3E", "%252E", "%24JS", "%C3%A9"],
    "%0D%0APUB%20x%200",
  ]);
});

test("whatever a name is, the subject keeps its shape, and fits", () => {
  const name = fc.oneof(
    fc.string({ unit: "binary", maxLength: 300 }),
    fc.constantFrom(".", "*", ">", "a.b", " ", "_", "%"),
  );
  fc.assert(
    fc.property(name, name, (tenant, container) => {
      const subject = subjectOf("vd.a.{tenant}.{container}", { tenant, container });
      const parts = subject.split(".");
      assert.equal([parts.length, parts[0], parts[1]], [4, "vd", "a"], subject);
      for (const part of parts) assert.match(part, /^[A-Za-z0-9_%~-]{1,64}$/);
    }),
    { numRuns: 2000 },
  );
});

test("two names are one token only if they are the same text in UTF-8", () => {
  const name = fc.oneof(
    fc.string({ maxLength: 6 }),
    fc.string({ minLength: 60, maxLength: 70 }),
    fc.constantFrom("", "_", "%5F"),
  );
  fc.assert(
    fc.property(name, name, (one, other) => {
      const isSame = Buffer.from(one).equals(Buffer.from(other));
      assert.is(subjectToken(one) === subjectToken(other), isSame, `${one} and ${other}`);
    }),
    { numRuns: 2000 },
  );
  assert.is.not(subjectToken(`${"a".repeat(100)}b`), subjectToken(`${"a".repeat(100)}c`));
});

test("a template is words and names between dots, and begins with a word", () => {
  for (const good of ["alerts", "vd.a.{tenant}", `x.${SUBJECT_NAMES.map((name) => `{${name}}`).join(".")}`])
    assert.is(subjectComplaint(good), null, good);
  for (const bad of ["", "a..b", ".a", "a.", "a.*", "a.>", "a b", "$JS.API", "a.{what}", "a.x{tenant}", "{tenant}.a"])
    assert.type(subjectComplaint(bad), "string", bad);
  assert.type(subjectComplaint("a".repeat(300)), "string");
});

test.run();
