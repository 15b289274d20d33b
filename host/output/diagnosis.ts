// SPDX-License-Identifier: Apache-2.0
// Puts into words what the agent found out about this kernel and container (capture/agent/doctor.cc). There
// is a row for each thing that was tried: what it is for, and what to change if it does not work. From the
// rows follows which tiers work.

interface Tried {
  readonly ok: boolean;
  /** An errno's name. */
  readonly reason?: string;
}

/** The agent's JSON. */
export interface Findings {
  readonly kernel: string;
  /** The version whose features are used: VEDETTE_ASSUME_KERNEL may lower it. */
  readonly assumed: string;
  readonly arch: string;
  readonly uid: number;
  /**
   * Whose processes /proc shows: ours, ours in a mount that the agent has opened for itself, another pid
   * namespace's, or nobody's.
   */
  readonly proc: { readonly folder: "mounted" | "opened" | "foreign" | "missing"; readonly reason?: string };
  readonly ptrace: Tried;
  readonly seccomp_listener: Tried;
  readonly process_vm_readv: Tried;
  readonly proc_mem: Tried;
  readonly memfd: Tried;
  readonly io_uring: Tried;
  readonly gs_base: Tried;
  readonly user_dispatch: Tried;
  readonly fsgsbase: boolean;
  readonly tsc: { readonly invariant: boolean; readonly hz: number; readonly clocksource: string };
  readonly features: Readonly<Record<string, boolean>>;
  readonly seccomp: { readonly mode: number; readonly filters: number };
  readonly no_new_privs: boolean;
  readonly yama_ptrace_scope: number | null;
  readonly io_uring_disabled: number | null;
  readonly mmap_min_addr: number | null;
  readonly capabilities: {
    readonly effective: string;
    readonly bounding: string;
    readonly sys_ptrace: boolean;
    readonly sys_admin: boolean;
  };
}

/** One thing that `vedette doctor` tried. `ok` is null where it could not be tried. */
export interface Check {
  readonly name: string;
  readonly ok: boolean | null;
  readonly note: string;
}

/** Whether a tier works here; `note` names what it lacks. */
export interface TierVerdict {
  readonly tier: "trace" | "inline";
  readonly works: boolean;
  readonly note: string;
}

/** What `vedette doctor` prints. `findings` holds the agent's raw answers, for `--json`. */
export interface Diagnosis {
  readonly kernel: string;
  readonly arch: string;
  readonly tiers: readonly TierVerdict[];
  readonly checks: readonly Check[];
  readonly advice: readonly string[];
  readonly findings: Findings;
}

/** Puts the agent's findings into words. It tries nothing itself. */
export function diagnose(findings: Findings): Diagnosis {
  const checks = ROWS.map(({ name, ok, purpose, without }) => {
    const works = ok(findings);
    return { name, ok: works, note: works ? purpose : (without?.(findings) ?? purpose) };
  });
  return {
    kernel:
      findings.assumed === versionOf(findings.kernel)
        ? findings.kernel
        : `${findings.kernel} (used as ${findings.assumed})`,
    arch: findings.arch,
    tiers: TIERS.map(({ tier, needs, does }) => {
      const missing = needs.filter(({ ok }) => !ok(findings)).map(({ name }) => name);
      return {
        tier,
        works: missing.length === 0,
        note: missing.length === 0 ? does : `${does}; needs ${missing.join(", ")}`,
      };
    }),
    checks,
    advice: ADVICE.filter(({ when }) => when(findings)).map(({ say }) => say(findings)),
    findings,
  };
}

interface Row {
  readonly name: string;
  readonly ok: (findings: Findings) => boolean;
  /** What it is for. */
  readonly purpose: string;
  /** What is the case where it does not work. */
  readonly without?: (findings: Findings) => string;
}

const refused = (what: (findings: Findings) => Tried, then: string) => (findings: Findings) =>
  `refused (${what(findings).reason ?? "?"}); ${then}`;

const PTRACE: Row = {
  name: "ptrace",
  ok: (f) => f.ptrace.ok,
  purpose: "stops the workload at its calls",
  without: refused((f) => f.ptrace, "nothing can be captured"),
};
const LISTENER: Row = {
  name: "seccomp listener",
  ok: (f) => f.seccomp_listener.ok,
  purpose: "keeps the workload's own filters from hiding calls",
  without: refused((f) => f.seccomp_listener, "calls that wait for a decision cannot be answered"),
};
const MEMORY: Row = {
  name: "process_vm_readv",
  ok: (f) => f.process_vm_readv.ok,
  purpose: "reads paths and buffers in one call",
  without: refused((f) => f.process_vm_readv, "/proc/PID/mem is used, which is slower"),
};
const PROC_MEM: Row = {
  name: "/proc/PID/mem",
  ok: (f) => f.proc_mem.ok,
  purpose: "reads and writes the workload's memory",
  without: refused((f) => f.proc_mem, "code cannot be placed in the workload"),
};
const MEMFD: Row = {
  name: "memfd_create",
  ok: (f) => f.memfd.ok,
  purpose: "memory shared with the workload",
  without: refused((f) => f.memfd, "no rings"),
};
const GS_BASE: Row = {
  name: "GS base",
  ok: (f) => f.gs_base.ok,
  purpose: "a place for each thread's context",
  without: refused((f) => f.gs_base, "calls cannot be recorded inside the workload"),
};
const TSC: Row = {
  name: "invariant TSC",
  ok: (f) => f.tsc.invariant,
  purpose: "time without a call",
  without: (f) => `the clock source is ${f.tsc.clocksource}: times come from the kernel, which is slower`,
};
const NOTIFY_CONTINUE: Row = {
  name: "notify and continue",
  ok: (f) => f.features.notify_continue === true,
  purpose: "lets a call go on after a decision (Linux 5.5)",
  without: () => "needs Linux 5.5",
};
const FILTER_CACHE: Row = {
  name: "seccomp bitmap cache",
  ok: (f) => f.features.bitmap_cache === true,
  purpose: "calls that are not captured cost nothing more (Linux 5.11)",
  without: () => "needs Linux 5.11; each call that is not captured costs some 40 ns more",
};
const KILLABLE: Row = {
  name: "killable wait",
  ok: (f) => f.features.wait_killable === true,
  purpose: "a signal does not break a call that waits for a decision (Linux 5.19)",
  without: () => "needs Linux 5.19",
};
const IO_URING: Row = {
  name: "io_uring",
  ok: (f) => f.io_uring.ok,
  purpose: "there; refused to the workload unless --io-uring allow, since its calls cannot be seen",
  without: refused((f) => f.io_uring, "nothing can hide in it"),
};
const PROC: Row = {
  name: "/proc",
  ok: (f) => f.proc.folder === "mounted" || f.proc.folder === "opened",
  purpose: "tells which process is which; where it is another PID namespace's, the agent opens its own",
  without: (f) =>
    `${f.proc.folder === "foreign" ? "it is another PID namespace's" : "it is not mounted"}, and our own is refused (${f.proc.reason ?? "?"})`,
};
const ROWS: readonly Row[] = [
  PROC,
  PTRACE,
  LISTENER,
  MEMORY,
  PROC_MEM,
  MEMFD,
  GS_BASE,
  TSC,
  NOTIFY_CONTINUE,
  FILTER_CACHE,
  KILLABLE,
  IO_URING,
];

const TIERS: readonly { readonly tier: TierVerdict["tier"]; readonly needs: readonly Row[]; readonly does: string }[] =
  [
    { tier: "trace", needs: [PROC, PTRACE], does: "every call, with its result, by the kernel's word" },
    {
      tier: "inline",
      needs: [PROC, PTRACE, PROC_MEM, MEMFD, GS_BASE],
      does: "hot calls recorded inside the workload, at a fraction of the cost",
    },
  ];

const ADVICE: readonly { readonly when: (f: Findings) => boolean; readonly say: (f: Findings) => string }[] = [
  {
    when: (f) => !PROC.ok(f),
    say: () =>
      "Mount /proc anew (`mount -t proc proc /proc`), start with `unshare --mount-proc`, or give SYS_ADMIN, with which the agent opens its own.",
  },
  {
    when: (f) => f.proc.folder === "opened",
    say: () =>
      "/proc shows another PID namespace's processes. The agent opens its own, and the workload keeps what it has; start with `unshare --mount-proc` if that is not meant.",
  },
  {
    when: (f) => !f.ptrace.ok && (f.yama_ptrace_scope ?? 0) >= 2,
    say: (f) =>
      `kernel.yama.ptrace_scope is ${f.yama_ptrace_scope}: set it to 1 on the host, or add the capability SYS_PTRACE.`,
  },
  {
    when: (f) => !f.ptrace.ok && (f.yama_ptrace_scope ?? 0) < 2,
    say: () =>
      "Allow ptrace: add the capability SYS_PTRACE (ECS: linuxParameters.capabilities.add; Docker: --cap-add SYS_PTRACE), or a seccomp profile that has ptrace.",
  },
  {
    when: (f) => !f.seccomp_listener.ok,
    say: (f) =>
      f.seccomp_listener.reason === "EBUSY"
        ? "Another seccomp listener is installed above us: start Vedette outside of it, or take it away."
        : "Allow seccomp(2) with a listener: the container's seccomp profile or runtime forbids it.",
  },
  {
    when: (f) => f.ptrace.ok && !f.capabilities.sys_ptrace,
    say: () =>
      "Without SYS_PTRACE, programs that change their user (su, sudo, setuid files) run with no more rights than they have; add it if the workload needs them.",
  },
  {
    when: (f) => !f.memfd.ok,
    say: () => "Allow memfd_create(2) in the container's seccomp profile.",
  },
];

/** 6.18 of 6.18.44-fc. */
function versionOf(release: string): string {
  return /^\d+\.\d+/.exec(release)?.[0] ?? release;
}
