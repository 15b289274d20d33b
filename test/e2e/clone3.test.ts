// SPDX-License-Identifier: Apache-2.0
//
// clone3 is let through: libc tries it first for each thread and each spawned process, and a program sees it
// when that is refused. Its arguments stand in memory, so somebody may try to change them behind our back.
// Also with: VEDETTE_ASSUME_KERNEL=5.10.
// Also with: VEDETTE_TEST_TIERS=trace.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { buildFixture } from "./fixtures.js";
import { hasCommand, run, scratch } from "./programs.js";
import { type Event, trace } from "./traces.js";

const RACES = Number(process.env.VEDETTE_TEST_RACES ?? 500);

const told = (events: Event[], kind: string): Event[] => events.filter((event) => event["evt.arg.kind"] === kind);

test("errno is what it is without us, after each way to make a process or a thread", async () => {
  buildFixture("leave");
  const argv = [buildFixture("errno_after")];
  const bare = await run(argv, { cwd: scratch() });
  const { run: watched, events } = await trace("errno_after", argv, { cwd: scratch() });
  assert.match(bare.stdout, /^(\w+ 1 errno 0\n){6}$/);
  assert.is(watched.stdout, bare.stdout);
  assert.equal(told(events, "TIER_DEGRADED"), []);
});

test("each shape of clone3 has the result that it has without us", async () => {
  const argv = [buildFixture("clone3")];
  const plain = (text: string): string => text.replace(/\b\d{3,}\b/g, (digits) => (digits === "128" ? digits : "N"));
  const bare = await run(argv, { cwd: scratch() });
  const { run: watched } = await trace("clone3-bare", argv, { cwd: scratch() });
  assert.is(watched.status, 0);
  assert.is(plain(watched.stdout), plain(bare.stdout));
});

const LUA = `for _, line in ipairs({"exit 5", "kill -9 $$", "true"}) do print(os.execute(line)) end
local pipe = io.popen("echo one; exit 3")
print(pipe:read("a"), pipe:close())`;

if (hasCommand("lua5.4")) {
  test("Lua's os.execute and io.popen answer as they do without us", async () => {
    const argv = ["lua5.4", "-e", LUA];
    const bare = await run(argv, { cwd: scratch() });
    const { run: watched } = await trace("lua", argv, { cwd: scratch() });
    assert.match(bare.stdout, /^nil\texit\t5\n/);
    assert.is(watched.stdout, bare.stdout);
  });
} else {
  console.log("skip: Lua's os.execute and io.popen answer as they do without us: no lua5.4 on this machine");
}

test("C4: no child escapes by a flag that another thread puts into the arguments meanwhile", async () => {
  const { run: watched, events } = await trace("untraced_race", [buildFixture("untraced_race"), String(RACES)], {
    cwd: scratch(),
  });
  assert.is(watched.stdout, `made ${RACES} answered ${RACES}\n`);
  const looks = events.filter((event) => event["evt.arg.name"] === "/race" && event["evt.rawres"] === -2);
  assert.is(new Set(looks.map((event) => event["proc.pid"])).size, RACES);
  assert.is(events.filter((event) => event["evt.type"] === "clone3" && event["evt.rawres"] === 0).length, RACES + 1);
});

// In the place of a clone3 the program attaches memory first (shmat); a filter of its own that would not let
// it must not be asked to.
const FILTERS: readonly { what: string; shmat: string; told: string[]; errno: string }[] = [
  { what: "lets all calls through", shmat: "allow", told: [], errno: "0" },
  { what: "kills for a shmat", shmat: "kill", told: ["clone3"], errno: "(0|38)" },
];

for (const { what, shmat, told: degraded, errno } of FILTERS) {
  const title =
    degraded.length === 0
      ? "clone3 is let through under it"
      : "it is told ENOSYS, as libc expects of old kernels, and that is told of once";
  test(`a program whose own filter ${what}: ${title}`, async () => {
    const argv = ["python3", "-c", UNDER_A_FILTER, shmat, buildFixture("errno_after")];
    const { run: watched, events } = await trace(`clone3-filter-${shmat}`, argv, { cwd: scratch() });
    assert.match(watched.stdout, new RegExp(`^system 1 errno ${errno}\\n.*\\n.*\\npthread_create 1 errno 0\\n`));
    const program = told(events, "TIER_DEGRADED").filter((event) => event["proc.name"] === "errno_after");
    assert.equal(
      program.map((event) => event["evt.arg.call"]),
      degraded,
    );
  });
}

// The instructions: load the number; a shmat goes to the second answer, all else to the first.
const UNDER_A_FILTER = `
import ctypes, os, platform, struct, sys
libc = ctypes.CDLL(None)
SHMAT = 30 if platform.machine() == "x86_64" else 196
ALLOW, KILL = 0x7fff0000, 0x80000000
steps = [(0x20, 0, 0, 0), (0x15, 1, 0, SHMAT), (0x06, 0, 0, ALLOW), (0x06, 0, 0, KILL if sys.argv[1] == "kill" else ALLOW)]
code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in steps))
program = ctypes.create_string_buffer(struct.pack("=HxxxxxxQ", len(steps), ctypes.addressof(code)))
libc.prctl(38, 1, 0, 0, 0)
if libc.prctl(22, 2, program) != 0: sys.exit(9)
os.execv(sys.argv[2], sys.argv[2:])
`;

test.run();
