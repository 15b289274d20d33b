// SPDX-License-Identifier: Apache-2.0
//
// The corpus: programs that must run under Vedette, with the default pack, as they do without, and accused of
// nothing. A program is run in a folder of its own, made anew, and what came of it is told as text: status,
// output, errors, and every file it left.
import { createHash } from "node:crypto";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { constants } from "node:os";
import { dirname, join } from "node:path";
import { PACK } from "../../host/paths.js";
import { FORMATS } from "./corpus/formats.js";
import { LANGUAGES } from "./corpus/languages.js";
import type { Program } from "./corpus/program.js";
import { SERVERS } from "./corpus/servers.js";
import { TOOLS } from "./corpus/tools.js";
import { EVERYDAY } from "./everyday.js";
import { freePorts } from "./free-port.js";
import { type Run, run, VEDETTE } from "./programs.js";

export const CORPUS: readonly Program[] = [...EVERYDAY, ...SERVERS, ...LANGUAGES, ...FORMATS, ...TOOLS];

/** Priorities that the corpus must not raise; what is below is a record, not an accusation. */
const ACCUSING = new Set(["Emergency", "Alert", "Critical", "Error", "Warning"]);

/**
 * What Vedette says of itself is looked at too, but for notices that accuse nobody (an UNCERTAIN of the value
 * 0 has an honest reason), and those that a rule of the pack tells of.
 */
const NOTICES = `- rule: Notice
  desc: Vedette tells of itself
  condition: evt.type = vedette.notice and not evt.arg.kind in (UNPATCHED, IO_URING_REFUSED, NO_NEW_PRIVS, TIER_DEGRADED, AGENT_ATTACKED)
    and not (evt.arg.kind = UNCERTAIN and evt.arg.value = 0)
  output: "%evt.arg.kind %evt.arg.call %evt.arg.text %evt.arg.value %proc.cmdline"
  priority: WARNING
`;
const LIMIT_MS = 90_000;
const UP = `up() { local n; for n in $(seq 300); do "$@" > /dev/null 2>&1 && return; sleep 0.1; done; echo "never up: $*"; return 1; }\n`;

export interface Told {
  status: number;
  stdout: string;
  stderr: string;
  files: string;
}

export interface Alert {
  rule: string;
  priority: string;
  output: string;
}

/** What a bare run comes to. */
export async function runBare(program: Program, base: string): Promise<Told> {
  const folder = await prepare(program, base);
  return told(program, folder, await go(program, folder, []));
}

/** What a watched run comes to, and the alerts that accuse it of what it should not be accused of. */
export async function runWatched(program: Program, base: string): Promise<{ told: Told; alerts: Alert[] }> {
  const folder = await prepare(program, base);
  const file = join(base, `${program.name}.alerts`);
  rmSync(file, { force: true });
  const notices = join(base, "notices.yaml");
  writeFileSync(notices, NOTICES);
  const judges = ["--policy", PACK, "--falco-rules", notices];
  const ended = await go(program, folder, [...VEDETTE, "run", ...judges, "--alerts", file, "--"]);
  const lines = existsSync(file)
    ? readFileSync(file, "utf8")
        .split("\n")
        .filter((line) => line !== "")
    : [];
  const alerts = lines.map((line) => JSON.parse(line) as Alert);
  return {
    told: told(program, folder, ended),
    alerts: alerts.filter(({ rule, priority }) => ACCUSING.has(priority) && !program.alerts?.includes(rule)),
  };
}

async function prepare(program: Program, base: string): Promise<string> {
  const folder = join(base, program.name);
  rmSync(folder, { recursive: true, force: true });
  chmodSync(base, 0o755); // some programs leave root
  mkdirSync(folder);
  for (const [name, text] of Object.entries(program.files ?? {})) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  if (program.prepare === undefined) return folder;
  const prepared = await run(["bash", "-ec", program.prepare], { cwd: folder, limitMs: 120_000 });
  if (prepared.status !== 0) throw new Error(`${program.name} could not be prepared: ${prepared.stderr}`);
  return folder;
}

// A program that asks for no ports sees none in its environment: they differ from run to run.
async function go(program: Program, folder: string, under: string[]): Promise<Run> {
  const [PORT, PORT2, PORT3] = (await freePorts(3)).map(String) as [string, string, string];
  return run([...under, "bash", "-c", UP + program.script], {
    cwd: folder,
    limitMs: program.limitMs ?? LIMIT_MS,
    env: program.script.includes("$PORT") ? { PORT, PORT2, PORT3 } : {},
  });
}

/**
 * The lines that one run has and the other has not, each with what it is a line of; nothing when they are
 * alike.
 */
export function differences(bare: Told, watched: Told): string {
  const parts = ["status", "stdout", "stderr", "files"] as const;
  const odd = parts.filter((part) => bare[part] !== watched[part]);
  return odd
    .map((part) => {
      const [one, two] = [String(bare[part]).split("\n"), String(watched[part]).split("\n")];
      const lines = [
        ...one.filter((line) => !two.includes(line)).map((line) => `  bare:    ${line}`),
        ...two.filter((line) => !one.includes(line)).map((line) => `  watched: ${line}`),
      ];
      return [`${part} differs${lines.length === 0 ? ` in order or number: ${watched[part]}` : ""}`, ...lines].join(
        "\n",
      );
    })
    .join("\n");
}

/**
 * What a shell would call it: the status, or 128 and the signal's number. A shell that tells of a job's end
 * names its process.
 */
function told(program: Program, folder: string, ended: Run): Told {
  return {
    status: ended.status ?? 128 + constants.signals[ended.signal!],
    stdout: ended.stdout,
    stderr: ended.stderr.replace(/line \d+: +\d+ /g, "line: "),
    files: filesOf(folder, "", program.differs).join("\n"),
  };
}

function filesOf(root: string, below: string, differs: RegExp | undefined): string[] {
  const names = readdirSync(join(root, below)).sort();
  return names.flatMap((name) => {
    const path = below === "" ? name : `${below}/${name}`;
    if (differs?.test(path)) return [];
    const stat = lstatSync(join(root, path));
    if (stat.isDirectory()) return [`${path}/`, ...filesOf(root, path, differs)];
    const mode = (stat.mode & 0o7777).toString(8);
    if (stat.isSymbolicLink()) return [`${path} -> ${readlinkSync(join(root, path))}`];
    if (!stat.isFile()) return [`${path} ${mode}`];
    return [
      `${path} ${mode} ${createHash("sha256")
        .update(readFileSync(join(root, path)))
        .digest("hex")
        .slice(0, 16)}`,
    ];
  });
}
