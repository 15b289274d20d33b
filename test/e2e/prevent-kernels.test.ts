// SPDX-License-Identifier: Apache-2.0
//
// Prevention by the same agent under real kernels in QEMU: Linux 5.10 and 6.1, and those of arm64. A small
// host in the guest (rows_host.c) gives it the rows; what is denied there, in which tier, and the race
// harness in short. The kernel's own word counts: what a call answered, whether a program ran. And who comes
// from outside: found, captured, and held to the rows there too.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { PreventRow } from "../../host/engine/prevent-row.js";
import { eventsIn, guestFiles, missingForGuest } from "../lab/guest.js";
import { runUnder } from "../lab/kernel.js";
import { debianKernel, type Kernel, type KernelName, type Machine } from "../lab/kernel-package.js";
import { ALLOWED, DENIED, hostWords, wireRow } from "./prevention.js";

const BOOTS: { name: KernelName; machine: Machine; tiers: string[] }[] = [
  { name: "5.10", machine: "x86_64", tiers: ["all", "trace"] },
  { name: "6.1", machine: "x86_64", tiers: ["all"] },
  { name: "5.10-arm64", machine: "aarch64", tiers: ["trace"] },
  { name: "6.12-arm64", machine: "aarch64", tiers: ["trace"] },
];
/**
 * In a guest all files are as young as its first process; what is unpacked at the boot stands for the image.
 */
const IMAGE: string[] = ["/build/*", "/bin/*", "/lib*", "/usr/*"];

function words(mode: PreventRow["mode"]): Buffer {
  return hostWords([
    wireRow("exec", { mode, files: IMAGE }),
    ...(["memfd-exec", "ptrace", "mount"] as const).map((deny) => wireRow(deny, { mode })),
    wireRow("connect", { mode, networks: [`${DENIED}/32`] }),
  ]);
}

/**
 * Words of prevent_calls, and what they print where rows speak of them. `x86`: by a convention of its own.
 */
const CALLS: [words: string, denied: string, x86?: "x86"][] = [
  [`connect ${DENIED}`, "connect EPERM"],
  [`connect ::ffff:${DENIED}`, "connect EPERM"],
  [`connect32 ${DENIED}`, "connect32 EPERM", "x86"],
  [`socketcall ${DENIED}`, "socketcall EPERM", "x86"],
  [`filtered ${DENIED}`, "filtered EPERM"],
  [`connect ${ALLOWED}`, "connect ok"],
  ["interrupted", "interrupted EINTR\nrestarted ok"],
  ["vm-write", "vm-write EPERM"],
  ["mount /nowhere", "mount EPERM"],
  ["move_mount /nowhere", "move_mount EPERM"],
  ["exec /tmp/dropped", "exec EPERM"],
  ["execveat /tmp/dropped", "execveat EPERM"],
  ["map /tmp/dropped", "map EPERM"],
  ["memfd /bin/true", "memfd EPERM"],
  ["map /bin/true", "map ok"],
];
const RACES: [words: string, x86?: "x86"][] = [
  [`connect 300 ${ALLOWED} ${DENIED}`],
  [`socketcall 300 ${ALLOWED} ${DENIED}`, "x86"],
  ["exec 30 /bin/true /tmp/false"],
  ["link 30 /bin/true /tmp/false"],
];

function testUnder(name: KernelName, kernel: Kernel, tiers: string[]): void {
  const isHere = (x86?: "x86") => x86 === undefined || kernel.machine === "x86_64";
  const calls = CALLS.filter(([, , x86]) => isHere(x86));
  const races = RACES.filter(([, x86]) => isHere(x86));
  const folder = mkdtempSync(join(tmpdir(), "kernel-"));
  const out = join(folder, "out");
  test.after(() => rmSync(folder, { recursive: true, force: true }));

  const workload = ["cp /bin/true /tmp/dropped; cd /tmp"];
  workload.push(...calls.map(([call]) => `/build/fixtures/prevent_calls ${call} 2>&1`));
  const racing = ["cp /bin/false /tmp/false; cd /tmp"];
  racing.push(...races.map(([race]) => `/build/fixtures/prevent_race ${race}`));
  const run = (mode: string, tier: string, what: string) =>
    `/rows_host /words-${mode} /out/${what}-${mode}-${tier}.frames /vedette-capture --host fd:3 --start security --tiers ${tier} -- /bin/sh /${what}.sh ` +
    `> /out/${what}-${mode}-${tier}.txt 2> /out/${what}-${mode}-${tier}.err`;
  // Who comes from outside, into a pid namespace of its own as a container has one.
  const stranger = (tier: string) => [
    `/bin/busybox unshare -p -f --mount-proc /rows_host /words-enforce /out/session-${tier}.frames /vedette-capture --host fd:3 --start security --tiers ${tier} -- /bin/sh -c 'echo up > /tmp/up-${tier}; while [ ! -e /tmp/over-${tier} ]; do sleep 0.2; done' 2> /out/session-${tier}.err &`,
    `while [ ! -e /tmp/up-${tier} ]; do sleep 0.2; done`,
    `/bin/busybox nsenter -t $(/bin/busybox pidof rows_host | /bin/busybox tr ' ' '\\n' | /bin/busybox sort -n | /bin/busybox head -n 1) -p -m /bin/sh -c 'sleep 0.5; /build/fixtures/prevent_calls connect ${DENIED}; /build/fixtures/prevent_calls connect ${ALLOWED}' > /out/session-${tier}.txt 2>&1`,
    `echo > /tmp/over-${tier}; wait`,
  ];
  const script = [
    "sh /calls.sh > /out/calls-plain.txt",
    ...tiers.flatMap((tier) => [
      run("enforce", tier, "calls"),
      run("monitor", tier, "calls"),
      run("enforce", tier, "races"),
    ]),
    ...tiers.flatMap(stranger),
  ];

  test(`Linux ${name} boots with rows`, () => {
    const made = (file: string, text: string | Buffer) => {
      writeFileSync(join(folder, file), text);
      return join(folder, file);
    };
    const compiler = kernel.machine === "x86_64" ? "gcc" : `${kernel.machine}-linux-gnu-gcc`;
    const compiled = (name: string, source: string) => {
      execFileSync(compiler, ["-static", "-O1", "-o", join(folder, name), source], { stdio: "pipe" });
      return join(folder, name);
    };
    const ends = (name: string, status: number) =>
      compiled(name, made(`${name}.c`, `int main(void) { return ${status}; }\n`));
    const files = {
      ...guestFiles(kernel.machine, ["prevent_calls", "prevent_race"]),
      "/rows_host": compiled("rows_host", "test/lab/rows_host.c"),
      "/bin/true": ends("true", 0),
      "/bin/false": ends("false", 1),
      "/calls.sh": made("calls.sh", `${workload.join("\n")}\n`),
      "/races.sh": made("races.sh", `${racing.join("\n")}\n`),
      "/words-enforce": made("words-enforce", words("enforce")),
      "/words-monitor": made("words-monitor", words("monitor")),
    };
    runUnder(kernel, files, `${script.join("\n")}\n`, folder, out);
  });

  const refusals = calls.filter(([, denied]) => denied.includes("EPERM")).length;
  const toldIn = (frames: string) =>
    eventsIn(join(out, frames)).filter((event) => event["evt.type"] === "vedette.prevented").length;
  const left = (what: string) => readFileSync(join(out, what), "utf8");
  for (const tier of tiers) {
    test(`Linux ${name}, tiers ${tier}: what a row speaks of is denied, and told of`, () => {
      const said = left(`calls-enforce-${tier}.txt`).trim();
      assert.is(said, calls.map(([, denied]) => denied).join("\n"), left(`calls-enforce-${tier}.err`));
      assert.ok(toldIn(`calls-enforce-${tier}.frames`) >= refusals);
    });
    test(`Linux ${name}, tiers ${tier}: monitor mode denies nothing, and tells as much`, () => {
      const plain = left("calls-plain.txt").trim();
      assert.is(left(`calls-monitor-${tier}.txt`).trim(), plain, left(`calls-monitor-${tier}.err`));
      // An exec that fails by itself (by descriptor, under 5.10 in a guest) runs nothing that could be told
      // of.
      const failed = plain.match(/^(exec|execveat|memfd) E/gm)?.length ?? 0;
      assert.ok(toldIn(`calls-monitor-${tier}.frames`) >= refusals - failed, plain);
    });
    test(`Linux ${name}, tiers ${tier}: who comes from outside is found, and held to the rows`, () => {
      assert.is(left(`session-${tier}.txt`), "connect EPERM\nconnect ok\n", left(`session-${tier}.err`));
      const events = eventsIn(join(out, `session-${tier}.frames`)); // the workload itself connects nowhere
      const results = (type: string) =>
        events.filter((event) => event["evt.type"] === type).map((event) => event["evt.rawres"]);
      assert.equal(results("session.start"), [0]);
      assert.equal(results("connect"), [-1, 0]);
    });
    test(`Linux ${name}, tiers ${tier}: no race gets through`, () => {
      const counts = left(`races-enforce-${tier}.txt`).trim().split("\n");
      assert.is(counts.length, races.length, left(`races-enforce-${tier}.err`));
      for (const count of counts) {
        assert.match(count, / through=0$/);
        assert.match(count, / allowed=[1-9]/);
        assert.match(count, / (refused|killed)=[1-9]/);
      }
    });
  }
}

for (const { name, machine, tiers } of BOOTS) {
  const missing = missingForGuest(machine);
  const kernel = missing === null ? debianKernel(name) : null;
  if (kernel !== null) testUnder(name, kernel, tiers);
  else console.log(`skip: prevention under Linux ${name}: ${missing ?? "Debian's package of that kernel"} is missing`);
}

test.run();
