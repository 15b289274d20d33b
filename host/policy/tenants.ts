// SPDX-License-Identifier: Apache-2.0
// tenants.yaml: whose policies may run, on what, and how much of the machine they may have.
//
//   tenants:
//     payments:
//       scope: {containers: [payments-*], images: ["*/payments:*"], task_families: [payments], uids: [1000], executables: [/srv/*]}
//       limits: {policies: 10, memory_mib: 4, module_kib: 1024, alerts_per_minute: 600, alert_burst: 100,  # of each policy, of each rule
//                total_memory_mib: 80, total_alerts_per_minute: 6000, total_alert_burst: 2000,            # of all its policies together
//                us_per_event: 5, log_lines_per_minute: 60}
//       loaders: [1000]                # user ids that may put policies into policies.d/payments (root always may)
//       keys: [payments.pub]           # its policies must be signed with one of these
//       oldest_serial: 1764190000      # a list that was signed before it is refused
//       releases: oci://r.example/payments/releases:live   # its policies are those of this list (releases.ts)
//       isolation: process             # a process of its own, without files and network; default: thread
//       alerts: /var/log/payments/alerts.json
//       respond: [{rules: [Card data read], action: kill, mode: enforce}]   # what may be done after an alert of its rules
//       owner: 1000                    # user id that may ask for its status
import { dirname, resolve } from "node:path";
import * as z from "zod";
import { DEFAULT_BOUNDS } from "../engine/bounds.js";
import type { Tenancy } from "../engine/policy.js";
import { readPlainFile } from "../plain-file.js";
import { reasonOf } from "../reason.js";
import { placeOfArtifact } from "../registry/place.js";
import { DEFAULT_LIMITS, type ModuleLimits, PAGE } from "../wasm/admission.js";
import { type PublicKey, readPublicKey } from "./keys.js";
import { type ResponseRow, ResponseRows } from "./respond.js";
import { readYaml, type YamlFile } from "./yaml.js";

const globs = z.array(z.string().min(1).max(500)).default([]);
const KEY_BYTES_MAX = 64 << 10;
const Scope = z.strictObject({
  containers: globs,
  images: globs,
  task_families: globs,
  uids: z.array(z.number().int().nonnegative()).default([]),
  executables: globs,
});
const Limits = z.strictObject({
  policies: z.number().int().positive().max(1000).default(20),
  memory_mib: z.number().positive().min(2).max(32).default(4),
  module_kib: z.number().int().positive().max(4096).default(1024),
  alerts_per_minute: z.number().int().positive().default(600),
  alert_burst: z.number().int().positive().default(200),
  total_memory_mib: z.number().positive().max(4096).default(80),
  total_alerts_per_minute: z.number().int().positive().default(DEFAULT_BOUNDS.alerts.perMinute),
  total_alert_burst: z.number().int().positive().default(DEFAULT_BOUNDS.alerts.burst),
  us_per_event: z.number().positive().max(1000).default(DEFAULT_BOUNDS.usPerEvent),
  log_lines_per_minute: z.number().int().positive().max(60_000).default(DEFAULT_BOUNDS.logLinesPerMinute),
});
const Tenant = z.strictObject({
  scope: Scope.prefault({}),
  limits: Limits.prefault({}),
  loaders: z.array(z.number().int().nonnegative()).default([]),
  keys: z.array(z.string()).default([]),
  oldest_serial: z.number().int().nonnegative().default(0),
  releases: z.string().max(500).optional(),
  isolation: z.enum(["thread", "process"]).default("thread"),
  alerts: z.string().optional(),
  owner: z.number().int().nonnegative().optional(),
  respond: ResponseRows.default([]),
});
const Name = z.string().regex(/^[a-z0-9]([a-z0-9._-]{0,98}[a-z0-9])?$/, "small letters, digits, dots and dashes");
const TenantsFile = z.strictObject({ tenants: z.record(Name, Tenant) });

/**
 * One tenant, with defaults filled in. `owner` is null where nobody but the operator may ask for its status.
 */
export interface Tenant {
  readonly name: string;
  readonly tenancy: Tenancy;
  readonly modules: ModuleLimits;
  readonly policiesMax: number;
  /** Of the memories of all its policies together, at their largest. */
  readonly memoryBytesMax: number;
  readonly loaders: readonly number[];
  readonly keys: readonly PublicKey[];
  /** Signed lists with a smaller serial are refused. */
  readonly oldestSerial: number;
  /** Where its list of releases is, in a registry; null: its policies come by the folder alone. */
  readonly releases: string | null;
  /** Its policies live in a process of their own. */
  readonly isApart: boolean;
  /** A file for its own alerts, beside the operator's. */
  readonly alerts: string | null;
  readonly owner: number | null;
  /** How alerts of its own rules are answered, in its own containers. */
  readonly responses: readonly ResponseRow[];
}

/** Reads tenants.yaml; keys are found relative to it. */
export function readTenants(path: string): Map<string, Tenant> {
  const file = readYaml(path, TenantsFile as z.ZodType<z.infer<typeof TenantsFile>>, "VEDETTE_TENANTS_YAML");
  return new Map(Object.entries(file.value.tenants).map(([name, raw]) => [name, tenantOf(name, raw, path, file)]));
}

/** Whether tenants.yaml says the same of it. */
export function isSameTenant(one: Tenant | undefined, other: Tenant | undefined): boolean {
  const text = (tenant: Tenant | undefined) =>
    JSON.stringify(tenant && { ...tenant, keys: tenant.keys.map(({ id }) => id) });
  return text(one) === text(other);
}

/** Of a folder of policies.d where there is no tenants.yaml: sees everything, has the usual limits. */
export function openTenant(name: string): Tenant {
  return tenantOf(name, Tenant.parse({}), "", null);
}

/** Why a tenant of this scope cannot have this row; null: it can. */
function obstacleTo({ action }: ResponseRow, scope: z.infer<typeof Scope>): string | null {
  const namesContainers = [scope.containers, scope.images, scope.task_families].some((globs) => globs.length > 0);
  const namesProcesses = scope.uids.length > 0 || scope.executables.length > 0;
  if (!namesContainers) return "its scope names no containers, images or task families, so it would act in all";
  if (action === "capture") return "evidence holds what a whole container does, which is more than a tenant may see";
  if (action === "stop-task" && (namesProcesses || [scope.containers, scope.images].some((globs) => globs.length > 0)))
    return "stop-task ends all containers of a task, so its scope must name task families and nothing else";
  if (namesProcesses && action !== "kill") return `its scope names processes, and ${action} reaches others; use kill`;
  return null;
}

/** Why its policies cannot come from there; null: they can. */
function obstacleToReleases({ releases, keys }: z.infer<typeof Tenant>): string | null {
  if (releases === undefined) return null;
  if (keys.length === 0) return "a list of releases is signed, so the tenant must have keys";
  return placeOfArtifact(releases) === null ? "it must be oci://REGISTRY/REPOSITORY:TAG" : null;
}

function tenantOf(name: string, raw: z.infer<typeof Tenant>, path: string, file: YamlFile<unknown> | null): Tenant {
  const { scope, limits } = raw;
  raw.respond.forEach((row, i) => {
    const obstacle = obstacleTo(row, scope);
    if (obstacle !== null && file !== null) throw file.wrong(["tenants", name, "respond", i, "action"], obstacle);
  });
  const obstacle = obstacleToReleases(raw);
  if (obstacle !== null && file !== null) throw file.wrong(["tenants", name, "releases"], obstacle);
  return {
    name,
    tenancy: {
      tenant: name,
      scope: {
        containers: scope.containers,
        images: scope.images,
        families: scope.task_families,
        uids: scope.uids,
        executables: scope.executables,
      },
      alerts: { burst: limits.alert_burst, perMinute: limits.alerts_per_minute },
      bounds: {
        usPerEvent: limits.us_per_event,
        alerts: { burst: limits.total_alert_burst, perMinute: limits.total_alerts_per_minute },
        logLinesPerMinute: limits.log_lines_per_minute,
      },
      memoryBytes: limits.total_memory_mib * (1 << 20),
    },
    modules: {
      ...DEFAULT_LIMITS,
      moduleBytes: limits.module_kib * 1024,
      memoryPages: Math.floor((limits.memory_mib * (1 << 20)) / PAGE),
    },
    policiesMax: limits.policies,
    memoryBytesMax: limits.total_memory_mib * (1 << 20),
    isApart: raw.isolation === "process",
    loaders: raw.loaders,
    oldestSerial: raw.oldest_serial,
    releases: raw.releases ?? null,
    keys: raw.keys.map((key, i) => {
      try {
        return readPublicKey(readPlainFile(resolve(dirname(path), key), { most: KEY_BYTES_MAX }));
      } catch (error) {
        throw file?.wrong(["tenants", name, "keys", i], `the key ${key} cannot be used: ${reasonOf(error)}`) ?? error;
      }
    }),
    alerts: raw.alerts === undefined ? null : resolve(dirname(path), raw.alerts),
    owner: raw.owner ?? null,
    responses: raw.respond,
  };
}
