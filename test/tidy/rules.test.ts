// SPDX-License-Identifier: Apache-2.0
//
// The house rules on small made-up trees: each rule finds what it is for, says where, and lets the good case pass.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { arrowsPointOneWay } from "./arrows.js";
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
import { everyThreatHasItsTest } from "./threats.js";
import { complaintText, type Rule, treeOf } from "./tree.js";

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
    title: "two host folders that point at each other are named",
    rule: arrowsPointOneWay,
    files: {
      "host/engine/engine.ts": 'import { Module } from "../wasm/module.js";',
      "host/wasm/module.ts": 'import { Engine } from "../engine/engine.js";',
    },
    complaints: ["host/engine/engine.ts:1: host/engine and host/wasm point at each other; cut one arrow"],
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
      "host/a.ts": `// ${LONG}`,
    },
    complaints: [
      "docs/a.md:3: prose of 111 columns; break it by column 110",
      "docs/a.md:7: prose of 111 columns; break it by column 110",
      "docs/b.md:2: prose of 115 columns; break it by column 110",
      "docs/b.md:4: prose of 114 columns; break it by column 110",
    ],
  },
  {
    title: "tables, code, headings and the targets of links may be longer",
    rule: proseEndsByItsColumn,
    files: {
      "docs/a.md": [`# ${LONG}`, `| ${LONG} |`, `  | ${LONG} |`, "", `    ${LONG}`, `    ${LONG}`].join("\n"),
      "docs/b.md": `[a link](${LONG.replaceAll(" ", "/")}) and https://example.org/${LONG.replaceAll(" ", "/")}`,
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

test.run();
