// SPDX-License-Identifier: Apache-2.0
// Which files a command is told again by: those of configuration, and those that outputs are opened with.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { filesOf } from "../../../host/cli/falco-judging.js";
import { parseSyslogUrl } from "../../../host/output/syslog-url.js";

const syslog = parseSyslogUrl("tls://siem.example") ?? undefined;
const HTTP = [
  "enabled=true",
  "url=https://siem.example",
  "mtls=true",
  "client_cert=/crt",
  "client_key=/key",
  "ca_cert=/ca",
];

test("files of rules, policies and configuration are told, and certificates and keys of every output", async () => {
  const named = { name: "siem", kind: "http", settings: { url: "https://a.example", ca: "/named-ca" } } as never;
  const flags = {
    ...{ configFile: "v.yaml", falcoRules: ["rules.yaml"], policy: ["mine"], respond: "respond.yaml" },
    ...{ syslog, syslogCa: "/syslog-ca", outputs: [named] },
    option: HTTP.map((text) => `http_output.${text}`),
  };
  assert.equal([...(await filesOf(flags as never))].sort(), [
    "/ca",
    "/crt",
    "/key",
    "/named-ca",
    "/syslog-ca",
    "mine",
    "respond.yaml",
    "rules.yaml",
    "v.yaml",
  ]);
});

test("where an option of Falco's is wrong, all other files are told", async () => {
  const flags = { configFile: "v.yaml", falcoRules: ["rules.yaml"], option: ["priority=loud"] };
  assert.equal(await filesOf(flags), ["v.yaml", "rules.yaml"]);
});

test.run();
