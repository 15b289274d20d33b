// SPDX-License-Identifier: Apache-2.0
// Meters look no more at sockets that speak another protocol (rules-wasm/connection/left.ts). An attacker who
// wants requests unseen makes a meter leave a socket, and then has its inode or its descriptor again. An
// honest program does the same without the first part: what is told of both is the same.
// Time limit: 360 s.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { ShortEvents } from "../../host/policy/short-event.js";
import { DescriptorFlag } from "../../host/wire/layout.js";
import { Meter, meterNamed } from "../meters/conversation.js";
import { cleanUp } from "../rules-wasm/shared.js";

const POLICIES = {
  redis: await meterNamed("redis"),
  "http-server": await meterNamed("http-server"),
  "golden-signals": await meterNamed("golden-signals"),
};
const NAMES = {
  redis: "db.server.operation.duration",
  "http-server": "http.server.request.duration",
  "golden-signals": "db.server.operation.duration",
};
type Name = keyof typeof POLICIES;

const FOREIGN: readonly [string, string] = ["\x16\x03\x01\x00\x05hello", "\x15\x03\x03\x00\x02\x02\x28"];
const PING = ["*1\r\n$4\r\nPING\r\n", "+PONG\r\n"] as const;
const OWN: Readonly<Record<Name, readonly [string, string]>> = {
  redis: PING,
  "golden-signals": PING,
  "http-server": ["GET /a HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"],
};
const SERVER = DescriptorFlag.connected | DescriptorFlag.server;

/** Calls of one process on one socket after the other, in one batch or several. */
class Calls {
  #short = new ShortEvents();
  readonly #meter: Meter;

  constructor(
    readonly name: Name,
    readonly ino: number | null = 7,
  ) {
    this.#meter = new (class extends Meter {
      counted(metric: string): number {
        return this.series(metric).reduce((sum, { buckets }) => sum + buckets.reduce((all, one) => all + one, 0), 0);
      }
    })(POLICIES[name], "/usr/bin/server");
  }

  add(type: string, more: object = {}, fd: object = {}, pid = 1000): this {
    const ino = this.ino === null ? {} : { ino: this.ino };
    const proc = { name: "server", exepath: "/usr/bin/server", pid };
    this.#short.add(type, { fd: { type: "4", ...ino, flags: SERVER, ...fd }, proc, ...more });
    return this;
  }

  /** What is read and what is written. */
  talk([asked, answered]: readonly [string, string], pid = 1000, times = 1): this {
    for (let i = 0; i < times; i++) {
      this.add("recvfrom", { data: asked, res: asked.length }, {}, pid);
      this.add("sendto", { data: answered, res: answered.length }, {}, pid);
    }
    return this;
  }

  /** A socket that the meter leaves. */
  leave(): this {
    return this.add("accept4", { res: 3 }).talk(FOREIGN, 1000, 4);
  }

  /** The batch ends here. */
  next(lost = 0): this {
    this.#meter.take(this.#short, lost);
    this.#short = new ShortEvents();
    return this;
  }

  /** How many requests were told. */
  get told(): number {
    this.next();
    return (this.#meter as Meter & { counted(metric: string): number }).counted(NAMES[this.name]);
  }
}

for (const name of Object.keys(POLICIES) as Name[]) {
  const own = OWN[name];

  test(`H63: an inode that is accepted again tells its requests, within a batch and beyond: ${name}`, () => {
    assert.is(new Calls(name).leave().talk(own).told, 0, "it is left");
    for (const isCut of [false, true]) {
      const calls = new Calls(name).leave();
      if (isCut) calls.next();
      calls.add("close", { res: 0 }).add("accept4", { res: 3 }).talk(own, 1000, 3);
      assert.is(calls.told, 3);
      const unclosed = new Calls(name).leave();
      if (isCut) unclosed.next();
      assert.is(unclosed.add("accept4", { res: 3 }).talk(own, 1000, 3).told, 3, "no close was seen");
    }
  });

  test(`H63: another socket's requests are told beside one that is left, whoever has its descriptor: ${name}`, () => {
    const calls = new Calls(name).leave();
    const fresh = { ino: 8 };
    calls.add("accept4", { res: 3 }, fresh); // the same number in the same process, as after dup2
    for (const pid of [1000, 2000]) {
      calls.add("recvfrom", { data: own[0], res: own[0].length }, fresh, pid); // 2000 got it by SCM_RIGHTS
      calls.talk(FOREIGN);
      calls.add("sendto", { data: own[1], res: own[1].length }, fresh, pid);
    }
    assert.is(calls.told, 2);
  });

  test(`H63: sockets whose inode is not known are never left for others: ${name}`, () => {
    const calls = new Calls(name, null).leave();
    calls.add("accept4", { res: 3 }, {}, 2000).talk(own, 2000);
    assert.is(calls.told, 1);
  });

  test(`H63: a full table of left sockets hides no request: ${name}`, () => {
    const calls = new Calls(name);
    for (let ino = 10_000; ino < 12_000; ino++) {
      calls.add("accept4", { res: 3 }, { ino });
      for (const i of [0, 1, 0, 1])
        calls.add(i === 0 ? "recvfrom" : "sendto", { data: FOREIGN[i], res: FOREIGN[i]!.length }, { ino });
      if (ino % 500 === 499) calls.next();
    }
    assert.is(calls.add("accept4", { res: 3 }).talk(own, 1000, 2).told, 2);
  });
}

test("H63: a file with the inode of a socket makes no meter leave the socket", () => {
  for (const name of Object.keys(POLICIES) as Name[]) {
    const calls = new Calls(name).add("accept4", { res: 3 });
    for (const text of FOREIGN)
      calls.add("write", { data: text, res: text.length }, { type: "f", name: "/tmp/a", flags: 0 });
    assert.is(calls.talk(OWN[name], 1000, 2).told, 2, name);
  }
});

test("H63: a client that connects its socket again, also by TCP Fast Open, has its requests told", async () => {
  const client = { flags: DescriptorFlag.connected, sip: "192.0.2.1", sport: 6379 };
  const [asked, answered] = OWN.redis;
  const policy = POLICIES.redis;
  for (const isFast of [false, true]) {
    const short = new ShortEvents();
    const add = (type: string, more: object): unknown =>
      short.add(type, {
        fd: { type: "4", ino: 7, ...client },
        proc: { name: "app", exepath: "/usr/bin/app" },
        ...more,
      });
    add("connect", { res: 0 });
    for (let i = 0; i < 4; i++)
      add(i % 2 === 0 ? "sendto" : "recvfrom", { data: FOREIGN[i % 2], res: FOREIGN[i % 2]!.length });
    if (!isFast) add("connect", { res: 0 });
    add("sendto", { data: asked, res: asked.length, ...(isFast ? { flags: "MSG_FASTOPEN" } : {}) });
    add("recvfrom", { data: answered, res: answered.length });
    const meter = new (class extends Meter {
      get told(): number {
        return this.series("db.client.operation.duration").length;
      }
    })(policy, "/usr/bin/app").take(short);
    assert.is((meter as Meter & { told: number }).told, 1);
  }
});

test.after(cleanUp);
test.run();
