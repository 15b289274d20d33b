// SPDX-License-Identifier: Apache-2.0
// What the store is told of incidents: as they are, once, and that they have ended however they did.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { ToldIncidents } from "../../../host/control/incidents.js";
import { Grouping } from "../../../host/incident/incident.js";
import type { StoredIncident } from "../../../host/store/store.js";
import { alertOf } from "../incident/shared.js";

function made() {
  const grouping = new Grouping();
  grouping.take(alertOf({ file: 7 }));
  const { view } = grouping.open()[0]!;
  const store = { hasRoom: true, kept: [] as StoredIncident[] };
  const keep = (incident: StoredIncident): boolean => {
    if (store.hasRoom) store.kept.push(incident);
    return store.hasRoom;
  };
  const said = (): unknown[] => store.kept.splice(0).map(({ isOpen, into }) => [isOpen, into]);
  return { view, store, told: new ToldIncidents({ keep }), said };
}

test("one that is open is told once, and again when more joined it", () => {
  const { view, told, said } = made();
  told.sync([{ view }]);
  told.sync([{ view }]);
  assert.equal(said(), [[true, null]]);
  told.sync([{ view: { ...view, count: view.count + 1 } }]);
  assert.equal(said(), [[true, null]]);
});

test("one that is open no more, without a word, is closed once", () => {
  const { view, told, said } = made();
  told.sync([{ view }]);
  told.sync([]);
  told.sync([]);
  assert.equal(said(), [
    [true, null],
    [false, null],
  ]);
});

test("what the store has no room for it is told later", () => {
  const { view, told, store, said } = made();
  store.hasRoom = false;
  told.sync([{ view }]);
  store.hasRoom = true;
  told.sync([{ view }]);
  assert.equal(said(), [[true, null]]);
  store.hasRoom = false;
  told.tell({ ...view, closed: "silence" }, null);
  told.sync([]);
  store.hasRoom = true;
  told.sync([]);
  told.sync([]);
  assert.equal(said(), [[false, null]]);
});

test("one that became a part of another stays that", () => {
  const { view, told, store, said } = made();
  told.sync([{ view }]);
  store.hasRoom = false;
  told.tell(view, "another");
  store.hasRoom = true;
  told.sync([]);
  told.sync([]);
  assert.equal(said(), [
    [true, null],
    [false, "another"],
  ]);
});

test.run();
