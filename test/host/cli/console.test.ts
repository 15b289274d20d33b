// SPDX-License-Identifier: Apache-2.0
// `vedette console`, and `vedette policy status`: of a Vedette that runs, of a store that nobody fills any
// more, and where neither is there.
import { get } from "node:http";
import { dirname, join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { visible } from "../../../host/output/visible.js";
import { freePort } from "../../e2e/free-port.js";
import { scratch } from "../../e2e/programs.js";
import { until } from "../../until.js";
import { opened } from "../../web/shown.js";
import { typed } from "./typed.js";

const nobody = join(scratch(), "nobody");
const statusAt = (url: string): Promise<number> =>
  new Promise((done) => {
    get(url, { agent: false }, (answer) => {
      answer.resume();
      done(answer.statusCode ?? 0);
    }).on("error", () => done(0));
  });

test("what to look at is asked for, and one that is not there is told", async () => {
  for (const words of [[], ["--socket", nobody, "--store", nobody]]) {
    const { status, stderr } = await typed("console", ...words);
    assert.is(status, 2);
    assert.match(stderr, /Give either --socket PATH, of a Vedette that runs, or --store PLACE/);
  }
  const gone = await typed("console", "--socket", nobody);
  assert.match(gone.stderr, /nobody.*VEDETTE_CONTROL_UNANSWERED/);
  const unstored = await typed("console", "--store", nobody, "--at", "127.0.0.1:0");
  assert.match(unstored.stderr, /nobody.*VEDETTE_STORE_UNUSABLE/);
  const unasked = await typed("policy", "status", "--socket", nobody);
  assert.match(unasked.stderr, /nobody.*VEDETTE_CONTROL_UNANSWERED/);
});

test("of a Vedette that runs: an address with a ticket, and its policies, the unwell ones as status 1", async () => {
  const { control, socket } = await opened("one");
  try {
    const { status, stdout } = await typed("console", "--socket", socket);
    assert.is(status, 0);
    assert.match(stdout, /^http:\/\/127\.0\.0\.1:\d+\/\S*#t=\S+\n$/);
    const policies = JSON.parse((await typed("policy", "status", "--json", "--socket", socket)).stdout);
    const table = await typed("policy", "status", "--socket", socket);
    const [head, ...rows] = table.stdout.trimEnd().split("\n");
    assert.match(head!, /^policy +version +state +rules +events +alerts +ns\/event +memory$/);
    assert.ok(rows.length >= policies.length && policies.length > 0);
    for (const { policy, lastError } of policies) {
      assert.ok(
        rows.some((row) => row.includes(visible(policy))),
        policy,
      );
      if (lastError !== null) assert.ok(rows.includes(`  ${visible(lastError)}`), lastError);
    }
    const isUnwell = policies.some(({ state }: { state: string }) =>
      ["resting", "outdated", "refused"].includes(state),
    );
    assert.is(table.status, isUnwell ? 1 : 0);
  } finally {
    await control.close();
  }
});

test("of a store alone: its console answers until SIGTERM", async () => {
  const { control, socket } = await opened("none");
  await control.close();
  const at = `127.0.0.1:${await freePort()}`;
  const shown = typed("console", "--store", join(dirname(socket), "store"), "--at", at);
  await until("the console answers", async () => (await statusAt(`http://${at}/`)) === 200);
  process.emit("SIGTERM", "SIGTERM");
  const { status, stdout, stderr } = await shown;
  assert.is(status, 0, stderr);
  assert.match(stdout, new RegExp(`^http://${at}/\\S*#t=\\S+$`, "m"));
  assert.match(stderr, /press Ctrl-C to end/);
  assert.is(await statusAt(`http://${at}/`), 0);
});

test.run();
