// SPDX-License-Identifier: Apache-2.0
// The site's pages and their order: what a newcomer reads first stands first. A page of docs/ that stands in
// no group is in the last one, so none is forgotten.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../paths.js";
import { type Page, referencePages } from "./site-reference.js";

/** Pages that stand together in the list at the side. */
export interface Group {
  readonly title: string;
  readonly pages: readonly Page[];
}

const HOME = "README.md";
const ORDER: readonly (readonly [title: string, names: readonly string[]])[] = [
  ["Begin", ["install", "scenarios", "comparison", "faq", "troubleshooting"]],
  ["Run it", ["configuration", "fargate", "operations", "console", "top", "control", "exit-statuses", "performance"]],
  ["Alerts", ["incidents", "evidence", "outputs", "response", "prevention", "captures"]],
  ["Policies", ["write-a-policy", "falco", "tenants", "monitor", "write-a-meter", "abi/v1"]],
  ["Trust it", ["threat-model", "inline", "debuggers"]],
  [
    "Work on it",
    ["architecture", "style", "testing", "glossary", "wire", "add-a-field", "add-a-syscall", "add-an-output"],
  ],
];

/** All, the home page first. */
export async function groupsOfPages(): Promise<Group[]> {
  const written = new Map(writtenPages().map((one) => [one.path, one]));
  const home: Page = { path: "index", markdown: readFileSync(join(ROOT, HOME), "utf8") };
  const groups = ORDER.map(([title, names]) => ({
    title,
    pages: names.flatMap((name) => take(written, `docs/${name}`)),
  }));
  const rest = [...written.values()];
  return [
    { title: "", pages: [home] },
    ...groups,
    ...(rest.length === 0 ? [] : [{ title: "More", pages: rest }]),
    { title: "Reference", pages: await referencePages() },
  ];
}

function take(pages: Map<string, Page>, path: string): Page[] {
  const found = pages.get(path);
  pages.delete(path);
  return found === undefined ? [] : [found];
}

/** The clone's own: docs/, and what stands beside README.md. */
function writtenPages(): Page[] {
  const top = readdirSync(ROOT).filter((name) => /^[A-Z]+\.md$/.test(name) && name !== HOME);
  const docs = readdirSync(join(ROOT, "docs"), { recursive: true }).map(String);
  return [...top, ...docs.filter((name) => name.endsWith(".md")).map((name) => `docs/${name}`)].sort().map((name) => ({
    path: name.replace(/\.md$/, ""),
    markdown: readFileSync(join(ROOT, name), "utf8"),
  }));
}
