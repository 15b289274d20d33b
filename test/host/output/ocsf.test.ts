// SPDX-License-Identifier: Apache-2.0
// Findings and incidents as OCSF says them: held against the compiled schemas of 1.1, 1.3, 1.5 and 1.8
// (ocsf/*.schema.json.gz, from ocsf/ocsf-schema, Apache-2.0: of the classes 2004 and 2005, with profiles),
// and type_uid and profiles, which JSON Schema does not know. EMF's lines are held against its specification.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { Ajv, type ValidateFunction } from "ajv";
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Finding } from "../../../host/finding/parts.js";
import { PRIORITIES } from "../../../host/finding/priority.js";
import type { Alert } from "../../../host/output/alert.js";
import { alertId } from "../../../host/output/alert.js";
import { emfAlert, emfIncident } from "../../../host/output/emf.js";
import type { IncidentNews } from "../../../host/output/incident-news.js";
import { OCSF_VERSIONS, ocsfAlert, ocsfIncident, ocsfUpdate } from "../../../host/output/ocsf.js";
import { run, scratch, VEDETTE } from "../../e2e/programs.js";
import { ALERT, CONNECT, FINDING, NEWS } from "./shared.js";

/** Versions whose schema is here. */
const VERSIONS = ["1.1.0", "1.3.0", "1.5.0", "1.8.0"] as const;
type Class = "detection" | "incident";
type Schema = { required: string[] };

const ajv = new Ajv({ strict: false });
const compiled = new Map<string, ValidateFunction>();

/** Without the profile `cloud` nothing of it is demanded, and nothing is allowed. */
function validator(of: Class, version: string, hasCloud: boolean): ValidateFunction {
  const key = `${of} ${version} ${hasCloud}`;
  let validate = compiled.get(key);
  if (validate === undefined) {
    const path = join(import.meta.dirname, `ocsf/${of}_finding-${version}.schema.json.gz`);
    const schema = JSON.parse(gunzipSync(readFileSync(path)).toString()) as Schema;
    const required = hasCloud ? schema.required : schema.required.filter((name) => name !== "cloud");
    validate = ajv.compile({ ...schema, required });
    compiled.set(key, validate);
  }
  return validate;
}

interface Event {
  class_uid: number;
  activity_id: number;
  type_uid: number;
  severity_id: number;
  status_id: number;
  action_id: number;
  disposition_id: number;
  is_alert?: boolean;
  cloud?: { account?: { uid: string } };
  metadata: { version: string; uid: string; profiles: string[] };
  finding_info: { uid: string };
  finding_info_list: { uid: string }[];
  evidences: { process: { container?: object; ancestry?: object[]; file?: { hashes?: object[] } } }[];
}

/** The event of the line, which its schema allows. */
function valid(line: string, of: Class, version: string): Event {
  const event = JSON.parse(line) as Event;
  const validate = validator(of, version, event.cloud !== undefined);
  assert.ok(validate(event), `${version}: ${JSON.stringify(validate.errors?.slice(0, 3))}\n${line}`);
  assert.is(event.type_uid, event.class_uid * 100 + event.activity_id);
  assert.is(event.metadata.version, version);
  assert.is(event.cloud !== undefined, event.metadata.profiles.includes("cloud"));
  return event;
}

const TASK: Finding = {
  ...FINDING,
  ancestors: [
    { pid: 37, started: 1n, name: "bash", path: "/bin/bash" },
    { pid: null, started: null, name: "gone", path: null },
  ],
  file: { path: "/a/b", realPath: "/a/c", ino: 1n, dev: 2n, type: "file" },
  user: { uid: 1000, name: "web", loginUid: -1 },
  container: { id: "0a1b-orders", name: "orders", image: "ecr.example/orders:1.4", imageDigest: "sha256:9b2a" },
  task: {
    arn: "arn:aws:ecs:eu-west-1:111122223333:task/shop/0a1b",
    family: "orders",
    revision: "7",
    cluster: "shop",
    availabilityZone: "eu-west-1a",
  },
};
const ALERTS: Readonly<Record<string, Alert>> = {
  "a finding": CONNECT,
  "one of a Fargate task": { ...CONNECT, finding: TASK, outputFields: [["proc.pid", 9_007_199_254_740_993n]] },
  "one whose program is known": {
    ...CONNECT,
    finding: { ...TASK, executable: { ...FINDING.executable!, sha256: "ab".repeat(32) } },
  },
  "one whose process has gone": {
    ...CONNECT,
    finding: { ...FINDING, process: null, executable: null, endpoint: null, container: null },
  },
  "a denial": {
    ...CONNECT,
    finding: { ...FINDING, prevention: { mode: "enforce", call: "connect", subject: "x", action: "denied" } },
  },
  "what is of no event": ALERT,
};

for (const version of VERSIONS)
  for (const [what, alert] of Object.entries(ALERTS))
    test(`${what} is a Detection Finding of OCSF ${version}`, () => {
      const event = valid(ocsfAlert(alert, version, "0.1.0"), "detection", version);
      assert.equal([event.class_uid, event.activity_id], [2004, 1]);
      assert.equal([event.metadata.uid, event.finding_info.uid], [alertId(alert), alertId(alert)]);
    });

for (const version of VERSIONS)
  test(`a finding of which more is known is an update of it in OCSF ${version}`, () => {
    const alert = ALERTS["one whose program is known"]!;
    const [first, update] = [ocsfAlert, ocsfUpdate].map((write) =>
      valid(write(alert, version, "0.1.0"), "detection", version),
    );
    assert.equal([update?.activity_id, update?.type_uid], [2, 200_402]);
    assert.is(update?.finding_info.uid, first?.finding_info.uid);
    assert.is.not(update?.metadata.uid, first?.metadata.uid);
    const { file } = update!.evidences[0]!.process;
    assert.equal(file?.hashes, [{ algorithm: "SHA-256", algorithm_id: 3, value: "ab".repeat(32) }]);
  });

test("what a version lacks is not there, and what it has is", () => {
  for (const version of OCSF_VERSIONS) {
    const event = JSON.parse(ocsfAlert(ALERTS["one of a Fargate task"] as Alert, version, "0.1.0")) as Event;
    const isLater = version >= "1.4.0";
    const { ancestry } = event.evidences[0]!.process;
    assert.equal(
      [event.is_alert, ancestry?.length, event.action_id],
      isLater ? [true, 1, 3] : [undefined, undefined, 1],
    );
    assert.is(event.cloud?.account?.uid, "111122223333");
  }
  const denied = JSON.parse(ocsfAlert(ALERTS["a denial"] as Alert, "1.5.0", "0.1.0")) as Event;
  assert.equal([denied.action_id, denied.disposition_id], [2, 2]);
});

test("whatever a program chose for its names, the schema allows it", () => {
  const text = fc.string({ unit: "binary" });
  fc.assert(
    fc.property(
      fc.constantFrom(...PRIORITIES),
      text,
      text,
      fc.constantFrom(...VERSIONS),
      (priority, name, path, version) => {
        const finding = {
          ...TASK,
          executable: { path, ino: null, dev: null, changed: null, isOfImage: true },
          user: { uid: null, name, loginUid: null },
        };
        const line = ocsfAlert({ ...CONNECT, priority, rule: name, tags: [path], output: name, finding }, version, "0");
        assert.not.match(line, "\n");
        valid(line, "detection", version);
      },
    ),
    { numRuns: 100 },
  );
});

for (const version of VERSIONS)
  test(`what becomes of an incident is an Incident Finding of OCSF ${version}`, () => {
    const activities = ["opened", "updated", "merged", "closed"] as const;
    const events = activities.map((activity) => {
      const news: IncidentNews = { ...NEWS, activity, into: activity === "merged" ? "older" : null };
      return valid(ocsfIncident(news, version, "0.1.0"), "incident", version);
    });
    assert.equal(
      events.map(({ activity_id: activity, status_id: status }) => [activity, status]),
      [
        [1, 1],
        [2, 2],
        [3, 5],
        [3, 5],
      ],
    );
    assert.equal(
      events[0]?.finding_info_list.map(({ uid }) => uid),
      ["one", "two"],
    );
    assert.is(new Set(events.map(({ metadata }) => metadata.uid)).size, 4);
  });

/** CloudWatch's specification of the embedded metric format, as far as a line of ours goes. */
function emfComplaint(line: string): string | null {
  if (Buffer.byteLength(line) > 256 << 10) return "longer than 256 KiB";
  const root = JSON.parse(line) as Record<string, unknown>;
  const aws = root._aws as {
    Timestamp: number;
    CloudWatchMetrics: { Namespace: string; Dimensions: string[][]; Metrics: { Name: string; Unit: string }[] }[];
  };
  if (!Number.isSafeInteger(aws.Timestamp) || aws.Timestamp < 0) return "no timestamp in ms";
  for (const { Namespace, Dimensions, Metrics } of aws.CloudWatchMetrics) {
    if (!/^[\w.\-#:/]{1,255}$/.test(Namespace)) return "no namespace";
    for (const name of Dimensions.flat())
      if (typeof root[name] !== "string" || root[name] === "" || (root[name] as string).length > 1024)
        return `${name} is no dimension`;
    if (Dimensions.some((set) => set.length > 30)) return "more than 30 dimensions";
    for (const { Name, Unit } of Metrics)
      if (typeof root[Name] !== "number" || Unit !== "Count") return `${Name} is no metric`;
  }
  return null;
}

test("CloudWatch makes metrics of an alert and of an incident", () => {
  for (const alert of Object.values(ALERTS)) assert.is(emfComplaint(emfAlert(alert, "Vedette")), null);
  for (const activity of ["opened", "closed"] as const)
    assert.is(emfComplaint(emfIncident({ ...NEWS, activity }, "Vedette")), null);
  const line = JSON.parse(emfAlert(ALERTS["one of a Fargate task"] as Alert, "Security/Vedette"));
  assert.equal([line.findings, line.family, line.rule], [1, "orders", "Task credentials requested"]);
  assert.equal(line._aws.CloudWatchMetrics[0].Dimensions, [["family", "rule"]]);
  assert.is(line._aws.CloudWatchMetrics[0].Namespace, "Security/Vedette");
});

test("the largest finding that there can be is no longer than CloudWatch takes", () => {
  const long = "\u0001".repeat(16 << 10);
  assert.is(emfComplaint(emfAlert({ ...CONNECT, output: long, finding: TASK }, "Vedette")), null);
});

test("the schemas refuse what they do not know, so that the tests above say something", () => {
  for (const version of VERSIONS) {
    const event = JSON.parse(ocsfAlert(CONNECT, version, "0.1.0")) as object;
    assert.not(validator("detection", version, false)({ ...event, nonsense: 1 }));
    assert.not(validator("detection", version, false)({ ...event, severity_id: 7 }));
  }
});

test("a run writes its findings and its incident in these forms", async () => {
  const folder = scratch();
  const outputs = [
    "lake: {type: file, path: lake, format: ocsf, ocsf_version: 1.1.0}",
    "metrics: {type: file, path: metrics, format: emf}",
  ];
  writeFileSync(join(folder, "vedette.yaml"), `outputs:\n  ${outputs.join("\n  ")}\n`);
  const argv = [...VEDETTE, "run", "--config", "vedette.yaml", "--", "cat", "/etc/shadow"];
  const { status, stderr } = await run(argv, { cwd: folder });
  assert.is(status, 0, stderr);
  const linesOf = (name: string) => readFileSync(join(folder, name), "utf8").trimEnd().split("\n");
  const classes = linesOf("lake").map((line) => {
    const of = line.includes('"class_uid":2005') ? "incident" : "detection";
    return valid(line, of, "1.1.0").class_uid;
  });
  assert.equal([...new Set(classes)].sort(), [2004, 2005], stderr);
  for (const line of linesOf("metrics")) assert.is(emfComplaint(line), null);
});

test.run();
