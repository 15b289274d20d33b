// SPDX-License-Identifier: Apache-2.0
//
// What docs/fargate.md and docs/operations.md name in their prose is there: options, settings, metrics,
// errors, paths of the sidecar's HTTP, alerts, files, tests and benches. So a page cannot speak of what was
// renamed or never built.
import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { readSetting } from "../../host/ecs/settings.js";
import { namesOf, proseOf } from "../pages.js";
import { until } from "../until.js";
import { freePort } from "./free-port.js";
import { AGENT, ROOT, run, scratch, start, VEDETTE } from "./programs.js";

/** The first host after a build compiles all policies. */
const READY_MS_MAX = 150_000;
const PAGES = ["fargate.md", "operations.md"];
const sources = globSync("{host,capture,policies}/**/*.{ts,cc,h,yaml}", { cwd: ROOT }).map((path) =>
  readFileSync(join(ROOT, path), "utf8"),
);
const isInSources = (word: string) => sources.some((text) => text.includes(word));

/** Options that a `--help` lists, without their dashes. */
function optionsIn(help: string): string[] {
  return [...help.matchAll(/^ {2}(?:-\w, )?--([\w-]+)/gm)].map(([, name]) => name!);
}

const asked = new Map<string, Promise<string[]>>();
function optionsOf(command: string): Promise<string[]> {
  const argv = command === "capture" ? [AGENT, "--help"] : [...VEDETTE, command, "--help"];
  const known = asked.get(command) ?? run(argv).then(({ stdout, stderr }) => optionsIn(stdout + stderr));
  asked.set(command, known);
  return known;
}

/** The words of the settings' table: what `--set none=1` says that there is. */
function settings(): string[] {
  try {
    readSetting("none=1");
  } catch (error) {
    return / there are (.*?)\.?(?: \[|$)/.exec((error as Error).message)![1]!.split(", ");
  }
  throw new Error("a setting that is none was taken");
}

/** What stands behind each kind of name; the first row that matches a name is asked. */
const KINDS: readonly (readonly [RegExp, (name: string, found: RegExpMatchArray) => unknown])[] = [
  [/^(vedette_\w+)/, async (_, [, name]) => new RegExp(`^# TYPE ${name} `, "m").test((await served).metrics)],
  [/^--set ([a-z][\w.-]+)=(\S+)/, (_, [, key]) => settingsKnow(key!)],
  [/^--([\w-]+)/, async (_, [, option]) => (await everyOption()).includes(option!)],
  [/^vedette (\w+)(.*)$/, async (_, [, command, rest]) => takes(command!, rest!)],
  [/^(instrument|serve) (--.*)$/, async (_, [, command, rest]) => takes(command!, rest!)],
  [/^VEDETTE_\w+$/, isInSources],
  [/^\/(healthz|metrics|api\/\S+)$/, async (name) => (await served).paths.includes(name)],
  [/^(host|test|capture|policies|bench|docs)\//, (name) => globSync(name, { cwd: ROOT }).length > 0],
  [/^npm test -- (\S+)$/, (_, [, name]) => globSync(`test/**/*${name}*.test.ts`, { cwd: ROOT }).length > 0],
  [/^npm run bench -- (\S+)/, (_, [, name]) => existsSync(join(ROOT, "bench", `${name}.ts`))],
  [/^(container|agent)\.[\w-]+(\.[A-Z]+)?$/, (name) => settingsKnow(name) || isInSources(`"${name}"`)],
  [/^(ecs|container)\.\S+$/, (name) => isInSources(`"${name}"`)],
];

async function everyOption(): Promise<string[]> {
  return (await Promise.all(["instrument", "serve", "run", "capture"].map(optionsOf))).flat();
}

async function takes(command: string, rest: string): Promise<boolean> {
  const options = await optionsOf(command);
  const given = [...rest.matchAll(/ --([\w-]+)/g)].map(([, option]) => option!);
  return options.length > 0 && given.every((option) => options.includes(option));
}

function settingsKnow(key: string): boolean {
  const known = settings();
  return known.includes(key.replace(/^(container\.\w+)\.\w+$/, "$1.NAME")) || known.includes(`${key}.NAME`);
}

/** A sidecar's answers, before any agent has come. */
const served = (async () => {
  const folder = scratch();
  const at = `127.0.0.1:${await freePort()}`;
  const argv = [...VEDETTE, "serve", "--listen", `unix:${folder}/host.sock`, "--http", at];
  const host = start(argv, { limitMs: 2 * READY_MS_MAX });
  try {
    const ask = (path: string) => fetch(`http://${at}${path}`).catch(() => null);
    await until("a host that is well", async () => (await ask("/healthz"))?.ok, { ms: READY_MS_MAX });
    const paths = ["/healthz", "/metrics", "/api/v1/health"];
    const answers = await Promise.all(paths.map(ask));
    assert.equal(
      answers.map((one) => one?.status),
      [200, 200, 200],
    );
    return { paths, metrics: await answers[1]!.text(), health: (await answers[2]!.json()) as Record<string, unknown> };
  } finally {
    host.child.kill("SIGTERM");
    await host.ended;
  }
})();

for (const page of PAGES)
  test(`${page}: what it names in code is there`, async () => {
    const names = namesOf(page);
    let checked = 0;
    for (const name of names) {
      const [match, isThere] = KINDS.find(([kind]) => kind.test(name)) ?? [];
      if (isThere === undefined) continue;
      assert.ok(await isThere(name, match!.exec(name)!), `${page} names \`${name}\`, and there is none`);
      checked++;
    }
    assert.ok(checked > 40, `${checked} of ${names.length}`);
  });

test("each alert that the pages name is raised by something", () => {
  for (const page of PAGES) {
    const names = [...proseOf(page).matchAll(/(?<!\*)\*([A-Z][^*\n]+)\*(?!\*)/g)].map(([, name]) => name!);
    const alerts = names.filter((name) => !/^(From its|By )/.test(name));
    for (const name of alerts) assert.ok(isInSources(name), `${page} names the alert ${name}`);
    if (page === "fargate.md") assert.ok(alerts.length >= 7, alerts.join("; "));
  }
});

test("/api/v1/health has what operations.md says", async () => {
  const { health } = await served;
  const [first] = health.runs as Record<string, unknown>[];
  for (const key of ["version", "since", "runs"]) assert.ok(key in health, key);
  for (const key of ["version", "rules", "from"]) assert.ok(key in first!, key);
});

test("the table of settings has each setting, and no other", () => {
  const [, table] = /### The sidecar's other options\n.*?(\|.*?)\n\n/s.exec(proseOf("fargate.md"))!;
  const rows = table!.split("\n").slice(2);
  const keys = rows.flatMap((row) => [...row.split("|")[1]!.matchAll(/`([^`]+)`/g)].map(([, key]) => key!));
  assert.equal(keys.map((key) => key.replace(/\.VOLUME$/, ".NAME")).toSorted(), settings().toSorted());
});

/** What `instrument` writes itself, has an option of its own for, or what is for a person at a terminal. */
const NO_SETTINGS = {
  serve: ["listen", "secret-file", "container-secret", "policy", "config", "check", "quiet", "help"],
  capture: ["host", "secret-file", "start", "on-overload", "sys-ptrace", "doctor", "attach", "version"],
};

test("P12: each option of the sidecar and of the agents is a setting, but for what instrument writes", async () => {
  for (const [command, others] of Object.entries(NO_SETTINGS)) {
    const prefix = command === "capture" ? "agent." : "";
    const lacking = (await optionsOf(command)).filter((option) => !settings().includes(prefix + option));
    assert.equal(lacking.toSorted(), others.toSorted(), command);
  }
});

test.run();
