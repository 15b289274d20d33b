// SPDX-License-Identifier: Apache-2.0
// What `vedette doctor` makes of the agent's findings: which tiers work, why one does not, and what to
// change.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { diagnose, type Findings } from "../../../host/output/diagnosis.js";

const works = { ok: true };
/** A machine on which all works. */
const WELL: Findings = {
  ...{ kernel: "6.18.44-fc", assumed: "6.18", arch: "x86_64", uid: 0, proc: { folder: "mounted" } },
  ...{ ptrace: works, seccomp_listener: works, process_vm_readv: works, proc_mem: works, memfd: works },
  ...{ io_uring: works, gs_base: works, user_dispatch: works, fsgsbase: true },
  tsc: { invariant: true, hz: 2e9, clocksource: "tsc" },
  features: { notify_continue: true, bitmap_cache: true, wait_killable: true },
  seccomp: { mode: 0, filters: 0 },
  ...{ no_new_privs: false, yama_ptrace_scope: 1, io_uring_disabled: 0, mmap_min_addr: 65536 },
  capabilities: { effective: "", bounding: "", sys_ptrace: true, sys_admin: true },
};
const refused = (reason: string) => ({ ok: false, reason });

test("where all works, nothing needs to be changed", () => {
  const { kernel, tiers, checks, advice } = diagnose(WELL);
  assert.is(kernel, "6.18.44-fc");
  assert.ok(tiers.every((tier) => tier.works));
  assert.ok(checks.every(({ ok }) => ok));
  assert.equal(advice, []);
});

test("a kernel that is used as an older one is told as both", () => {
  assert.is(diagnose({ ...WELL, assumed: "5.10" }).kernel, "6.18.44-fc (used as 5.10)");
});

/** What is found, the check that fails, its note, tiers that work still, and what is advised. */
const FINDINGS: readonly (readonly [
  found: Partial<Findings>,
  check: string,
  note: RegExp,
  tiers: readonly string[],
  advice: RegExp | null,
])[] = [
  [
    { ptrace: refused("EPERM") },
    "ptrace",
    /refused \(EPERM\); nothing can be captured/,
    [],
    /Allow ptrace: add the capability SYS_PTRACE/,
  ],
  [{ ptrace: refused("EPERM"), yama_ptrace_scope: 2 }, "ptrace", /EPERM/, [], /ptrace_scope is 2: set it to 1/],
  [{ ptrace: refused("EPERM"), yama_ptrace_scope: null }, "ptrace", /EPERM/, [], /Allow ptrace/],
  [
    { seccomp_listener: refused("EBUSY") },
    "seccomp listener",
    /EBUSY/,
    ["trace", "inline"],
    /Another seccomp listener/,
  ],
  [{ seccomp_listener: refused("EACCES") }, "seccomp listener", /EACCES/, ["trace", "inline"], /Allow seccomp\(2\)/],
  [{ process_vm_readv: refused("EPERM") }, "process_vm_readv", /\/proc\/PID\/mem is used/, ["trace", "inline"], null],
  [{ proc_mem: refused("EACCES") }, "/proc/PID/mem", /code cannot be placed/, ["trace"], null],
  [{ memfd: refused("ENOSYS") }, "memfd_create", /ENOSYS.*no rings/, ["trace"], /Allow memfd_create\(2\)/],
  [{ gs_base: { ok: false } }, "GS base", /refused \(\?\)/, ["trace"], null],
  [
    { tsc: { invariant: false, hz: 0, clocksource: "hpet" } },
    "invariant TSC",
    /clock source is hpet/,
    ["trace", "inline"],
    null,
  ],
  [
    { features: { bitmap_cache: true, wait_killable: true } },
    "notify and continue",
    /needs Linux 5\.5/,
    ["trace", "inline"],
    null,
  ],
  [
    { features: { notify_continue: true, wait_killable: true } },
    "seccomp bitmap cache",
    /needs Linux 5\.11/,
    ["trace", "inline"],
    null,
  ],
  [
    { features: { notify_continue: true, bitmap_cache: true } },
    "killable wait",
    /needs Linux 5\.19/,
    ["trace", "inline"],
    null,
  ],
  [{ io_uring: refused("EPERM") }, "io_uring", /nothing can hide in it/, ["trace", "inline"], null],
  [
    { proc: { folder: "foreign", reason: "EPERM" } },
    "/proc",
    /another PID namespace's, and our own is refused \(EPERM\)/,
    [],
    /Mount \/proc anew/,
  ],
  [{ proc: { folder: "missing" } }, "/proc", /it is not mounted.*\(\?\)/, [], /Mount \/proc anew/],
];
for (const [found, check, note, tiers, advice] of FINDINGS)
  test(`${JSON.stringify(found)}: the note, the tiers that are left, and the advice`, () => {
    const said = diagnose({ ...WELL, ...found });
    const failed = said.checks.filter(({ ok }) => !ok);
    assert.equal(
      failed.map(({ name }) => name),
      [check],
    );
    assert.match(failed[0]!.note, note);
    assert.equal(
      said.tiers.filter((one) => one.works).map(({ tier }) => tier),
      tiers,
    );
    for (const one of said.tiers.filter((tier) => !tier.works)) assert.match(one.note, `needs ${check}`);
    if (advice === null) assert.equal(said.advice, []);
    else assert.match(said.advice.join("\n"), advice);
  });

test("a /proc that the agent opens for itself works, and is told", () => {
  const { tiers, advice } = diagnose({ ...WELL, proc: { folder: "opened" } });
  assert.ok(tiers.every((tier) => tier.works));
  assert.match(advice.join(""), /start with `unshare --mount-proc` if that is not meant/);
});

test("without SYS_PTRACE it says which programs lose rights", () => {
  const { advice } = diagnose({ ...WELL, capabilities: { ...WELL.capabilities, sys_ptrace: false } });
  assert.match(advice.join(""), /su, sudo, setuid files/);
});

test.run();
