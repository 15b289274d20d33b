// SPDX-License-Identifier: Apache-2.0
// The control API's live side: events as they come, and processes that live.
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { viewOf } from "../../../host/activity/activity.js";
import { Conditions } from "../../../host/control/condition.js";
import { EventStreams } from "../../../host/control/events.js";
import { Found } from "../../../host/control/found.js";
import { OPERATOR } from "../../../host/control/viewer.js";
import { ShortEvents } from "../../../host/policy/short-event.js";
import { openBatch } from "../../../host/wire/batch.js";
import { ask, type Place } from "../../ask.js";
import { until } from "../../until.js";
import { alertOf } from "../incident/shared.js";
import { batchOf, closeAll, listen, newPath, OWN, opened, scratch, TENANTS, tenantsOf } from "./door.js";

test.after.each(closeAll);

test("a stream has the events that its condition matches, of its viewer's processes alone", async () => {
  const path = newPath();
  const control = await opened({ control: path }, tenantsOf(TENANTS));
  const all = listen(path, `/api/v1/events?filter=${encodeURIComponent("fd.name startswith /etc")}`);
  const own = listen(`${path}.a`, "/api/v1/events");
  assert.equal(await Promise.all([all.begun, own.begun]), [200, 200]);
  control.onBatch(
    batchOf(
      { exe: "/bin/cat", name: "/etc/shadow" },
      { exe: "/srv/app", name: "/srv/data" },
      { exe: "/bin/cat", name: "/x" },
    ),
  );
  await until("both have theirs", () => /\/etc\/shadow/.test(all.said()) && /\/srv\/data/.test(own.said()));
  const events = (text: string) =>
    [...text.matchAll(/^event: event\ndata: (.*)$/gm)].map(([, json]) => JSON.parse(json!));
  assert.equal(
    events(all.said()).map((event) => event["evt.arg.name"]),
    ["/etc/shadow"],
  );
  assert.equal(
    events(own.said()).map((event) => event["proc.exepath"]),
    ["/srv/app"],
  );
  assert.type(events(own.said())[0]["evt.time"], "string");
  all.asked.destroy();
  own.asked.destroy();
});

test("whoever reads slowly is told how much he missed", async () => {
  const path = newPath();
  const control = await opened({ control: path });
  const slow = listen(path, "/api/v1/events");
  await slow.begun;
  const many = Array.from({ length: 2_000 }, () => ({ exe: "/bin/cat", name: "/x" }));
  control.onBatch(batchOf(...many));
  await until("a gap", () => slow.said().includes("event: gap"));
  const missed = [...slow.said().matchAll(/"missed":(\d+)/g)].reduce((sum, [, count]) => sum + Number(count), 0);
  assert.is(missed + slow.said().split("event: event").length - 1, 2_000);
  slow.asked.destroy();
});

test("a stream has 5,000 events a second, and 20,000 all together, and what is more is counted and told", async () => {
  const [form, batch] = [
    new Conditions(),
    batchOf(...Array.from({ length: 1_000 }, () => ({ exe: "/x", name: "/x" }))),
  ];
  for (const [open, each] of [
    [1, 5_000],
    [8, 2_500],
  ] as const) {
    const streams = new EventStreams(new Found(), form);
    const readers = Array.from({ length: open }, reader);
    for (const one of readers) await streams.open(one.response, OPERATOR, undefined);
    const begun = performance.now();
    for (let i = 0; i < 10; i++) streams.add(batch);
    const come = (performance.now() - begun) / 1_000; // so many seconds' lines came beside
    for (const { said } of readers) {
      const lines = said().split("event: event").length - 1;
      assert.ok(lines >= each && lines <= each * (1 + come), `${lines} lines in ${come} s`);
      const missed = [...said().matchAll(/"missed":(\d+)/g)].reduce((sum, [, count]) => sum + Number(count), 0);
      assert.is(missed + lines, 10_000);
    }
    streams.close();
  }
  await form.close();
});

/** One that reads all at once. */
function reader() {
  let text = "";
  const response = new PassThrough({ highWaterMark: 1 << 24 }).on("data", (part: Buffer) => (text += part));
  Object.assign(response, { writeHead: () => response });
  return { response: response as unknown as ServerResponse, said: () => text };
}

test("streams are bounded, all of them and each tenant's, and a wrong condition is told with its place", async () => {
  const path = newPath();
  await opened({ control: path }, tenantsOf(TENANTS));
  const wrong = await ask(path, `/api/v1/events?filter=${encodeURIComponent("proc.name = ")}`);
  assert.is(wrong.status, 400);
  assert.is(wrong.json.code, "VEDETTE_FALCO_CONDITION");
  assert.match(wrong.json.title, /column \d+/);
  const mine = [1, 2].map(() => listen(`${path}.a`, "/api/v1/events"));
  assert.equal(await Promise.all(mine.map(({ begun }) => begun)), [200, 200]);
  assert.is((await ask(`${path}.a`, "/api/v1/events")).status, 503);
  const others = Array.from({ length: 6 }, () => listen(path, "/api/v1/events"));
  assert.equal(await Promise.all(others.map(({ begun }) => begun)), [200, 200, 200, 200, 200, 200]);
  assert.is((await ask(path, "/api/v1/events")).status, 503);
  for (const { asked } of [...mine, ...others]) asked.destroy();
  const end = performance.now() + 60_000;
  for (let status = 503; status !== 200; ) {
    assert.ok(performance.now() < end, "whoever leaves makes room");
    const again = listen(path, "/api/v1/events");
    status = await again.begun;
    again.asked.destroy();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
});

test("each has places of its own: tenants that take all leave the operator two, and one to another tenant", async () => {
  const path = newPath();
  const names = ["a", "b", "c", "d", "e"];
  const tokens = join(scratch, "onlookers");
  writeFileSync(tokens, `${createHash("sha256").update("looks").digest("hex")} viewer\n`);
  const flags = { control: path, controlTcp: "127.0.0.1:0", controlTokens: tokens };
  const control = await opened(
    flags,
    tenantsOf(`tenants:\n${names.map((name) => `  ${name}: {owner: ${OWN}}\n`).join("")}`),
  );
  const peers: ReturnType<typeof listen>[] = [];
  const statusOf = (place: Place, headers = {}): Promise<number> => {
    const peer = listen(place, "/api/v1/events", headers);
    peers.push(peer);
    return peer.begun;
  };
  for (const name of ["a", "b", "c", "d"])
    assert.equal([await statusOf(`${path}.${name}`), await statusOf(`${path}.${name}`)], [200, 200]);
  assert.equal([await statusOf(`${path}.e`), await statusOf(`${path}.e`)], [200, 503], "a tenant");
  const looks = { authorization: "Bearer looks" };
  assert.equal([await statusOf(control.port, looks), await statusOf(control.port, looks)], [200, 503], "an onlooker");
  assert.equal([await statusOf(path), await statusOf(path), await statusOf(path)], [200, 200, 503], "the operator");
  for (const { asked } of peers) asked.destroy();
});

test("a table has what its view counts, of its viewer's processes alone, and a filter narrows it", async () => {
  const path = newPath();
  const control = await opened({ control: path }, tenantsOf(TENANTS));
  const asked = "/api/v1/activity?view=files&interval=200";
  const all = listen(path, asked);
  const own = listen(`${path}.a`, asked);
  const narrow = listen(path, `${asked}&filter=${encodeURIComponent("fd.name=/x")}`);
  assert.equal(await Promise.all([all.begun, own.begun, narrow.begun]), [200, 200, 200]);
  control.onBatch(batchOf({ exe: "/bin/cat", name: "/etc/shadow" }, { exe: "/srv/app", name: "/srv/data" }));
  control.onBatch(batchOf({ exe: "/bin/cat", name: "/x" }));
  const files = (text: string): string[] => {
    const tables = [...text.matchAll(/^event: activity\ndata: (.*)$/gm)].map(([, json]) => JSON.parse(json!));
    return (tables.at(-1)?.rows ?? []).map((row: string[]) => row.at(-1)).sort();
  };
  await until("all have theirs", () => [all, own, narrow].every(({ said }) => files(said()).length > 0));
  assert.equal(files(all.said()), ["/etc/shadow", "/srv/data", "/x"]);
  assert.equal(files(own.said()), ["/srv/data"]);
  assert.equal(files(narrow.said()), ["/x"]);
  for (const { asked } of [all, own, narrow]) asked.destroy();
});

test("a process's findings stand in its row, and a tenant is told of its own", async () => {
  const path = newPath();
  const control = await opened({ control: path }, tenantsOf(TENANTS));
  const batch = batchOf({ exe: "/srv/app", name: "/srv/data", pid: 9 });
  control.onBatch(batch);
  const { key } = (await ask(path, "/api/v1/processes")).json.items[0];
  const [, pid, start] = /\/(\d+)@(.*)$/.exec(key)!;
  const about = alertOf({ file: 1 }).finding!;
  const event = { ...about.event, source: Buffer.from(batch.source).toString("hex") };
  const started = start === "" ? null : BigInt(start!);
  const finding = { ...about, event, process: { ...about.process!, pid: Number(pid), started } };
  for (const tenant of [undefined, "a", undefined])
    control.onAlert({ ...alertOf({ file: 1 }), ...(tenant === undefined ? {} : { tenant }), finding });
  const [all, own] = [path, `${path}.a`].map((socket) =>
    listen(socket, "/api/v1/activity?view=processes&interval=200"),
  );
  await Promise.all([all!.begun, own!.begun]);
  control.onBatch(batchOf({ exe: "/srv/app", name: "/srv/data", pid: 9 }));
  const at = viewOf("processes")!.columns.findIndex(({ name }) => name === "FINDINGS") + 1;
  const foundBy = (text: string): unknown =>
    [...text.matchAll(/^event: activity\ndata: (.*)$/gm)].map(([, json]) => JSON.parse(json!)).at(-1)?.rows[0]?.[at];
  await until("both have a row", () => foundBy(all!.said()) !== undefined && foundBy(own!.said()) !== undefined);
  assert.equal([foundBy(all!.said()), foundBy(own!.said())], [3, 1]);
  for (const one of [all, own]) one!.asked.destroy();
});

test("a view that is not there, and an interval that is too short, are refused", async () => {
  const path = newPath();
  await opened({ control: path });
  for (const query of ["view=nothing", "view=files&interval=1", "view=files&limit=100000", "view=files&x=1", ""])
    assert.is((await ask(path, `/api/v1/activity?${query}`)).status, 400, query);
});

const childrenOf = (ppid: number, count: number) =>
  Array.from({ length: count }, (_, nth) => [1_000 + nth, ppid] as const);

test("around a process are its ancestors and its children, as far as who asks may know of them", async () => {
  const path = newPath();
  const control = await opened({ control: path }, tenantsOf(TENANTS));
  const events = new ShortEvents();
  for (const [pid, ppid, exepath] of [
    [8, 1, "/bin/sh"],
    [9, 8, "/srv/app"],
    [10, 9, "/srv/child"],
    [11, 9, "/bin/cat"],
    [12, 12, "/srv/own-parent"],
    [13, 14, "/srv/circle"],
    [14, 13, "/srv/circle"],
  ] as const)
    events.add("openat", { proc: { name: "x", exepath, pid, ppid, cwd: `/home/${pid}`, start_time: 1n }, name: "/x" });
  control.onBatch(openBatch(events.bytes()));
  type Row = { key: string; pid: number; parent: string | null; cwd: string; fds: number | null };
  const asked = async (socket: string, query: string): Promise<Row[]> =>
    (await ask(socket, `/api/v1/processes?${query}`)).json.items;
  const keys = new Map((await asked(path, "limit=100")).map(({ pid, key }) => [pid, key]));
  const around = async (socket: string, pid: number): Promise<number[]> =>
    (await asked(socket, `around=${encodeURIComponent(keys.get(pid)!)}`)).map((one) => one.pid);
  assert.equal(await around(path, 9), [8, 9, 10, 11]);
  assert.equal(await around(`${path}.a`, 9), [9, 10], "a tenant is told of those in its scope");
  assert.equal(await around(`${path}.a`, 8), []);
  assert.equal(await around(path, 12), [12]);
  assert.equal(await around(path, 13), [14, 13], "of a circle of parents each is there once");
  const [own] = await asked(path, `key=${encodeURIComponent(keys.get(10)!)}`);
  assert.equal([own!.parent, own!.cwd, own!.fds], [keys.get(9), "/home/10", null]);
});

test("around a process of which there is more than is answered, the answer says that there is more", async () => {
  const path = newPath();
  const control = await opened({ control: path });
  const told = async (pid: number): Promise<[pids: number[], more: boolean]> => {
    const { items } = (await ask(path, "/api/v1/processes?limit=1000")).json;
    const { key } = items.find((one: { pid: number }) => one.pid === pid);
    const { json } = await ask(path, `/api/v1/processes?around=${encodeURIComponent(key)}`);
    return [json.items.map((one: { pid: number }) => one.pid), json.more];
  };
  const add = (...pids: readonly (readonly [pid: number, ppid: number])[]): void => {
    const events = new ShortEvents();
    for (const [pid, ppid] of pids) events.add("openat", { proc: { pid, ppid, start_time: 1n }, name: "/x" });
    control.onBatch(openBatch(events.bytes()));
  };
  const line = Array.from({ length: 65 }, (_, nth) => nth + 2);
  add(...line.map((pid) => [pid, pid - 1] as const), ...childrenOf(66, 100));
  const [pids, more] = await told(66);
  assert.equal([pids.slice(0, 65), pids.length, more], [line, 165, false], "64 ancestors and 100 children are all");
  const [of, isMore] = await told(1_000);
  assert.equal([of, isMore], [[...line.slice(1), 1_000], true], "one ancestor is too many");
  add([2_000, 66]);
  assert.equal(
    (await told(66)).map((one) => (Array.isArray(one) ? one.length : one)),
    [165, true],
  );
});

test("processes are those that live, and a tenant's are those of its scope", async () => {
  const path = newPath();
  const control = await opened({ control: path }, tenantsOf(TENANTS));
  control.onBatch(batchOf({ exe: "/bin/cat", name: "/x", pid: 8 }, { exe: "/srv/app", name: "/y", pid: 9 }));
  const shown = async (socket: string, query = "") => (await ask(socket, `/api/v1/processes${query}`)).json;
  const names = ({ items }: { items: { exepath: string }[] }) => items.map(({ exepath }) => exepath).sort();
  assert.equal(names(await shown(path)), ["/bin/cat", "/srv/app"]);
  const own = await shown(`${path}.a`);
  assert.equal(names(own), ["/srv/app"]);
  assert.is(own.items[0].ppid, null, "of a parent out of scope nothing is told");
  const first = await shown(path, "?limit=1");
  assert.equal(names(await shown(path, `?limit=1&after=${encodeURIComponent(first.next)}`)).length, 1);
  const gone = new ShortEvents();
  gone.add("procexit", { proc: { name: "cat", exepath: "/bin/cat", pid: 8 } });
  control.onBatch(openBatch(gone.bytes()));
  assert.equal(names(await shown(path)), ["/srv/app"]);
});

test.run();
