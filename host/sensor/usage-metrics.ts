// SPDX-License-Identifier: Apache-2.0
// What Prometheus learns of what containers use: processors, memory, disks, descriptors, threads and the
// queues of sockets that listen. Each agent speaks for its own container. Names are OpenTelemetry's where it
// has one (container.cpu.time, container.memory.usage, container.disk.io).
import { Counter, Gauge, type Registry } from "prom-client";
import type { PeerUsage } from "../intake/intake.js";

interface Row {
  readonly name: string;
  readonly help: string;
  /** By which label of its own it is told apart, and what of it is which value. Null: there is none. */
  readonly label: string | null;
  readonly values: readonly (readonly [value: string, of: (amount: Amount) => number | undefined])[];
}

type AmountName = keyof PeerUsage["amounts"];
type Amount = (name: AmountName) => number | undefined;

const MICRO = 1e-6;
const PERMILLE = 1e-3;
const alone = (of: (amount: Amount) => number | undefined): Row["values"] => [["", of]];
const scaled = (name: AmountName, by: number) => (amount: Amount) => times(amount(name), by);
const plain = (name: AmountName) => scaled(name, 1);

const COUNTERS: readonly Row[] = [
  {
    name: "container_cpu_time_seconds_total",
    help: "processor time that the container took",
    label: "cpu_mode",
    values: [
      ["user", scaled("cpu_user_us", MICRO)],
      ["system", scaled("cpu_system_us", MICRO)],
    ],
  },
  {
    name: "container_disk_io_bytes_total",
    help: "bytes that the container read from disks and wrote to them",
    label: "disk_io_direction",
    values: [
      ["read", plain("io_read")],
      ["write", plain("io_written")],
    ],
  },
  counter(
    "container_cpu_throttled_seconds",
    "time that threads waited because the limit was used up",
    scaled("cpu_throttled_us", MICRO),
  ),
  counter("container_cpu_periods", "periods in which the limit of processor time held", plain("cpu_periods")),
  counter("container_cpu_throttled_periods", "periods in which it was used up", plain("cpu_throttled_periods")),
  counter("container_oom_kills", "processes that the kernel killed for want of memory", plain("oom_kills")),
  counter(
    "socket_listen_overflows",
    "connections that a full queue of a listening socket lost",
    plain("listen_overflows"),
  ),
  counter("socket_listen_drops", "the same, and those that were lost there for other reasons", plain("listen_drops")),
];
const GAUGES: readonly Row[] = [
  gauge("container_memory_usage_bytes", "memory that the container uses, page cache included", plain("memory")),
  gauge("container_memory_working_set_bytes", "the same without files that nobody uses any more", workingSet),
  gauge("vedette_container_memory_limit_bytes", "memory that the container may use", plain("memory_limit")),
  gauge("vedette_container_cpu_limit", "processors that the container may use", cpuLimit),
  gauge("vedette_container_processes", "processes of the container, the first 256", plain("processes")),
  gauge("vedette_container_threads", "their threads", plain("threads")),
  gauge("vedette_container_threads_limit", "threads that the container may have", plain("threads_limit")),
  gauge("vedette_container_descriptors", "their open descriptors", plain("descriptors")),
  gauge(
    "vedette_container_descriptors_utilization",
    "open descriptors of the process that is nearest to its limit, as a share of that",
    scaled("descriptors_permille", PERMILLE),
  ),
];

/**
 * Adds them to a registry. `usages` is asked at each scrape; `label` gives a container's name as a label, of
 * which there are only so many.
 */
export function registerUsages(
  registry: Registry,
  usages: () => readonly PeerUsage[],
  label: (name: string) => string,
): void {
  const told = (row: Row, give: (labels: Record<string, string>, value: number) => void): void => {
    for (const usage of usages())
      for (const [value, of] of row.values) {
        const found = of((name) => usage.amounts[name]);
        const own = row.label === null ? {} : { [row.label]: value };
        if (found !== undefined) give({ container: label(usage.name), ...own }, found);
      }
  };
  const base = (row: Row) => ({
    name: row.name,
    help: row.help,
    labelNames: row.label === null ? ["container"] : ["container", row.label],
    registers: [registry],
  });
  for (const row of COUNTERS)
    new Counter({
      ...base(row),
      collect() {
        this.reset(); // the kernel counts, and who is gone has none
        told(row, (labels, value) => this.inc(labels, value));
      },
    });
  for (const row of GAUGES)
    new Gauge({
      ...base(row),
      collect() {
        this.reset();
        told(row, (labels, value) => this.set(labels, value));
      },
    });
  registerBacklogs(registry, usages, label);
}

/** Two sockets may listen at one port: of both the fuller queue is told. */
function registerBacklogs(
  registry: Registry,
  usages: () => readonly PeerUsage[],
  label: (name: string) => string,
): void {
  const rows = [
    ["usage", "connections that wait to be accepted", "waiting"],
    ["limit", "connections that may wait", "most"],
  ] as const;
  for (const [name, help, part] of rows)
    new Gauge({
      name: `vedette_socket_backlog_${name}`,
      help,
      labelNames: ["container", "server_port"],
      registers: [registry],
      collect() {
        this.reset();
        for (const { name: container, listeners } of usages())
          for (const one of [...listeners].sort((a, b) => a.waiting - b.waiting))
            this.set({ container: label(container), server_port: String(one.port) }, one[part]);
      },
    });
}

function counter(name: string, help: string, of: (amount: Amount) => number | undefined): Row {
  return { name: `vedette_${name}_total`, help, label: null, values: alone(of) };
}

function gauge(name: string, help: string, of: (amount: Amount) => number | undefined): Row {
  return { name, help, label: null, values: alone(of) };
}

function times(number: number | undefined, by: number): number | undefined {
  return number === undefined ? undefined : number * by;
}

function workingSet(amount: Amount): number | undefined {
  const [memory, idle] = [amount("memory"), amount("memory_inactive_file")];
  return memory === undefined || idle === undefined ? undefined : Math.max(0, memory - idle);
}

function cpuLimit(amount: Amount): number | undefined {
  const [quota, period = 0] = [amount("cpu_quota_us"), amount("cpu_period_us")];
  return quota === undefined || period === 0 ? undefined : quota / period;
}
