// SPDX-License-Identifier: Apache-2.0
//
// The house rules of docs/style.md, on this tree. Each complaint names the offence and what to do instead.
// The rules stand in test/tidy/, and are tested on made-up trees in test/tidy/rules.test.ts.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { arrowsPointOneWay } from "./tidy/arrows.js";
import { exportsAreExplainedToEditors, privateIsAHash, whatNobodyAssignsIsReadonly } from "./tidy/dialect.js";
import {
  filesAreNamedInTheirCase,
  filesOpenWithWhatTheyAre,
  namesAreNouns,
  noPathOfThisMachine,
  nothingIsExportedByDefault,
  nothingIsLeftUndone,
} from "./tidy/files.js";
import { linksLeadSomewhere, namedFilesAreThere } from "./tidy/links.js";
import { proseEndsByItsColumn } from "./tidy/prose.js";
import { everyReportHasItsTest } from "./tidy/reports.js";
import { nothingImportsInACircle, roomsAreEnteredByTheirDoors } from "./tidy/rooms.js";
import { everyThreatHasItsTest } from "./tidy/threats.js";
import { complaintText, type Rule, readTree } from "./tidy/tree.js";

const tree = readTree(process.cwd());

const RULES: Record<string, Rule> = {
  "arrows point one way": arrowsPointOneWay,
  "rooms are entered by their doors": roomsAreEnteredByTheirDoors,
  "nothing imports in a circle": nothingImportsInACircle,
  "private is a hash": privateIsAHash,
  "what nobody assigns is readonly": whatNobodyAssignsIsReadonly,
  "exports are explained where editors look": exportsAreExplainedToEditors,
  "files open with the licence and what they are": filesOpenWithWhatTheyAre,
  "files are named in their language's case": filesAreNamedInTheirCase,
  "names are nouns": namesAreNouns,
  "nothing is exported by default": nothingIsExportedByDefault,
  "a TODO carries an issue, a FIXME is fixed": nothingIsLeftUndone,
  "no file names a path of this machine": noPathOfThisMachine(process.cwd()),
  "links lead somewhere": linksLeadSomewhere,
  "files that the docs name are there": namedFilesAreThere,
  "prose ends by column 110": proseEndsByItsColumn,
  "every threat has its test, every attack its row": everyThreatHasItsTest,
  "what people ran into has its test": everyReportHasItsTest,
};

for (const [title, rule] of Object.entries(RULES)) {
  test(title, () => {
    const complaints = rule(tree).map(complaintText);
    assert.is(complaints.join("\n"), "");
  });
}

test.run();
