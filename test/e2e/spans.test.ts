// SPDX-License-Identifier: Apache-2.0
//
// Spans of a true server: each request that its caller records comes to the collector once, with the caller's
// trace, the status that nginx has logged, and no value of a query.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { until } from "../until.js";
import { freePort } from "./free-port.js";
import { metersWithSpans } from "./meters-with-spans.js";
import { endGroup, hasCommand, scratch, start, VEDETTE } from "./programs.js";

const NGINX = "/usr/sbin/nginx";
const folder = scratch();
const port = await freePort();
const PATHS = ["/users/1", "/users/2?token=s3cret", "/fail"];
const PARENT = "b7ad6b7169203331";
const traceOf = (i: number): string => (i + 1).toString(16).padStart(32, "c");

writeFileSync(
  join(folder, "nginx.conf"),
  `user root; daemon off; pid nginx.pid; error_log error.log; events {}
http { log_format m '$http_traceparent|$status'; access_log access.log m;
  client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
  server { listen 127.0.0.1:${port}; location /users/ { return 200 "user"; } location /fail { return 503; } } }\n`,
);

const ask = (path: string, i: number): Promise<void> =>
  new Promise((resolve, reject) => {
    const headers = { traceparent: `00-${traceOf(i)}-${PARENT}-01` };
    const asked = request({ host: "127.0.0.1", port, path, headers }, (answer) => answer.resume().on("end", resolve));
    asked.on("error", reject).end();
  });

interface Told {
  readonly traceId: string;
  readonly parentSpanId: string;
  readonly name: string;
  readonly kind: number;
  readonly attributes: readonly { key: string; value: { intValue?: string } }[];
}

/** As `TRACE STATUS`. */
const shown = ({ traceId, attributes }: Told): string =>
  `${traceId} ${attributes.find(({ key }) => key === "http.response.status_code")?.value.intValue}`;

test("each request that its caller records is a span of the caller's trace, as nginx has logged it", async () => {
  if (!hasCommand(NGINX)) return console.log("skip: nginx is missing");
  const spans: Told[] = [];
  const bodies: string[] = [];
  const collector = createServer(async (asked, response) => {
    let text = "";
    for await (const part of asked) text += part;
    if (asked.url === "/v1/traces") {
      bodies.push(text);
      spans.push(...JSON.parse(text).resourceSpans[0].scopeSpans[0].spans);
    }
    response.end("{}");
  }).listen(0, "127.0.0.1");
  await new Promise((done) => collector.once("listening", done));
  const url = `http://127.0.0.1:${(collector.address() as AddressInfo).port}`;
  const keys = { TYPE: "otlp", URL: url, TRACES: "true", COMPRESS: "false" };
  const env = Object.fromEntries(Object.entries(keys).map(([key, value]) => [`VEDETTE_OUTPUTS_C_${key}`, value]));
  const words = [...metersWithSpans(folder, "http-server").flatMap((one) => ["--policy", one]), "--snaplen", "1024"];
  const server = [NGINX, "-p", folder, "-c", "nginx.conf"];
  const { child, ended, said } = start([...VEDETTE, "run", ...words, "--", ...server], { env, limitMs: 120_000 });
  try {
    await until("nginx answers", () => existsSync(join(folder, "nginx.pid")), { tell: said });
    for (const [i, path] of PATHS.entries()) await ask(path, i);
    child.kill("SIGTERM");
    await ended;
  } finally {
    endGroup(child.pid);
    await new Promise((done) => collector.close(done).closeAllConnections());
  }
  const logged = readFileSync(join(folder, "access.log"), "utf8").trim().split("\n");
  const expected = logged.map((line) => line.replace(/^00-(\w+)-\w+-01\|/, "$1 "));
  assert.equal(spans.map(shown).sort(), expected.sort(), said());
  assert.equal([...new Set(spans.map(({ parentSpanId, kind }) => `${parentSpanId} ${kind}`))], [`${PARENT} 2`]);
  assert.not.match(bodies.join("\n"), /s3cret|users\/\d/);
});

test.run();
