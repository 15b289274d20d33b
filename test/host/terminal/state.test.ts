// SPDX-License-Identifier: Apache-2.0
//
// Keys and tables change the state; the state is a picture. No terminal and no clock take part.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Activity, type Table, type ViewId } from "../../../host/activity/activity.js";
import { KEYS } from "../../../host/terminal/help.js";
import { pictureOf, type Size } from "../../../host/terminal/picture.js";
import { type Effect, levelIn, rowsIn, type State, stateOf, update } from "../../../host/terminal/state.js";
import { widthOf } from "../../../host/terminal/text.js";
import { TOP_VIEWS, topViewOf } from "../../../host/terminal/views.js";
import { openBatch } from "../../../host/wire/batch.js";
import { isAsKept, work } from "./screens.js";

const SOURCE = { name: "/run/vedette.sock", isJudged: true };
const LOOK = { hasColours: false, isAscii: false };
const PAGE = 10;

function tableOf(view: ViewId): Table {
  const isBackup = (key: string): boolean => key.includes("/77@");
  const facts = {
    findings: (key: string) => (isBackup(key) ? 3 : 0),
    openFiles: (key: string) => (isBackup(key) ? 12 : null),
  };
  const activity = new Activity(view, true, facts);
  activity.add(openBatch(work()));
  return activity.table(100, 1);
}

/** A state that has its table. */
function shown(view: ViewId = "processes"): State {
  const begun = update(stateOf(SOURCE, topViewOf(view)!, ""), { kind: "looked", looked: { kind: "live" } }).state;
  return update(begun, { kind: "table", table: tableOf(view) }).state;
}

function press(state: State, ...keys: readonly string[]): { state: State; effect: Effect } {
  let last: { state: State; effect: Effect } = { state, effect: "none" };
  for (const key of keys) last = update(last.state, { kind: "key", key, page: PAGE });
  return last;
}

/** Sequences of styles take no cells. */
const plain = (line: string): string => line.replace(/\x1b\[[\d;]*m/g, "");
const lines = (state: State, size: Size): string[] => pictureOf(state, size, LOOK).map(plain);
const SIZES: readonly Size[] = [
  { width: 60, height: 8 },
  { width: 80, height: 24 },
  { width: 200, height: 60 },
];

test("screens are as they were kept, in three sizes", () => {
  for (const size of SIZES) isAsKept(`processes-${size.width}x${size.height}`, lines(shown(), size));
  for (const view of ["files", "connections", "syscalls", "errors"] as const)
    isAsKept(`${view}-80x24`, lines(shown(view), SIZES[1]!));
  isAsKept("help-80x24", lines(press(shown(), "f1").state, SIZES[1]!));
  isAsKept("views-80x24", lines(press(shown(), "f2", "down").state, SIZES[1]!));
  isAsKept("filter-60x8", lines(press(shown(), "f4", ..."proc.name=nginx").state, SIZES[0]!));
  isAsKept("row-80x24", lines(press(shown(), "end", "i").state, SIZES[1]!));
});

test("every line has its cells, in any size and view, and nothing that a terminal obeys", () => {
  for (const [width, height] of [
    [1, 1],
    [2, 3],
    [17, 4],
    [60, 8],
    [80, 24],
    [500, 300],
  ] as const)
    for (const view of TOP_VIEWS)
      for (const keys of [[], ["f1"], ["f2"], ["f4", "x"], ["i"]]) {
        const one = { ...shown(), levels: [{ ...levelIn(shown()), view }] };
        const picture = pictureOf(press(one, ...keys).state, { width, height }, { hasColours: true, isAscii: false });
        assert.is(picture.length, height);
        for (const [i, line] of picture.entries()) {
          const text = plain(line);
          assert.is(widthOf(text), i === height - 1 ? width - 1 : width, `${view.id} ${keys} line ${i}: ${text}`);
          assert.not.match(text, /[\x00-\x1f\x7f-\x9f\u202a-\u202e]/);
        }
      }
});

test("Enter makes the row's condition a part of the filter, and Backspace takes it away", () => {
  const below = press(shown(), "enter");
  assert.is(below.effect, "watch");
  assert.equal([levelIn(below.state).view.id, levelIn(below.state).filter], ["files", "proc.pid=41"]);
  const table = update(below.state, { kind: "table", table: tableOf("files") }).state;
  const deeper = press(table, "enter").state;
  assert.is(levelIn(deeper).filter, "proc.pid=41 and fd.name=/srv/index.html");
  const back = press(deeper, "backspace", "backspace");
  assert.equal([levelIn(back.state).filter, back.state.levels.length, back.effect], ["", 1, "watch"]);
  assert.is(press(back.state, "backspace").effect, "none");
});

test("F5 and F6 show what the chosen row reads and writes, and its events", () => {
  const second = press(shown(), "down");
  assert.is(levelIn(press(second.state, "e").state).filter, "proc.pid=77");
  const dug = press(second.state, "f6").state;
  assert.equal([levelIn(dug).view.id, levelIn(dug).filter], ["events", "proc.pid=77"]);
});

test("a filter is typed, and a view chosen, by its letter or by the list", () => {
  const filtered = press(shown(), "f4", ..."evt.type=reax", "backspace", "d", "enter");
  assert.equal([levelIn(filtered.state).filter, filtered.effect], ["evt.type=read", "watch"]);
  const errors = press(filtered.state, "v", "r");
  assert.equal([levelIn(errors.state).view.id, levelIn(errors.state).filter], ["errors", "evt.type=read"]);
  assert.is(levelIn(press(errors.state, "f2", "i").state).filter, "", "incidents know no condition of events");
  assert.is(levelIn(press(shown(), "f2", "down", "enter").state).view.id, "files");
  assert.is(levelIn(press(shown(), "f4", "x", "escape").state).filter, "");
});

test("a search leaves rows that have the text, and the choice follows its row", () => {
  const found = press(shown(), "/", ..."BACKUP", "enter").state;
  assert.equal(
    rowsIn(found).map((row) => row.at(-1)),
    ["backup"],
  );
  assert.is(rowsIn(press(found, "escape").state).length, 3);
  const chosen = press(shown(), "down").state;
  const key = levelIn(chosen).chosen;
  assert.is(levelIn(press(chosen, "9").state).chosen, key, "sorted anew, it is the same row");
});

test("columns sort by digit, and again in the other order", () => {
  const order = (state: State): unknown[] => rowsIn(state).map((row) => row[1]);
  assert.equal(order(press(shown(), "1").state), ["41", "77", "99"]);
  assert.equal(order(press(shown(), "1", "!").state), ["99", "77", "41"]);
  assert.is(levelIn(press(shown(), ">").state).sort, "EVENTS");
});

test("a pause keeps the table, and c counts anew", () => {
  const paused = press(shown(), "p").state;
  const other = { ...tableOf("processes"), events: 1 };
  assert.is.not(update(paused, { kind: "table", table: other }).state.table, other);
  assert.is(update(press(paused, "p").state, { kind: "table", table: other }).state.table, other);
  const cleared = press(paused, "c");
  assert.equal([cleared.effect, cleared.state.table], ["watch", null]);
});

test("what was missed, left out and failed is on the screen, and none of it looks like nothing", () => {
  const says = (state: State): string => lines(state, { width: 120, height: 8 }).join("\n");
  assert.match(says(update(shown(), { kind: "gap", events: 0, batches: 7 }).state), /7 batches missed/);
  assert.match(says({ ...shown(), table: { ...tableOf("processes"), leftOut: 12 } }), /12 left out/);
  const failed = update(press(shown(), "c").state, { kind: "looked", looked: { kind: "failed", why: "no\x1b[2J" } });
  assert.match(says(failed.state), /no\\x1b\[2J.*could not be looked at/s);
  assert.match(says(press(shown(), "c").state), /Waiting for the first table/);
  const blind = { ...press(shown(), "f2", "i").state, isJudged: false };
  assert.match(says(blind), /Nothing is judged here/);
  assert.match(says({ ...shown(), table: { ...tableOf("processes"), rows: [] } }), /Nothing so far/);
});

test("each key of the help does something", () => {
  for (const { keys } of KEYS)
    for (const word of keys.replace(" to 9", "").split(" ")) {
      const key = word.length === 1 ? word : word.toLowerCase().replace(/^esc$/, "escape");
      const before = press(shown(), "enter").state;
      const tabled = update(before, { kind: "table", table: tableOf("files") }).state;
      const chosen = press(tabled, "down").state;
      const { state, effect } = press(chosen, key);
      assert.ok(effect !== "none" || JSON.stringify(state) !== JSON.stringify(chosen), `${word} (${key})`);
    }
});

test("a case is closed by two keys, in the view of incidents alone", () => {
  const view = topViewOf("incidents")!;
  const row = ["id-1", ...view.columns.map(() => "x")] as unknown as Table["rows"][number];
  const table = { view: "incidents", seconds: 1, events: 0, rate: 0, all: 1, leftOut: 0, rows: [row] } as Table;
  const state = update(stateOf(SOURCE, view, ""), { kind: "table", table }).state;
  const asked = press(state, "f8").state;
  assert.is(asked.front.kind, "case");
  for (const size of SIZES)
    assert.match(lines(asked, size).at(-1)!, "Case: t true positive  f false positive  c close  o open");
  for (const [key, decision] of [
    ["t", { incident: "id-1", state: "closed", verdict: "true_positive" }],
    ["f", { incident: "id-1", state: "closed", verdict: "false_positive" }],
    ["c", { incident: "id-1", state: "closed" }],
    ["o", { incident: "id-1", state: "open" }],
  ] as const) {
    const { state: after, effect } = press(state, "a", key);
    assert.equal([after.decision, effect, after.front.kind], [decision, "decide", "table"]);
  }
  for (const key of ["escape", "enter", "q", "x"]) assert.equal(press(state, "f8", key).effect, "none");
  assert.match(press(shown(), "f8").state.word!, "Choose an incident first");
  assert.match(
    lines(update(state, { kind: "word", word: "The case is closed." }).state, SIZES[0]!).join(),
    "The case is closed.",
  );
});

test("a case is that of the row that was chosen at the first key, whatever table comes before the second", () => {
  const view = topViewOf("incidents")!;
  const of = (...ids: readonly string[]): Table => {
    const rows = ids.map((id) => [id, ...view.columns.map(() => "x")] as unknown as Table["rows"][number]);
    return { view: "incidents", seconds: 1, events: 0, rate: 0, all: ids.length, leftOut: 0, rows } as Table;
  };
  const given = (state: State, table: Table): State => update(state, { kind: "table", table }).state;
  const asked = press(given(stateOf(SOURCE, view, ""), of("id-1", "id-2")), "f8").state;
  for (const [name, table] of [
    ["a newer one stands first", of("id-3", "id-1", "id-2")],
    ["it is not shown any more", of("id-3", "id-2")],
    ["none is shown", of()],
  ] as const) {
    const later = given(asked, table);
    assert.match(lines(later, SIZES[1]!).at(-1)!, /o open {2}of id-1/, name);
    assert.equal(press(later, "c").state.decision, { incident: "id-1", state: "closed" }, name);
  }
  const newer = given(asked, of("id-3", "id-1"));
  assert.is(levelIn(press(newer, "escape").state).chosen, "id-1", "the row that was asked about stays chosen");
});

test.run();
