// SPDX-License-Identifier: Apache-2.0
// `vedette judge`: a host of the pool that judges what many tasks forward, until SIGTERM or SIGINT. Then it
// commits and gives its partitions back.
import { explain, VedetteError } from "../errors.js";
import { JudgePool, type PoolOptions } from "../fleet/pool.js";
import { PoolMonitor } from "../fleet/pool-monitor.js";
import { PARTITIONS } from "../fleet/subject.js";
import { counted } from "../output/counted.js";
import { parseNatsUrl } from "../output/nats-url.js";
import { loadPolicies } from "../policy/load.js";
import { reasonOf } from "../reason.js";
import { Opened, placeOf } from "../sensor/sensor.js";
import { openStore } from "../store/open.js";
import { say, warn } from "./failure.js";
import { JudgedTenants, type TenantFlags } from "./judge-tenants.js";
import { policiesText } from "./judged.js";

/** The command's flags, as they were typed. */
export interface JudgeFlags extends TenantFlags {
  readonly bus?: string;
  readonly busCreds?: string;
  readonly busCa?: string;
  readonly store?: string;
  readonly policy: readonly string[];
  readonly partitions?: number;
  readonly replicas?: number;
  readonly http: string;
}

/**
 * Throws VEDETTE_USAGE, VEDETTE_NATS_CREDENTIALS, VEDETTE_STOPPED_JUDGING, what opens a store, a PEM file or
 * a policy.
 */
export async function judge(flags: JudgeFlags): Promise<number> {
  const { bus: url, store: place, busCreds, busCa, partitions = PARTITIONS, replicas = 1, http } = flags;
  if (url === undefined || parseNatsUrl(url) === null)
    throw usage("Give --bus nats://HOST[:PORT] or tls://HOST[:PORT].");
  if (place === undefined) throw usage("Give --store PLACE.");
  const stopped = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => stopped.abort());
  const policies = await loadPolicies(flags.policy);
  const onFault = (error: VedetteError): void => warn(`vedette: ${explain(error)}`);
  const opened = new Opened();
  try {
    const store = opened.add(await openStore({ place, onFault }), (one) => one.close());
    const hasTenants = flags.policiesD !== undefined || flags.releases === true;
    const tenants = hasTenants ? await JudgedTenants.open(flags, { say: warn, onFault }) : null;
    if (tenants !== null) opened.add(tenants, (one) => one.close());
    const bus = { url, ...(busCreds && { creds: busCreds }), ...(busCa && { ca: busCa }) };
    const pool = new JudgePool({ bus, store, partitions, policies, replicas, say: warn, ...handed(tenants) });
    const monitor = opened.add(new PoolMonitor(pool, () => tenants?.statuses() ?? []), (one) => one.close());
    await monitor.listen(placeOf(http), http);
    const by = policiesText({ policies: [...policies, ...(tenants?.house.policies ?? [])] });
    say(`vedette: judging ${counted(partitions, "partition")} of ${url} by ${by}, into ${store.name}`);
    await pool.run(stopped.signal).catch((cause: unknown) => {
      if (cause instanceof VedetteError) throw cause;
      const unjudged = "What was not committed is judged again.";
      throw new VedetteError("VEDETTE_STOPPED_JUDGING", { reason: reasonOf(cause), unjudged }, { cause });
    });
    return 0;
  } finally {
    await opened.close();
  }
}

function handed(tenants: JudgedTenants | null): Partial<PoolOptions> {
  if (tenants === null) return {};
  return {
    tenants: tenants.house,
    onFault: (error, policy) => tenants.tellFault(error, policy),
    onTenantAlert: (alert) => tenants.deliver(alert),
  };
}

function usage(problem: string): VedetteError {
  return new VedetteError("VEDETTE_USAGE", { command: "judge", problem });
}
