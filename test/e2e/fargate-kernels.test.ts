// SPDX-License-Identifier: Apache-2.0
//
// The same agent binary under the kernels that Fargate is known to run (5.10) and may run (6.1), real ones,
// in QEMU: the fixtures' own words are what is recorded, in both tiers. And the agent built for arm64, in the
// tier that it has.
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { eventsIn, guestFiles, missingForGuest } from "../lab/guest.js";
import { runUnder } from "../lab/kernel.js";
import { debianKernel, type Kernel, type KernelName, type Machine } from "../lab/kernel-package.js";
import { comparable, fixtures, markedRegion, multisetDifference, parseExpected } from "./fixtures.js";
import { isOwn } from "./traces.js";

type Tiers = "trace" | "all";
const BOOTS: { name: KernelName; machine: Machine; tiers: Tiers[] }[] = [
  { name: "5.10", machine: "x86_64", tiers: ["trace", "all"] },
  { name: "6.1", machine: "x86_64", tiers: ["trace", "all"] },
  { name: "5.10-arm64", machine: "aarch64", tiers: ["trace"] },
  { name: "6.12-arm64", machine: "aarch64", tiers: ["trace"] },
];

/** Fixtures that need what the guest has not, and what that is. */
const NOT_THERE: Record<string, string> = {
  file_attributes: "a file system with user.* attributes (tmpfs has none before 6.6)",
};

/** Programs that expect nothing of the recording, and what they print. */
const PROGRAMS: Record<string, RegExp> = {
  many_signals: /^signals 10000 wrong 0 failed writes 0 all written 1\ninterrupted 1\nrestarted 1\n$/,
  untraced: /^\d{2,} 0\n\d{2,} 0\n$/,
  errno_after: /^(\w+ 1 errno 0\n){6}$/,
  stop_continue: /stays stopped\nkilled while stopped\n$/,
};
const ARM32 = "arm32_calls";

const chosen = fixtures().filter(
  (fixture) => fixture.expects && /\.(c|S)$/.test(fixture.source) && !(fixture.name in NOT_THERE),
);
const everything = [...chosen.map(({ name }) => name), ...Object.keys(PROGRAMS)];

function script(programs: string[], tiers: Tiers[]): string {
  const one = (name: string, tier: string) =>
    `mkdir -p /tmp/${name}-${tier} && cd /tmp/${name}-${tier} && ` +
    `/vedette-capture --tiers ${tier} --host fd:3 -- /build/fixtures/${name} > /out/${name}-${tier}.txt 2> /out/${name}-${tier}.err 3> /out/${name}-${tier}.frames; ` +
    `echo $? > /out/${name}-${tier}.status`;
  return [
    "/vedette-capture --doctor > /out/doctor.json",
    ...programs.flatMap((name) => tiers.map((tier) => one(name, tier))),
  ].join("\n");
}

function testUnder(name: KernelName, kernel: Kernel, tiers: Tiers[]): void {
  const programs = kernel.machine === "aarch64" ? [...everything, ARM32] : everything;
  const folder = mkdtempSync(join(tmpdir(), "kernel-"));
  const out = join(folder, "out");
  test.after(() => rmSync(folder, { recursive: true, force: true }));

  /** The path of what a program left, whose status was 0. */
  const left = (program: string, tier: Tiers, kind: string): string => {
    const at = (which: string) => join(out, `${program}-${tier}.${which}`);
    assert.ok(existsSync(at("status")), "the guest did not come so far");
    assert.is(readFileSync(at("status"), "utf8").trim(), "0", readFileSync(at("err"), "utf8"));
    return at(kind);
  };

  test(`Linux ${name} boots, and the agent says what it allows`, () => {
    runUnder(kernel, guestFiles(kernel.machine, [...programs, "leave"], [ARM32]), script(programs, tiers), folder, out);
    const doctor = JSON.parse(readFileSync(join(out, "doctor.json"), "utf8")) as Record<string, unknown>;
    assert.match(String(doctor["kernel"]), new RegExp(`^${kernel.version.replace(".", "\\.")}\\.`));
    assert.is(doctor["arch"], kernel.machine);
  });

  for (const tier of tiers) {
    for (const { name: fixture } of chosen)
      test(`Linux ${name}, ${fixture}, tiers ${tier}: what it prints is what was recorded`, () => {
        const { only, lines } = parseExpected(readFileSync(left(fixture, tier, "txt"), "utf8"));
        assert.ok(lines.length > 0, "the fixture expects nothing");
        const region = markedRegion(eventsIn(left(fixture, tier, "frames")), only).filter((event) => !isOwn(event));
        const both = comparable(lines, region);
        assert.is(multisetDifference(both.expected, both.recorded).join("\n"), "");
      });
    test(`Linux ${name}, tiers ${tier}: CLONE_UNTRACED does not untrace`, () => {
      const made = eventsIn(left("untraced", tier, "frames")).filter((event) => event["evt.type"] === "mkdirat");
      assert.is(made.filter((event) => event["evt.rawres"] === 0).length, 2, "two children make a directory each");
    });
    for (const [program, prints] of Object.entries(PROGRAMS))
      test(`Linux ${name}, ${program}, tiers ${tier}: it does not notice`, () => {
        assert.match(readFileSync(left(program, tier, "txt"), "utf8"), prints);
      });
  }

  if (kernel.machine !== "aarch64") return;
  test(`Linux ${name}: a 32-bit program's calls are refused, never unseen`, () => {
    const refused = eventsIn(left(ARM32, "trace", "frames")).filter(
      (event) => event["evt.type"] === "vedette.notice" && event["evt.arg.kind"] === "ABI_REFUSED",
    );
    assert.is(refused.length, 2, "open and getpid");
  });
}

for (const [name, lacking] of Object.entries(NOT_THERE))
  console.log(`skip: ${name} under other kernels: ${lacking} is missing`);

for (const { name, machine, tiers } of BOOTS) {
  const missing = missingForGuest(machine);
  const kernel = missing === null ? debianKernel(name) : null;
  if (kernel !== null) testUnder(name, kernel, tiers);
  else console.log(`skip: the agent under Linux ${name}: ${missing ?? "Debian's package of that kernel"} is missing`);
}

test.run();
