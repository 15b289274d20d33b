// SPDX-License-Identifier: Apache-2.0
//
// A program puts what it likes into the name of a file, so that whoever reads alerts line by line takes one
// for two, or for somebody else's (H43).
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { run, scratch, VEDETTE } from "../e2e/programs.js";
import { until } from "../until.js";

const RULES = `- {rule: Nonesuch opened, desc: d, condition: evt.type = openat and fd.name contains nonesuch, output: "%fd.name", priority: WARNING}
`;
/** Opens a file of that name, which is not there. */
const OPENS = 'cat "$0" 2>/dev/null; true';
const NAME =
  "/nonesuch\n<8>Nov 26 14:30:12 sshd: Accepted password for root\n\u001b[2J'; touch owned; '$(touch owned)`touch owned`";

/** Prints each datagram in hex. */
const LISTENER = `
import socket, sys
there = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
there.bind(sys.argv[1])
print("listens", flush=True)
while True: print(there.recv(1 << 20).hex(), flush=True)
`;

for (const form of ["true", "false"])
  test(`H43: one alert is one message of syslog, whatever its names are (json_output=${form})`, async () => {
    const folder = scratch();
    const path = join(folder, "log");
    writeFileSync(join(folder, "rules.yaml"), RULES);
    const listener = spawn("python3", ["-c", LISTENER, path], { stdio: ["ignore", "pipe", "inherit"] });
    try {
      let text = "";
      listener.stdout.on("data", (bytes: Buffer) => (text += bytes));
      await until("it listens", () => text.includes("listens"));
      const flags = ["--falco-rules", "rules.yaml", "--syslog", `unix:${path}`, "--option", `json_output=${form}`];
      const { status, stderr } = await run([...VEDETTE, "run", ...flags, "--", "sh", "-c", OPENS, NAME], {
        cwd: folder,
      });
      assert.is(status, 0, stderr);
      await until("the message", () => text.split("\n").length > 2);
      const [, ...messages] = text.split("\n").filter(Boolean);
      assert.is(messages.length, 1);
      const message = Buffer.from(messages[0] ?? "", "hex").toString();
      assert.match(message, /^<12>\w{3} [ \d]\d \d\d:\d\d:\d\d vedette: /);
      assert.match(message, "Accepted password");
      assert.not.match(message, /\p{Cc}/u);
    } finally {
      listener.kill();
      await once(listener, "exit");
    }
  });

for (const isKept of [false, true])
  test(`H43: a program gets one line for one alert, and no name is executed (keep_alive=${isKept})`, async () => {
    const folder = scratch();
    writeFileSync(join(folder, "rules.yaml"), RULES);
    const program = { enabled: true, keep_alive: isKept, program: 'cat >> got; echo "run" >> runs' };
    const options = Object.entries(program).flatMap(([key, value]) => ["--option", `program_output.${key}=${value}`]);
    const flags = ["--falco-rules", "rules.yaml", ...options, "--option", "json_output=false"];
    const twice = `${OPENS}; ${OPENS}`;
    const { status, stderr } = await run([...VEDETTE, "run", ...flags, "--", "sh", "-c", twice, NAME], { cwd: folder });
    assert.is(status, 0, stderr);
    const lines = readFileSync(join(folder, "got"), "utf8").split("\n");
    assert.is(lines.length, 3, lines.join("\n"));
    assert.is(lines.pop(), "");
    for (const line of lines) {
      assert.match(line, "Accepted password");
      assert.not.match(line, /\p{Cc}/u);
    }
    assert.is(readFileSync(join(folder, "runs"), "utf8"), "run\n".repeat(isKept ? 1 : 2));
    assert.not(existsSync(join(folder, "owned")));
  });

test.run();
