// SPDX-License-Identifier: Apache-2.0
//
// Who is first to say a container's name speaks for it no more than who comes second (H5): both are heard, and that is told. The honest controls
// are an agent that comes back, and a container that is started anew.
// Time limit: 120 s.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type AlertLine, HandAgent, openHost, sourceOf, stillJudges, until } from "./host.js";

const RULE = "Two agents for one container";
const { host, secret, honest } = await openHost(test);

const disputes = (container: string): AlertLine[] =>
  host.alerts.filter(({ rule, output_fields }) => rule === RULE && output_fields["container.name"] === container);

test("H5: the true agent of a container whose name is taken is heard, and the dispute is an alert", async () => {
  const thief = await HandAgent.honest(host.socket, { secret, container: "app" });
  thief.write(thief.shadow("thief"));
  const agent = await HandAgent.honest(host.socket, { secret, container: "app" });
  agent.write(agent.shadow("true"));
  await until("both are judged", () => host.alertsOf("thief").length > 0 && host.alertsOf("true").length > 0);
  await until("the dispute is told", () => disputes("app").length > 0);
  const [told] = disputes("app");
  assert.match(told!.output, /both are heard: one of them lies .*rival_pid=7 rival_hostname=box/);
  thief.close();
  agent.write(agent.shadow("later"));
  await until("the true one goes on", () => host.alertsOf("later").length > 0);
  await stillJudges(host, honest);
  agent.close();
});

test("H5: an agent that comes back, and the agent of a container that was started anew, are in no dispute", async () => {
  const source = sourceOf(70_001);
  const first = await HandAgent.honest(host.socket, { secret, container: "calm", source });
  const back = await HandAgent.honest(host.socket, { secret, container: "calm", source });
  first.close();
  back.close();
  const anew = await HandAgent.honest(host.socket, { secret, container: "calm" });
  // Told later than theirs would be.
  const [one, other] = [0, 1].map(() => HandAgent.honest(host.socket, { secret, container: "loud" }));
  await until("another dispute is told", () => disputes("loud").length > 0);
  assert.equal(disputes("calm"), []);
  anew.write(anew.shadow("anew"));
  await until("it is judged", () => host.alertsOf("anew").length > 0);
  for (const agent of [anew, await one!, await other!]) agent.close();
  await stillJudges(host, honest);
});

test("H5: who knows the secret and takes a name again and again is told of within a limit", async () => {
  const many: HandAgent[] = [];
  // One after the other: strangers, which all are until they are admitted, have 32 places.
  for (let i = 0; i < 40; i++) many.push(await HandAgent.honest(host.socket, { secret, container: "crowd" }));
  await until("it is told", () => disputes("crowd").length > 0);
  await stillJudges(host, honest);
  for (const agent of many) agent.close();
  assert.ok(host.alerts.filter(({ rule }) => rule === RULE).length <= 21, "20 at once");
});

test.run();
