// SPDX-License-Identifier: Apache-2.0
// What `vedette serve` forwards to a bus: its options, and what they come to. Findings go as an output of
// NATS does, blocks by the forwarder. With blocks the pool judges, so the sidecar tells no facts.
import { join } from "node:path";
import { type Command, InvalidArgumentError } from "commander";
import type { TaskMetadata } from "../ecs/metadata.js";
import { VedetteError } from "../errors.js";
import type { Forward } from "../fleet/selection.js";
import type { Say } from "../log.js";
import { parseNatsUrl } from "../output/nats-url.js";
import type { NamedOutput } from "../output/registry.js";
import type { FleetOptions } from "../sensor/sensor.js";
import { speaking } from "./failure.js";

/** As they were typed. */
export interface ForwardFlags {
  readonly bus?: string;
  readonly busCreds?: string;
  readonly busCa?: string;
  readonly busTenant?: string;
  readonly forward?: string;
  readonly forwardSpool?: string;
  readonly forwardSpoolMib?: number;
  readonly partitions?: number;
}

const SPOOL_MIB = { least: 1, most: 1024, usual: 64 };
/** How many partitions there may be. */
export const PARTITION_COUNT = { least: 1, most: 4096 };
const ALERTS = { name: "bus", capacity: 10_000, subject: "vd.a.{tenant}.{task}" };

/** What beats say, too: files of Falco's rules. */
type FleetFlags = ForwardFlags & { readonly falcoRules?: readonly string[] };

/** Adds them to the command. */
export function forwardOptions(command: Command): Command {
  return command
    .option(
      "--bus <url>",
      "forward to NATS at nats://HOST[:4222] or tls://HOST[:4222]; several with commas between them",
    )
    .option(
      "--forward <what>",
      "alerts (default): findings and facts; all: events too, in blocks; types=NAME,NAME: events of these types",
    )
    .option("--bus-creds <file>", "a file of credentials of NATS")
    .option("--bus-ca <file>", "a PEM file: who may have signed the bus's certificate")
    .option("--bus-tenant <name>", "of which tenant the blocks of this task are")
    .option("--forward-spool <dir>", "keep what the bus does not take in this folder, also over a restart")
    .option(
      "--forward-spool-mib <n>",
      "let that folder have at most so many MiB, 1 to 1024 (default: 64)",
      within(SPOOL_MIB),
    )
    .option(
      "--partitions <n>",
      "how many streams share the blocks of all tasks, 1 to 4096 (default: 8)",
      within(PARTITION_COUNT),
    );
}

/** The output of findings; none where no bus is named. With a spool, they wait in a folder in it. */
export function busOutput(flags: ForwardFlags): NamedOutput[] {
  const { bus: url, busCreds, busCa, forwardSpool: folder } = flags;
  if (url === undefined) return [];
  const { name, capacity, subject } = ALERTS;
  const place = { url, ...(busCreds && { creds: busCreds }), ...(busCa && { ca: busCa }) };
  const lines = { form: "vedette", hasIncidents: false } as const;
  const disk = folder === undefined ? {} : { disk: { folder: join(folder, "alerts"), bytes: shareOf(flags).alerts } };
  return [{ name, kind: "nats", settings: { ...place, subject, capacity }, lines, ...disk }];
}

/** Of the spool, in bytes: blocks have three quarters, where there are any. */
function shareOf({ forward = "alerts", forwardSpoolMib: mib = SPOOL_MIB.usual }: ForwardFlags) {
  const all = mib << 20;
  const alerts = forward === "alerts" ? all : all / 4;
  return { alerts, blocks: all - alerts };
}

/** What goes to the bus beside alerts; null: no bus is named. Throws VEDETTE_USAGE. */
export async function forwarding(flags: FleetFlags, metadata: TaskMetadata): Promise<FleetOptions | null> {
  const { bus: url, forward: what = "alerts", busTenant: tenant = "", forwardSpool: folder } = flags;
  if (url === undefined) {
    if (flags.forward !== undefined) throw usage("--forward needs --bus.");
    return null;
  }
  if (parseNatsUrl(url) === null) throw usage("--bus must be nats://HOST[:PORT] or tls://HOST[:PORT].");
  const [{ parseForward }, { NatsBus }, { PARTITIONS: usual, placeOfBlocks }] = await Promise.all([
    import("../fleet/selection.js"),
    import("../fleet/nats-bus.js"),
    import("../fleet/subject.js"),
  ]);
  const forward: Forward | { readonly wrong: string } = parseForward(what);
  if (typeof forward === "object" && "wrong" in forward) throw usage(`--forward: ${forward.wrong}`);
  const task = await metadata.arnOrHost();
  const { busCreds, busCa, partitions = usual, falcoRules: rules = [] } = flags;
  const place = { url, ...(busCreds && { creds: busCreds }), ...(busCa && { ca: busCa }) };
  const bus = new NatsBus(place);
  const beats = { bus, tenant, task, rules };
  const say: Say = (line, level) => speaking.say(line, level);
  if (forward === "alerts") return { bus, beats, forward: null, facts: { bus, tenant, task, partitions, say } };
  return {
    ...{ bus, beats, facts: null },
    forward: {
      bus,
      place: placeOfBlocks(tenant, task, partitions),
      ...{ tenant, task, wanted: forward === "all" ? null : forward },
      ...(folder === undefined ? {} : { spool: { folder, bytes: shareOf(flags).blocks } }),
      say,
      onFault: speaking.onFault,
    },
  };
}

function usage(problem: string): VedetteError {
  return new VedetteError("VEDETTE_USAGE", { command: "serve", problem });
}

/** Takes a whole number within these bounds. */
export function within({ least, most }: { readonly least: number; readonly most: number }): (text: string) => number {
  return (text) => {
    const count = Number(text);
    if (/^\d{1,9}$/.test(text) && count >= least && count <= most) return count;
    throw new InvalidArgumentError(`It must be a number from ${least} to ${most}.`);
  };
}
