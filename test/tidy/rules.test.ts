// SPDX-License-Identifier: Apache-2.0
//
// The house rules on small made-up trees: each rule finds what it is for, says where, and lets the good case
// pass.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { ARROWS, arrowsPointOneWay } from "./arrows.js";
import { exportsAreExplainedToEditors, privateIsAHash, whatNobodyAssignsIsReadonly } from "./dialect.js";
import {
  filesAreNamedInTheirCase,
  filesOpenWithWhatTheyAre,
  namesAreNouns,
  noPathOfThisMachine,
  nothingIsExportedByDefault,
  nothingIsLeftUndone,
} from "./files.js";
import { linksLeadSomewhere, namedFilesAreThere } from "./links.js";
import { proseEndsByItsColumn } from "./prose.js";
import { everyReportHasItsTest, REPORTS } from "./reports.js";
import { nothingImportsInACircle, roomsAreEnteredByTheirDoors } from "./rooms.js";
import { everyThreatHasItsTest } from "./threats.js";
import { complaintText, type Rule, readTree, treeOf } from "./tree.js";

const LONG = "word ".repeat(22).concat("w"); // 111 columns
const LICENCE = "// SPDX-License-Identifier: Apache-2.0\n";

interface Case {
  title: string;
  rule: Rule;
  files: Record<string, string>;
  complaints: string[];
}

const CASES: Case[] = [
  {
    title: "an include against the arrow is named with both ends",
    rule: arrowsPointOneWay,
    files: { "capture/decode/open.cc": '\n#include "capture/state/state.h"\n', "capture/state/state.h": "" },
    complaints: [
      "capture/decode/open.cc:2: wrong arrow capture/decode -> capture/state (capture/state/state.h); capture/decode may use capture/wire",
    ],
  },
  {
    title: "includes along the arrows, of the own folder and of generated files are good",
    rule: arrowsPointOneWay,
    files: {
      "capture/state/state.cc":
        '#include "capture/decode/event.h"\n#include "state.h"\n#include "events.h"\n#include <map>\n',
      "capture/state/state.h": "",
    },
    complaints: [],
  },
  {
    title: "a report that no test names is told, and a title with the id of none",
    rule: everyReportHasItsTest,
    files: {
      "test/host/a.test.ts": `test("${Object.keys(REPORTS).slice(1).join(", ")}: all but one", () => {});\n// N99: x\n`,
      "test/attacks/b.test.ts": 'test("A3: a threat", () => {});',
    },
    complaints: [
      `test/tidy/reports.ts: no test is named "N1: ..." (${REPORTS.N1}); write one`,
      "test/host/a.test.ts:2: N99 is no report of test/tidy/reports.ts",
    ],
  },
  {
    title: "wire includes nothing of ours",
    rule: arrowsPointOneWay,
    files: { "capture/wire/batch.h": '#include "capture/kernel/fd.h"' },
    complaints: [
      "capture/wire/batch.h:1: wrong arrow capture/wire -> capture/kernel (capture/kernel/fd.h); capture/wire may use nothing of ours",
    ],
  },
  {
    title: "host/wire may not reach the engine, and the engine may reach host/wire",
    rule: arrowsPointOneWay,
    files: {
      "host/wire/batch.ts": 'import { Engine } from "../engine/engine.js";',
      "host/output/alert.ts": 'import type { Batch } from "../wire/batch.js";\nimport { X } from "./json.js";',
    },
    complaints: [
      "host/wire/batch.ts:1: wrong arrow host/wire -> host/engine (../engine/engine.js); host/wire may use capture/wire, host/errors",
    ],
  },
  {
    title: "the tracer knows neither of the rooms that build on it",
    rule: arrowsPointOneWay,
    files: {
      "capture/tracer/calls.cc": '#include "capture/inline/tier.h"\n#include "capture/outsiders/enlist.h"',
      "capture/inline/x86_64/sites.cc": '#include "capture/inline/elf.h"\n#include "capture/tracer/segment.h"',
      "capture/outsiders/enlist.cc": '#include "capture/inline/filter.h"',
    },
    complaints: [
      "capture/tracer/calls.cc:1: wrong arrow capture/tracer -> capture/inline (capture/inline/tier.h); capture/tracer may use capture/wire, capture/kernel, capture/decode, capture/state, capture/prevent, capture/witness",
      "capture/tracer/calls.cc:2: wrong arrow capture/tracer -> capture/outsiders (capture/outsiders/enlist.h); capture/tracer may use capture/wire, capture/kernel, capture/decode, capture/state, capture/prevent, capture/witness",
      "capture/outsiders/enlist.cc:1: wrong arrow capture/outsiders -> capture/inline (capture/inline/filter.h); capture/outsiders may use capture/wire, capture/kernel, capture/decode, capture/state, capture/tracer",
    ],
  },
  {
    title: "an arrow between two rooms that is not listed is named, and so is a room that is not",
    rule: arrowsPointOneWay,
    files: {
      "host/ecs/layout.ts": 'import { Capture } from "../capture/agent.js";\nimport { reasonOf } from "../reason.js";',
      "host/attic/box.ts": 'import { reasonOf } from "../reason.js";',
      "host/cli/run.ts": 'import { Box } from "../attic/box.js";',
    },
    complaints: [
      `host/ecs/layout.ts:1: wrong arrow host/ecs -> host/capture (../capture/agent.js); host/ecs may use ${ARROWS["host/ecs"]!.join(", ")}`,
      "host/attic/box.ts:1: wrong arrow host -> host/reason (../reason.js); host may use nothing of ours",
      `host/cli/run.ts:1: wrong arrow host/cli -> host (../attic/box.js); host/cli may use ${ARROWS["host/cli"]!.join(", ")}`,
    ],
  },
  {
    title: "two host folders that point at each other are named",
    rule: nothingImportsInACircle,
    files: {
      "host/engine/engine.ts": 'import { Module } from "../wasm/module.js";',
      "host/wasm/other.ts": 'import { Engine } from "../engine/engine.js";',
    },
    complaints: ["host/engine/engine.ts:1: imports go in a circle: host/engine -> host/wasm -> host/engine; cut one"],
  },
  {
    title: "three files that import in a circle are named, types included, and whoever only looks on is not",
    rule: nothingImportsInACircle,
    files: {
      "host/wire/a.ts": '\nimport { b } from "./b.js";',
      "host/wire/b.ts": 'import type { C } from "./c.js";',
      "host/wire/c.ts": 'export const load = () => import("./a.js");',
      "host/wire/d.ts": 'import { a } from "./a.js";',
    },
    complaints: [
      "host/wire/a.ts:2: imports go in a circle: host/wire/a.ts -> host/wire/b.ts -> host/wire/c.ts -> host/wire/a.ts; cut one",
    ],
  },
  {
    title: "a room's inside is named with the doors that there are, for types too",
    rule: roomsAreEnteredByTheirDoors,
    files: {
      "host/cli/run.ts":
        'import { Filter } from "../falco/falco.js";\nimport type { Expr } from "../falco/condition.js";\nimport { say } from "./say.js";',
      "host/engine/engine.ts": 'export { pack } from "../image/package.js";',
      "host/falco/falco.ts": 'import { Leaf } from "./compile/leaf.js";',
      "test/host/falco/parse.test.ts": 'import { parse } from "../../../host/falco/parse.js";',
    },
    complaints: [
      "host/cli/run.ts:2: host/falco/condition.ts is the inside of host/falco; its doors are falco, filter, kept-policy (test/tidy/rooms.ts)",
      "host/engine/engine.ts:1: host/image/package.ts is the inside of host/image; it has no door (test/tidy/rooms.ts)",
    ],
  },
  {
    title: "a policy may not import from the host",
    rule: arrowsPointOneWay,
    files: { "policies/x/index.ts": 'import { load } from "../../host/policy/load.js";' },
    complaints: [
      "policies/x/index.ts:1: wrong arrow policies -> host/policy (../../host/policy/load.js); policies may use rules-wasm",
    ],
  },
  {
    title: "napi.h outside the addon is named",
    rule: arrowsPointOneWay,
    files: { "capture/agent/main.cc": "#include <napi.h>", "capture/addon/addon.cc": "#include <napi.h>" },
    complaints: ["capture/agent/main.cc:1: only capture/addon includes napi.h"],
  },
  {
    title: "a private member is a hash, a constructor has no other word",
    rule: privateIsAHash,
    files: {
      "host/a.ts":
        "class A {\n  private readonly b = 1;\n  constructor(private c: number) {}\n  private static d(): void {}\n}",
      "host/b.ts": "class B {\n  #a = 1;\n  private constructor() {}\n  // private keys: none\n}",
    },
    complaints: [2, 3, 4].map(
      (line) => `host/a.ts:${line}: TypeScript's \`private\` is gone when the code runs; write #name`,
    ),
  },
  {
    title: "a member of an interface and a field of a class that nothing assigns are readonly",
    rule: whatNobodyAssignsIsReadonly,
    files: {
      "host/a.ts": "export interface A {\n  b: number;\n  c?: number;\n  readonly d: number;\n  e(): void;\n}",
      "host/b.ts": "a.b += 1;\nif (a.c === 1) return;",
      "host/c.ts":
        "class C {\n  #a = 1;\n  #b = 1;\n  #c: number;\n  #d = 1;\n  e() {\n    [this.#b, this.#c] = [this.#a, this.#d++];\n  }\n}",
    },
    complaints: [
      "host/a.ts:3: nothing assigns c; write readonly c",
      "host/c.ts:2: nothing assigns #a; write readonly #a",
    ],
  },
  {
    title: "a comment of an exported name is one that editors show",
    rule: exportsAreExplainedToEditors,
    files: {
      "host/a.ts": `${LICENCE}// What it is.\nexport const A = 1;\n\n// What B is.\nexport type B = 1;\n/** C. */\nexport type C = 1;`,
    },
    complaints: [
      "host/a.ts:3: A has no docstring; say what its name does not, in /** */",
      "host/a.ts:5: an exported name is explained in /** */",
    ],
  },
  {
    title: "an exported name of the host and of the SDK without a docstring is named, whatever stands between",
    rule: exportsAreExplainedToEditors,
    files: {
      "host/a.ts": "export interface A {}\n/** B. */\nexport class B {}\nexport function c(): void {}",
      "host/b.ts": "/** Said. */\n// biome-ignore lint/x: y\nexport type D = 1;\nexport async function e() {}",
      "host/c.ts": 'export { A } from "./a.js";\nexport * from "./b.js";',
      "host/d.d.ts": "export type F = 1;",
      "rules-wasm/a.ts":
        "// @ts-ignore: decorator\n@global\nexport function g(): void {}\n/** H. */\n@inline\nexport const H = 1;",
      "rules-wasm/b.ts": '@rule({\n  name: "says what it is",\n})\nexport function i(): bool {}',
      "test/a.ts": "export const J = 1;",
    },
    complaints: [
      "host/a.ts:1: A has no docstring; say what its name does not, in /** */",
      "host/a.ts:4: c has no docstring; say what its name does not, in /** */",
      "host/b.ts:4: e has no docstring; say what its name does not, in /** */",
      "rules-wasm/a.ts:3: g has no docstring; say what its name does not, in /** */",
    ],
  },
  {
    title: "a file without licence or opening comment is named",
    rule: filesOpenWithWhatTheyAre,
    files: {
      "host/a.ts": "const a = 1;",
      "host/b.ts": `${LICENCE}const b = 1;`,
      "host/c.ts": `${LICENCE}//\n// What it is.\nconst c = 1;`,
      ".ci/d": "#!/bin/sh\n# SPDX-License-Identifier: Apache-2.0\n#\n# What it is.\n",
    },
    complaints: [
      'host/a.ts:1: the first line is not the licence; write "SPDX-License-Identifier: Apache-2.0"',
      "host/b.ts:2: no opening comment; say in two to ten lines what the file is",
    ],
  },
  {
    title: "each language has its case",
    rule: filesAreNamedInTheirCase,
    files: {
      "capture/decode/open-at.cc": "",
      "capture/decode/open_at.cc": "",
      "host/wire/openAt.ts": "",
      "host/wire/open-at.ts": "",
      "test/host/wire/open-at.test.ts": "",
      "docs/Errors.md": "",
    },
    complaints: [
      "capture/decode/open-at.cc: the file's name is not snake_case",
      "host/wire/openAt.ts: the file's name is not kebab-case",
      "docs/Errors.md: the file's name is not kebab-case",
    ],
  },
  {
    title: "utils, common, helpers and misc are refused as file and as folder",
    rule: namesAreNouns,
    files: { "host/utils/a.ts": "", "capture/kernel/helpers.h": "", "host/wire/commonality.ts": "" },
    complaints: [
      "host/utils/a.ts: utils, common, helpers and misc are not nouns; name what it is",
      "capture/kernel/helpers.h: utils, common, helpers and misc are not nouns; name what it is",
    ],
  },
  {
    title: "a default export is refused",
    rule: nothingIsExportedByDefault,
    files: { "host/a.ts": "const a = 1;\nexport default a;", "host/b.ts": "export const b = 1; // by default" },
    complaints: ["host/a.ts:2: a default export has no name of its own; export it by name"],
  },
  {
    title: "work left undone needs an issue",
    rule: nothingIsLeftUndone,
    files: { "host/a.ts": "// TODO: later\n// TODO #12: later\n// FIXME\n" },
    complaints: ["host/a.ts:1: a TODO carries an issue: TODO #12", "host/a.ts:3: a FIXME stays on your branch; fix it"],
  },
  {
    title: "a path into the checkout is refused, a longer name is not it",
    rule: noPathOfThisMachine("/srv/house"),
    files: { "docs/a.md": "see /srv/house/docs\n/srv/household is another", "host/a.ts": "" },
    complaints: ["docs/a.md:1: a path of this machine; say it relative to the root of the checkout"],
  },
  {
    title: "a link to a missing file or heading is named",
    rule: linksLeadSomewhere,
    files: {
      "docs/a.md":
        "[b](b.md) [gone](gone.md)\n[h](b.md#the-heading-its-slug) [no](b.md#no)\n`[code](x)` [web](https://example.com)",
      "docs/b.md": "# The heading: its slug\n",
    },
    complaints: ["docs/a.md:1: the link gone.md leads nowhere", "docs/a.md:2: the link b.md#no leads nowhere"],
  },
  {
    title: "a page that teaches the tree names files that are there",
    rule: namedFilesAreThere,
    files: {
      "docs/architecture.md": "`host/main.ts` then\n`host/gone.ts`",
      "host/main.ts": "",
      "docs/wire.md": "`host/gone.ts`",
    },
    complaints: ["docs/architecture.md:2: host/gone.ts is not in the tree"],
  },
  {
    title: "a line of prose ends by column 110, in paragraphs and in lists",
    rule: proseEndsByItsColumn,
    files: {
      "docs/a.md": ["# A", LONG.slice(1), LONG, "```", LONG, "```", LONG].join("\n"),
      "docs/b.md": ["- an item", `    ${LONG}`, "", `1. ${LONG}`].join("\n"),
      "host/a.ts": ["const a = 1;", `  // ${LONG}`, "/**", ` * ${LONG}`, " */", `/** ${LONG} */`].join("\n"),
      "rules-wasm/a.js": `// ${LONG}`,
      "capture/a.cc": `int a;\n// ${LONG}`,
      "capture/a.S": `/// ${LONG}`,
    },
    complaints: [
      "docs/a.md:3: prose of 111 columns; break it by column 110",
      "docs/a.md:7: prose of 111 columns; break it by column 110",
      "docs/b.md:2: prose of 115 columns; break it by column 110",
      "docs/b.md:4: prose of 114 columns; break it by column 110",
      "host/a.ts:2: prose of 116 columns; break it by column 110",
      "host/a.ts:4: prose of 114 columns; break it by column 110",
      "host/a.ts:6: prose of 118 columns; break it by column 110",
      "rules-wasm/a.js:1: prose of 114 columns; break it by column 110",
      "capture/a.cc:2: prose of 114 columns; break it by column 110",
      "capture/a.S:1: prose of 115 columns; break it by column 110",
    ],
  },
  {
    title: "tables, code, headings and the targets of links may be longer",
    rule: proseEndsByItsColumn,
    files: {
      "docs/a.md": [`# ${LONG}`, `| ${LONG} |`, `  | ${LONG} |`, "", `    ${LONG}`, `    ${LONG}`].join("\n"),
      "docs/b.md": `[a link](${LONG.replaceAll(" ", "/")}) and https://example.org/${LONG.replaceAll(" ", "/")}`,
      "host/a.ts": [`//   ${LONG}`, ` *   ${LONG}`, `const a = 1; // ${LONG}`, `// biome-ignore ${LONG}`].join("\n"),
      "host/b.ts": `// https://example.org/${LONG.replaceAll(" ", "/")}`,
    },
    complaints: [],
  },
  {
    title: "a threat that is closed has a test of its own, an open one has none",
    rule: everyThreatHasItsTest,
    files: {
      "docs/threat-model.md": [
        "| G1 | a | **prevented** by b | c | `test/attacks/agent.test.ts` |",
        "| G2 | a | **open** | | |",
        "| G3 | a | **detected** | c | |",
        "| G4 | a | **open** | | `test/attacks/agent.test.ts` |",
        "| G5 | a | **accepted** | c | `test/attacks/agent.test.ts` |",
        "| G6 | a | **prevented** | c | `test/e2e/gone.test.ts` |",
        "| G7 | a | fine | c | |",
        "| G1 | a | **open** | | |",
        "| R1 | a | **prevented** | c | `test/e2e/old.test.ts` |",
      ].join("\n"),
      "test/attacks/agent.test.ts": 'test("G1: it holds", async () => {});',
      "test/e2e/old.test.ts": "",
    },
    complaints: [
      "docs/threat-model.md:3: G3 is closed and names no test; write one in test/attacks/",
      "docs/threat-model.md:4: G4 is open and names a test; say what holds, or take it out",
      'docs/threat-model.md:5: G5 names test/attacks/agent.test.ts, where no test\'s title begins with "G5: "',
      "docs/threat-model.md:6: G6 names test/e2e/gone.test.ts, which is not in the tree",
      "docs/threat-model.md:7: G7 has no state; write one of **prevented**, **detected**, **accepted**, **open**",
      "docs/threat-model.md:8: G1 stands twice; each row has an id of its own",
    ],
  },
  {
    title: "an attack that is tried has a closed row which names it",
    rule: everyThreatHasItsTest,
    files: {
      "docs/threat-model.md": [
        "| G1 | a | **prevented** | c | `test/attacks/agent.test.ts` |",
        "| G2 | a | **open** | | |",
        "| G3 | a | **prevented** | c | `test/attacks/agent.test.ts` |",
      ].join("\n"),
      "test/attacks/agent.test.ts":
        'test(\n  "G1, G3: both hold",\n  async () => {});\n  test(`G2: x`, f);\ntest("no row", f);',
      "test/attacks/other.test.ts": 'test("G1: it holds here too", f);\ntest("X9: what", f);',
    },
    complaints: [
      "test/attacks/agent.test.ts:4: G2 is still open in docs/threat-model.md; say there what holds",
      'test/attacks/agent.test.ts:5: the title does not begin with a row of docs/threat-model.md; write "G1: ..."',
      "test/attacks/other.test.ts:1: G1 does not name this file in docs/threat-model.md; add it",
      "test/attacks/other.test.ts:2: X9 is no row of docs/threat-model.md; add it",
    ],
  },
];

for (const { title, rule, files, complaints } of CASES) {
  test(title, () => {
    assert.equal(rule(treeOf(files)).map(complaintText), complaints);
  });
}

// A rule that holds here must not hold because it reads nothing here.
const PLANTED: { title: string; rule: Rule; path: string; line: string; complaint: RegExp }[] = [
  {
    title: "an arrow that is not listed",
    rule: arrowsPointOneWay,
    path: "host/ecs/layout.ts",
    line: 'import { Engine } from "../engine/engine.js";',
    complaint: /^host\/ecs\/layout\.ts:\d+: wrong arrow host\/ecs -> host\/engine/,
  },
  {
    title: "another room's inside",
    rule: roomsAreEnteredByTheirDoors,
    path: "host/cli/trace.ts",
    line: 'import type { Expr } from "../falco/condition.js";',
    complaint: /^host\/cli\/trace\.ts:\d+: host\/falco\/condition\.ts is the inside of host\/falco/,
  },
  {
    title: "two files that import each other's types",
    rule: nothingImportsInACircle,
    path: "host/wire/check.ts",
    line: 'import type { Batch } from "./batch.js";',
    complaint: /: imports go in a circle: host\/wire\/batch\.ts -> host\/wire\/check\.ts -> host\/wire\/batch\.ts;/,
  },
  {
    title: "two rooms that import each other",
    rule: nothingImportsInACircle,
    path: "host/wire/value.ts",
    line: 'import type { Guest } from "../intake/guests.js";',
    complaint: /: imports go in a circle: host\/\w+ -> (host\/\w+ -> )*host\/\w+; cut one$/,
  },
  {
    title: "an export without a docstring",
    rule: exportsAreExplainedToEditors,
    path: "host/wire/value.ts",
    line: "export type Mute = string;",
    complaint: /^host\/wire\/value\.ts:\d+: Mute has no docstring/,
  },
  {
    title: "an export of the SDK without a docstring",
    rule: exportsAreExplainedToEditors,
    path: "rules-wasm/glob.ts",
    line: "export class Mute {}",
    complaint: /^rules-wasm\/glob\.ts:\d+: Mute has no docstring/,
  },
  {
    title: "a comment beyond column 110",
    rule: proseEndsByItsColumn,
    path: "host/wire/value.ts",
    line: `// ${LONG}`,
    complaint: /^host\/wire\/value\.ts:\d+: prose of 114 columns/,
  },
];

for (const { title, rule, path, line, complaint } of PLANTED) {
  test(`planted in this tree, it is named: ${title}`, () => {
    const tree = readTree(process.cwd());
    assert.equal(rule(tree).map(complaintText), []);
    tree.set(path, `${tree.get(path)}${line}\n`);
    const complaints = rule(tree).map(complaintText);
    assert.ok(
      complaints.some((one) => complaint.test(one)),
      `expected ${complaint}, got:\n${complaints.join("\n")}\nagain: npm test -- tidy`,
    );
  });
}

test.run();
