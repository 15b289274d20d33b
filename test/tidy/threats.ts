// SPDX-License-Identifier: Apache-2.0
//
// docs/threat-model.md and test/attacks/ keep each other honest. A row that says something holds has a test:
// in test/attacks/ one whose title begins with the row's id, or a file elsewhere that the row names. A test
// in test/attacks/ belongs to a closed row. A row for which nothing holds yet says **open** and names no
// test.
import type { Complaint, Rule, Tree } from "./tree.js";

const PAGE = "docs/threat-model.md";
const ROW = /^\| ([A-Z]\d+) \|/;
const STATES = ["prevented", "detected", "accepted", "open"];
const TITLE = /^\s*test(?:\.only|\.skip)?\(\s*(["'`])(.*)/;
const IDS = /^([A-Z]\d+(?:, [A-Z]\d+)*): /;

interface Threat {
  id: string;
  line: number;
  isOpen: boolean;
  state: string;
  tests: string[];
}

export const everyThreatHasItsTest: Rule = (tree) => {
  const rows = rowsOf(tree);
  const titled = titledTests(tree);
  return [...rows.flatMap((row) => rowComplaints(tree, row, rows, titled)), ...testComplaints(rows, titled)];
};

function rowsOf(tree: Tree): Threat[] {
  const lines = (tree.get(PAGE) ?? "").split("\n");
  return lines.flatMap((text, index) => {
    const id = ROW.exec(text)?.[1];
    if (id === undefined) return [];
    const cells = text.split(/(?<!\\)\|/).map((cell) => cell.trim());
    const state = /^\*\*(\w+)\*\*/.exec(cells[3] ?? "")?.[1] ?? "";
    const tests = [...(cells[5] ?? "").matchAll(/`([^`]+)`/g)].map((match) => match[1]!);
    return [{ id, line: index + 1, isOpen: state === "open", state, tests }];
  });
}

function rowComplaints(tree: Tree, row: Threat, rows: Threat[], titled: Titled[]): Complaint[] {
  const say = (text: string): Complaint[] => [{ path: PAGE, line: row.line, text: `${row.id} ${text}` }];
  if (rows.find((other) => other.id === row.id) !== row) return say("stands twice; each row has an id of its own");
  if (!STATES.includes(row.state)) return say(`has no state; write one of ${STATES.map((s) => `**${s}**`).join(", ")}`);
  if (row.isOpen) return row.tests.length === 0 ? [] : say("is open and names a test; say what holds, or take it out");
  if (row.tests.length === 0) return say("is closed and names no test; write one in test/attacks/");
  const missing = row.tests.find((test) => !tree.has(test));
  if (missing !== undefined) return say(`names ${missing}, which is not in the tree`);
  const untitled = row.tests.find(
    (test) => isAttack(test) && !titled.some((t) => t.path === test && t.ids.includes(row.id)),
  );
  return untitled === undefined ? [] : say(`names ${untitled}, where no test's title begins with "${row.id}: "`);
}

interface Titled {
  path: string;
  line: number;
  ids: string[];
}

const isAttack = (path: string): boolean => /^test\/attacks\/.*\.test\.ts$/.test(path);

// A test's title may begin on the line behind `test(`.
function titledTests(tree: Tree): Titled[] {
  return [...tree].flatMap(([path, text]) => {
    if (!isAttack(path)) return [];
    const lines = text.split("\n");
    return lines.flatMap((line, index) => {
      const here = /^\s*test(\.only|\.skip)?\($/.test(line) ? `test(${(lines[index + 1] ?? "").trim()}` : line;
      const title = TITLE.exec(here)?.[2];
      if (title === undefined) return [];
      return [{ path, line: index + 1, ids: IDS.exec(title)?.[1]?.split(", ") ?? [] }];
    });
  });
}

function testComplaints(rows: Threat[], titled: Titled[]): Complaint[] {
  return titled.flatMap(({ path, line, ids }) => {
    if (ids.length === 0)
      return [{ path, line, text: `the title does not begin with a row of ${PAGE}; write "G1: ..."` }];
    return ids.flatMap((id) => {
      const row = rows.find((one) => one.id === id);
      if (row === undefined) return [{ path, line, text: `${id} is no row of ${PAGE}; add it` }];
      if (row.isOpen) return [{ path, line, text: `${id} is still open in ${PAGE}; say there what holds` }];
      return row.tests.includes(path) ? [] : [{ path, line, text: `${id} does not name this file in ${PAGE}; add it` }];
    });
  });
}
