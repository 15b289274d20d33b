// SPDX-License-Identifier: Apache-2.0
//
// Limits on alerts: no record of a time to come mutes a rule (H4), and no container spends another's (H6).
import { test } from "uvu";
import * as assert from "uvu/assert";
import { until } from "../until.js";
import { HandAgent, openHost, stillJudges } from "./host.js";

/** More than a rule's burst; a batch has room for a thousand alerts. */
const MANY = 600;
const BATCHES = 8;
const YEAR_2554 = 18_429_000_000_000_000_000n;

const { host, secret, honest } = await openHost(test);

test("H4: a record of the year 2554 gets the host's time, and mutes no rule", async () => {
  const liar = await HandAgent.honest(host.socket, { secret, container: "liar" });
  liar.write(liar.shadow("future", { time: YEAR_2554 }));
  await until("its alert", () => host.alertsOf("future").length > 0);
  const [future] = host.alertsOf("future");
  const time = Number(
    /"?(\d{19})/.exec(String(future!.output_fields["evt.time"]))?.[1] ?? future!.output_fields["evt.time"],
  );
  assert.ok(time / 1e6 <= Date.now() + 6_000, `the alert is of ${time}`);
  // Its burst is used up; what comes back by the minute comes back by the host's clock.
  for (let i = 0; i < 3; i++) liar.write(liar.shadow("spent", { count: MANY }));
  await until("it is muted, and that is told", () => host.alerts.some(({ rule }) => /alerts suppressed/.test(rule)));
  let tries = 0;
  await until("it is heard again", () => {
    if (host.alertsOf("later").length === 0 && tries++ % 20 === 0) liar.write(liar.shadow("later"));
    return host.alertsOf("later").length > 0;
  });
  await stillJudges(host, honest);
});

test("H6: a container that raises a rule's alerts by the thousand mutes it for itself alone", async () => {
  const noisy = await HandAgent.honest(host.socket, { secret, container: "noisy" });
  for (let i = 0; i < BATCHES; i++) noisy.write(noisy.shadow("noise", { count: MANY }));
  // Whatever the noisy one sent is judged before the last of these.
  await stillJudges(host, honest);
  await until("it is judged", () => host.alertsOf("noise").length >= 1_000);
  await stillJudges(host, honest);
  assert.ok(host.alertsOf("noise").length < (BATCHES * MANY) / 2, `${host.alertsOf("noise").length} alerts`);
});

test("H6: whoever leaves right behind its deed is named in every alert of it", async () => {
  for (let i = 0; i < 20; i++) {
    const leaver = await HandAgent.honest(host.socket, { secret, container: `leaver-${i}`, hostname: "left" });
    leaver.write(leaver.shadow(`parting-${i}`, { count: 50 }));
    leaver.close();
  }
  const alerts = (i: number) => host.alertsOf(`parting-${i}`);
  const all = Array.from({ length: 20 }, (_, i) => i);
  await until("what was sent is judged", () => alerts(19).length === 50);
  for (const i of all)
    for (const { output_fields, hostname } of alerts(i))
      assert.equal([output_fields["container.name"], hostname], [`leaver-${i}`, "left"]);
  await stillJudges(host, honest);
});

test.run();
