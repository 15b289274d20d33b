// SPDX-License-Identifier: Apache-2.0
// Every option of the sidecar and of the agents, by one kind of word: KEY=VALUE. `--set` gives one,
// `--config` a file of them, the journal keeps them all. The sidecar's options are called as
// `vedette serve --help` calls them.
//
//   workers=2                       vedette serve ... --workers 2
//   falco-rules=/rules/a.yaml       may be given again; each is one more
//   strict=true                     an option without a value
//   agent.snaplen=256               vedette-capture ... --snaplen 256, in each watched container
//   container.memory=256            "memory": 256 in the sidecar's container definition
//   container.name=guard            what the sidecar's container is called
//   container.environment.NAME=V    a variable of the sidecar; container.secrets.NAME=ARN: from a secret
//   container.mountPoints.VOLUME=/P a volume of the task at /P in the sidecar: read-only, unless a setting has
//                                   the sidecar write there (evidence=/P/...)
//   container.dependsOn.NAME=SUCCESS  what the container NAME must have come to before the sidecar starts
//   KEY=                            what an earlier run was told of it is forgotten
//
// A file may have `outputs:` and `respond:`, too, as vedette.yaml has them: each key becomes a variable of
// the sidecar. Where the sidecar asks agents for responses, they get `--respond`.
import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { VedetteError } from "../errors.js";
import { reasonOf } from "../reason.js";
import { SIDECAR_NAME } from "./layout.js";
import type { Value, ValueMap } from "./value.js";

type Kind = "text" | "number" | "flag" | "list";

const SERVE: Record<string, Kind> = {
  workers: "number",
  drain: "number",
  isolation: "text",
  "policies-d": "text",
  tenants: "text",
  releases: "flag",
  respond: "text",
  "require-signed": "flag",
  serials: "text",
  control: "text",
  "control-tcp": "text",
  "control-tokens": "text",
  console: "flag",
  store: "text",
  bus: "text",
  "bus-creds": "text",
  "bus-ca": "text",
  "bus-tenant": "text",
  forward: "text",
  "forward-spool": "text",
  "forward-spool-mib": "number",
  partitions: "number",
  evidence: "text",
  "evidence-capture": "text",
  "evidence-max-mib": "number",
  "evidence-keep-h": "number",
  alerts: "text",
  "alerts-detail": "flag",
  repeats: "text",
  syslog: "text",
  "syslog-ca": "text",
  http: "text",
  "log-format": "text",
  "falco-rules": "list",
  "falco-exact": "flag",
  matching: "text",
  strict: "flag",
  "watch-config": "flag",
  option: "list",
  tag: "list",
  "without-tag": "list",
  "without-rule": "list",
};
const AGENT: Record<string, Kind> = {
  snaplen: "number",
  spool: "number",
  tiers: "text",
  integrity: "text",
  believe: "list",
  "io-uring": "text",
  strangers: "text",
  "start-timeout": "number",
  "on-start-timeout": "text",
  "tls-plaintext": "flag",
  "site-cache": "text",
  "lost-report": "text",
  respond: "flag",
};
const CONTAINER: Record<string, Kind> = {
  name: "text",
  memory: "number",
  memoryReservation: "number",
  cpu: "number",
  user: "text",
  stopTimeout: "number",
};
/**
 * Least and most that ECS takes on Fargate
 * (docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html).
 */
const BOUNDS: Readonly<Record<string, readonly [number, number]>> = {
  "container.memory": [6, 122_880],
  "container.memoryReservation": [6, 122_880],
  "container.cpu": [0, 16_384],
  "container.stopTimeout": [0, 120],
};
/** Lists of the sidecar's container definition whose elements have a name: how each is made of KEY=VALUE. */
const LISTS: Record<
  string,
  { readonly is: RegExp; readonly says: string; make(name: string, value: string): ValueMap }
> = {
  environment: { is: /^/, says: "", make: (name, value) => ({ name, value }) },
  secrets: { is: /^/, says: "", make: (name, valueFrom) => ({ name, valueFrom }) },
  mountPoints: {
    is: /^\/(?!vedette(-own)?(\/|$))./,
    says: "a path is asked for that begins with / and is not Vedette's own",
    make: (sourceVolume, containerPath) => ({ sourceVolume, containerPath, readOnly: true }),
  },
  dependsOn: {
    is: /^(START|COMPLETE|SUCCESS|HEALTHY)$/,
    says: "it must be START, COMPLETE, SUCCESS or HEALTHY",
    make: (containerName, condition) => ({ containerName, condition }),
  },
};
/** What each variable of an output begins with, as a setting. */
const OUTPUT = "container.environment.VEDETTE_OUTPUTS_";
/** Settings whose value is the path of what the sidecar makes. */
const WRITTEN = new RegExp(
  `^(alerts|control|evidence|forward-spool|http|serials|store|${OUTPUT}\\w+_(PATH|QUEUE_DIR))$`,
);
const RESPOND = "container.environment.VEDETTE_RESPOND";
const SECRET_RESPOND = "container.secrets.VEDETTE_RESPOND";
const NAMED = new RegExp(`^container\\.(${Object.keys(LISTS).join("|")})\\.(.+)$`);

/** One setting, as it was given. */
export type Setting = readonly [key: string, value: string];

/** What is set, in the order in which keys were first given. */
export class Settings {
  readonly #all: readonly Setting[];

  constructor(all: readonly Setting[]) {
    this.#all = all;
  }

  get text(): string[] {
    return this.#all.map(([key, value]) => `${key}=${value}`);
  }

  get http(): string | undefined {
    return this.#all.find(([key]) => key === "http")?.[1];
  }

  /** Of the sidecar's container. */
  get sidecarName(): string {
    return this.#all.find(([key]) => key === "container.name")?.[1] ?? SIDECAR_NAME;
  }

  has(key: string): boolean {
    return this.#all.some(([one]) => one === key);
  }

  /** For `vedette serve`. */
  serveWords(): string[] {
    return this.#all.flatMap(([key, value]) => (key in SERVE ? words(key, SERVE[key]!, value) : []));
  }

  agentWords(): string[] {
    const given = this.#all.flatMap(([key, value]) => {
      const name = key.replace(/^agent\./, "");
      return key.startsWith("agent.") ? words(name, AGENT[name]!, value) : [];
    });
    return this.#asksAgents() && !this.has("agent.respond") ? [...given, "--respond"] : given;
  }

  /** For responses; a file of rows that is in the sidecar alone may do so. */
  #asksAgents(): boolean {
    return this.#all.some(
      ([key, value]) => key === "respond" || key === SECRET_RESPOND || (key === RESPOND && asksAgents(value)),
    );
  }

  /** Members of the sidecar's container definition, keys in camelCase. */
  container(): ValueMap {
    const plain: [string, Value][] = this.#all
      .filter(([key]) => key.startsWith("container.") && !NAMED.test(key))
      .map(([key, value]) => {
        const name = key.slice("container.".length);
        return [name, CONTAINER[name] === "number" ? Number(value) : value];
      });
    const lists = Object.keys(LISTS).map((list): [string, ValueMap[]] => [list, this.#named(list)]);
    return {
      ...Object.fromEntries(plain),
      ...Object.fromEntries(lists.filter(([list, items]) => list !== "mountPoints" && items.length > 0)),
    };
  }

  /**
   * Of the sidecar, beside Vedette's own. It can write to those in which something is that it makes;
   * `written` are paths besides those of settings.
   */
  mountPoints(written: readonly string[]): ValueMap[] {
    const isFetching = this.#all.some(([key, value]) => key === "releases" && value === "true");
    const isWritten = (key: string): boolean => WRITTEN.test(key) || (isFetching && key === "policies-d");
    const paths = this.#all.flatMap(([key, value]) => (isWritten(key) ? [value.replace(/^unix:/, "")] : []));
    const holds = (folder: string) => [...paths, ...written].some((path) => `${path}/`.startsWith(`${folder}/`));
    const own = this.#named("mountPoints");
    return own.map((one) => ({ ...one, readOnly: !holds(String(one.containerPath).replace(/\/$/, "")) }));
  }

  #named(list: string): ValueMap[] {
    return this.#all.flatMap(([key, value]) => {
      const [, which, name] = NAMED.exec(key) ?? [];
      return which === list ? [LISTS[list]!.make(name!, value)] : [];
    });
  }
}

/** `KEY=VALUE`. Throws VEDETTE_SETTING_INVALID. */
export function readSetting(text: string): Setting {
  const [, key, value] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
  if (key === undefined || value === undefined) throw invalid(text, "it is not KEY=VALUE");
  const kind = kindOf(key);
  if (kind === undefined) throw invalid(text, `there is no ${key}; there are ${known()}`);
  if (value === "") return [key, value];
  const { is, says } = LISTS[NAMED.exec(key)?.[1] ?? ""] ?? { is: /^/, says: "" };
  if (!is.test(value)) throw invalid(text, says);
  if (key === "container.name" && !/^[\w-]{1,255}$/.test(value))
    throw invalid(text, "a container's name has letters, digits, hyphens and underscores");
  if (kind === "number" && !/^\d{1,10}$/.test(value)) throw invalid(text, "its value must be a number");
  const [least, most] = BOUNDS[key] ?? [0, Number.POSITIVE_INFINITY];
  if (kind === "number" && !(Number(value) >= least && Number(value) <= most))
    throw invalid(text, `ECS takes ${least} to ${most} on Fargate`);
  if (kind === "flag" && !/^(true|false)$/.test(value)) throw invalid(text, "its value must be true or false");
  return [key, value];
}

/**
 * A YAML or JSON file of settings; `container: {memory: 256}` is `container.memory=256`. Throws
 * VEDETTE_SETTING_INVALID.
 */
export function readConfig(path: string): Setting[] {
  let value: unknown;
  try {
    value = parse(readFileSync(path, "utf8"));
  } catch (cause) {
    throw new VedetteError("VEDETTE_SETTING_INVALID", { setting: path, reason: reasonOf(cause) }, { cause });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw invalid(path, "it is not a map");
  const { outputs = {}, ...rest } = value as Record<string, unknown>;
  const variables = outputVariables(outputs).map(([name, text]) => [`container.environment.${name}`, text] as const);
  const answers = rest.respond;
  if (Array.isArray(answers)) delete rest.respond; // a text is the path of a file in the sidecar
  const rows = Array.isArray(answers) ? [[RESPOND, answers.length === 0 ? "" : JSON.stringify(answers)] as const] : [];
  return [...flat("", rest), ...variables, ...rows].map(([key, one]) => readSetting(`${key}=${one}`));
}

/** As `vedette serve` reads them: VEDETTE_OUTPUTS_NAME_KEY; what is no text, number or switch is JSON. */
export function outputVariables(outputs: unknown): [name: string, text: string][] {
  return entriesOf(outputs).flatMap(([name, keys]) =>
    entriesOf(keys).map(([key, value]): [string, string] => [
      `VEDETTE_OUTPUTS_${name}_${key}`.toUpperCase().replaceAll("-", "_"),
      typeof value === "object" && value !== null ? JSON.stringify(value) : String(value),
    ]),
  );
}

function entriesOf(value: unknown): [string, unknown][] {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? Object.entries(value) : [];
}

/** What is given wins over what was kept; a list that is given replaces the kept one. */
export function mergedSettings(given: readonly Setting[], kept: readonly Setting[]): Setting[] {
  const keys = new Set(given.map(([key]) => key));
  // Outputs are given together: one that is not there any more is to get no more alerts.
  const hasOutputs = given.some(([key]) => key.startsWith(OUTPUT));
  const isOver = (key: string): boolean => keys.has(key) || (hasOutputs && key.startsWith(OUTPUT));
  const merged = [...kept.filter(([key]) => !isOver(key)), ...given];
  const isLast = ([key]: Setting, at: number) =>
    kindOf(key) === "list" || merged.findLastIndex(([other]) => other === key) === at;
  return merged.filter(isLast).filter(([, value]) => value !== "");
}

function kindOf(key: string): Kind | undefined {
  if (NAMED.test(key)) return "text";
  if (key.startsWith("agent.")) return AGENT[key.slice("agent.".length)];
  return key.startsWith("container.") ? CONTAINER[key.slice("container.".length)] : SERVE[key];
}

function words(name: string, kind: Kind, value: string): string[] {
  if (kind === "flag") return value === "true" ? [`--${name}`] : [];
  return [`--${name}`, value];
}

function flat(at: string, value: unknown): [string, string][] {
  if (Array.isArray(value)) return value.flatMap((item) => flat(at, item));
  if (typeof value !== "object" || value === null) return [[at, String(value ?? "")]];
  return Object.entries(value).flatMap(([key, item]) => flat(at === "" ? key : `${at}.${key}`, item));
}

function known(): string {
  const of = (prefix: string, kinds: Record<string, Kind>) => Object.keys(kinds).map((key) => prefix + key);
  const more = Object.keys(LISTS).map((list) => `container.${list}.NAME`);
  return [...of("", SERVE), ...of("agent.", AGENT), ...of("container.", CONTAINER), ...more].join(", ");
}

function invalid(setting: string, reason: string): VedetteError {
  return new VedetteError("VEDETTE_SETTING_INVALID", { setting, reason });
}

/** What the host does by itself after an alert. */
const OF_HOST = new Set<unknown>(["capture", "stop-task"]);

/** Whether rows of `respond:` have one that the host does not do by itself. What is no JSON is a path. */
function asksAgents(rows: string): boolean {
  try {
    return (JSON.parse(rows) as { action?: unknown }[]).some(({ action }) => !OF_HOST.has(action));
  } catch {
    return true;
  }
}
