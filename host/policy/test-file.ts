// SPDX-License-Identifier: Apache-2.0
// tests.yaml of a policy: events in, alerts out.
//
//   tests:
//     - name: cat reads /etc/shadow
//       parameters: {allow: []}                    # over those of policy.yaml
//       events:
//         - openat: {proc: {name: cat}, name: /etc/shadow, flags: O_RDONLY}
//       alerts:
//         - {rule: Sensitive file read, event: 1, fields: {proc.name: cat}}     # or just: Sensitive file read
//     - name: what happened on the 3rd of May
//       recording: may-3.rec                       # of `vedette record`, in the policy's folder, instead of events
//       alerts: [Sensitive file read]
//     - name: in a container that the orchestrator knows
//       container: {name: web, image: "web:1.2", labels: {tier: front}}
//       events: [...]
//     - name: what a meter counts
//       events:
//         - read: {proc: {name: cat}}
//       metrics:                                   # all that is measured; labels that are left out may be any
//         - {name: app.reads, labels: {process.executable.name: cat}, value: 1}     # of a histogram: count
//     - name: what rows of prevent: deny
//       events:
//         - connect: {addr: "169.254.170.2:80"}
//       denied: [{row: No task credentials, event: 1}]                       # or just: No task credentials
import * as z from "zod";
import { PRIORITIES } from "../finding/priority.js";
import type { ParameterValues } from "../wasm/settings.js";
import type { ContainerFacts } from "../wire/container.js";
import { type Bundle, placeOf } from "./bundle.js";
import { readTestRecording, type TestRecording } from "./test-recording.js";
import { parseYaml, YAML_BYTES_MAX, type YamlFile } from "./yaml.js";

/** Name of the file in a policy's folder. */
export const TEST_FILE = "tests.yaml";

const text = z.string().nullable().default(null);
const Event = z.record(z.string(), z.record(z.string(), z.unknown()).nullable());
const ExpectedAlert = z.strictObject({
  rule: z.string(),
  event: z.number().int().positive().optional(),
  priority: z.enum(PRIORITIES).optional(),
  output: z.string().optional(),
  fields: z.record(z.string(), z.unknown()).optional(),
});
const ExpectedMetric = z.strictObject({
  name: z.string(),
  labels: z.record(z.string(), z.union([z.string(), z.number().transform(String)])).optional(),
  value: z.number().optional(),
  count: z.number().int().nonnegative().optional(),
});
const ExpectedDenial = z.strictObject({ row: z.string(), event: z.number().int().positive().optional() });
/** As Falco's container.* fields: `image.repository` is what stands before the tag. */
const Container = z.strictObject({
  id: z.string().default("0123456789ab"),
  type: z.string().default("ecs"),
  name: text,
  ip: text,
  image: text,
  "image.id": text,
  "image.repository": text,
  "image.tag": text,
  "image.digest": text,
  labels: z
    .record(z.string().regex(/^[^=\0]+$/), z.string())
    .nullable()
    .default(null),
});
const Test = z.strictObject({
  name: z.string().min(1),
  parameters: z
    .record(z.string(), z.union([z.boolean(), z.number().int(), z.string(), z.array(z.string())]))
    .default({}),
  container: Container.optional(),
  events: z.array(Event).min(1).optional(),
  recording: z
    .string()
    .regex(/^[\w-][\w.-]*\.rec$/, "a file NAME.rec in the policy's folder")
    .optional(),
  alerts: z.array(z.union([z.string(), ExpectedAlert])).optional(),
  metrics: z.array(ExpectedMetric).optional(),
  denied: z.array(z.union([z.string(), ExpectedDenial])).optional(),
});
const TestFile = z.strictObject({ tests: z.array(Test).min(1) });

/** One alert that a test expects. What is left out may be anything. */
export type ExpectedAlert = z.infer<typeof ExpectedAlert>;
/** What a test expects of one set of labels of an instrument. What is left out may be anything. */
export type ExpectedMetric = z.infer<typeof ExpectedMetric>;
/** A call that a test expects a row of `prevent:` to deny. */
export type ExpectedDenial = z.infer<typeof ExpectedDenial>;
/** One test, checked against the schema. Either `events` or `recording` is used. */
export interface PolicyTest {
  readonly name: string;
  readonly parameters: ParameterValues;
  /** What an orchestrator says of the container of these events; null: there is none. */
  readonly container: ContainerFacts | null;
  readonly events: readonly { readonly type: string; readonly written: Readonly<Record<string, unknown>> }[];
  /** Instead of events. */
  readonly recording: TestRecording | null;
  readonly alerts: readonly ExpectedAlert[];
  /** Null: it says nothing of what is measured. */
  readonly metrics: readonly ExpectedMetric[] | null;
  /** Null: it says nothing of what is denied. */
  readonly denied: readonly ExpectedDenial[] | null;
}
/** All tests, and the file for error messages. */
export interface PolicyTests {
  readonly tests: readonly PolicyTest[];
  readonly file: YamlFile<unknown>;
}

/** Reads tests.yaml. Throws VEDETTE_POLICY_TESTS. */
export function readTests(bundle: Bundle): PolicyTests {
  const file = parseYaml(
    placeOf(bundle, TEST_FILE),
    () => bundle.read(TEST_FILE, YAML_BYTES_MAX),
    TestFile as z.ZodType<z.infer<typeof TestFile>>,
    "VEDETTE_POLICY_TESTS",
  );
  const tests = file.value.tests.map((test, i) => ({
    ...test,
    container: test.container === undefined ? null : factsOf(test.container),
    recording: recordingOf(bundle, test, i, file),
    events: (test.events ?? []).map((event, k) => {
      const entries = Object.entries(event);
      const [type, written] = entries[0] ?? [];
      if (entries.length !== 1 || type === undefined)
        throw file.wrong(
          ["tests", i, "events", k],
          "an event is one type with what it has, as in `openat: {name: /etc/hosts}`",
        );
      return { type, written: written ?? {} };
    }),
    alerts: expectedIn(test, i, file).map((alert) => (typeof alert === "string" ? { rule: alert } : alert)),
    metrics: test.metrics ?? null,
    denied: test.denied?.map((denial) => (typeof denial === "string" ? { row: denial } : denial)) ?? null,
  }));
  return { tests, file };
}

/**
 * A test says which alerts it expects; one that says what is measured or denied may leave that out, and
 * means none.
 */
function expectedIn({ alerts, metrics, denied }: z.infer<typeof Test>, index: number, file: YamlFile<unknown>) {
  if (alerts === undefined && metrics === undefined && denied === undefined)
    throw file.wrong(["tests", index], "a test has the alerts, the metrics or the denied calls that it expects");
  return alerts ?? [];
}

/** Of a task nothing is known. */
function factsOf(said: z.infer<typeof Container>): ContainerFacts {
  const { "image.id": imageId, "image.repository": imageRepository, "image.tag": imageTag, ...rest } = said;
  const { "image.digest": imageDigest, labels, ...own } = rest;
  const sorted =
    labels === null ? null : Object.fromEntries(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
  const task = { taskArn: null, taskFamily: null, taskRevision: null, cluster: null, service: null };
  const place = { containerArn: null, availabilityZone: null };
  return { ...own, imageId, imageRepository, imageTag, imageDigest, labels: sorted, ...task, ...place };
}

/** The recording that a test names; one test has either that or events. */
function recordingOf(
  bundle: Bundle,
  { container, events, recording }: z.infer<typeof Test>,
  index: number,
  file: YamlFile<unknown>,
): TestRecording | null {
  if ((events === undefined) === (recording === undefined))
    throw file.wrong(["tests", index], "a test has either events or a recording");
  if (recording !== undefined && container !== undefined)
    throw file.wrong(["tests", index, "container"], "a recording says itself of which container it is");
  if (recording === undefined) return null;
  try {
    return readTestRecording(bundle, recording);
  } catch (error) {
    throw file.wrong(["tests", index, "recording"], (error as Error).message);
  }
}
