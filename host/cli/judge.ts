// SPDX-License-Identifier: Apache-2.0
// `vedette judge`: a host of the pool that judges what many tasks forward, until SIGTERM or SIGINT. Then it
// commits and gives its partitions back.
import { explain, VedetteError } from "../errors.js";
import { JudgePool } from "../fleet/pool.js";
import { PoolMonitor } from "../fleet/pool-monitor.js";
import { PARTITIONS } from "../fleet/subject.js";
import { counted } from "../output/counted.js";
import { parseNatsUrl } from "../output/nats-url.js";
import { loadPolicies } from "../policy/load.js";
import { reasonOf } from "../reason.js";
import { placeOf } from "../sensor/sensor.js";
import { openStore } from "../store/open.js";
import { say, warn } from "./failure.js";
import { policiesText } from "./judged.js";

/** The command's flags, as they were typed. */
export interface JudgeFlags {
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
  const store = await openStore({ place, onFault: (error) => warn(`vedette: ${explain(error)}`) });
  const bus = { url, ...(busCreds && { creds: busCreds }), ...(busCa && { ca: busCa }) };
  const pool = new JudgePool({ bus, store, partitions, policies, replicas, say: warn });
  const monitor = new PoolMonitor(() => pool);
  try {
    await monitor.listen(placeOf(http), http);
    say(
      `vedette: judging ${counted(partitions, "partition")} of ${url} by ${policiesText({ policies })}, into ${store.name}`,
    );
    await pool.run(stopped.signal).catch((cause: unknown) => {
      if (cause instanceof VedetteError) throw cause;
      throw new VedetteError(
        "VEDETTE_STOPPED_JUDGING",
        { reason: reasonOf(cause), unjudged: "What was not committed is judged again." },
        { cause },
      );
    });
    return 0;
  } finally {
    monitor.close();
    await store.close();
  }
}

function usage(problem: string): VedetteError {
  return new VedetteError("VEDETTE_USAGE", { command: "judge", problem });
}
