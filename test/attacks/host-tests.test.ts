// SPDX-License-Identifier: Apache-2.0
//
// The Test buttons in the hands of those who mean harm (H40): a tenant that wants to see by a policy of its
// own what is another's, to test what is not its own, and to keep the host busy with tests. The honest
// controls are an operator whose tests are answered, and an agent whose alerts come.
import { cpSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { askControl } from "../../host/control/control.js";
import { type Answer, ask, tell } from "../ask.js";
import { until } from "../until.js";
import { HandAgent, Host, stillJudges } from "./host.js";

const POLICY = "sensitive-file-read";
const folder = mkdtempSync(join(tmpdir(), "tests-"));
const operator = join(folder, "control.sock");
const file = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};
const tenants = file(
  "tenants.yaml",
  `tenants:\n  team: {owner: ${process.getuid?.() ?? 0}, scope: {executables: [/srv/*]}}\n  other: {owner: ${process.getuid?.() ?? 0}}\n`,
);
for (const tenant of ["team", "other"]) {
  mkdirSync(join(folder, "d", tenant), { recursive: true });
  cpSync(`policies/credential-access/${POLICY}`, join(folder, "d", tenant, POLICY), { recursive: true });
}
const config = file(
  "vedette.yaml",
  `outputs:\n  kept: {type: file, path: ${join(folder, "alerts.jsonl")}}\n  away: {type: syslog, url: "udp://127.0.0.1:1"}\n`,
);
const words = ["--config", config, "--control", operator, "--tenants", tenants, "--policies-d", join(folder, "d")];
const host = await Host.start(folder, words);
const honest = await HandAgent.honest(host.socket);
test.after(async () => {
  await host.stop();
  rmSync(folder, { recursive: true });
});

const tries = (socket: string, what: "policies" | "outputs", body: object): Promise<Answer> =>
  tell(socket, `/api/v1/${what}/test`, body);

test("H40: control: the operator's test says what the policy would have raised of what just happened", async () => {
  honest.write(honest.shadow("tested", { count: 3 }));
  await until("it is judged", () => host.alertsOf("tested").length > 0);
  await until("it is shown", async () => {
    const { status, json } = await tries(operator, "policies", { policy: POLICY });
    assert.is(status, 200, JSON.stringify(json));
    assert.is(json.fault, null);
    return json.samples.some(({ output }: { output: string }) => output.includes("process=tested "));
  });
  const before = host.alerts.length;
  await tries(operator, "policies", { policy: POLICY });
  await stillJudges(host, honest);
  assert.ok(host.alerts.length <= before + 2, "a test raises no alert of its own");
});

test("H40: a tenant's policy is shown what is in the tenant's scope, and nothing of others", async () => {
  const states = async (): Promise<string> => {
    const rows = (await askControl(operator, "/api/v1/policies")) as {
      tenant: string;
      state: string;
      lastError: string;
    }[];
    return rows.flatMap((row) => (row.tenant === "" ? [] : [`${row.tenant} ${row.state} ${row.lastError}`])).join();
  };
  await until("the tenants' policies are loaded", async () => (await states()).includes("team"));
  assert.is(await states(), "other judging null,team judging null");
  const own = await tries(`${operator}.team`, "policies", { tenant: "team", policy: POLICY });
  assert.equal([own.status, own.json.events, own.json.rules, own.json.samples], [200, 0, [], []]);
  for (const body of [
    { policy: POLICY },
    { tenant: "", policy: POLICY },
    { tenant: "other", policy: POLICY },
    { tenant: "team", policy: "no-such" },
  ])
    assert.is((await tries(`${operator}.team`, "policies", body)).status, 404, JSON.stringify(body));
  const seen = await tries(operator, "policies", { tenant: "other", policy: POLICY });
  assert.ok(seen.json.events > 0, "who sees everything is shown it");
});

test("H40: an output is tested by the operator alone, and says what its receiver made of it", async () => {
  for (const name of ["kept", "away", "no-such"])
    assert.is((await tries(`${operator}.team`, "outputs", { name })).status, 403, name);
  assert.is((await tries(operator, "outputs", { name: "no-such" })).status, 404);
  const { status, json } = await tries(operator, "outputs", { name: "kept" });
  assert.equal([status, json.end, json.error], [200, "taken", null]);
  assert.match(readFileSync(join(folder, "alerts.jsonl"), "utf8"), "nothing happened");
  assert.is(host.alerts.filter(({ rule }) => rule === "Test of an output").length, 0, "and no other output has it");
});

test("H40: tests without end are one at a time, and the host goes on judging", async () => {
  const asked = Array.from({ length: 20 }, () =>
    tries(`${operator}.team`, "policies", { tenant: "team", policy: POLICY }),
  );
  const statuses = (await Promise.all(asked)).map(({ status }) => status);
  assert.equal([...new Set(statuses)].sort(), [200, 429]);
  assert.is(statuses.filter((status) => status === 200).length, 1);
  await stillJudges(host, honest);
  await until(
    "the next one is taken",
    async () => (await tries(operator, "policies", { policy: POLICY })).status === 200,
  );
});

test("H40: a tenant that tests without end keeps neither the operator nor another tenant from testing", async () => {
  let isOver = false;
  const testing = async (): Promise<void> => {
    while (!isOver) await tries(`${operator}.team`, "policies", { tenant: "team", policy: POLICY });
  };
  const flood = testing();
  try {
    for (const [socket, tenant] of [
      [operator, ""],
      [`${operator}.other`, "other"],
      [operator, ""],
      [`${operator}.other`, "other"],
    ] as const) {
      // 503: this machine has so much to do; then 429, as long as that one's test goes on.
      let wasLate = false;
      const isTested = async (): Promise<boolean> => {
        const { status } = await tries(socket, "policies", { tenant, policy: POLICY });
        assert.ok(wasLate ? [200, 429, 503].includes(status) : [200, 503].includes(status), `${status}`);
        wasLate ||= status === 503;
        return status === 200;
      };
      await until("it is tested", isTested, { ms: 120_000 });
    }
    await stillJudges(host, honest);
  } finally {
    isOver = true;
    await flood;
  }
});

test("H40: a policy's page shows a tenant its own policy alone, as it was loaded, whatever lies in its folder now", async () => {
  const MINE = `/api/v1/policy?tenant=team&policy=${POLICY}`;
  for (const query of [
    `policy=${POLICY}`,
    `tenant=&policy=${POLICY}`,
    `tenant=other&policy=${POLICY}`,
    "policy=..%2Fother",
  ])
    assert.is((await ask(`${operator}.team`, `/api/v1/policy?${query}`)).status, 404, query);
  const textOf = async (): Promise<string> => {
    const { status, json } = await ask(`${operator}.team`, MINE);
    assert.is(status, 200);
    return json.detail.files.map(({ text }: { text: string }) => text).join("\n");
  };
  const before = await textOf();
  assert.match(before, `name: ${POLICY}`);
  const own = join(folder, "d", "team", POLICY);
  renameSync(own, join(folder, "was"));
  symlinkSync(join(folder, "d", "other", POLICY), own);
  writeFileSync(join(folder, "d", "other", POLICY, "secret.yaml"), "a: others-alone\n");
  const looked = await ask(`${operator}.team`, MINE);
  if (looked.status === 200) assert.is(looked.json.detail?.files?.length ?? 0, looked.json.detail === null ? 0 : 3);
  assert.not.match(looked.text, "others-alone");
  await stillJudges(host, honest);
});

test.run();
