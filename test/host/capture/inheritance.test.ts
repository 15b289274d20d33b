// SPDX-License-Identifier: Apache-2.0
// What the agent must not inherit: a file that a thread of Node's has open while the agent starts, or while
// we ask what we were given.
import { execFileSync, type StdioOptions, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, fstatSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { stillOpen } from "../../../host/capture/inheritance.js";
import { ROOT } from "../../../host/paths.js";

test("a file that Node has open for itself goes neither to the agent nor to the workload", async () => {
  const folder = mkdtempSync(join(tmpdir(), "vedette-test-"));
  const fifo = join(folder, "certificates");
  execFileSync("mkfifo", [fifo]);
  const holder = openSync(fifo, "r+");
  const child = spawn(process.execPath, ["--import", "tsx", join(ROOT, "test/host/capture/foreign-descriptor.ts")], {
    env: { ...process.env, NODE_EXTRA_CA_CERTS: fifo },
    stdio: ["pipe", "pipe", "inherit"],
  });
  const steps = createInterface(child.stdout)[Symbol.asyncIterator]();
  const step = async () => JSON.parse((await steps.next()).value as string);

  try {
    const { agents } = await step();
    assert.match(agents, /3 -> socket:/);
    assert.not.match(agents, fifo);

    closeSync(holder);
    child.stdin.end("go on\n");
    const { atStart, open } = await step();
    assert.is(atStart, 0, "we do not take it for one that we were given");
    assert.is(open, true, "it was open when we asked");
    await once(child, "exit");
  } finally {
    child.kill("SIGKILL");
    rmSync(folder, { recursive: true });
  }
});

// As before Linux 5.14, where a process that is not dumpable may not read its own fdinfo.
test("what we were given is known where fdinfo is closed to us", () => {
  const module = JSON.stringify(join(ROOT, "host/capture/inheritance.ts"));
  const script = `import { inheritedDescriptors } from ${module};
    const closed = () => { throw Object.assign(new Error("closed"), { code: "EACCES" }); };
    console.log(JSON.stringify([inheritedDescriptors(), inheritedDescriptors(closed)]));`;
  const file = openSync(join(ROOT, "package.json"), "r");
  try {
    const words = ["--import", "tsx", "--input-type=module", "--eval", script];
    const stdio: StdioOptions = ["ignore", "pipe", "inherit", file];
    const [open, closed] = JSON.parse(execFileSync(process.execPath, words, { cwd: ROOT, stdio, encoding: "utf8" }));
    assert.ok(
      open.some(({ fd }: { fd: number }) => fd === 3),
      JSON.stringify(open),
    );
    assert.equal(closed, open);
  } finally {
    closeSync(file);
  }
});

test("a descriptor that is closed by now, or is another file, is nobody's", () => {
  const open = (path: string) => {
    const fd = openSync(path, "r");
    const { dev, ino } = fstatSync(fd, { bigint: true });
    return { fd, file: `${dev}:${ino}` };
  };
  const first = open(join(ROOT, "package.json"));
  assert.equal(stillOpen([first]), [first.fd]);
  closeSync(first.fd);
  assert.equal(stillOpen([first]), []);
  const second = open(join(ROOT, "README.md"));
  assert.equal(stillOpen([{ fd: second.fd, file: first.file }]), []);
  closeSync(second.fd);
});

test.run();
