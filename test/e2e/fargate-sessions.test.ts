// SPDX-License-Identifier: Apache-2.0
// Runs alone.
//
// Who comes into a container from outside (`runc exec`, which is what ECS Exec is; nsenter) is found, told
// of, and captured where the kernel lets the agent; where it does not, that is said. Nobody's program behaves
// otherwise for it.
import { execFile, execFileSync } from "node:child_process";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { fieldValue } from "../../host/wire/fields.js";
import { DeafHost } from "../lab/deaf-host.js";
import { missingFor, type Rootfs } from "../lab/rootfs.js";
import { agentWords, alertsOf, isListening, openTask, startSidecar, volume } from "../lab/sidecar.js";
import { type Container, isRunning, missingForTasks, type Task, until, within } from "../lab/task.js";

const missing = missingForTasks() ?? missingFor("musl");
const RUN_MS_MAX = 90_000;
const APP = { name: "app", image: "registry.example/app:1", digest: `sha256:${"0a".repeat(32)}` };
const WORKLOAD = "echo up; while [ ! -e /srv/over ]; do sleep 0.05; done; exit 7";

const FIELDS = {
  type: "evt.type",
  tier: "vedette.tier",
  result: "evt.rawres",
  name: "proc.name",
  exe: "proc.exe",
  pid: "proc.pid",
  ppid: "proc.ppid",
  session: "vedette.session",
  uid: "user.uid",
  args: "evt.args",
  integrity: "vedette.integrity",
  why: "vedette.integrity.reason",
} as const;
type Event = Record<keyof typeof FIELDS, string>;
const GETTERS = Object.entries(FIELDS).map(([key, field]) => [key, fieldValue(field)!] as const);

let task: Task;
let root: Rootfs;

async function open(): Promise<void> {
  ({ task, root } = await openTask(APP, "musl", (folder) => {
    const waits = join(folder, "waits");
    execFileSync("gcc", ["-static", "-O1", "-o", waits, "test/lab/waits.c"], { stdio: "pipe" });
    return { "usr/waits": waits };
  }));
}

function app(words: readonly string[], script: string, more: object = {}): Container {
  return task.start({
    name: "app",
    rootfs: root.path,
    mounts: [...root.mounts, volume(task, true)],
    environment: { VEDETTE_CONTAINER: "app" },
    ...more,
    args: [...words, "/bin/sh", "-c", script],
  });
}

/** A host that keeps everything; anybody may reach it. */
function keepingHost(): DeafHost {
  const path = join(task.volume, "keep.sock");
  const host = new DeafHost(path, { reads: true, acknowledges: true });
  chmodSync(path, 0o777);
  return host;
}

const toKeeper = (...options: string[]) => [
  "/vedette/vedette-capture",
  "--host",
  "unix:/vedette/keep.sock",
  ...options,
  "--",
];
const isUp = (container: Container) =>
  until(
    () => container.stdout === "up\n",
    "the workload did not start",
    () => container.stderr,
  );

const raises = (sidecar: Container, rule: string) =>
  until(
    () => alertsOf(sidecar).some((alert) => alert.rule === rule),
    `no alert of ${rule}`,
    () => sidecar.stdout + sidecar.stderr,
  );

/** Ends the workload and gives its status. */
async function finish(container: Container): Promise<number | null> {
  writeFileSync(join(root.path, "srv/over"), "");
  return (await within(container.ended, RUN_MS_MAX, "the container did not end")).status;
}

function eventsOf(host: DeafHost): Event[] {
  return host.batches.flatMap((batch) =>
    [...batch.offsets].map(
      (at) => Object.fromEntries(GETTERS.map(([key, get]) => [key, String(get(batch, at))])) as Event,
    ),
  );
}

/** What a session's shell waits for: the test says each word when it has seen enough. */
const UNTIL_SEEN = "while [ ! -e /srv/seen ]; do sleep 0.05; done";
const UNTIL_LEFT = "while [ ! -e /srv/left ]; do sleep 0.05; done";
const say = (word: "seen" | "left"): void => writeFileSync(join(root.path, "srv", word), "");

/** So many sessions have begun, and their shells run. */
const areSeen = (host: DeafHost, count: number) =>
  until(
    () => named(ofSession(eventsOf(host)), "execve").filter(({ exe }) => exe === "sh").length >= count,
    `not ${count} sessions were seen`,
    () => JSON.stringify(ofSession(eventsOf(host)), null, 1),
  );

const strangersOf = (events: readonly Event[]) =>
  named(events, "vedette.notice").filter(({ args }) => args.includes("kind=STRANGER"));
const ofSession = (events: readonly Event[]) => events.filter(({ session }) => Number(session) > 0);
const named = (events: readonly Event[], ...types: string[]) => events.filter(({ type }) => types.includes(type));

if (missing === null) {
  test.before.each(open);
  test.after.each(() => task.close());

  // Whether the agent may attach at once, only to what the session executes, or not at all.
  const CASES = [
    { agent: 0, capabilities: ["SYS_PTRACE"], session: 0, seen: "at once" },
    { agent: 0, capabilities: ["SYS_PTRACE"], session: 1000, seen: "at once" },
    { agent: 0, capabilities: [], session: 0, seen: "from its program on" },
    { agent: 0, capabilities: [], session: 1000, seen: "by /proc alone" },
    { agent: 1000, capabilities: ["SYS_PTRACE"], session: 1000, seen: "from its program on" },
    { agent: 1000, capabilities: ["SYS_PTRACE"], session: 0, seen: "by /proc alone" },
    { agent: 1000, capabilities: [], session: 1000, seen: "from its program on" },
    { agent: 1000, capabilities: [], session: 0, seen: "by /proc alone" },
  ] as const;
  for (const { agent, capabilities, session, seen } of CASES) {
    const whose = `an agent of uid ${agent} ${capabilities.length > 0 ? "with" : "without"} SYS_PTRACE`;
    test(`${whose} sees a session of uid ${session} ${seen}`, async () => {
      const host = keepingHost();
      const workload = app(toKeeper(), WORKLOAD, { user: agent, addCapabilities: capabilities });
      await isUp(workload);
      const script = `${UNTIL_SEEN}; cat /etc/hosts; cat /no/such/file 2>/dev/null; ${UNTIL_LEFT}; exit 3`;
      const over = workload.exec(["sh", "-c", script], session);
      await areSeen(host, 1);
      say("seen");
      if (seen === "by /proc alone")
        await until(
          () => strangersOf(eventsOf(host)).length > 0,
          "nobody said that it cannot be captured",
          () => JSON.stringify(ofSession(eventsOf(host)), null, 1),
        );
      say("left");
      const { status, stdout } = await over;
      assert.equal([status, stdout], [3, "127.0.0.1 localhost\n"]);
      assert.is(await finish(workload), 7);
      host.close();

      const all = eventsOf(host);
      const events = ofSession(all);
      const starts = named(events, "session.start");
      assert.is(starts.length, 1, `one session began: ${JSON.stringify(events, null, 1)}`);
      const { pid, ppid, result } = starts[0]!;
      assert.equal([ppid, result], ["0", seen === "at once" ? "0" : "-1"]);
      assert.ok(events.every((event) => event.session === pid));
      // The runtime's own code comes first; then there is one line for the session's shell.
      const shells = named(events, "execve").filter((event) => event.pid === pid && event.exe === "sh");
      assert.equal(
        shells.map((event) => [event.tier, event.uid]),
        [[seen === "at once" ? "trace" : "witness", String(session)]],
      );
      const refused = strangersOf(events);
      if (seen === "by /proc alone") {
        const told = refused.map(({ args }) => args);
        assert.ok(told.length > 0, JSON.stringify(events, null, 1));
        assert.equal(
          told.filter((args) => !/Operation not permitted/i.test(args)),
          [],
        );
        assert.ok(events.every((event) => event.tier === "witness" || event.type === "vedette.notice"));
        assert.ok(named(events, "procexit").some((event) => event.pid === pid));
        return;
      }
      assert.equal(refused, []);
      const opened = named(events, "openat", "open").map(({ args }) => args);
      assert.is(opened.filter((args) => args.includes("/etc/hosts")).length, 1);
      assert.is(opened.filter((args) => args.includes("/no/such/file")).length, 1);
      const end = named(events, "procexit").find((event) => event.pid === pid);
      assert.ok(end?.tier === "trace" && /ret=3/.test(end.args), `${end?.args}`);
      assert.ok(host.end !== null);
    });
  }

  const ioOfSession = async (count: number, ...options: string[]): Promise<Event[]> => {
    const host = keepingHost();
    const workload = app(toKeeper(...options), WORKLOAD, { addCapabilities: ["SYS_PTRACE"] });
    await isUp(workload);
    const { status } = await workload.exec(["dd", "if=/dev/zero", "of=/dev/null", "bs=1", `count=${count}`]);
    assert.is(status, 0);
    assert.is(await finish(workload), 7);
    host.close();
    const events = ofSession(eventsOf(host)).filter(({ name }) => name === "dd");
    const ones = (type: string) => named(events, type).filter(({ result }) => result === "1");
    assert.equal([ones("read").length, ones("write").length], [count, count]);
    return events;
  };

  test("a session's I/O is recorded exactly, each call by stops, and its events say why", async () => {
    const COUNT = 1000;
    const events = await ioOfSession(COUNT);
    const own = events.filter(({ type }) => !type.startsWith("vedette."));
    assert.equal([...new Set(own.map(({ tier }) => tier))], ["trace"]);
    assert.equal([...new Set(own.map(({ integrity, why }) => `${integrity} ${why}`))], ["stops CAME_FROM_OUTSIDE"]);
  });

  test("under --integrity normal a session's I/O is recorded exactly, inline as the workload's", async () => {
    const COUNT = 5000;
    const events = await ioOfSession(COUNT, "--integrity", "normal");
    assert.ok(
      named(events, "read").filter(({ tier }) => tier === "inline").length > 0.9 * COUNT,
      "it stayed in the slow tier",
    );
  });

  test("who is over before it could be looked at is counted: found and unseen are all", async () => {
    const COUNT = 30;
    const host = keepingHost();
    const workload = app(toKeeper(), WORKLOAD, { addCapabilities: ["SYS_PTRACE"] });
    await isUp(workload);
    const enter = `for i in $(seq ${COUNT}); do nsenter -t ${workload.pid()} -m -p -u -i -n /bin/true; done`;
    await promisify(execFile)("sh", ["-c", enter], { timeout: RUN_MS_MAX });
    assert.is(await finish(workload), 7);
    host.close();
    const all = eventsOf(host);
    const told = named(all, "vedette.notice").map(({ args }) => Number(/UNSEEN.*value=(\d+)/.exec(args)?.[1] ?? 0));
    const unseen = told.reduce((sum, count) => sum + count, 0);
    const found = named(all, "session.start").length;
    assert.is(found + unseen, COUNT);
  });

  test("who was there before and can be given no filter is stopped call by call", async () => {
    const COUNT = 100;
    const host = keepingHost();
    const words = `/usr/waits /srv/go ${COUNT} & sleep 0.3; exec ${toKeeper().join(" ")} /bin/sh -c '${WORKLOAD}'`;
    const workload = app(["/bin/sh", "-c", words, "--"], "");
    await isUp(workload);
    await sleep(300);
    writeFileSync(join(root.path, "srv/go"), "");
    await sleep(700);
    assert.is(await finish(workload), 7);
    host.close();
    const events = ofSession(eventsOf(host)).filter(({ name }) => name === "waits");
    assert.is(named(events, "pread").length, COUNT);
    assert.ok(named(events, "vedette.notice").some(({ args }) => /filters of its own/.test(args)));
    assert.match(named(events, "procexit")[0]?.args ?? "", /ret=5/);
  });

  test("outside a container: what has our filter ends with the agent, what has not lives on", async () => {
    const host = keepingHost();
    const [go, out] = [join(task.folder, "go"), join(task.folder, "out")];
    const keep = join(task.volume, "keep.sock");
    const script = `
      { ${join(root.path, "usr/waits")} ${go} 10; echo own filter: $? >> ${out}; } &
      { for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 0.1; done; echo plain: $? >> ${out}; } &
      sleep 0.3
      build/vedette-capture --host unix:${keep} -- sleep 30 & agent=$!
      sleep 0.7; kill -KILL $agent; touch ${go}; sleep 0.7; exit 0`;
    await promisify(execFile)("unshare", ["-p", "-f", "--mount-proc", "sh", "-c", script], { timeout: RUN_MS_MAX });
    host.close();
    const events = ofSession(eventsOf(host));
    assert.ok(named(events, "session.start").length >= 2);
    assert.is(execFileSync("cat", [out], { encoding: "utf8" }), "own filter: 5\n");
  });

  test("a session raises the alerts of what it does, with its task and container", async () => {
    const sidecar = startSidecar(task);
    await isListening(sidecar);
    const workload = app(agentWords("--start", "security"), WORKLOAD, { addCapabilities: ["SYS_PTRACE"] });
    await isUp(workload);
    const over = workload.exec(["sh", "-c", `${UNTIL_SEEN}; cat /etc/shadow >/dev/null`]);
    await raises(sidecar, "Session from outside");
    say("seen");
    assert.is((await over).status, 0);
    assert.is(await finish(workload), 7);
    await until(
      () => /app has left/.test(sidecar.stderr),
      "the end did not come",
      () => sidecar.stderr,
    );
    const alerts = alertsOf(sidecar);
    const rules = [...new Set(alerts.map(({ rule }) => rule))].sort();
    assert.equal(
      rules,
      ["Sensitive file read", "Session from outside"],
      JSON.stringify(
        alerts.map((a) => a.output),
        null,
        1,
      ),
    );
    assert.ok(
      alerts.every(
        ({ output_fields: fields }) => fields["ecs.task.arn"] === task.arn && fields["container.name"] === "app",
      ),
    );
    assert.not.match(sidecar.stderr, /VEDETTE_STRANGER_REFUSED/);
  });

  test("a session that cannot be captured is said in a sentence and raises an alert", async () => {
    const sidecar = startSidecar(task);
    await isListening(sidecar);
    const workload = app(agentWords("--start", "security"), WORKLOAD, { user: 1000 });
    await isUp(workload);
    const over = workload.exec(["sh", "-c", UNTIL_SEEN]);
    await raises(sidecar, "Session that cannot be captured");
    say("seen");
    assert.is((await over).status, 0);
    assert.is(await finish(workload), 7);
    await until(
      () => /app has left/.test(sidecar.stderr),
      "the end did not come",
      () => sidecar.stderr,
    );
    await until(
      () => /VEDETTE_STRANGER_REFUSED/.test(sidecar.stderr),
      "nothing was said",
      () => sidecar.stderr + sidecar.stdout,
    );
    assert.match(
      sidecar.stderr,
      /Process \d+ \(sh\) in app came in from outside, and .* does: operation not permitted\. \[VEDETTE_STRANGER_REFUSED\]/,
      sidecar.stderr,
    );
    const rules = [...new Set(alertsOf(sidecar).map(({ rule }) => rule))].sort();
    assert.equal(rules, ["Session from outside", "Session that cannot be captured"]);
  });

  for (const scope of ["container", "task"]) {
    test(`in a pid namespace shared by the task, --strangers ${scope} is kept to`, async () => {
      const host = keepingHost();
      const pause = task.start({ name: "pause", rootfs: root.path, mounts: root.mounts, args: ["/bin/sleep", "60"] });
      await until(() => isRunning(pause), "the pause container did not start");
      const pidNamespace = `/proc/${pause.pid()}/ns/pid`;
      const other = task.start({
        name: "other",
        rootfs: root.path,
        mounts: root.mounts,
        pidNamespace,
        args: ["/bin/sleep", "60"],
      });
      const workload = app(toKeeper("--strangers", scope), WORKLOAD, { pidNamespace, addCapabilities: ["SYS_PTRACE"] });
      await isUp(workload);
      await until(() => isRunning(other), "the other container did not start");
      const exec = (container: Container, status: number) =>
        container.exec(["sh", "-c", `${UNTIL_SEEN}; exit ${status}`]);
      const both = Promise.all([exec(other, 4), exec(workload, 5)]);
      await areSeen(host, scope === "task" ? 2 : 1);
      say("seen");
      assert.equal(
        (await both).map(({ status }) => status),
        [4, 5],
      );
      assert.is(await finish(workload), 7);
      host.close();
      const ends = named(ofSession(eventsOf(host)), "procexit").map(({ args }) => Number(/ret=(\d+)/.exec(args)?.[1]));
      assert.is(ends.includes(5), true);
      assert.is(ends.includes(4), scope === "task");
    });
  }
} else console.log(`skip: sessions in a task: ${missing} is missing`);

test.run();
