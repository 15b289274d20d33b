// SPDX-License-Identifier: Apache-2.0
// What conditions mean at their corners, asked of one event of a capture that Falco wrote: cat opens
// /dev/null.
import { readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { replay } from "../../../host/recording/scap/replay.js";
import { openBatch } from "../../../host/wire/batch.js";
import { BatchBuilder } from "../../../host/wire/builder.js";
import { Judge, rulesOf } from "./judge.js";
import { SHARED, withFalco } from "./shared.js";

const NAME = "cat_write.scap";
const EVENT = "evt.type=open and fd.name=/dev/null and";

const TRUE = `
not container.image.repository = a
not container.image.repository != a
not container.image.repository exists
not container.image.repository in (a)
proc.name == oneof (cat, dog)
proc.name != oneof (cat, cat, dog)
proc.name != anyof (dog, cow)
proc.name != allof (dog, cow)
proc.name contains allof (c, at)
proc.name iglob anyof (C*, dog)
proc.name regex allof (c.*, .*t)
toupper(proc.name) == oneof (CAT, DOG)
proc.name contains ""
proc.name startswith "" and proc.name endswith ""
proc.name regex "c.t" and proc.name regex "(c|d)at"
proc.name glob "[!d]a?"
fd.name glob "/*ll" and fd.name iglob "/DEV*"
fd.name pmatch (/) and fd.name pmatch (/a, /dev) and fd.name pmatch ("/d*/null")
fd.name pmatch ("")
fd.directory = /dev and fd.filename = null and basename(fd.name) = null
evt.arg.name = /dev/null and evt.arg[1] = /dev/null and evt.arg[0] exists
evt.rawres = val(fd.num) and proc.name != val(proc.pname)
proc.pname = val(proc.pname) and proc.aname = bash and not proc.aname = cat
evt.dir = < and not evt.dir = >
not fd.net = 0.0.0.0/0 and not fd.sport = 80 and not fd.ip != 1.2.3.4
proc.cmdline = "cat /dev/null" and join("-", proc.args) = /dev/null
proc.cwd endswith / and not proc.cwd endswith // and proc.cwd startswith /
evt.num != 0 and evt.count = 1 and evt.failed = false
not proc.name in () and not proc.name pmatch ()
`;
const FALSE = `
proc.name == oneof (cat, cat)
proc.name == allof (cat, dog)
proc.name != oneof (dog, cow)
proc.name == anyof ()
proc.name == oneof ()
proc.name == allof ()
proc.name != anyof ()
proc.name != allof ()
proc.name regex "ca"
proc.name regex ""
proc.name glob ""
proc.name = CAT
proc.name in ()
proc.name intersects ()
fd.name pmatch (/de)
fd.name pmatch ()
evt.arg.uid exists
container.image.repository startswith ""
`;

const each = (text: string): string[] => text.trim().split("\n");
const conditions = [...each(TRUE), ...each(FALSE)].map((one) => `${EVENT} (${one})`);

withFalco(`${conditions.length} conditions are true and false of one event as in Falco`, async () => {
  const judge = await Judge.of(rulesOf(conditions));
  const told = [];
  for (const bytes of replay(readFileSync(`${SHARED}captures/${NAME}`), NAME).batches)
    for (const names of judge.judge(openBatch(bytes))) told.push(...names);
  assert.equal(told, conditions.slice(0, each(TRUE).length));
});

test("in a container, what the agent started stands for process 1, to all but Falco itself", async () => {
  const builder = new BatchBuilder({ first: 1 });
  const processes = [
    { vpid: 7, clone_seen: false, session: 0, container_id: "a1b2" }, // the one
    { vpid: 7, clone_seen: true, session: 0, container_id: "a1b2" }, // a descendant
    { vpid: 7, clone_seen: false, session: 7, container_id: "a1b2" }, // came in by a session
    { vpid: 7, clone_seen: false, container_id: "a1b2" }, // of a capture
    { vpid: 7, clone_seen: false, session: 0 }, // outside
    { vpid: 1, clone_seen: true, session: 0, container_id: "a1b2" }, // process 1 itself
  ];
  for (const process of processes) {
    builder.record("setsid", {
      process: builder.process({ pid: 7, name: "a", ...process }),
      time: 1n,
      tid: 7,
      params: {},
    });
  }
  const batch = openBatch(builder.bytes());
  const told = async (isFalcoExact: boolean): Promise<string[]> => {
    const rules = rulesOf(["evt.type=setsid and proc.vpid=1", "evt.type=setsid and proc.vpid!=1"]);
    const judge = await Judge.of(rules, { isFalcoExact });
    return judge
      .judge(batch)
      .map((names) => names.map((name) => name.slice("evt.type=setsid and proc.vpid".length)).join());
  };
  assert.equal(await told(false), ["=1", "!=1", "!=1", "!=1", "!=1", "=1"]);
  assert.equal(await told(true), ["!=1", "!=1", "!=1", "!=1", "!=1", "=1"]);
});

test.run();
