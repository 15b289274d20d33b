// SPDX-License-Identifier: Apache-2.0
//
// What a file is called must not decide what it is: every open of a sensitive file is told with the kernel's
// own path and inode, whatever link, `..` or magic link leads there, in both tiers, and although the link is
// gone an instant later.
import { statSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { scratch } from "./programs.js";
import { trace } from "./traces.js";

const ROUNDS = 200;
const SCRIPT = `
import os
for i in range(${ROUNDS}):
    os.symlink("/etc/shadow" if i % 2 else "/etc/passwd", "link")
    os.close(os.open("link", os.O_RDONLY))
    os.unlink("link")
for path in ("/etc/../etc/shadow", "/proc/self/root/etc/shadow", "/proc/thread-self/root/etc/shadow"):
    os.close(os.open(path, os.O_RDONLY))
`;

for (const tiers of ["all", "trace"]) {
  test(`--tiers ${tiers}: a link that is swapped and removed at once hides nothing`, async () => {
    const { events } = await trace(`evasion-${tiers}`, ["/usr/bin/python3", "-S", "-c", SCRIPT], {
      cwd: scratch(),
      flags: ["--tiers", tiers],
    });
    const opened = events.filter((event) => event["evt.type"] === "openat" && Number(event["evt.rawres"]) >= 0);
    const links = opened.filter((event) => String(event["evt.arg.name"]).endsWith("/link"));
    const inodes = [statSync("/etc/passwd").ino, statSync("/etc/shadow").ino];
    assert.equal(
      links.map((event) => Number(event["evt.arg.ino"])),
      Array.from({ length: ROUNDS }, (_, index) => inodes[index % 2]),
    );
    const others = opened.filter((event) => /\.\.|\/root\//.test(String(event["evt.arg.name"])));
    assert.equal(
      others.map((event) => Number(event["evt.arg.ino"])),
      [inodes[1], inodes[1], inodes[1]],
    );
  });
}

test.run();
