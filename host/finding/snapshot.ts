// SPDX-License-Identifier: Apache-2.0
// Takes a finding from an open batch. A batch may raise a thousand alerts, so what they have in common is
// taken once for each process. The order is that of importance: where texts are longer than they may be
// together, the last ones are cut.
import type { Batch } from "../wire/batch.js";
import { fieldValue } from "../wire/fields.js";
import { PROCESS_AT } from "../wire/layout.js";
import { ancestorsOf, processInt, processText } from "../wire/process.js";
import { descriptorAt, eventOf, numberOf, processAt, tidOf, timeOf } from "../wire/record.js";
import type { Value } from "../wire/value.js";
import { TextBudget } from "./bound.js";
import {
  ANCESTORS_MAX,
  FINDING_BYTES_MAX,
  type Finding,
  type FindingAncestor,
  type FindingContainer,
  type FindingEndpoint,
  type FindingFile,
  type FindingLineage,
  type FindingTask,
} from "./parts.js";

/** Whose rule it was. */
export interface RuleOfFinding {
  readonly policy: string;
  readonly version: string;
  readonly rule: string;
  readonly tenant: string | null;
  readonly tags: readonly string[];
}

/** Of what all findings about one process have in common. */
const SUBJECT_BYTES_MAX = 10 << 10;
/** Bytes of a name, a tag, a file's two paths, a folder or an executable, a command line. */
const NAME_MAX = 256;
const TAG_MAX = 64;
const PATH_MAX = 1500;
const FOLDER_MAX = 1024;
const LINE_MAX = 4096;
const ANCESTOR_PATH_MAX = 256;
const TAGS_MAX = 16;
const AGENT_PATH = "/vedette-capture";
const FILES = new Set(["file", "directory"]);
const INTERNET = new Set(["ipv4", "ipv6"]);

const COMMAND_LINE = reader("proc.cmdline");
const LOGIN_UID = reader("user.loginuid");
const CONTAINER_ID = reader("container.id");
const FILE = { path: reader("fd.name"), real: reader("fd.realpath"), ino: reader("fd.ino"), dev: reader("fd.dev") };
const TYPE = reader("fd.type");
const ENDS = {
  localIp: reader("fd.lip"),
  localPort: reader("fd.lport"),
  remoteIp: reader("fd.rip"),
  remotePort: reader("fd.rport"),
  protocol: reader("fd.l4proto"),
  isServer: reader("fd.is_server"),
};
const PREVENTION = {
  mode: reader("evt.arg.mode"),
  call: reader("evt.arg.call"),
  subject: reader("evt.arg.subject"),
  action: reader("evt.arg.action"),
};

/** What findings of one batch have in common. */
interface BatchPart {
  readonly source: string;
  /** By the place of the process. */
  readonly subjects: Map<number, SubjectPart>;
}

/** What all findings about one process have in common. */
type SubjectPart = Pick<
  Finding,
  "process" | "executable" | "user" | "container" | "task" | "ancestors" | "lineage" | "isCut"
>;

const parts = new WeakMap<Batch, BatchPart>();

/** Of the record at `at`. `isPrevented`: it tells of a call that an agent denied, or would have. */
export function takeFinding(batch: Batch, at: number, whose: RuleOfFinding, isPrevented = false): Finding {
  const { source, subjects } = partOf(batch);
  const place = processAt(batch, at);
  let subject = subjects.get(place);
  if (subject === undefined) {
    subject = subjectOf(batch, at, place);
    subjects.set(place, subject);
  }
  const budget = new TextBudget(FINDING_BYTES_MAX - SUBJECT_BYTES_MAX);
  const cut: Cut = (value, most) => (value === null ? null : budget.take(String(value), most));
  // Written out: to spread the part would take longer than all of the rest.
  const finding: Finding & { isCut: boolean } = {
    event: { source, num: numberOf(batch, at), time: timeOf(batch, at), type: eventOf(batch, at).name },
    policy: budget.take(whose.policy, NAME_MAX),
    version: budget.take(whose.version, NAME_MAX),
    rule: budget.take(whose.rule, NAME_MAX),
    tenant: cut(whose.tenant, NAME_MAX),
    tags: whose.tags.slice(0, TAGS_MAX).map((tag) => budget.take(tag, TAG_MAX)),
    tid: tidOf(batch, at),
    process: subject.process,
    ancestors: subject.ancestors,
    lineage: subject.lineage,
    executable: subject.executable,
    file: fileOf(batch, at, cut),
    endpoint: endpointOf(batch, at, cut),
    user: subject.user,
    container: subject.container,
    task: subject.task,
    prevention: isPrevented ? mapOf(PREVENTION, (get) => cut(get(batch, at), NAME_MAX)) : null,
    isCut: subject.isCut,
  };
  finding.isCut ||= budget.isCut;
  return finding;
}

function partOf(batch: Batch): BatchPart {
  let part = parts.get(batch);
  if (part === undefined) {
    part = { source: Buffer.from(batch.source).toString("hex"), subjects: new Map() };
    parts.set(batch, part);
  }
  return part;
}

function subjectOf(batch: Batch, at: number, process: number): SubjectPart {
  const budget = new TextBudget(SUBJECT_BYTES_MAX);
  const cut: Cut = (value, most) => (value === null ? null : budget.take(String(value), most));
  const text = (field: string, most: number): string | null => cut(processText(batch, process, offset(field)), most);
  const int = (field: string): bigint | null => wide(processInt(batch, process, offset(field)));
  const short = (field: string): number | null => number(processInt(batch, process, offset(field)));
  const container = containerOf(batch, at, cut);
  const task = batch.container === null ? null : taskOf(batch.container, cut);
  if (process < 0)
    return {
      process: null,
      executable: null,
      user: null,
      ancestors: [],
      lineage: null,
      container,
      task,
      isCut: budget.isCut,
    };
  const ancestors = ancestorsOf(batch, process);
  const part = {
    container,
    task,
    lineage: lineageOf(batch, process, ancestors),
    user: { uid: short("uid"), name: text("user", NAME_MAX), loginUid: number(LOGIN_UID(batch, at)) },
    process: {
      pid: short("pid"),
      vpid: short("vpid"),
      name: text("name", NAME_MAX),
      started: int("start_time"),
      session: short("session"),
      commandLine: cut(COMMAND_LINE(batch, at), LINE_MAX),
      cwd: text("cwd", FOLDER_MAX),
    },
    executable: {
      path: text("exepath", FOLDER_MAX),
      ino: int("exe_ino"),
      dev: int("exe_dev"),
      changed: int("exe_ctime"),
      isOfImage: short("exe_of_image") === 1,
    },
    ancestors: ancestors.slice(0, ANCESTORS_MAX).map(
      (one): FindingAncestor => ({
        pid: number(processInt(batch, one, offset("pid"))),
        started: wide(processInt(batch, one, offset("start_time"))),
        name: cut(processText(batch, one, offset("name")), NAME_MAX),
        path: cut(processText(batch, one, offset("exepath")), ANCESTOR_PATH_MAX),
      }),
    ),
  };
  return { ...part, isCut: budget.isCut };
}

/**
 * The agent knows who made a process also when the maker has ended, so a double fork does not leave its
 * lineage.
 */
function lineageOf(batch: Batch, process: number, ancestors: readonly number[]): FindingLineage {
  const chain = [process, ...ancestors];
  const pid = (one: number): number | null => number(processInt(batch, one, offset("pid")));
  const entry = number(processInt(batch, process, offset("session"))) ?? 0;
  const outsider = entry > 0 ? chain.find((one) => pid(one) === entry) : undefined;
  const own = chain.slice(0, firstAt(batch, chain) + 1);
  const named = (one: number) => ({ pid: pid(one), started: wide(processInt(batch, one, offset("start_time"))) });
  return { ...named(outsider ?? own.at(-2) ?? process), first: named(outsider ?? own.at(-1) ?? process) };
}

/**
 * Where in the chain the first process of its container stands. What is above it is the agent that started
 * it, or of another container. The oldest that looks like an agent counts: a program may call itself one.
 */
function firstAt(batch: Batch, chain: readonly number[]): number {
  const text = (one: number, field: string): string | null => processText(batch, one, offset(field));
  const agent = chain.findLastIndex((one, i) => i > 0 && text(one, "exepath")?.endsWith(AGENT_PATH) === true);
  if (agent > 0) return agent - 1;
  const container = text(chain[0] as number, "container_id");
  const other = chain.findIndex((one) => text(one, "container_id") !== container);
  return (other < 0 ? chain.length : other) - 1;
}

function containerOf(batch: Batch, at: number, cut: Cut): FindingContainer | null {
  const id = CONTAINER_ID(batch, at);
  if (id === null || id === "host") return null;
  const facts = batch.container;
  return {
    id: cut(id, NAME_MAX) ?? "",
    name: cut(facts?.name ?? null, NAME_MAX),
    image: cut(facts?.image ?? null, NAME_MAX),
    imageDigest: cut(facts?.imageDigest ?? null, NAME_MAX),
  };
}

type Cut = (value: Value, most: number) => string | null;

function taskOf(facts: NonNullable<Batch["container"]>, cut: Cut): FindingTask | null {
  const { taskArn, taskFamily, taskRevision, cluster, availabilityZone } = facts;
  const named = { arn: taskArn, family: taskFamily, revision: taskRevision, cluster, availabilityZone };
  if (Object.values(named).every((one) => one === null)) return null;
  return mapOf(named, (one) => cut(one, NAME_MAX));
}

function fileOf(batch: Batch, at: number, cut: Cut): FindingFile | null {
  if (descriptorAt(batch, at) < 0) return null;
  const type = TYPE(batch, at);
  if (!FILES.has(String(type))) return null;
  return {
    path: cut(FILE.path(batch, at), PATH_MAX),
    realPath: cut(FILE.real(batch, at), PATH_MAX),
    ino: wide(FILE.ino(batch, at)),
    dev: wide(FILE.dev(batch, at)),
    type: cut(type, NAME_MAX),
  };
}

function endpointOf(batch: Batch, at: number, cut: Cut): FindingEndpoint | null {
  if (descriptorAt(batch, at) < 0 || !INTERNET.has(String(TYPE(batch, at)))) return null;
  const ends = mapOf(ENDS, (get) => get(batch, at));
  if (ends.localIp === null && ends.remoteIp === null) return null;
  return {
    localIp: cut(ends.localIp, NAME_MAX),
    localPort: number(ends.localPort),
    remoteIp: cut(ends.remoteIp, NAME_MAX),
    remotePort: number(ends.remotePort),
    protocol: cut(ends.protocol, NAME_MAX),
    isServer: typeof ends.isServer === "boolean" ? ends.isServer : null,
  };
}

function mapOf<Key extends string, From, To>(from: Record<Key, From>, make: (one: From) => To): Record<Key, To> {
  return Object.fromEntries(Object.entries<From>(from).map(([key, one]) => [key, make(one)])) as Record<Key, To>;
}

/** Of a field that there is. */
function reader(name: string): (batch: Batch, at: number) => Value {
  const get = fieldValue(name);
  if (get === undefined) throw new Error(`there is no field ${name}`);
  return get;
}

const offset = (field: string): number => PROCESS_AT[field] as number;
const wide = (value: Value): bigint | null =>
  typeof value === "number" || typeof value === "bigint" ? BigInt(value) : null;
const number = (value: Value): number | null =>
  typeof value === "number" || typeof value === "bigint" ? Number(value) : null;
