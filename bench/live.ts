// SPDX-License-Identifier: Apache-2.0
//
// `npm run bench -- live [--json] [--rate N] [--seconds N] [--rounds N]`: what a page of live events costs
// the host beside 20,000 events a second. In turn a browser shows nothing of the host, the console's events
// under a condition that each event matches, and those under one that none does: the host's CPU each time.
// Beside that stand what came to the page, what the page says was left out, what the sensor counted and lost,
// and what a policy that asks for these events judged.
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Page } from "playwright-core";
import { ask } from "../test/ask.js";
import { newPage, openBrowser, show } from "../test/e2e/browser.js";
import { median } from "./measure/median.js";
import { buildProgram, VEDETTE } from "./measure/programs.js";

const number = (name: string, usual: number): number => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? usual : Number(process.argv[at + 1]);
};
const [rate, seconds, rounds] = [number("rate", 20_000), number("seconds", 10), number("rounds", 5)];
const PROCESSES = 20;
const BAR = 0.15;
const TICKS_PER_S = 100;
/** Until V8 has compiled what a new stream runs. */
const SETTLE_MS = 2_000;
/** Policies settle. */
const START_MS = 5_000;
/** Each event is judged by it, and none is told. */
const RULE = `- rule: Nothing
  desc: Never true, and asked of each read.
  condition: evt.type = read and fd.name = /nonesuch
  output: nothing
  priority: NOTICE
`;
const CONDITIONS = { each: "evt.type = read", none: "evt.type = read and proc.name = nonesuch" } as const;

/** Seconds of CPU that a process has had, all its threads together. */
function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /, "")
    .split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_S;
}

interface Shown {
  readonly came: number;
  readonly leftOut: number;
  readonly batches: number;
}

/** What the page says. */
async function shownBy(page: Page): Promise<Shown> {
  const text = (await page.locator("main").textContent())!;
  const numberIn = (pattern: RegExp): number => Number((pattern.exec(text)?.[1] ?? "0").replace(/\D/g, ""));
  return {
    came: numberIn(/([\d,.\s]+) events came/),
    leftOut: numberIn(/came, ([\d,.\s]+) were left out/),
    batches: numberIn(/([\d,.\s]+) batch(?:es)? of events had gone/),
  };
}

const folder = mkdtempSync(join(tmpdir(), "vedette-bench-live-"));
const socket = join(folder, "control.sock");
const rules = join(folder, "rules.yaml");
writeFileSync(rules, RULE);
const lasts = rounds * 3 * (seconds + 30);
const each = `${buildProgram("paced")} ${rate / PROCESSES} ${lasts}`;
const load = ["sh", "-c", `for i in $(seq ${PROCESSES}); do ${each} & done; wait`];
const flags = ["-q", "--falco-rules", rules, "--console", "--control-tcp", "127.0.0.1:0", "--control", socket];
const host = spawn(VEDETTE[0]!, [VEDETTE[1]!, "run", ...flags, "--", ...load], {
  ...{ stdio: "ignore", detached: true },
});
interface Counted {
  readonly sensor: number;
  readonly lost: Readonly<Record<string, number>>;
  readonly policy: number;
}
async function counted(): Promise<Counted> {
  const [sensors, policies] = await Promise.all(["sensors", "policies"].map((what) => ask(socket, `/api/v1/${what}`)));
  const [sensor] = sensors!.json;
  return { sensor: sensor.events, lost: sensor.lost, policy: policies!.json[0].events };
}

interface Part {
  /** Of one core. */
  readonly share: number;
  readonly events: number;
  readonly shown: Shown | null;
}

/** Null: the page shows nothing of the host. */
async function part(page: Page, origin: string, condition: string | null): Promise<Part> {
  if (condition === null) await page.goto("about:blank");
  else {
    await page.goto(`${origin}/`);
    await show(page, `events?filter=${encodeURIComponent(condition)}`);
    await page.getByText("events came").waitFor();
  }
  await sleep(SETTLE_MS);
  const first = condition === null ? null : await shownBy(page);
  const [before, cpu, begun] = [await counted(), cpuOf(host.pid!), performance.now()];
  await sleep(seconds * 1_000);
  const share = (cpuOf(host.pid!) - cpu) / ((performance.now() - begun) / 1_000);
  const after = await counted();
  if (first === null) return { share, events: after.sensor - before.sensor, shown: null };
  const last = await shownBy(page);
  return {
    share,
    events: after.sensor - before.sensor,
    shown: {
      came: last.came - first.came,
      leftOut: last.leftOut - first.leftOut,
      batches: last.batches - first.batches,
    },
  };
}

const browser = await openBrowser();
const taken: { readonly alone: Part; readonly each: Part; readonly none: Part }[] = [];
try {
  while (!existsSync(socket)) await sleep(100);
  await sleep(START_MS);
  const page = await newPage(browser, []);
  await page.goto(execFileSync(VEDETTE[0]!, [VEDETTE[1]!, "console", "--socket", socket], { encoding: "utf8" }).trim());
  await page.getByRole("heading", { name: "Overview" }).waitFor();
  const { origin } = new URL(page.url());
  for (let round = 0; round < rounds; round++)
    taken.push({
      alone: await part(page, origin, null),
      each: await part(page, origin, CONDITIONS.each),
      none: await part(page, origin, CONDITIONS.none),
    });
  await page.goto("about:blank");
  const total = await counted();
  const more = (which: "each" | "none"): number => median(taken.map((one) => one[which].share - one.alone.share));
  const report = { rate, seconds, rounds: taken, more: { each: more("each"), none: more("none") }, total };
  const percent = (share: number): string => `${(share * 100).toFixed(1)} % of a core`;
  if (process.argv.includes("--json")) console.log(JSON.stringify(report));
  else {
    const perSecond = median(taken.map(({ each: { events } }) => events / seconds));
    console.log(`beside ${rate} events/s (the sensor counts ${perSecond.toFixed(0)}), medians of ${rounds} rounds`);
    for (const which of ["each", "none"] as const) {
      const isMet = report.more[which] <= BAR;
      console.log(
        `a condition that ${which} matches: the host ${percent(report.more[which])} more   bar: ${percent(BAR)}: ${isMet ? "met" : "not met"}`,
      );
      for (const { alone, [which]: own } of taken)
        console.log(
          `  ${percent(alone.share)} and ${percent(own.share)}; of ${own.events} events ${own.shown!.came} came, ${own.shown!.leftOut} and ${own.shown!.batches} batches were left out`,
        );
    }
    console.log(
      `the sensor counted ${total.sensor} events, lost ${JSON.stringify(total.lost)}; the policy judged ${total.policy}`,
    );
  }
} finally {
  await browser.close();
  process.kill(-host.pid!, "SIGKILL"); // the group: a signal to the host alone goes to the shell
  rmSync(folder, { recursive: true, force: true });
}
process.exit(0);
