// SPDX-License-Identifier: Apache-2.0
// `vedette doctor`: asks the agent what this kernel and container allow (it tries each thing rather than
// guess from versions), and says in plain words which tiers will work, what was found, and what to change.
// The exit status is 1 when nothing can be captured.
import { spawnSync } from "node:child_process";
import { VedetteError } from "../errors.js";
import { type Diagnosis, diagnose, type Findings } from "../output/diagnosis.js";
import { nativeFile } from "../paths.js";
import { reasonOf } from "../reason.js";
import { print, printJson } from "./print.js";

const COLUMNS = 80;

/** Prints the diagnosis. Gives status 0 where the trace tier works, else 1. */
export function doctor(options: { readonly json?: boolean }): number {
  const diagnosis = diagnose(examine());
  if (options.json === true) printJson(diagnosis);
  else print([text(diagnosis)]);
  return diagnosis.tiers.some(({ tier, works }) => tier === "trace" && works) ? 0 : 1;
}

function examine(): Findings {
  const path = nativeFile("vedette-capture");
  const { error, stdout, status } = spawnSync(path, ["--doctor"], { stdio: ["ignore", "pipe", "inherit"] });
  if (error !== undefined)
    throw new VedetteError("VEDETTE_AGENT_MISSING", { path, reason: reasonOf(error) }, { cause: error });
  try {
    return JSON.parse(stdout.toString()) as Findings;
  } catch (cause) {
    throw new VedetteError(
      "VEDETTE_AGENT_MISSING",
      { path, reason: `it answered nothing that can be read (status ${status})` },
      { cause },
    );
  }
}

function text({ kernel, arch, tiers, checks, advice }: Diagnosis): string {
  const mark = (ok: boolean | null): string => (ok === null ? "-" : ok ? "yes" : "no");
  const rows = (title: string, list: readonly { name: string; ok: boolean | null; note: string }[]): string[] => [
    title,
    ...list.flatMap(({ name, ok, note }) => hung(`  ${mark(ok).padEnd(4)} ${name.padEnd(24)} `, note)),
    "",
  ];
  return [
    `Linux ${kernel}, ${arch}`,
    "",
    ...rows(
      "Tiers",
      tiers.map(({ tier, works, note }) => ({ name: tier, ok: works, note })),
    ),
    ...rows("What was tried", checks),
    advice.length === 0
      ? "Nothing needs to be changed."
      : `What to change\n${advice.flatMap((line) => hung("  - ", line)).join("\n")}`,
  ].join("\n");
}

/** `text` behind `head`, broken between words by column 80, further lines below where it began. */
function hung(head: string, text: string): string[] {
  const lines: string[] = [];
  let line = head;
  for (const word of text.split(" ")) {
    if (line.length + word.length > COLUMNS) {
      lines.push(line.trimEnd());
      line = " ".repeat(head.length);
    }
    line += `${word} `;
  }
  return [...lines, line.trimEnd()];
}
