// SPDX-License-Identifier: Apache-2.0
//
// The default pack on live programs in the lab: each attack script raises its own alerts and no others, and
// everyday programs raise none.
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { PACK } from "../../host/paths.js";
import { findPolicies } from "../../host/policy/discover.js";
import { ATTACKS, type Attack, NOT_HERE, OUTSIDE } from "../lab/attacks.js";
import type { ContainerOptions, Mount } from "../lab/bundle.js";
import { makeRootfs, missingFor, type Rootfs } from "../lab/rootfs.js";
import {
  agentWords,
  alertsOf,
  fillVolume,
  isListening,
  packaged,
  SIDECAR,
  startSidecar,
  volume,
} from "../lab/sidecar.js";
import { type Container, missingForTasks, Task, until, within } from "../lab/task.js";

const missing = missingForTasks() ?? missingFor("debian");
const RUN_MS_MAX = 90_000;
/** How long an alert may take that should not come. */
const QUIET_MS = 150;
const python = (...lines: string[]) => `python3 -c '${lines.join("\n")}'`;

const EVERYDAY: Record<string, string> = {
  "files and text":
    "ls -la / > /tmp/l; grep -c r /tmp/l; sort /tmp/l | uniq | wc -l; sed s/a/b/ /tmp/l | awk '{print $1}' | tail -1; tar -cf /tmp/t.tar /etc/passwd; rm /tmp/t.tar",
  "pipes and jobs": "for i in 1 2 3; do echo $i; done | while read x; do sleep 0.01 & done; wait; true",
  python: python(
    "import json, os, subprocess, tempfile",
    "t = tempfile.mkdtemp()",
    'subprocess.run(["ls", t])',
    "print(json.dumps(dict(os.environ)) != 1)",
  ),
  perl: 'perl -e \'print join(",", sort map { $_ * 2 } 1..5), "\\n"\'',
  git: "cd /tmp && git init -q r && cd r && echo a > a && git add a && git -c user.name=a -c user.email=a@b commit -qm a && git log --oneline | wc -l",
  compiler: "cd /tmp && echo 'int main(void){return 0;}' > m.c && gcc -o m m.c && ls m",
  database: "sqlite3 /tmp/d.db 'create table t(a); insert into t values(1); select count(*) from t;'",
  "a client and a server": python(
    "import socket, threading",
    's = socket.create_server(("127.0.0.1", 4010))',
    'threading.Thread(target=lambda: s.accept()[0].sendall(b"hello")).start()',
    'print(socket.create_connection(("127.0.0.1", 4010)).recv(9))',
  ),
};

const task = new Task([SIDECAR, { name: "app", image: "registry.example/app:1", digest: "sha256:0a" }]);
let sidecar: Container;
let root: Rootfs;

interface Raised {
  readonly rules: string[];
  readonly status: number | null;
  readonly told: string;
}

async function rulesRaisedBy(
  script: string,
  expected: number,
  options: Partial<ContainerOptions> = {},
): Promise<Raised> {
  const before = alertsOf(sidecar).length;
  const container = task.start({
    name: "app",
    rootfs: root.path,
    mounts: [...root.mounts, volume(task, true)],
    environment: { VEDETTE_CONTAINER: "app", HOME: "/tmp" },
    ...options,
    args: [...agentWords("--start", "security"), "/bin/sh", "-c", script],
  });
  const { status, stderr } = await within(container.ended, RUN_MS_MAX, "the container did not end");
  const raised = () => alertsOf(sidecar).slice(before);
  const rules = () => [...new Set(raised().map(({ rule }) => rule))].sort();
  const told = () =>
    `${stderr}\n${raised()
      .map(({ output }) => output)
      .join("\n")}`;
  if (expected > 0) await until(() => rules().length >= expected, "alerts are missing", told);
  await sleep(QUIET_MS);
  return { rules: rules(), status, told: told() };
}

/**
 * The pack with other parameters, as whoever runs it would change policy.yaml; where the sidecar's image has
 * its own.
 */
function packWith(parameters: NonNullable<Attack["parameters"]>): Mount {
  const policies = join(task.folder, "policies");
  cpSync(join(packaged(), "app/policies"), policies, { recursive: true });
  for (const { policy, from, to } of parameters) {
    const file = join(policies, policy, "policy.yaml");
    const text = readFileSync(file, "utf8");
    assert.ok(text.includes(from), `${policy} has no "${from}"`);
    writeFileSync(file, text.replace(from, to));
  }
  return { source: policies, destination: "/app/policies", readOnly: true };
}

async function attack({ title, script, rules, isUnconfined, isPrivileged }: Attack): Promise<void> {
  const options = { isUnconfined: isUnconfined ?? false, isPrivileged: isPrivileged ?? false };
  const raised = await rulesRaisedBy(script, rules.length, options);
  assert.equal(raised.rules, rules.toSorted(), `${title}: ${raised.told}`);
}

test("every rule of the pack has an attack, or a reason why not", () => {
  const attacked = new Set([...ATTACKS.flatMap(({ rules }) => rules), ...Object.keys(NOT_HERE)]);
  const sources = findPolicies(PACK).map((folder) => readFileSync(join(folder, "index.ts"), "utf8"));
  const rules = sources.flatMap((source) =>
    [...source.matchAll(/@rule\(\{\s*name: "([^"]+)"/g)].map((found) => found[1]!),
  );
  assert.ok(rules.length > 30, `${rules.length}`);
  assert.equal(
    rules.filter((rule) => !attacked.has(rule)),
    [],
  );
});

if (missing === null) {
  test.before(async () => {
    await task.open();
    execFileSync("ip", ["-n", task.name, "addr", "add", `${OUTSIDE}/32`, "dev", "lo"]);
    fillVolume(task);
    const folder = join(task.folder, "debian");
    mkdirSync(folder);
    root = makeRootfs("debian", folder);
    mkdirSync(join(folder, "mnt"));
    sidecar = startSidecar(task);
    await isListening(sidecar);
  });
  test.after(() => task.close());

  for (const one of ATTACKS.filter(({ parameters }) => parameters === undefined))
    test(`an attacker ${one.title}`, () => attack(one));

  for (const [title, script] of Object.entries(EVERYDAY)) {
    test(`everyday: ${title}`, async () => {
      const raised = await rulesRaisedBy(script, 0);
      assert.is(raised.status, 0, raised.told);
      assert.equal(raised.rules, [], raised.told);
    });
  }

  for (const one of ATTACKS.filter(({ parameters }) => parameters !== undefined))
    test(`an attacker ${one.title}, with other parameters`, async () => {
      sidecar.kill("TERM");
      await within(sidecar.ended, RUN_MS_MAX, "the sidecar did not end");
      sidecar = startSidecar(task, { mounts: [volume(task, false), packWith(one.parameters!)] });
      await isListening(sidecar);
      await attack(one);
    });
} else console.log(`skip: the default pack on live attacks: ${missing} is missing`);

test.run();
