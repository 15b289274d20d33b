// SPDX-License-Identifier: Apache-2.0
// Whose questions with a condition wait for whom, and whose conditions stay compiled.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { History } from "../../../host/control/history.js";
import type { Filter } from "../../../host/falco/falco.js";
import type { Owner, Store } from "../../../host/store/store.js";

const QUERY = { limit: 10 };
/** A store that has nothing: no filter judges anything. */
const store = {
  page: async () => ({ items: [], next: null, isComplete: true, damaged: 0, after: [] }),
} as unknown as Store;
const FILTER = {} as Filter;

test("the operator's question does not wait for the compiler of tenants' ones", async () => {
  let release: (filter: Filter) => void;
  const slow = new Promise<Filter>((resolve) => {
    release = resolve;
  });
  const history = new History({ filterOf: async (owner: Owner) => (owner === null ? FILTER : slow) });
  const tenants = ["a", "b", "c"].map((owner) => history.page(store, owner, QUERY, "slow"));
  assert.is((await history.page(store, null, QUERY, "fast")).looked, 0);
  release!(FILTER);
  assert.is((await Promise.all(tenants)).length, 3);
});

test("tenants' conditions push out none of the operator's; one that was refused, or failed, is compiled again", async () => {
  const compiled: string[] = [];
  let isRefused = false;
  const history = new History({
    filterOf: async (owner, condition) => {
      compiled.push(`${owner} ${condition}`);
      if (isRefused) throw new Error("refused");
      return FILTER;
    },
  });
  const ask = (owner: Owner, condition: string, at = store) => history.page(at, owner, QUERY, condition);
  for (const condition of ["one", "two"]) await ask(null, condition);
  for (let i = 0; i < 20; i++) for (const condition of ["x", "y", "z"]) await ask(`t${i}`, condition);
  for (const condition of ["one", "two"]) await ask(null, condition);
  assert.equal(
    compiled.filter((one) => one.startsWith("null")),
    ["null one", "null two"],
  );
  for (let i = 0; i < 8; i++) await ask(null, `${i}`);
  compiled.length = 0;
  await ask(null, "7");
  await ask(null, "one");
  assert.equal(compiled, ["null one"], "of the operator's own the oldest goes");
  isRefused = true;
  for (let i = 0; i < 2; i++) await ask(null, "bad").catch(() => undefined);
  isRefused = false;
  const broken = { page: () => Promise.reject(new Error("broken")) } as unknown as Store;
  await ask(null, "bad", broken).catch(() => undefined);
  await ask(null, "bad");
  assert.is(compiled.filter((one) => one === "null bad").length, 4);
});

test.run();
