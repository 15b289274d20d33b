// SPDX-License-Identifier: Apache-2.0
// `vedette fleet collect`: findings of many tasks go from the bus into one store, until SIGTERM or SIGINT.
import { explain, VedetteError } from "../errors.js";
import { Collector } from "../fleet/collector.js";
import { counted } from "../output/counted.js";
import { parseNatsUrl } from "../output/nats-url.js";
import { reasonOf } from "../reason.js";
import { openStore } from "../store/open.js";
import { say, warn } from "./failure.js";
import { print } from "./print.js";

/** The command's flags, as they were typed. */
export interface CollectFlags {
  readonly bus: string;
  readonly busCreds?: string;
  readonly busCa?: string;
  readonly stream: string;
  readonly store?: string;
  readonly once?: boolean;
}

/** Throws VEDETTE_USAGE, VEDETTE_BUS_AWAY, VEDETTE_NATS_CREDENTIALS, and what opens a store or a PEM file. */
export async function collect({
  bus: url,
  busCreds,
  busCa,
  stream,
  store: place,
  once,
}: CollectFlags): Promise<number> {
  if (parseNatsUrl(url) === null) {
    const problem = "--bus must be nats://HOST[:PORT] or tls://HOST[:PORT].";
    throw new VedetteError("VEDETTE_USAGE", { command: "fleet collect", problem });
  }
  if (place === undefined)
    throw new VedetteError("VEDETTE_USAGE", { command: "fleet collect", problem: "Give --store PLACE." });
  const stopped = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => stopped.abort());
  const bus = {
    url,
    ...(busCreds === undefined ? {} : { creds: busCreds }),
    ...(busCa === undefined ? {} : { ca: busCa }),
  };
  const store = await openStore({ place, onFault: (error) => warn(`vedette: ${explain(error)}`) });
  try {
    const collector = new Collector({ bus, stream, store, isOnce: once === true, say: warn });
    if (once !== true) say(`vedette: collecting from ${url} into ${store.name}`);
    await collector.run(stopped.signal).catch((cause: unknown) => {
      throw new VedetteError("VEDETTE_BUS_AWAY", { url, reason: reasonOf(cause) }, { cause });
    });
    const { kept, refused, lost } = collector.collected;
    print([`${counted(kept, "finding")} kept, ${counted(refused, "message")} refused, ${lost} lost by the stream`]);
    return 0;
  } finally {
    await store.close();
  }
}
