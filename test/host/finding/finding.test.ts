// SPDX-License-Identifier: Apache-2.0
// What an alert was raised about, taken from batches that a test makes: each part, whose rule it was, and how
// large it may become.
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { cutText, FINDING_BYTES_MAX, type Finding, takeFinding } from "../../../host/finding/finding.js";
import { type Batch, openBatch } from "../../../host/wire/batch.js";
import { BatchBuilder } from "../wire/builder.js";

const WHOSE = { policy: "secrets", version: "1.2.0", rule: "Shadow read", tenant: "payments", tags: ["T1003"] };
/** Names of members, numbers, brackets. */
const FRAME_BYTES_MAX = 4096;

const jsonOf = (finding: Finding): string =>
  JSON.stringify(finding, (_key, value) => (typeof value === "bigint" ? value.toString() : value));

function family(builder: BatchBuilder): number {
  const shell = builder.process({ pid: 1, name: "sh", exepath: "/bin/sh" });
  const python = builder.process({ pid: 7, name: "python3", exepath: "/usr/bin/python3", parent: shell });
  return builder.process({
    pid: 9,
    vpid: 3,
    name: "cat",
    args: ["-n", "/etc/shadow"],
    exepath: "/usr/bin/cat",
    exe_ino: 77n,
    exe_dev: 5n,
    cwd: "/root",
    user: "root",
    uid: 0,
    loginuid: 0xffffffff,
    session: 7,
    start_time: 1_470_327_477_000_000_000n,
    parent: python,
  });
}

function opened(): Batch {
  const builder = new BatchBuilder({ first: 40 });
  const process = family(builder);
  const descriptor = builder.descriptor({ type: "f", name: "/etc/x", realpath: "/etc/shadow", ino: 12n, dev: 2049n });
  const params = { dirfd: -100, name: "/etc/x", flags: 0 };
  builder.record("openat", { process, params, result: -2 });
  builder.record("openat", { process, descriptor, fd: 3, result: 3, time: 1_470_327_477_881_781_397n, params });
  return openBatch(builder.bytes());
}

test("of an open: the event, the process with its ancestors, the executable, the file and the user", () => {
  const batch = opened();
  const finding = takeFinding(batch, batch.offsets[1] as number, WHOSE);
  assert.equal(finding, {
    event: {
      source: Buffer.from(batch.source).toString("hex"),
      num: 41,
      time: 1_470_327_477_881_781_397n,
      type: "openat",
    },
    ...WHOSE,
    tid: finding.tid,
    process: {
      pid: 9,
      vpid: 3,
      name: "cat",
      started: 1_470_327_477_000_000_000n,
      session: 7,
      commandLine: "cat -n /etc/shadow",
      cwd: "/root",
    },
    ancestors: [
      { pid: 7, started: finding.ancestors[0]!.started, name: "python3", path: "/usr/bin/python3" },
      { pid: 1, started: finding.ancestors[1]!.started, name: "sh", path: "/bin/sh" },
    ],
    lineage: {
      pid: 7,
      started: finding.ancestors[0]!.started,
      first: { pid: 7, started: finding.ancestors[0]!.started },
    },
    executable: { path: "/usr/bin/cat", ino: 77n, dev: 5n, changed: null, isOfImage: false },
    file: { path: "/etc/x", realPath: "/etc/shadow", ino: 12n, dev: 2049n, type: "file" },
    endpoint: null,
    user: { uid: 0, name: "root", loginUid: -1 },
    container: null,
    task: null,
    prevention: null,
    isCut: false,
  });
  assert.match(finding.event.source, /^[0-9a-f]{32}$/);
});

test("a lineage begins below the first process of the container, which the agent started", () => {
  const builder = new BatchBuilder();
  const family = (...names: string[]): number => {
    const parts = names.map((name, i) => ({ pid: i + 1, name, exepath: `/bin/${name}` }));
    const oldest = builder.process(parts[0]!);
    return parts.slice(1).reduce((parent, part) => builder.process({ ...part, parent }), oldest);
  };
  const lineages = [family("init", "vedette-capture", "nginx", "worker", "sh", "id"), family("nginx", "worker", "sh")];
  for (const process of [...lineages, family("nginx")]) builder.record("openat", { process, params: { name: "/x" } });
  const batch = openBatch(builder.bytes());
  const found = [...batch.offsets].map((at) => takeFinding(batch, at, WHOSE).lineage!);
  assert.equal(
    found.map(({ pid, first }) => [pid, first.pid]),
    [
      [4, 3],
      [2, 1],
      [1, 1],
    ],
  );
});

test("of a connection: both ends by whose they are, and no file", () => {
  const builder = new BatchBuilder();
  const process = family(builder);
  const ends = { cip: Buffer.from([10, 0, 1, 7]), cport: 40212, sip: Buffer.from([169, 254, 170, 2]), sport: 80 };
  const descriptor = builder.descriptor({ type: "4", l4proto: 6, ...ends });
  builder.record("connect", { process, descriptor, fd: 3, result: 0 });
  const batch = openBatch(builder.bytes());
  const { endpoint, file } = takeFinding(batch, 0, WHOSE);
  assert.equal(endpoint, {
    localIp: "10.0.1.7",
    localPort: 40212,
    remoteIp: "169.254.170.2",
    remotePort: 80,
    protocol: "tcp",
    isServer: false,
  });
  assert.is(file, null);
});

test("of a container that the orchestrator knows: its image and its task", () => {
  const batch = opened();
  batch.container = {
    id: "0a1b",
    name: "orders",
    type: "ecs",
    image: "ecr.example/orders:1.4",
    imageId: null,
    imageRepository: null,
    imageTag: null,
    imageDigest: "sha256:9b2a",
    labels: null,
    ip: null,
    cluster: "shop",
    service: null,
    taskArn: "arn:aws:ecs:eu-west-1:1:task/shop/0a1b",
    taskFamily: "orders",
    taskRevision: "7",
    containerArn: null,
    availabilityZone: null,
  };
  const { container, task } = takeFinding(batch, 0, { ...WHOSE, tenant: null });
  assert.equal(container, {
    id: "0a1b",
    name: "orders",
    image: "ecr.example/orders:1.4",
    imageDigest: "sha256:9b2a",
  });
  assert.equal(task, {
    arn: "arn:aws:ecs:eu-west-1:1:task/shop/0a1b",
    family: "orders",
    revision: "7",
    cluster: "shop",
    availabilityZone: null,
  });
});

test("of a call that was denied: which, of what, and how", () => {
  const builder = new BatchBuilder();
  const process = family(builder);
  const params = { call: "openat", subject: "/etc/shadow", policy: "p", rule: "r", action: 0, mode: 0 };
  builder.record("vedette.prevented", { process, params });
  const batch = openBatch(builder.bytes());
  assert.is(takeFinding(batch, 0, WHOSE).prevention, null, "another rule's");
  const { prevention } = takeFinding(batch, 0, WHOSE, true);
  assert.equal([prevention?.call, prevention?.subject], ["openat", "/etc/shadow"]);
  assert.is.not(prevention?.mode ?? null, null);
});

test("however long a workload makes its texts, a finding is bounded, and says that it was cut", () => {
  const builder = new BatchBuilder();
  const long = 'é\u0001"x'.repeat(5000);
  let parent: number | null = null;
  for (let i = 0; i < 40; i++)
    parent = builder.process({ pid: i, name: long, exepath: long, cwd: long, user: long, args: [long], parent });
  const descriptor = builder.descriptor({ type: "f", name: long, realpath: long });
  builder.record("openat", { process: parent as number, descriptor, fd: 3, result: 3, params: { name: long } });
  const batch = openBatch(builder.bytes());
  const whose = { policy: long, version: long, rule: long, tenant: long, tags: Array.from({ length: 99 }, () => long) };
  const finding = takeFinding(batch, 0, whose);
  const size = Buffer.byteLength(jsonOf(finding));
  assert.ok(size <= FINDING_BYTES_MAX + FRAME_BYTES_MAX, `${size} bytes`);
  assert.is(finding.isCut, true);
  assert.is(finding.ancestors.length, 16);
  assert.match(finding.rule, /\.\.\.\(cut: 25000 bytes\)$/);
});

test("a text that is cut keeps whole characters, says how long it was, and is no longer than it may be", () => {
  assert.is(cutText("short", 5), "short");
  assert.is(cutText("x".repeat(100), 30), `${"x".repeat(11)}...(cut: 100 bytes)`);
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", maxLength: 400 }), fc.integer({ min: 24, max: 300 }), (text, most) => {
      const cut = cutText(text, most);
      assert.ok(Buffer.byteLength(cut) <= most);
      assert.ok(!cut.includes("\ufffd") || text.includes("\ufffd"));
      if (Buffer.byteLength(text) <= most) assert.is(cut, text);
      else assert.ok(cut.endsWith(`...(cut: ${Buffer.byteLength(text)} bytes)`));
    }),
  );
});

test.run();
