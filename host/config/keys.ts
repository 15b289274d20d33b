// SPDX-License-Identifier: Apache-2.0
// The keys of vedette.yaml that are options of the command line too, a row each: what the option is called in
// the code, and what may stand there. A key means what its option means, and nothing else: so there is one
// description of each, that of `--help`.
//
//   alerts_detail: true        --alerts-detail        VEDETTE_ALERTS_DETAIL=true
import * as z from "zod";
import { parseSyslogUrl } from "../output/syslog-url.js";
import { ResponseRows } from "../policy/respond.js";

/** One key, and the option that it stands for. */
export interface Key {
  /** The option without its dashes: `alerts-detail`. */
  readonly option: string;
  readonly schema: z.ZodType;
  /** What the option's value is, where the file says it in another form. */
  readonly optionValue?: (value: never) => unknown;
}

/** A file of evidence and its capture have room in it. */
const EVIDENCE_MIB = { least: 128, most: 1_048_576 };
const EVIDENCE_HOURS_MAX = 8760;
const SNAPLEN_MAX = 4096;
const WORKERS_MAX = 8;
const SECONDS_MAX = 999;
const SPOOL_MIB_MAX = 1024;
const PARTITIONS_MAX = 4096;
const REPLICAS_MAX = 5;

const text = z.string().min(1);
const texts = z.array(text);
const yes = z.boolean();
const count = (least: number, most: number) => z.number().int().min(least).max(most);

/** A text that must be a syslog server's address; the value is not told, since all texts may hold secrets. */
export const syslogUrl = text.refine(
  (url) => parseSyslogUrl(url) !== null,
  "it must be udp://HOST[:PORT], tcp://HOST:PORT, tls://HOST[:PORT] or unix:/PATH",
);

/** By key, in the order of the reference. */
export const KEYS: Readonly<Record<string, Key>> = {
  policies: { option: "policy", schema: texts },
  policies_d: { option: "policies-d", schema: text },
  tenants: { option: "tenants", schema: text },
  releases: { option: "releases", schema: yes },
  require_signed: { option: "require-signed", schema: yes },
  serials: { option: "serials", schema: text },
  isolation: { option: "isolation", schema: z.enum(["thread", "process"]) },
  workers: { option: "workers", schema: count(1, WORKERS_MAX) },
  control: { option: "control", schema: text },
  control_tcp: { option: "control-tcp", schema: text },
  control_tokens: { option: "control-tokens", schema: text },
  console: { option: "console", schema: yes },
  store: { option: "store", schema: text },
  falco_rules: { option: "falco-rules", schema: texts },
  falco_exact: { option: "falco-exact", schema: yes },
  falco_options: { option: "option", schema: texts },
  matching: { option: "matching", schema: z.enum(["all", "first"]) },
  strict: { option: "strict", schema: yes },
  tags: { option: "tag", schema: texts },
  without_tags: { option: "without-tag", schema: texts },
  without_rules: { option: "without-rule", schema: texts },
  alerts: { option: "alerts", schema: text },
  alerts_detail: { option: "alerts-detail", schema: yes },
  repeats: { option: "repeats", schema: z.enum(["all", "first"]) },
  syslog: { option: "syslog", schema: syslogUrl, optionValue: parseSyslogUrl },
  syslog_ca: { option: "syslog-ca", schema: text },
  respond: { option: "respond", schema: ResponseRows },
  watch_config: { option: "watch-config", schema: yes },
  listen: { option: "listen", schema: text },
  secret_file: { option: "secret-file", schema: text },
  container_secrets: {
    option: "container-secret",
    schema: z.record(text, text),
    optionValue: (files: Readonly<Record<string, string>>) =>
      Object.entries(files).map(([name, path]) => ({ name, path })),
  },
  http: { option: "http", schema: text },
  bus: { option: "bus", schema: text },
  forward: { option: "forward", schema: text },
  bus_creds: { option: "bus-creds", schema: text },
  bus_ca: { option: "bus-ca", schema: text },
  bus_tenant: { option: "bus-tenant", schema: text },
  forward_spool: { option: "forward-spool", schema: text },
  forward_spool_mib: { option: "forward-spool-mib", schema: count(1, SPOOL_MIB_MAX) },
  partitions: { option: "partitions", schema: count(1, PARTITIONS_MAX) },
  replicas: { option: "replicas", schema: count(1, REPLICAS_MAX) },
  drain: { option: "drain", schema: count(0, SECONDS_MAX) },
  log_format: { option: "log-format", schema: z.enum(["text", "json"]) },
  quiet: { option: "quiet", schema: yes },
  record: { option: "record", schema: text },
  evidence: { option: "evidence", schema: text },
  evidence_max_mib: { option: "evidence-max-mib", schema: count(EVIDENCE_MIB.least, EVIDENCE_MIB.most) },
  evidence_keep_h: { option: "evidence-keep-h", schema: count(1, EVIDENCE_HOURS_MAX) },
  evidence_capture: { option: "evidence-capture", schema: z.enum(["scap", "scap.gz"]) },
  incidents: { option: "incidents", schema: yes },
  snaplen: { option: "snaplen", schema: count(0, SNAPLEN_MAX) },
  tiers: { option: "tiers", schema: z.enum(["all", "trace"]) },
  integrity: { option: "integrity", schema: z.enum(["normal", "adaptive", "strict"]) },
  believe: { option: "believe", schema: texts },
  tls_plaintext: { option: "tls-plaintext", schema: yes },
  site_cache: { option: "site-cache", schema: text },
  io_uring: { option: "io-uring", schema: z.enum(["refuse", "allow"]) },
  on_overload: { option: "on-overload", schema: z.enum(["shed", "block"]) },
};
