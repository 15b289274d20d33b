// SPDX-License-Identifier: Apache-2.0
// Keys of falco.yaml, each on a real run: what it asks for happens.
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { get } from "node:https";
import { type AddressInfo, createServer as createNetServer } from "node:net";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { makeCertificates } from "../host/output/certificates.js";
import { until } from "../until.js";
import { AGENT, endGroup, ROOT, run, scratch, start, VEDETTE } from "./programs.js";

const folder = scratch();
const falco = (...args: string[]) => run([...VEDETTE, "falco", ...args], { cwd: folder });
const file = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};
const rule = (name: string, condition: string, output: string): string =>
  `- {rule: ${name}, desc: about ${name}, condition: '${condition}', output: '${output}', priority: INFO}\n`;
const option = (...texts: string[]): string[] => texts.flatMap((text) => ["-o", text]);
const PLAIN = option("append_output[0].suggested_output=false", "json_output=true");

test("buffer_format_base64 shows payloads in base64, and conditions still see the bytes", async () => {
  const wrote = 'evt.type=write and evt.buffer contains "two words"';
  const rules = file("write.yaml", rule("wrote", wrote, "%evt.buffer|%evt.arg.data|%evt.args"));
  const payload = Buffer.from("two words\n\u0001\u0002é");
  const print = ["sh", "-c", `printf 'two words\\n\\001\\002\\303\\251' >/dev/null`];
  const fieldsOf = (line: string) => JSON.parse(line).output_fields as Record<string, string>;
  const [encoded, plain] = await Promise.all([
    falco("-r", rules, ...PLAIN, ...option("buffer_format_base64=true"), "--", ...print),
    falco("-r", rules, ...PLAIN, "--", ...print),
  ]);
  const base64 = payload.toString("base64");
  const fields = fieldsOf(encoded.stdout);
  assert.is(fields["evt.buffer"], base64, encoded.stderr);
  assert.is(fields["evt.arg.data"], base64);
  assert.ok(fields["evt.args"]?.includes(`data=${base64}`), fields["evt.args"]);
  assert.ok(JSON.parse(encoded.stdout).output.includes(`${base64}|${base64}|`));
  assert.is(fieldsOf(plain.stdout)["evt.buffer"], "two words.....");
});

test("base_syscalls.custom_set leaves calls out of every rule, and names a rule that has none left", async () => {
  const rules = file(
    "calls.yaml",
    rule("both", "evt.type in (execve, chdir) and proc.name in (sh, cat)", "%evt.type") +
      rule("one", "evt.type=chdir", "one"),
  );
  const command = ["--", "sh", "-c", "cd / && cat /dev/null"];
  const all = await falco("-r", rules, ...PLAIN, ...command);
  const types = ({ stdout }: { stdout: string }) =>
    new Set(
      stdout
        .split("\n")
        .filter(Boolean)
        .map((line) => JSON.parse(line).output.split(" ").at(-1)),
    );
  assert.equal(types(all), new Set(["execve", "chdir"]), all.stdout);
  const narrowed = await falco(
    "-r",
    rules,
    ...PLAIN,
    ...option("base_syscalls.custom_set=[clone, '!chdir']"),
    ...command,
  );
  assert.is(narrowed.status, 0, narrowed.stderr);
  assert.equal(types(narrowed), new Set(["execve"]), narrowed.stdout);
  assert.match(narrowed.stderr, 'the rule "one" can never fire here: base_syscalls.custom_set leaves chdir out');
});

test("H80: http_output.echo tells what the receiver answers, on stderr, where it cannot look like a line of ours", async () => {
  const server = createServer((request, response) => {
    request.resume().on("end", () => response.end("taken\nvedette: all is well\u001b[2J"));
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const rules = file("cat.yaml", rule("cat", "evt.type=execve and proc.name=cat", "cat"));
  const http = option("http_output.enabled=true", `http_output.url=${url}`, "http_output.echo=true");
  const ran = await falco("-r", rules, ...PLAIN, ...http, "--", "cat", "/dev/null");
  server.close();
  assert.is(ran.status, 0, ran.stderr);
  assert.ok(ran.stderr.includes(`vedette: ${url} answers 200: taken\n  vedette: all is well\\x1b[2J\n`), ran.stderr);
  assert.not.match(ran.stdout, "taken");
});

test("webserver: TLS alone where it is asked for, a path of its own for health, and versions", async () => {
  makeCertificates(folder, ["web"]);
  const both = file(
    "both.pem",
    ["web.pem", "web.key"].map((name) => readFileSync(join(folder, name), "utf8")).join(""),
  );
  const port = await freePort();
  const config = file(
    "web.yaml",
    `webserver: {enabled: true, listen_address: 0.0.0.0, listen_port: ${port}, k8s_healthz_endpoint: /live,` +
      ` ssl_enabled: true, ssl_certificate: ${both}}\nsyslog_output: {enabled: false}\n`,
  );
  const rules = file("any.yaml", rule("any", "evt.type=chdir", "any"));
  const host = start([...VEDETTE, "falco", "-c", config, "-r", rules], { cwd: folder });
  const ca = readFileSync(join(folder, "ca.pem"));
  const ask = (path: string): Promise<string | null> =>
    new Promise((done) => {
      get({ host: "127.0.0.1", port, path, ca, agent: false }, (response) => {
        let text = "";
        response.on("data", (part) => (text += part)).on("end", () => done(`${response.statusCode} ${text.trim()}`));
      }).on("error", () => done(null));
    });
  try {
    assert.is(
      await until("it answers", async () => (await ask("/live"))?.startsWith("200") && (await ask("/live")), {
        tell: () => `${host.child.exitCode}`,
      }),
      "200 ok",
    );
    assert.match(
      (await ask("/versions")) ?? "",
      /^200 \{"vedette_version":"\d+\.\d+\.\d+.*","engine_version_semver":"\d/,
    );
    for (const path of ["/healthz", "/metrics", "/api/v1/health"]) assert.match((await ask(path)) ?? "", /^404/, path);
    const plain = await fetch(`http://127.0.0.1:${port}/live`).then(
      ({ status }) => status,
      () => null,
    );
    assert.is(plain, null, "nothing is answered without TLS");
    host.child.kill("SIGTERM");
    await host.ended;
  } finally {
    endGroup(host.child.pid);
  }
});

test("of the address that comes with Falco, all interfaces are told whether it lives and of which version, and no more unasked", async () => {
  const any = file("any.yaml", rule("any", "evt.type=chdir", "any"));
  const own = readFileSync(join(ROOT, "test/fixtures/falco.yaml"), "utf8");
  for (const isAsked of [false, true]) {
    const port = await freePort();
    const web = ["-o", `webserver.listen_port=${port}`, "-o", `webserver.prometheus_metrics_enabled=${isAsked}`];
    const host = start([...VEDETTE, "falco", "-c", file("all.yaml", own), "-r", any, ...web], { cwd: folder });
    try {
      const ask = (path: string): Promise<number | null> =>
        fetch(`http://127.0.0.1:${port}${path}`).then(
          ({ status }) => status,
          () => null,
        );
      await until("it answers", () => ask("/healthz"), { tell: () => `${host.child.exitCode}` });
      assert.equal(
        await Promise.all(
          ["/versions", "/metrics", "/metrics?", "/api/v1/health", "/", "//metrics", "/healthz/../metrics"].map(ask),
        ),
        [200, ...(isAsked ? [200, 200] : [404, 404]), 404, 404, 404, isAsked ? 200 : 404],
      );
      if (isAsked) await checkMetrics(`http://127.0.0.1:${port}/metrics`);
      host.child.kill("SIGTERM");
      await host.ended;
    } finally {
      endGroup(host.child.pid);
    }
  }
});

test("webserver: a certificate that is not there, or has no key, ends the start with its path", async () => {
  for (const path of [join(folder, "no.pem"), file("empty.pem", "nothing\n")]) {
    const web = option("webserver.enabled=true", "webserver.ssl_enabled=true", `webserver.ssl_certificate=${path}`);
    const rules = file("any.yaml", rule("any", "evt.type=chdir", "any"));
    const { status, stderr } = await falco("-r", rules, ...web, ...option(`webserver.listen_port=${await freePort()}`));
    assert.is(status, 1, stderr);
    assert.match(stderr, `The certificate of the web server ${path}`);
    assert.match(stderr, "VEDETTE_HTTP_FILE");
  }
});

test("syscall_event_drops: lost events are a line, Falco's alert, and the end", async () => {
  const listen = "abstract:vedette"; // where `vedette falco` listens: hosts of this file run one after the other
  const drops = "syscall_event_drops: {threshold: 0, actions: [log, alert, exit], rate: 1, max_burst: 5}";
  const config = file("drops.yaml", `${drops}\njson_output: true\nsyslog_output: {enabled: false}\n`);
  const rules = file("any.yaml", rule("any", "evt.type=chdir", "any"));
  const host = start([...VEDETTE, "falco", "-c", config, "-r", rules], {
    cwd: folder,
  });
  try {
    await until("it listens", () => host.said().includes("listening at"), { tell: host.said });
    const shed = ["--host", listen, "--start", "security", "--spool", "2097152", "--on-overload", "shed"];
    const reads = "dd if=/dev/zero of=/dev/null bs=1 count=60000 status=none";
    const script = `echo begun; until [ -e go ]; do sleep 0.05; done; ${reads}; echo over`;
    const agent = start([AGENT, ...shed, "--", "sh", "-c", script], { cwd: folder });
    await until("the program runs", () => agent.printed().includes("begun"), { tell: agent.said });
    host.child.kill("SIGSTOP");
    file("go", "");
    await until("the program has read", () => agent.printed().includes("over"), { tell: agent.said });
    host.child.kill("SIGCONT");
    const { status } = await host.ended;
    assert.is(status, 1, host.said());
    assert.match(
      host.said(),
      /vedette: Falco internal: syscall event drop\. \d+ system calls dropped in last second\./,
    );
    assert.match(host.said(), "VEDETTE_FALCO_DROPS");
    const [alert] = host
      .printed()
      .split("\n")
      .filter((line) => line.includes("syscall event drop"));
    const { rule: name, priority, source, output_fields: fields } = JSON.parse(alert as string);
    assert.equal([name, priority, source], ["Falco internal: syscall event drop", "Debug", "internal"]);
    assert.ok(Number(fields.n_drops) > 0 && Number(fields.n_evts) >= Number(fields.n_drops), alert);
    await agent.ended;
  } finally {
    endGroup(host.child.pid);
  }
});

/** Prometheus takes them, and Falco's names are among them. */
async function checkMetrics(url: string): Promise<void> {
  const text = await (await fetch(url)).text();
  const sampleOf = (name: string): string | undefined =>
    new RegExp(`^falcosecurity_${name} (\\S+)$`, "m").exec(text)?.[1];
  assert.match(text, /^falcosecurity_falco_version_info\{version="\d+\.\d+\.\d+.*"\} 1$/m);
  assert.match(text, /^falcosecurity_scap_engine_name_info\{engine_name="vedette",evt_source="syscall"\} 1$/m);
  assert.is(sampleOf("scap_n_evts_total"), "0");
  assert.ok(Number(sampleOf("falco_memory_rss_bytes")) > 1 << 20);
  const begun = Number(BigInt(sampleOf("falco_start_timestamp_nanoseconds") ?? "0") / 1_000_000n);
  assert.ok(Math.abs(Date.now() - begun) < 120_000, String(begun));
  const judged = spawnSync("promtool", ["check", "metrics"], { input: text, encoding: "utf8" });
  if (judged.error !== undefined) console.log("skip: promtool's verdict: it is missing (Debian's package prometheus)");
  const [, ...others] = judged.stderr.match(/falcosecurity.*/g) ?? [];
  if (judged.error === undefined) assert.equal(others, [], judged.stderr); // the first is Falco's own name in nanoseconds
}

async function freePort(): Promise<number> {
  const server = createNetServer();
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => server.close(done));
  return port;
}

test.run();
