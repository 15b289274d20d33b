// SPDX-License-Identifier: Apache-2.0
// Tickets let in once and for minutes, keys for hours, and neither is kept in words.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Sessions } from "../../../host/control/sessions.js";

const MINUTE = 60_000;
let now = 0;
const sessions = (): Sessions => new Sessions(() => now);

test("a ticket lets in once, as whoever got it", () => {
  for (const tenant of [null, "payments"]) {
    const own = sessions();
    const { secret, seconds } = own.ticket(tenant);
    assert.match(secret, /^[\w-]{43}$/);
    assert.is(seconds, 300);
    const entered = own.enter(secret);
    assert.is(entered?.tenant, tenant);
    assert.is(own.holder(entered!.secret), tenant);
    assert.is(own.enter(secret), null);
  }
});

test("a ticket is no key, and a key is no ticket", () => {
  const own = sessions();
  const { secret } = own.ticket(null);
  assert.is(own.holder(secret), undefined);
  const key = own.enter(secret)!.secret;
  assert.is(own.enter(key), null);
  assert.is(own.holder(""), undefined);
});

test("a ticket holds for five minutes, a key for twelve hours", () => {
  now = 0;
  const own = sessions();
  const [early, late] = [own.ticket(null).secret, own.ticket(null).secret];
  now = 5 * MINUTE - 1;
  const key = own.enter(early)!.secret;
  now = 5 * MINUTE;
  assert.is(own.enter(late), null);
  now = 5 * MINUTE - 1 + 12 * 60 * MINUTE - 1;
  assert.is(own.holder(key), null);
  now++;
  assert.is(own.holder(key), undefined);
});

test("whoever leaves is out", () => {
  const own = sessions();
  const key = own.enter(own.ticket("a").secret)!.secret;
  own.leave(key);
  assert.is(own.holder(key), undefined);
});

test("of many tickets the newest 256 hold", () => {
  const own = sessions();
  const tickets = Array.from({ length: 300 }, () => own.ticket(null).secret);
  assert.equal(
    tickets.map((ticket) => own.enter(ticket) !== null),
    tickets.map((_, i) => i >= 44),
  );
});

test.run();
