// SPDX-License-Identifier: Apache-2.0
//
// A tree of processes as a list: the order, what is closed, and parents that no honest agent would tell of.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { rowsOf } from "../../web/tree-rows.js";

const NONE: ReadonlySet<string> = new Set();
const of = (key: string, parent: string | null = null) => ({ key, parent });
const text = (all: readonly ReturnType<typeof of>[], closed = NONE): string =>
  rowsOf(all, closed)
    .map(({ of: { key }, level, nth, siblings }) => `${key}${level}:${nth}/${siblings}`)
    .join(" ");

test("a child stands behind its parent and its parent's earlier children, with its place among them", () => {
  const all = [of("a"), of("b", "a"), of("c", "a"), of("d", "b"), of("e")];
  assert.is(text(all), "a1:1/2 b2:1/2 d3:1/1 c2:2/2 e1:2/2");
});

test("below what is closed nothing is shown, and the rest keeps its place", () => {
  const all = [of("a"), of("b", "a"), of("c", "b"), of("d")];
  assert.is(text(all, new Set(["a"])), "a1:1/2 d1:2/2");
  assert.is(rowsOf(all, new Set(["a"]))[0]!.children, 1, "it says that there is something below");
});

test("whose parent is not there begins a tree, and a circle of parents is shown once", () => {
  assert.is(text([of("a", "gone"), of("b", "a")]), "a1:1/1 b2:1/1");
  assert.is(text([of("a", "b"), of("b", "a"), of("c", "c")]), "a1:1/1 b2:1/1 c1:1/1");
});

test("a chain of a hundred thousand ends", () => {
  const all = Array.from({ length: 100_000 }, (_, nth) => of(String(nth), nth === 0 ? null : String(nth - 1)));
  assert.is(rowsOf(all, NONE).at(-1)!.level, 100_000);
  assert.is(rowsOf(all, new Set(["9"])).length, 10);
});

test.run();
