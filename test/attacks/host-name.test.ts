// SPDX-License-Identifier: Apache-2.0
//
// Who speaks in the name of another container of the task (H5). A container that has a secret of its own is
// spoken for by who knows it. One that has none, and a program of the container itself: who is first to say
// the name speaks for it no more than who comes second; both are heard, and that is told. The honest controls
// are the true agent, one that comes back, and a container that is started anew. host-name-in-task.test.ts
// does it in a task that `instrument` has made.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { until } from "../until.js";
import { type AgentOptions, type AlertLine, HandAgent, openHost, sourceOf, stillJudges } from "./host.js";

const RULE = "Two agents for one container";
const { host, secret, own, honest } = await openHost(test, { named: ["shop", "till"] });

/** Says hello and, at once, what would be an alert; gives when the host has closed the stream. */
async function refused(process: string, options: AgentOptions): Promise<void> {
  const thief = await HandAgent.silent(host.socket, options);
  thief.write(thief.hello(), thief.shadow(process));
  await until("it is refused", () => thief.isClosed);
  assert.match(thief.heard.toString("latin1"), /VEDETTE_NAME_UNPROVEN/);
}

const refusals = (name: string): AlertLine[] =>
  host.alerts.filter(
    ({ rule, output_fields }) => rule === "Agent refused" && output_fields["agent.claimed_name"] === name,
  );

test("H5: who does not know a container's own secret is not heard in its name, before its agent and beside it", async () => {
  // All that a program of another container can know: the task's secret, its own, and every name and id.
  const known: AgentOptions[] = [secret, own.get("till")!, null].map((one) => ({ secret: one, container: "shop" }));
  known.push({ secret, container: null, hostname: "shop" }, { secret, container: "", id: "shop" });
  let thieves = 0;
  const tryAll = async () => {
    for (const options of known) await refused(`thief${thieves++}`, options);
  };
  await tryAll();
  await until("each try is told", () => refusals("shop").length === known.length);
  const agent = await HandAgent.honest(host.socket, { secret: own.get("shop")!, container: "shop" });
  await tryAll();
  await until("each try is told", () => refusals("shop").length === 2 * known.length);
  assert.match(refusals("shop")[0]!.output, /An agent is not heard: .*claimed_name=shop pid=7 hostname=box/);
  assert.is(refusals("shop")[0]!.output_fields["container.name"], undefined, "it is about no container");
  agent.write(agent.shadow("true-shop"));
  await until("the true agent is judged", () => host.alertsOf("true-shop").length > 0);
  for (let i = 0; i < thieves; i++) assert.equal(host.alertsOf(`thief${i}`), []);
  assert.equal(disputes("shop"), [], "there is one agent");
  assert.match(host.stderr, /it names the container shop and does not know that container.s secret/);
  agent.close();
  await stillJudges(host, honest);
});

test("H5: a program of the container itself can read its secret: both are heard, and that is told", async () => {
  const [agent, other] = [0, 1].map(() => ({ secret: own.get("till")!, container: "till" }));
  const [one, two] = [await HandAgent.honest(host.socket, agent), await HandAgent.honest(host.socket, other)];
  await until("the dispute is told", () => disputes("till").length > 0);
  one.close();
  two.close();
});

test("H5: who is refused again and again is told of within a limit, and cannot mute a dispute", async () => {
  for (let i = 0; i < 40; i++) await refused("crowd", { secret, container: "shop" });
  assert.ok(refusals("shop").length <= 21, "20 at once");
  const pair = [0, 1].map(() => HandAgent.honest(host.socket, { secret, container: "muted" }));
  await until("the dispute is told", () => disputes("muted").length > 0);
  for (const agent of pair) (await agent).close();
  const counted = async () => (await host.metric("vedette_refusals_total")) >= 40;
  await until("each is counted", counted);
  await stillJudges(host, honest);
});

const disputes = (container: string): AlertLine[] =>
  host.alerts.filter(({ rule, output_fields }) => rule === RULE && output_fields["container.name"] === container);

test("H5: without secrets of their own: the true agent of a container whose name is taken is heard, and the dispute is an alert", async () => {
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
