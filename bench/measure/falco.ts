// SPDX-License-Identifier: Apache-2.0
//
// What an event costs in Falco's rules: recorded batches, reduced to some types of event, go through the
// compiled policy as in a worker (copied into its memory, judged, alerts counted but not written).
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { compilePolicy } from "../../host/falco/compile/policy.js";
import { loadRules, type RuleFile } from "../../host/falco/load.js";
import { admit } from "../../host/wasm/admission.js";
import type { FrameSource } from "../../host/wasm/frame.js";
import { PolicyInstance } from "../../host/wasm/instance.js";
import type { Batch } from "../../host/wire/batch.js";
import { EVENT_OF_NAME } from "../../host/wire/layout.js";
import { packed } from "./pack.js";
import { recordBatches } from "./record.js";

const EVENTS_MAX = 60_000;
const WARM_MS = 300;
const ROUND_MS = 150;
const OPENS = "for i in 1 2 3; do grep -r localhost /etc /usr/share/doc/[a-l]* >/dev/null 2>&1; done";
const EXECS = "i=0; while [ $i -lt 1500 ]; do /bin/true; i=$((i+1)); done";
// What Falco captures by default: what its rules ask for and what its own books need, but no plain reads,
// writes and questions.
const DEFAULTS = (
  "open openat openat2 creat close execve execveat clone clone3 fork vfork procexit connect accept accept4 " +
  "bind listen socket socketpair sendto sendmsg recvfrom recvmsg shutdown getsockopt dup dup2 dup3 fcntl " +
  "pipe pipe2 eventfd2 memfd_create chdir fchdir chroot chmod fchmod fchmodat chown fchownat link linkat " +
  "symlink symlinkat rename renameat renameat2 unlink unlinkat mkdir mkdirat rmdir mount umount2 setns " +
  "unshare setuid setgid setresuid setresgid setpgid setsid capset prctl prlimit ptrace bpf userfaultfd " +
  "init_module finit_module kill"
).split(" ");
const CONNECTS = "for i in $(seq 4000); do : </dev/tcp/127.0.0.1/1; done 2>/dev/null";

export interface Stream {
  readonly name: string;
  readonly events: number;
  readonly frames: readonly FrameSource[];
}

/** Recorded now, from programs of this machine. */
export async function recordStreams(): Promise<Stream[]> {
  const mix = await recordBatches(EVENTS_MAX);
  const opens = await recordBatches(EVENTS_MAX, ["sh", "-c", OPENS]);
  const execs = await recordBatches(EVENTS_MAX, ["sh", "-c", EXECS]);
  const connects = await recordBatches(EVENTS_MAX, ["bash", "-c", CONNECTS]);
  return [
    stream("mix of all calls", mix),
    stream("mix, Falco's own", mix, DEFAULTS),
    stream("open and close", opens, ["open", "openat", "close"]),
    stream("fork and exec", execs, ["clone", "clone3", "fork", "vfork", "execve", "procexit"]),
    stream("openat", opens, ["openat"]),
    stream("execve", execs, ["execve"]),
    stream("connect", connects, ["connect"]),
  ];
}

function stream(name: string, batches: readonly Batch[], types?: readonly string[]): Stream {
  const frames = types ? packed(batches, new Set(types.map((type) => EVENT_OF_NAME.get(type)?.id))) : batches;
  return { name, frames, events: frames.reduce((sum, { count }) => sum + count, 0) };
}

export interface Rules {
  readonly name: string;
  readonly rules: number;
  readonly bytes: number;
  /** ns an event of a stream; takes a round's time. */
  readonly measure: (stream: Stream) => number;
}

/** What it costs to hand events to a policy that looks at none of them. */
export function nothing(): Promise<Rules> {
  const content = "- {rule: never, desc: none, condition: evt.type=quotactl, output: none, priority: DEBUG}";
  return compiled("copy alone", [{ name: "never", content }], true);
}

export function rulesOf(name: string, paths: readonly string[], isShared: boolean): Promise<Rules> {
  return compiled(
    name,
    paths.map((path) => ({ name: basename(path), content: readFileSync(path, "utf8") })),
    isShared,
  );
}

async function compiled(name: string, files: readonly RuleFile[], isShared: boolean): Promise<Rules> {
  const loaded = loadRules(files);
  if (!loaded.ok) throw new Error(loaded.results.map((result) => result.text(loaded.contents)).join("\n"));
  const rules = loaded.rules.map((rule) => ({ ...rule, enabled: true }));
  const { wasm, rules: told } = compilePolicy(rules, { name: "falco", isShared });
  const admitted = await admit(wasm, name, { moduleBytes: 4 << 20, memoryPages: 512 });
  const instance = PolicyInstance.start(admitted, {}, { onAlert: () => {}, onLog: () => {} });
  return { name, rules: told.length, bytes: wasm.length, measure: (one) => measure(instance, one) };
}

const warmed = new WeakMap<PolicyInstance, Set<Stream>>();

function measure(instance: PolicyInstance, stream: Stream): number {
  const { frames, events } = stream;
  const pass = (): void => {
    for (const frame of frames) instance.judge(frame, { index: 0, offset: 0 });
  };
  const seen = warmed.get(instance) ?? new Set();
  warmed.set(instance, seen);
  if (!seen.has(stream)) round(pass, WARM_MS);
  seen.add(stream);
  return round(pass, ROUND_MS) / events;
}

/** ns of CPU a pass: on a machine that does other things too, the clock on the wall tells of those. */
function round(pass: () => void, ms: number): number {
  const [begun, used] = [performance.now(), process.cpuUsage()];
  let passes = 0;
  do {
    pass();
    passes++;
  } while (performance.now() - begun < ms);
  const { user, system } = process.cpuUsage(used);
  return ((user + system) * 1e3) / passes;
}
