// SPDX-License-Identifier: Apache-2.0
// Alerts as Detection Finding (2004) and incidents as Incident Finding (2005) of the Open Cybersecurity
// Schema Framework, a JSON object a line. One writer for versions 1.1 to 1.8: what a version has, or demands,
// stands in GATES. An attribute of a profile may only be there if `metadata.profiles` names the profile.
import type { Finding, FindingProcess } from "../finding/finding.js";
import { uuidOf } from "../finding/finding.js";
import type { Priority } from "../finding/priority.js";
import type { Value } from "../wire/value.js";
import { type Alert, alertId } from "./alert.js";
import { type IncidentActivity, type IncidentNews, incidentSentence } from "./incident-news.js";

/** Versions that can be asked for. */
export const OCSF_VERSIONS = ["1.1.0", "1.2.0", "1.3.0", "1.4.0", "1.5.0", "1.6.0", "1.7.0", "1.8.0"] as const;
/** One of them. */
export type OcsfVersion = (typeof OCSF_VERSIONS)[number];

/** The first minor version that has it. */
const GATES = { isAlert: 4, ancestry: 4, observed: 4 } as const;
const has = (version: OcsfVersion, gate: keyof typeof GATES): boolean => Number(version.split(".")[1]) >= GATES[gate];

const SEVERITY: Readonly<Record<Priority, number>> = {
  Emergency: 6,
  Alert: 5,
  Critical: 5,
  Error: 4,
  Warning: 3,
  Notice: 2,
  Informational: 1,
  Debug: 1,
};
const CATEGORY_FINDINGS = 2;
const DETECTION = 2004;
const INCIDENT = 2005;
/** activity_id, and status_id of class 2005. */
const ACTIVITIES: Readonly<Record<IncidentActivity, readonly [activity: number, status: number]>> = {
  opened: [1, 1],
  updated: [2, 2],
  merged: [3, 5],
  closed: [3, 5],
};
const CREATE = 1;
const UPDATE = 2;
const NEW = 1;
const MEDIUM_CONFIDENCE = 2;
const RULE_ANALYTIC = 1;
const ACTION = { allowed: 1, denied: 2, observed: 3 };
const DISPOSITION = { blocked: 2, detected: 15 };
const IP_ADDRESS = 2;
const REGULAR_FILE = 1;
const FOLDER = 2;
const UNKNOWN_FILE = 0;
const SHA_256 = 3;
const INBOUND = 1;
const OUTBOUND = 2;
const PROTOCOL_NUMBERS: Readonly<Record<string, number>> = { icmp: 1, tcp: 6, udp: 17 };
const MS_NS = 1_000_000n;
/** The class demands somebody who has it, and whoever receives it decides who. */
const NOBODY = "unassigned";
/** Findings that an incident names. */
const FINDINGS_MAX = 100;

const ms = (ns: bigint): number => Number(ns / MS_NS);

/** An alert's line. */
export function ocsfAlert(alert: Alert, version: OcsfVersion, product: string): string {
  return detection(alert, version, product, CREATE);
}

/** The same finding again, of which more is known by now. */
export function ocsfUpdate(alert: Alert, version: OcsfVersion, product: string): string {
  return detection(alert, version, product, UPDATE);
}

/** An update is an event of its own, about a finding that was told. */
function detection(alert: Alert, version: OcsfVersion, product: string, activity: number): string {
  const { finding, priority, time, output, outputFields, tenant, incident } = alert;
  const { task = null, prevention = null } = finding ?? {};
  const isDenied = prevention !== null && prevention.action === "denied";
  const uid = alertId(alert);
  return JSON.stringify({
    ...headOf(DETECTION, activity, priority, time),
    status_id: NEW,
    confidence_id: MEDIUM_CONFIDENCE,
    ...(has(version, "isAlert") ? { is_alert: true } : {}),
    message: output,
    action_id: isDenied ? ACTION.denied : has(version, "observed") ? ACTION.observed : ACTION.allowed,
    disposition_id: isDenied ? DISPOSITION.blocked : DISPOSITION.detected,
    metadata: given({
      ...metadataOf(version, product, [...(task === null ? [] : ["cloud"]), "container", "security_control"]),
      uid: activity === CREATE ? uid : uuidOf(["update", uid, finding?.executable?.sha256 ?? ""]),
      sequence: finding?.event.num,
      tenant_uid: tenant,
      correlation_uid: incident?.id,
      original_time: String(time),
    }),
    ...cloudOf(finding),
    finding_info: findingInfo(alert, uid),
    ...(finding === undefined ? {} : evidenceOf(finding, version)),
    unmapped: Object.fromEntries(outputFields.map(([name, value]) => [name, plain(value)])),
  });
}

/** An incident's line. */
export function ocsfIncident(news: IncidentNews, version: OcsfVersion, product: string): string {
  const { incident, activity, into } = news;
  const { id, severity, title, tenant, count, first, last, rows } = incident;
  const [activityId, statusId] = ACTIVITIES[activity];
  const found = rows.flatMap(({ samples, rule, text, first: since }) =>
    samples.map((uid) => ({ uid, title: rule ?? text, created_time: ms(since) })),
  );
  return JSON.stringify({
    ...headOf(INCIDENT, activityId, severity, last),
    status_id: statusId,
    ...(into === null ? {} : { status_detail: `it is part of incident ${into} now` }),
    confidence_id: MEDIUM_CONFIDENCE,
    message: incidentSentence(news),
    desc: title,
    assignee_group: { name: NOBODY },
    count,
    start_time: ms(first),
    end_time: ms(last),
    metadata: given({
      ...metadataOf(version, product, []),
      uid: uuidOf(["incident-news", id, activity, count]),
      correlation_uid: id,
      tenant_uid: tenant,
    }),
    finding_info_list: found.length === 0 ? [{ uid: id, title }] : found.slice(0, FINDINGS_MAX),
  });
}

function headOf(classUid: number, activity: number, priority: Priority, time: bigint): object {
  return {
    class_uid: classUid,
    category_uid: CATEGORY_FINDINGS,
    activity_id: activity,
    type_uid: classUid * 100 + activity,
    severity_id: SEVERITY[priority],
    time: ms(time),
    timezone_offset: 0,
  };
}

function metadataOf(version: OcsfVersion, product: string, profiles: readonly string[]): object {
  return {
    version,
    product: { name: "Vedette", vendor_name: "Vedette", version: product },
    profiles,
  };
}

/** The profile `cloud` demands a provider, so it is there only where the task's metadata is. */
function cloudOf(finding: Finding | undefined): object {
  if (finding?.task == null) return {};
  const [, , , region, account] = (finding.task.arn ?? "").split(":");
  return {
    cloud: given({
      provider: "AWS",
      region: region || null,
      zone: finding.task.availabilityZone,
      account: account ? { uid: account } : null,
    }),
  };
}

function findingInfo({ rule, policy, tags, finding, time }: Alert, uid: string): object {
  const attacks = attacksOf(tags);
  return given({
    uid,
    title: rule,
    created_time: ms(time),
    analytic: given({
      type_id: RULE_ANALYTIC,
      uid: policy === undefined ? rule : `${policy}/${rule}`,
      name: rule,
      version: finding?.version,
    }),
    attacks: attacks.length === 0 ? null : attacks,
  });
}

/** `T1552.005` is a technique and its sub-technique, `TA0006` a tactic. */
function attacksOf(tags: readonly string[]): object[] {
  const tactics = tags.filter((tag) => /^TA\d{4}$/.test(tag));
  const techniques = tags.filter((tag) => /^T\d{4}(\.\d{3})?$/.test(tag));
  const tactic = tactics[0] === undefined ? {} : { tactic: { uid: tactics[0] } };
  if (techniques.length === 0) return tactics.map((uid) => ({ tactic: { uid } }));
  return techniques.map((tag) => {
    const [technique = ""] = tag.split(".");
    return { ...tactic, technique: { uid: technique }, ...(technique === tag ? {} : { sub_technique: { uid: tag } }) };
  });
}

function evidenceOf(finding: Finding, version: OcsfVersion): object {
  const { endpoint, event, task, container } = finding;
  const remote = endpoint?.remoteIp ?? null;
  const evidence = given({
    process: processOf(finding, version),
    file: finding.file === null ? null : fileOf(finding.file.realPath ?? finding.file.path, finding.file.type),
    ...(endpoint === null ? {} : connectionOf(endpoint)),
    data: { "evt.type": event.type, "evt.num": event.num, "evt.source": event.source },
  });
  return given({
    evidences: [evidence],
    resources: task?.arn == null ? null : [given({ uid: task.arn, name: container?.name, type: "AWS ECS Task" })],
    observables:
      remote === null
        ? null
        : [
            {
              name: `evidences[].${endpoint?.isServer === true ? "src" : "dst"}_endpoint.ip`,
              type_id: IP_ADDRESS,
              value: remote,
            },
          ],
  });
}

function processOf(finding: Finding, version: OcsfVersion): object | null {
  const { process, executable, container, user, ancestors, event } = finding;
  if (process === null) return null;
  const [parent] = ancestors;
  return given({
    ...namedProcess(process),
    uid: `${event.source}/${process.pid}@${process.started ?? ""}`,
    created_time: process.started === null ? null : ms(process.started),
    cmd_line: process.commandLine,
    file: executable === null ? null : programOf(executable),
    user: user === null ? null : orNull(given({ uid: user.uid === null ? null : String(user.uid), name: user.name })),
    container:
      container === null ? null : given({ uid: container.id, name: container.name, image: imageOf(container) }),
    parent_process: parent === undefined || parent.pid === null ? null : namedProcess(parent),
    ancestry: has(version, "ancestry") ? ancestors.filter(({ pid }) => pid !== null).map(namedProcess) : null,
  });
}

const namedProcess = ({ pid, name }: Pick<FindingProcess, "pid" | "name">): object => given({ pid, name });

function imageOf({ image, imageDigest }: NonNullable<Finding["container"]>): object | null {
  return image === null ? null : given({ uid: imageDigest ?? image, name: image });
}

function fileOf(path: string | null, type: string | null): object | null {
  if (path === null || path === "") return null;
  const name = path.slice(path.lastIndexOf("/") + 1) || path;
  return { name, path, type_id: type === "file" ? REGULAR_FILE : type === "directory" ? FOLDER : UNKNOWN_FILE };
}

/** With its digest where that is known. A file of no name has no place in the schema. */
function programOf({ path, sha256 }: NonNullable<Finding["executable"]>): object | null {
  const file = fileOf(path, "file");
  if (file === null || sha256 === undefined) return file;
  return { ...file, hashes: [{ algorithm: "SHA-256", algorithm_id: SHA_256, value: sha256 }] };
}

/** The one that connected is the source. */
function connectionOf(endpoint: NonNullable<Finding["endpoint"]>): object {
  const { localIp, localPort, remoteIp, remotePort, protocol, isServer } = endpoint;
  const local = localIp === null ? null : given({ ip: localIp, port: localPort });
  const remote = remoteIp === null ? null : given({ ip: remoteIp, port: remotePort });
  const [source, target] = isServer === true ? [remote, local] : [local, remote];
  return {
    src_endpoint: source,
    dst_endpoint: target,
    connection_info: given({
      direction_id: isServer === true ? INBOUND : OUTBOUND,
      protocol_num: PROTOCOL_NUMBERS[protocol ?? ""],
      protocol_name: protocol,
    }),
  };
}

/** Whole numbers beyond 2^53 as texts. */
function plain(value: Value): unknown {
  if (typeof value === "bigint") return String(value);
  return Array.isArray(value) ? value.map(plain) : value;
}

/** Without what is not known. */
function given(members: object): object {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== null && value !== undefined));
}

const orNull = (members: object): object | null => (Object.keys(members).length === 0 ? null : members);
