// SPDX-License-Identifier: Apache-2.0
//
// Responses on real programs, in both tiers and as under Linux 5.10: a tree is killed whatever it forks
// meanwhile, a freeze holds against SIGCONT and ends, a dry run changes nothing, a limit disarms, and the
// workload's first process is left alone. /proc says who is left, not the agent.
// Time limit: 900 s.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { until } from "../until.js";
import { AGENT, run, scratch, start } from "./programs.js";
import { responded, sidecar, TREE } from "./responding.js";
import { reverseShells } from "./reverse-shells.js";

/** Ends when no process of the fixture is left for a while, and says so if that was soon. */
const UNTIL_NONE =
  'i=0; n=0; while [ $n -lt 5 ] && [ $i -lt 500 ]; do if pgrep -f "^$0" >/dev/null; then n=0; else n=$((n+1)); fi; i=$((i+1)); sleep 0.1; done; [ $i -lt 500 ] && echo none-left';
const untilNone = UNTIL_NONE.replace("$0", TREE);
/** Says how many there are, once there are so many, or after a minute. */
const untilCount = (count: number): string =>
  `i=0; until [ $(pgrep -f "^${TREE}" | wc -l) = ${count} ] || [ $i -gt 300 ]; do i=$((i+1)); sleep 0.2; done; pgrep -f "^${TREE}" | wc -l`;
/** Until an alert says this of a response, or after a minute. */
const untilTold = (status: string): string =>
  `i=0; until grep -q '"response.status":"${status}"' alerts.json || [ $i -gt 300 ]; do i=$((i+1)); sleep 0.2; done`;
/** More of them: VEDETTE_RESPOND_ROUNDS=200. */
const ROUNDS = Number(process.env.VEDETTE_RESPOND_ROUNDS ?? 40);
const MANNERS = [
  { tiers: "all", env: {} },
  { tiers: "trace", env: {} },
  { tiers: "all", env: { VEDETTE_ASSUME_KERNEL: "5.10" } },
];

const MANNERS_SAID = MANNERS.map(({ tiers, env }) => ({
  how: `--tiers ${tiers}${"VEDETTE_ASSUME_KERNEL" in env ? ", as under Linux 5.10" : ""}`,
  options: { flags: ["--tiers", tiers], env: env as Record<string, string> },
}));

for (const { how, options } of MANNERS_SAID) {
  for (const mode of ["tree", "hop", "burst"]) {
    test(`${how}: kill-tree leaves nobody of a ${mode}, nor of what it forks meanwhile`, async () => {
      for (let round = 0; round < 3; ++round) {
        const { run, steps, statuses } = await responded(
          { action: "kill-tree" },
          `${TREE} ${mode} TRIGGER & ${untilNone}`,
          options,
        );
        assert.match(run.stdout, /none-left/, `${run.stderr}\n${JSON.stringify(steps)}`);
        assert.is(run.status, 0);
        assert.equal(statuses, ["requested", "done"], JSON.stringify(steps));
        assert.ok(Number(steps[1]!.output_fields["response.processes"]) >= 1);
      }
    });
  }

  test(`${how}: kill ends the process, and leaves its children`, async () => {
    const { run, statuses } = await responded(
      { action: "kill" },
      `${TREE} tree TRIGGER; echo "ended $?"; ${untilCount(4)}; pkill -KILL -f "^${TREE}"`,
      options,
    );
    assert.match(run.stdout, /^ended 137$/m, run.stderr);
    assert.match(run.stdout, /^4$/m);
    assert.equal(statuses, ["requested", "done"]);
  });

  test(`${how}: a freeze holds a tree against SIGCONT, and ends on time`, async () => {
    const script =
      `${TREE} tick TRIGGER ticks & ${untilTold("done")}; b=$(stat -c %s ticks); ` +
      `for i in 1 2 3 4 5; do pkill -CONT -f "^${TREE}"; sleep 0.3; [ "$(stat -c %s ticks)" = "$b" ] || echo moved; done; ` +
      'echo "held $b"; ' +
      'i=0; while [ $i -lt 300 ] && [ "$(stat -c %s ticks)" = "$b" ]; do sleep 0.1; i=$((i+1)); done; ' +
      `[ "$(stat -c %s ticks)" -gt "$b" ] && echo goes-on; pkill -KILL -f "^${TREE}"; wait`;
    const { run, statuses, steps } = await responded({ action: "freeze", for: "20s" }, script, options);
    assert.match(run.stdout, /^held \d+$/m, run.stderr);
    assert.not.match(run.stdout, "moved");
    assert.match(run.stdout, /^goes-on$/m);
    assert.equal(statuses, ["requested", "done", "ended"], JSON.stringify(steps));
    assert.is(steps[1]!.output_fields["response.processes"], 3);
  });

  test(`${how}: a tree is tightened, threads and all, while it goes on`, async () => {
    const script =
      `${TREE} tick TRIGGER ticks & ${untilTold("done")}; b=$(stat -c %s ticks); ` +
      'i=0; while [ $i -lt 300 ] && [ "$(stat -c %s ticks)" -lt $((b+100)) ]; do sleep 0.1; i=$((i+1)); done; ' +
      `[ $i -lt 300 ] && echo goes-on; ${untilCount(3)}; pkill -KILL -f "^${TREE}"; wait`;
    const { run, statuses, steps } = await responded({ action: "tighten" }, script, options);
    assert.is(run.stdout, "goes-on\n3\n", run.stderr);
    assert.equal(statuses, ["requested", "done"], JSON.stringify(steps));
    assert.is(steps[1]!.output_fields["response.processes"], 3);
  });

  test(`${how}: SIGKILL ends what is frozen`, async () => {
    const script =
      `${TREE} tick TRIGGER ticks & ${untilTold("done")}; ` + `pkill -KILL -f "^${TREE}"; wait; ${untilNone}`;
    const { run, statuses } = await responded({ action: "freeze", for: "10m" }, script, options);
    assert.match(run.stdout, /none-left/, run.stderr);
    assert.equal(statuses.slice(0, 2), ["requested", "done"]);
  });
}

test("a dry run changes nothing, and says what it would have done", async () => {
  const script = (wait: string): string =>
    `${TREE} tree TRIGGER & ${wait}; ${untilCount(5)}; pkill -KILL -f "^${TREE}"; exit 7`;
  const plain = await responded(null, script(":"));
  const dry = await responded({ action: "kill-tree", mode: "dry-run" }, script(untilTold("done")));
  assert.equal([dry.run.stdout, dry.run.status], [plain.run.stdout, plain.run.status]);
  assert.equal([dry.run.stdout, dry.run.status], ["5\n", 7]);
  assert.equal(dry.statuses, ["requested", "done"]);
  assert.match(dry.steps[1]!.output, /a dry run: it would have killed \d+/);
  assert.equal(plain.steps, []);
});

test("a row without a mode is a dry run", async () => {
  const { run, steps } = await responded(
    { action: "kill", mode: undefined },
    `tail -f TRIGGER & ${untilTold("done")}; kill $! && echo lives`,
  );
  assert.match(run.stdout, /lives/);
  assert.ok(steps.every(({ output_fields: fields }) => fields["response.mode"] === "dry-run"));
});

test("the workload's first process is left alone, unless the row names it", async () => {
  const script = `exec 3<TRIGGER; ${untilTold("refused")}; echo lives`;
  const spared = await responded({ action: "kill-tree" }, script);
  assert.match(spared.run.stdout, /lives/);
  assert.equal(spared.statuses, ["requested", "refused"]);
  assert.match(spared.steps[1]!.output, /first process/);
  const named = await responded({ action: "kill-tree", first_process: true }, script);
  assert.is(named.run.status, 137, named.run.stderr);
  assert.equal(named.statuses, ["requested", "done"], JSON.stringify(named.steps)); // and it is told, though the agent ends with it
});

test("a program of `except` is left alone", async () => {
  const row = { action: "kill", except: { programs: ["/usr/bin/tail", "/bin/tail"] } };
  const { run, statuses } = await responded(row, `tail -f TRIGGER & ${untilTold("refused")}; kill $! && echo lives`);
  assert.match(run.stdout, /lives/, run.stderr);
  assert.equal(statuses, ["requested", "refused"]);
});

test("a limit disarms the row, and says so once", async () => {
  const script = `for i in 1 2; do tail -f TRIGGER; echo "ended $?"; done; for i in 1 2 3; do ${TREE} sit TRIGGER & done; ${untilTold("limited")}; sleep 1; ${untilCount(3)}; pkill -KILL -f "^${TREE}"`;
  const { run, statuses } = await responded({ action: "kill", limit: { per_minute: 2 } }, script);
  assert.is(run.stdout, "ended 137\nended 137\n3\n", run.stderr);
  assert.equal(statuses, ["requested", "done", "requested", "done", "limited"]);
});

test("evidence is kept of what has none by itself, where a row asks for it", async () => {
  const script = `exec 3<TRIGGER; ${untilTold("done")}`;
  // Of too little importance; and where rules alone say which findings have evidence.
  const rulesAlone = ["enabled=true", "mode=rules", "path_prefix=kept"].flatMap((one) => [
    "--option",
    `capture.${one}`,
  ]);
  for (const options of [
    { flags: ["--evidence", "kept"], priority: "INFO" },
    { flags: rulesAlone, priority: "WARNING" },
  ]) {
    const kept = await responded({ action: "capture" }, script, options);
    assert.equal(kept.statuses, ["done"], kept.run.stderr);
    const file = /goes into (\S+\.vedette)/.exec(kept.steps[0]!.output)?.[1];
    assert.ok(existsSync(join(kept.folder, "kept", file!)), kept.run.stderr);
    const dry = await responded({ action: "capture", mode: "dry-run" }, script, options);
    assert.equal(dry.statuses, ["done"]);
    assert.equal(
      readdirSync(join(dry.folder, "kept")).filter((name) => name.endsWith(".vedette")),
      [],
    );
  }
});

test("a row that asks for evidence says so where none is kept, in a dry run too", async () => {
  for (const mode of ["enforce", "dry-run"]) {
    const { statuses, steps } = await responded({ action: "capture", mode }, `exec 3<TRIGGER; ${untilTold("failed")}`);
    assert.equal(statuses, ["failed"], mode);
    assert.match(steps[0]!.output, /--evidence/);
  }
});

test("a response is a row of the incident's timeline", async () => {
  const { run } = await responded({ action: "kill" }, "tail -f TRIGGER; true", { flags: ["--incidents"] });
  assert.match(run.stderr, /INCIDENT/);
  assert.match(run.stderr, /Response kill: requested/);
  assert.match(run.stderr, /Response kill: done \(1 process\)/);
});

test("a sidecar asks the agents that allow it, and no others", async () => {
  for (const flags of [["--respond"], []]) {
    const folder = scratch();
    const [argv, trigger] = sidecar({ action: "kill" }, folder);
    const host = start(argv, { cwd: folder });
    await until("the host listens", () => host.said().includes("listening at unix:host.sock"));
    const script = `timeout 60 tail -f ${trigger} & ${untilTold(flags.length > 0 ? "done" : "refused")}; kill $! 2>/dev/null && echo lives`;
    const workload = await run([AGENT, "--host", "unix:host.sock", ...flags, "--", "sh", "-c", script], {
      cwd: folder,
    });
    host.child.kill("SIGTERM");
    const { stderr } = await host.ended;
    const told = readFileSync(join(folder, "alerts.json"), "utf8");
    const all = `${workload.stderr}\n${stderr}\n${told}`;
    assert.is(workload.stdout, flags.length > 0 ? "" : "lives\n", all);
    assert.ok((flags.length > 0 ? /Response kill: done/ : /was started without --respond/).test(told), all);
  }
});

test("a reverse shell that nothing kills runs what it is told to, and a dry run changes nothing of that", async () => {
  const { shells, closed, ran, done } = await reverseShells({ rounds: 1, mode: "dry-run", flags: [], env: {} });
  assert.equal([shells, closed, ran.length, done.length], [1, 1, 1, 0]);
});

for (const { how, options } of MANNERS_SAID) {
  test(`${how}: a reverse shell is killed with its tree, ${ROUNDS} times of ${ROUNDS}, and nothing of it runs then`, async () => {
    const { shells, closed, ran, done } = await reverseShells({ rounds: ROUNDS, mode: "enforce", ...options });
    assert.equal([shells, closed, done.length], [ROUNDS, ROUNDS, ROUNDS]);
    // Whether a shell was quicker than the alert is a matter of speed: `npm run bench -- response` says.
    for (const { round, at } of ran) assert.ok(at <= done[round]! + 1, `round ${round}: ${at} ${done[round]}`);
  });
}

test.run();
