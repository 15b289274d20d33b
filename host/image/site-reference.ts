// SPDX-License-Identifier: Apache-2.0
// The site's pages that nobody writes: each is what the program itself says, as Markdown. So they are true of
// the version that made them.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parse } from "yaml";
import { builtFile, PACK, ROOT } from "../paths.js";
import { findPolicies } from "../policy/discover.js";
import { said } from "./staged.js";

/** A page of the site: where it goes, without `.html`, and its text. */
export interface Page {
  readonly path: string;
  readonly markdown: string;
}

const ASK_MS_MAX = 30_000;

/** All of them. Starts a `vedette serve` for a moment, for its metrics. */
export async function referencePages(): Promise<Page[]> {
  const generated = (name: string): string => readFileSync(builtFile(`generated/docs/${name}.md`), "utf8");
  return [
    page("commands", commands(said("man").toString())),
    page("configuration-keys", `# Keys of vedette.yaml\n\n${said("config", "keys")}`),
    page("fields", fields(JSON.parse(said("fields", "--json").toString()) as Field[])),
    page("events", generated("events")),
    page("system-calls", generated("calls")),
    page("errors", errors(generated("errors"))),
    page("metrics", metrics(await scraped())),
    page("pack", pack()),
  ];
}

const page = (name: string, markdown: string): Page => ({ path: `reference/${name}`, markdown });

/** Of the manual page, whose roff is our own (host/cli/man.ts). */
function commands(manual: string): string {
  const plain = (text: string): string => text.replace(/^\\&/, "").replaceAll("\\-", "-").replaceAll("\\e", "\\");
  const lines: string[] = ["# Commands"];
  const rest = manual.split("\n");
  rest.splice(0, rest.indexOf(".SH COMMANDS") + 1);
  const next = (): string => plain(rest.shift() ?? "");
  while (rest.length > 0) {
    const line = rest.shift() as string;
    const [, macro = "", said = ""] = /^\.(SH|SS|TP|B|PP|nf|fi|RS|RE)\b ?(.*)$/.exec(line) ?? [];
    if (macro === "SH") lines.push("", `## ${title(said)}`, "");
    else if (macro === "SS") lines.push("", `## ${nameOf(plain(said))}`, "", code(plain(said)), "");
    else if (macro === "B") lines.push(`- ${code(plain(said))}: ${escaped(next())}`);
    else if (macro === "RS") lines.push("```sh", next(), "```", "");
    else if (macro === "") lines.push(escaped(plain(line)), "");
  }
  return lines.join("\n");
}

/** `vedette policy test [options] ...` is `vedette policy test`. */
const nameOf = (usage: string): string => usage.replace(/^(vedette(?: [a-z-]+)*).*/, "$1");
const title = (text: string): string => text.charAt(0) + text.slice(1).toLowerCase();
const code = (text: string): string => `\`${text}\``;
/** Angle brackets and pipes are no markup in what the program says. */
const escaped = (text: string): string => text.replaceAll("<", "&lt;").replaceAll("|", "\\|");

interface Field {
  readonly name: string;
  readonly type: string;
  readonly list: boolean;
  /** "none", or what its argument is. */
  readonly argument: string;
  readonly answered: boolean;
  readonly doc?: string;
}

function fields(all: readonly Field[]): string {
  const rows = all.map(
    ({ name, type, list, answered, doc = "" }) =>
      `| ${code(name)} | ${list ? `list of ${type}` : type} | ${escaped(doc)}${answered ? "" : " (always absent here)"} |`,
  );
  return [
    "# Fields",
    "",
    "What conditions and outputs can ask for. The names are Falco's.",
    "",
    "| field | type | what it is |",
    "|---|---|---|",
    ...rows,
  ].join("\n");
}

/** An entry each, so that a code can be linked to. */
function errors(table: string): string {
  const rows = table.split("\n").filter((line) => line.startsWith("| VEDETTE_"));
  const entries = rows.flatMap((row) => {
    const [name = "", message = "", hint = "", exit = ""] = row
      .split(/(?<!\\)\|/)
      .slice(1)
      .map((cell) => cell.trim());
    return [
      `## ${name}`,
      "",
      `> ${escaped(message)}`,
      "",
      hint === "" ? "" : `**What to do.** ${hint}`,
      "",
      `Exit status: ${exit}.`,
      "",
    ];
  });
  const intro = "Each error has a code. Vedette prints the sentence, the code, and what to do.";
  return ["# Errors, and what to do", "", intro, "", ...entries].join("\n");
}

/** The HELP and TYPE lines of Prometheus' text. */
function metrics(text: string): string {
  const types = new Map([...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = "", type = ""]) => [name, type]));
  const rows = [...text.matchAll(/^# HELP (\S+) (.*)$/gm)].map(
    ([, name = "", help = ""]) => `| ${code(name)} | ${types.get(name)} | ${escaped(help)} |`,
  );
  return [
    "# Metrics",
    "",
    "What `vedette serve` answers at `/metrics`.",
    "",
    "| metric | kind | what it is |",
    "|---|---|---|",
    ...rows,
  ].join("\n");
}

function pack(): string {
  const entries = findPolicies(PACK).flatMap((folder) => {
    const file = parse(readFileSync(join(folder, "policy.yaml"), "utf8")) as { name: string };
    const place = relative(ROOT, folder);
    const text = readFileSync(join(folder, "README.md"), "utf8")
      .replace(/^# .*\n/, "")
      .replace(/^#/gm, "##");
    return [`## ${file.name}`, "", code(place), "", moved(text, place, "reference"), ""];
  });
  return ["# The pack", "", "The policies that come with Vedette.", "", ...entries].join("\n");
}

/** A page of one folder as one of another: its links lead where they led. */
function moved(markdown: string, from: string, to: string): string {
  return markdown.replace(/\]\((?![a-z]+:|#)([^)\s]+)\)/g, (_, href: string) => `](${relative(to, join(from, href))})`);
}

async function scraped(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "vedette-site-"));
  const socket = join(folder, "http");
  const words = ["serve", "--listen", `unix:${folder}/agents`, "--http", `unix:${socket}`];
  const host = spawn(process.execPath, [builtFile("js/host/main.js"), ...words], { stdio: "ignore" });
  try {
    for (const end = performance.now() + ASK_MS_MAX; ; await sleep(100)) {
      const text = await asked(socket, "/metrics");
      if (text !== null) return text;
      if (performance.now() > end) throw new Error("vedette serve does not answer; try `vedette serve` by hand");
    }
  } finally {
    host.kill("SIGTERM");
    if (host.exitCode === null) await once(host, "exit");
    rmSync(folder, { recursive: true });
  }
}

/** Null: nobody answers yet. */
function asked(socketPath: string, path: string): Promise<string | null> {
  return new Promise((resolve) => {
    const question = request({ socketPath, path }, (answer) => {
      let text = "";
      answer.setEncoding("utf8").on("data", (part: string) => {
        text += part;
      });
      answer.on("end", () => resolve(answer.statusCode === 200 ? text : null));
    });
    question.on("error", () => resolve(null)).end();
  });
}
