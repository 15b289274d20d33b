// SPDX-License-Identifier: Apache-2.0
//
// What people who tried Vedette 0.1 ran into, as newcomers (N) and as authors of rules (A), and that none of
// it comes back: each report is named by a test, at the head of its title ("N3: ...", "A9, A13: ...") or of a
// comment above it (`// N5: ...`). Titles in test/attacks/ have ids of docs/threat-model.md instead.
import type { Complaint, Rule } from "./tree.js";

/** By id, in a sentence. */
export const REPORTS: Readonly<Record<string, string>> = {
  N1: "under a stale /proc, three false Criticals are raised, and doctor says that all is well",
  N2: "one attack, or 500 reads of one file, raise as many alerts, whose words mislead",
  N3: "`npm pack` takes everything in build/",
  N4: "`trace --json -- CMD | jq` gets nothing, or the workload's own output, too",
  N5: "a wrong command line is told in words that do not help: `--`, no suggestion, `(default: [])`",
  N6: "`run` and `replay` say nothing of policies, events and losses, so quiet and broken look alike",
  N7: "`trace -o /dev/full` and `run --alerts /dev/full` lose data and end with 0",
  N8: "doctor breaks words at 80 columns, procexit's arguments have no names, a vfork counts twice",
  N9: "outside a container *Program not in the image* is silent, and `run` does not say so",
  N10: "there is no live view, web page, summary, --quiet, completion, man page, progress or list of rules",
  A1: "alerts do not say which policy, tenant and version raised them",
  A2: "`--policies-d DIR` with a policy in the place of a tenant loads nothing and says nothing",
  A3: "`policy check` finds nothing wrong in a policy that fails at its start",
  A4: "a rule that fills a Map or an Array of the top traps when it runs, far from the author's line",
  A5: "a Falco rule that can never fire passes `check`, and `run` is silent about it",
  A6: "the documented idiom of a Sequence fails `policy test`",
  A7: "policies that only prevent can be neither inspected nor tested",
  A8: "`policy bench` contradicts itself",
  A9: "`vedette fields` lists no parameters of events, and errors cite a page that nobody has",
  A10: "`policy new` writes paths of its machine into tsconfig.json",
  A11: "`--policy mine` takes the pack's place, and there is no pack and mine",
  A12: "`policy status` says `judging` where an update failed, and its order changes",
  A13: "what authors need of the SDK stands in its source alone",
  A14: "authors miss deduplication, explain, coverage, shared code, regex, times, counters, texts, `test -k`",
};

const TESTS = /^test\/(?!attacks\/|tidy\/).*\.ts$/;
const HEADS = /(?:["'`]|\/\/ |\/\*\* )([A-Z]\d+(?:, [A-Z]\d+)*): /g;
const OURS = /^[NA]\d+$/;

export const everyReportHasItsTest: Rule = (tree) => {
  const named = [...tree].filter(([path]) => TESTS.test(path)).flatMap(([path, text]) => namedIn(path, text));
  const missing = Object.keys(REPORTS).filter((id) => !named.some((one) => one.id === id));
  const unknown = named.filter(({ id }) => !(id in REPORTS));
  return [
    ...missing.map((id) => ({ path: SELF, text: `no test is named "${id}: ..." (${REPORTS[id]}); write one` })),
    ...unknown.map(({ path, line, id }) => ({ path, line, text: `${id} is no report of ${SELF}` })),
  ];
};

const SELF = "test/tidy/reports.ts";

function namedIn(path: string, text: string): (Complaint & { id: string })[] {
  return text.split("\n").flatMap((line, index) =>
    [...line.matchAll(HEADS)]
      .flatMap(([, ids]) => ids!.split(", "))
      .filter((id) => OURS.test(id))
      .map((id) => ({ path, line: index + 1, text: line, id })),
  );
}
