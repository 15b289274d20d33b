// SPDX-License-Identifier: Apache-2.0
// What a user can get wrong in words and files, a row each: what is run, the code it ends with, and what its
// sentence must name.
import { generateKeyPairSync } from "node:crypto";
import { LOST } from "../../host/cli/exit-statuses.js";
import { AGENT, VEDETTE } from "./programs.js";

export const POLICY_YAML = "name: bad\nversion: 1.0.0\ndescription: made to be refused\n";
const RULE = `import { AnyExec, Priority, rule } from "vedette";

@rule({ name: "R", desc: "d", priority: Priority.Notice, output: "o" })
export function r(e: AnyExec): bool {
  return e.nonsense;
}
`;
export const TELLS = RULE.replace("e.nonsense", "true");
const TRAPS = RULE.replace("return e.nonsense", 'throw new Error("by design")');
const EC_KEY = generateKeyPairSync("ec", {
  namedCurve: "P-256",
  publicKeyEncoding: { type: "spki", format: "pem" },
  privateKeyEncoding: { type: "pkcs8", format: "pem" },
}).privateKey;
// Nobody listens there, and fetch's list of ports that it refuses does not hold it.
const NOBODYS_PORT = 6;

export interface Row {
  title: string;
  code: string;
  /** What the sentence must name. */
  says: RegExp;
  files?: Record<string, string>;
  argv: string[];
  status?: number;
}

export const vedette = (...args: string[]): string[] => [...VEDETTE, ...args];

const NO_ADMIN = ["setpriv", "--bounding-set", "-sys_admin"];
const WITHOUT_ADMIN = ["unshare", "-pf", ...NO_ADMIN];

export const ROWS: Row[] = [
  { title: "no command of Vedette", code: "VEDETTE_USAGE", says: /command/i, argv: vedette() },
  {
    title: "a /proc of another PID namespace, and no right to open another",
    code: "VEDETTE_PROC_FOREIGN",
    says: /another PID namespace.*not permitted/,
    argv: [...WITHOUT_ADMIN, ...vedette("run", "--", "sh", "-c", "cat /etc/shadow | wc -l")],
  },
  {
    title: "a /proc of another PID namespace, found by the agent itself",
    code: "VEDETTE_PROC_FOREIGN",
    says: /another PID namespace/,
    argv: [...WITHOUT_ADMIN, AGENT, "--host", "discard", "--", "true"],
  },
  {
    title: "a file of Falco's rules that is not there",
    code: "VEDETTE_FALCO_UNREADABLE",
    says: /missing\/rules\.yaml cannot be read: no such file/,
    argv: vedette("run", "--falco-rules", "missing/rules.yaml", "--", "true"),
  },
  {
    title: "one that is not there, checked",
    code: "VEDETTE_FALCO_UNREADABLE",
    says: /missing\.yaml cannot be read: no such file/,
    argv: vedette("policy", "check", "--falco", "missing.yaml"),
  },
  {
    title: "events to print, and rules to judge them by",
    code: "VEDETTE_USAGE",
    says: /Give either rules or policies to judge by, or --print, --json or --filter/,
    files: { "work.rec": "" },
    argv: vedette("replay", "work.rec", "--policy", "pack", "--json"),
  },
  {
    title: "no /proc",
    code: "VEDETTE_PROC_MISSING",
    says: /not mounted: ./,
    argv: ["unshare", "-m", "sh", "-c", 'umount -l /proc; exec "$@"', "sh", ...vedette("trace", "--", "true")],
  },
  {
    title: "no /proc, found by the agent itself",
    code: "VEDETTE_PROC_MISSING",
    says: /not mounted: ./,
    argv: [
      "unshare",
      "-m",
      "sh",
      "-c",
      `umount -l /proc; exec "$@"`,
      "sh",
      ...NO_ADMIN,
      AGENT,
      "--host",
      "discard",
      "--",
      "true",
    ],
  },
  {
    title: "a limit of 24 open files",
    code: "VEDETTE_FILES_LIMIT",
    says: /EMFILE/,
    argv: ["sh", "-c", 'ulimit -n 24; exec "$@"', "sh", ...vedette("run", "--", "true")],
  },
  { title: "no command to run", code: "VEDETTE_NO_COMMAND", says: /no command/i, argv: vedette("run") },
  { title: "an empty command", code: "VEDETTE_NO_COMMAND", says: /no command/i, argv: vedette("trace", "--", "") },
  {
    title: "a command that is not there",
    code: "VEDETTE_COMMAND_NOT_FOUND",
    says: /no-such-command/,
    argv: vedette("run", "--", "no-such-command"),
  },
  {
    title: "a path that is not there",
    code: "VEDETTE_COMMAND_NOT_FOUND",
    says: /\.\/missing\/program/,
    argv: vedette("trace", "--", "./missing/program"),
  },
  {
    title: "a file that is not executable",
    code: "VEDETTE_COMMAND_NOT_EXECUTABLE",
    says: /\.\/plain/,
    files: { plain: "text" },
    argv: vedette("run", "--", "./plain"),
  },
  {
    title: "a folder as command",
    code: "VEDETTE_COMMAND_NOT_EXECUTABLE",
    says: /\/etc/,
    argv: vedette("run", "--", "/etc"),
  },
  {
    title: "an unknown option",
    code: "VEDETTE_USAGE",
    says: /--colour/,
    argv: vedette("run", "--colour", "--", "true"),
  },
  {
    title: "an unknown command of Vedette",
    code: "VEDETTE_USAGE",
    says: /watch/,
    argv: vedette("watch", "--", "true"),
  },
  { title: "a command without --", code: "VEDETTE_USAGE", says: /--/, argv: vedette("run", "true") },
  {
    title: "a snapshot length that is no number",
    code: "VEDETTE_USAGE",
    says: /4096/,
    argv: vedette("run", "--snaplen", "many", "--", "true"),
  },
  {
    title: "a snapshot length too large",
    code: "VEDETTE_USAGE",
    says: /4096/,
    argv: vedette("run", "--snaplen", "4097", "--", "true"),
  },
  {
    title: "a policy folder that is not there",
    code: "VEDETTE_POLICY_UNREADABLE",
    says: /missing-policies/,
    argv: vedette("run", "--policy", "missing-policies", "--", "true"),
  },
  {
    title: "a folder without policies",
    code: "VEDETTE_POLICY_NONE",
    says: /nothing/,
    files: { "nothing/readme": "" },
    argv: vedette("run", "--policy", "nothing", "--", "true"),
  },
  {
    title: "a rule that no policy can say is named with its file, line and term, and no folder is made",
    code: "VEDETTE_POLICY_FROM",
    says: /rules\.yaml:3: .*"Shouting".*toupper\(proc\.name\) = SH/,
    files: {
      "rules.yaml":
        "- rule: Shouting\n  desc: d\n  condition: evt.type = execve and toupper(proc.name) = SH\n  output: o\n  priority: INFO\n",
    },
    argv: vedette("policy", "new", "--from", "rules.yaml", "made"),
  },
  {
    title: "of which rule a policy is to be made is asked where the file has several",
    code: "VEDETTE_POLICY_FROM_RULE",
    says: /"One", "Two"/,
    files: {
      "rules.yaml": ["One", "Two"]
        .map((name) => `- {rule: ${name}, desc: d, condition: evt.type = execve, output: o, priority: INFO}\n`)
        .join(""),
    },
    argv: vedette("policy", "new", "--from", "rules.yaml", "made"),
  },
  {
    title: "a policy.yaml that is no YAML",
    code: "VEDETTE_POLICY_YAML",
    says: /policy\.yaml:3:1: /, // the flow sequence ends where the file does
    files: { "bad/policy.yaml": "name: bad\nversion: [1\n", "bad/index.ts": RULE },
    argv: vedette("run", "--policy", "bad", "--", "true"),
  },
  {
    title: "a policy.yaml that is a folder",
    code: "VEDETTE_POLICY_YAML",
    says: /policy\.yaml:1:1: it cannot be read: it is a folder/,
    files: { "bad/policy.yaml/x": "", "bad/index.ts": TELLS },
    argv: vedette("run", "--policy", "bad", "--", "true"),
  },
  {
    title: "a tenants.yaml that is not there",
    code: "VEDETTE_TENANTS_YAML",
    says: /missing\.yaml:1:1: it cannot be read: no such file or directory/,
    argv: vedette("run", "--tenants", "missing.yaml", "--", "true"),
  },
  {
    title: "a policy that does not compile",
    code: "VEDETTE_POLICY_COMPILE",
    says: /index\.ts:5:\d+: .*nonsense/,
    files: { "bad/policy.yaml": POLICY_YAML, "bad/index.ts": RULE },
    argv: vedette("run", "--policy", "bad", "--", "true"),
  },
  {
    title: "a policy without rules",
    code: "VEDETTE_POLICY_NO_RULES",
    says: /bad/,
    files: { "bad/policy.yaml": POLICY_YAML, "bad/index.ts": "export const nothing = 1;\n" },
    argv: vedette("run", "--policy", "bad", "--", "true"),
  },
  {
    title: "a policy without code",
    code: "VEDETTE_POLICY_NO_CODE",
    says: /bad/,
    files: { "bad/policy.yaml": POLICY_YAML },
    argv: vedette("run", "--policy", "bad", "--", "true"),
  },
  {
    title: "a row that no race-free answer can be given to",
    code: "VEDETTE_PREVENT_REFUSED",
    says: /bad\/policy\.yaml:2:\d+: open cannot be prevented: .*another thread/,
    files: { "bad/policy.yaml": "name: bad\nprevent: [{name: n, deny: open}]\n" },
    argv: vedette("run", "--policy", "bad", "--", "true"),
  },
  {
    title: "a row that this agent cannot hold",
    code: "VEDETTE_PREVENT_TABLE",
    says: /the agent of this workload: with --io-uring allow/,
    files: { "good/policy.yaml": "name: good\nprevent: [{name: n, deny: connect, to: [10.0.0.0/8]}]\n" },
    argv: vedette("run", "--io-uring", "allow", "--policy", "good", "--", "true"),
  },
  {
    title: "an alerts file that cannot be written",
    code: "VEDETTE_SINK_UNWRITABLE",
    says: /missing\/alerts/,
    argv: vedette("run", "--alerts", "missing/alerts", "--", "true"),
  },
  {
    title: "N7: alerts on a full disk",
    code: "VEDETTE_SINK_UNWRITABLE",
    says: /\/dev\/full: no space left on device\.[\s\S]*: 1 alert could not be sent/,
    files: { "good/policy.yaml": POLICY_YAML, "good/index.ts": TELLS },
    argv: vedette("run", "--policy", "good", "--alerts", "/dev/full", "--", "true"),
    status: LOST,
  },
  {
    title: "N7: a trace on a full disk, of a workload that worked",
    code: "VEDETTE_OUTPUT_UNWRITABLE",
    says: /\/dev\/full: no space left on device/,
    argv: vedette("trace", "-o", "/dev/full", "--", "true"),
    status: LOST,
  },
  {
    title: "a trace on a full disk, of a workload that failed",
    code: "VEDETTE_OUTPUT_UNWRITABLE",
    says: /\/dev\/full: no space left on device/,
    argv: vedette("trace", "-o", "/dev/full", "--", "sh", "-c", "exit 3"),
    status: 3, // the workload's own
  },
  {
    title: "a recording that cannot be written",
    code: "VEDETTE_RECORDING_UNWRITABLE",
    says: /missing\/recording/,
    argv: vedette("record", "-o", "missing/recording", "--", "true"),
  },
  {
    title: "a capture that cannot be written",
    code: "VEDETTE_SCAP_UNWRITABLE",
    says: /missing\/work\.scap/,
    files: { "work.rec": `VDREC001VDBK${"\0".repeat(12)}` }, // an empty one
    argv: vedette("convert", "work.rec", "missing/work.scap"),
  },
  {
    title: "a recording beside alerts that cannot be written",
    code: "VEDETTE_RECORDING_UNWRITABLE",
    says: /missing\/recording/,
    argv: vedette("run", "--record", "missing/recording", "--", "true"),
  },
  {
    title: "a policy that fails at an event",
    code: "VEDETTE_POLICY_TRAPPED",
    says: /policy bad failed while it judged event \d+: by design/,
    files: { "bad/policy.yaml": POLICY_YAML, "bad/index.ts": TRAPS },
    argv: vedette("run", "--policy", "bad", "--alerts", "/dev/null", "--", "sh", "-c", "exit 3"),
    status: 3,
  },
  {
    title: "a policy that fails when it is measured",
    code: "VEDETTE_POLICY_TRAPPED",
    says: /policy bad failed while it judged event of type exec\w+: by design/,
    files: { "bad/policy.yaml": POLICY_YAML, "bad/index.ts": TRAPS },
    argv: vedette("policy", "bench", "bad"),
  },
  {
    title: "a key that is none",
    code: "VEDETTE_KEY_UNREADABLE",
    says: /The key text cannot be used/,
    files: { "good/policy.yaml": POLICY_YAML, text: "no key" },
    argv: vedette("policy", "sign", "good", "--key", "text"),
  },
  {
    title: "a key of another kind",
    code: "VEDETTE_KEY_UNREADABLE",
    says: /The key ec\.pem cannot be used: it is of the kind ec\./,
    files: { "good/policy.yaml": POLICY_YAML, "ec.pem": EC_KEY },
    argv: vedette("policy", "sign", "good", "--key", "ec.pem"),
  },
  {
    title: "a key that cannot be made",
    code: "VEDETTE_KEY_UNREADABLE",
    says: /missing\/key cannot be used: no such file or directory/,
    files: { "good/policy.yaml": POLICY_YAML },
    argv: vedette("policy", "sign", "good", "--key", "missing/key"),
  },
  {
    title: "a host that is asked for its health and is not there",
    code: "VEDETTE_UNHEALTHY",
    says: /127\.0\.0\.1:6 is not healthy: connection refused/,
    argv: vedette("serve", "--check", "--http", `127.0.0.1:${NOBODYS_PORT}`),
  },
  {
    title: "a trace file that cannot be written",
    code: "VEDETTE_OUTPUT_UNWRITABLE",
    says: /missing\/trace/,
    argv: vedette("trace", "-o", "missing/trace", "--", "true"),
  },
  {
    title: "a host that is not there",
    code: "VEDETTE_HOST_UNREACHABLE",
    says: /missing\.sock/,
    argv: [AGENT, "--host", "unix:missing.sock", "--", "true"],
  },
  {
    title: "a bad option of the agent",
    code: "VEDETTE_USAGE",
    says: /--snaplen/,
    argv: [AGENT, "--snaplen", "x", "--", "true"],
  },
];
