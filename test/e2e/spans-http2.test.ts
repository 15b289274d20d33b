// SPDX-License-Identifier: Apache-2.0
//
// Spans over HTTP/2 and of gRPC, of a true server and a true client: each request that its caller records, or
// that fails, comes to the collector once from either side, with the trace, the parent and the status that
// this side has logged itself. Requests are multiplexed, and their callers record some.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { freePorts } from "./free-port.js";
import { metersWithSpans } from "./meters-with-spans.js";
import { endGroup, ROOT, scratch, start, VEDETTE } from "./programs.js";

const GRPC = join(ROOT, "node_modules/@grpc/grpc-js/build/src/index.js");
const ROUNDS = 6;
const folder = scratch();
const [port = 0, grpcPort = 0] = await freePorts(2);
const STATUSES =
  "OK CANCELLED UNKNOWN INVALID_ARGUMENT DEADLINE_EXCEEDED NOT_FOUND ALREADY_EXISTS PERMISSION_DENIED RESOURCE_EXHAUSTED FAILED_PRECONDITION ABORTED OUT_OF_RANGE UNIMPLEMENTED INTERNAL UNAVAILABLE DATA_LOSS UNAUTHENTICATED".split(
    " ",
  );

/** Both ends write a line a request: its traceparent or -, its name, and its status. */
const COMMON = `import grpc from ${JSON.stringify(GRPC)};
import http2 from "node:http2";
import { appendFileSync } from "node:fs";
const same = (bytes) => bytes;
const log = (file, traceparent, name, status) => appendFileSync(file, [traceparent ?? "-", name, status].join("|") + "\\n");
`;
writeFileSync(
  join(folder, "server.mjs"),
  `${COMMON}http2.createServer((request, response) => {
  const status = request.url.startsWith("/users/") ? 200 : Number(request.url.slice(1, 4));
  setTimeout(() => {
    log("server.log", request.headers.traceparent, status === 200 ? "GET /users/{id}" : "GET", status);
    response.writeHead(status);
    response.end("x".repeat(status === 200 ? 50 : 0));
  }, Number(/\\d$/.exec(request.url)?.[0] ?? 0)); // answered in another order
}).listen(${port}, "127.0.0.1");
const server = new grpc.Server();
const place = { path: "/shop.Orders/Place", requestStream: false, responseStream: false, requestSerialize: same, requestDeserialize: same, responseSerialize: same, responseDeserialize: same };
server.addService({ Place: place }, { Place: (call, done) => {
  const code = call.request[0] ?? 0;
  log("server.log", call.metadata.get("traceparent")[0], "shop.Orders/Place", code);
  if (code === 0) done(null, call.request);
  else done({ code, details: "as asked" });
} });
server.bindAsync("127.0.0.1:${grpcPort}", grpc.ServerCredentials.createInsecure(), () => appendFileSync("ready", ""));
`,
);
writeFileSync(
  join(folder, "client.mjs"),
  `${COMMON}const session = http2.connect("http://127.0.0.1:${port}");
const client = new grpc.Client("127.0.0.1:${grpcPort}", grpc.credentials.createInsecure());
const ask = (path, traceparent) => new Promise((done, failed) => {
  const stream = session.request({ ":path": path, "x-tried": "twice", ...(traceparent && { traceparent }) });
  let status = 0;
  stream.on("response", (head) => (status = head[":status"])).resume().on("error", failed);
  stream.on("close", () => done(log("client.log", traceparent, "GET", status)));
});
const call = (code, traceparent) => new Promise((done) => {
  const metadata = new grpc.Metadata();
  if (traceparent) metadata.set("traceparent", traceparent);
  client.makeUnaryRequest("/shop.Orders/Place", same, same, Buffer.from([code]), metadata, (error) =>
    done(log("client.log", traceparent, "shop.Orders/Place", error?.code ?? 0)));
});
await new Promise((done, fail) => client.waitForReady(Date.now() + 60_000, (error) => (error ? fail(error) : done())));
await ask("/users/0", "00-" + "e".repeat(32) + "-" + "f".repeat(16) + "-00"); // templates are learned of a success
await call(0, "00-" + "e".repeat(32) + "-" + "f".repeat(16) + "-00");
let count = 0;
const traceparent = (flags) => "00-" + (++count).toString(16).padStart(32, "c") + "-" + count.toString(16).padStart(16, "d") + "-" + flags;
for (let round = 0; round < ${ROUNDS}; round++) {
  await new Promise((done) => setTimeout(done, 1_100)); // a second has a share of spans
  const again = traceparent("01");
  await Promise.all([
    ask("/users/19?token=s3cret", again), ask("/users/19", again), // from the table, the second time
    ask("/users/16", traceparent("01")), ask("/404", traceparent("01")), ask("/503", traceparent("01")),
    ask("/users/13", traceparent("00")), ask("/users/12"), ask("/503", traceparent("00")), ask("/500"),
    call(0, traceparent("01")), call(5, traceparent("01")), call(13, traceparent("01")), call(0, traceparent("00")),
    call(0), call(14, traceparent("00")), call(13),
  ]);
  for (let i = 0; i < 3; i++) await ask("/users/18", traceparent("00")); // older ones leave the table
}
session.close();
client.close();
`,
);

interface Told {
  readonly traceId: string;
  readonly parentSpanId?: string;
  readonly spanId: string;
  readonly name: string;
  readonly kind: number;
  readonly status?: { readonly code: number };
  readonly attributes: readonly { key: string; value: { intValue?: string; stringValue?: string } }[];
}

/** As `TRACE PARENT NAME STATUS`; what nobody asked for has a trace of its own. */
function shown({ traceId, parentSpanId, name, status, attributes }: Told): string {
  const values = Object.fromEntries(attributes.map(({ key, value }) => [key, value.intValue ?? value.stringValue]));
  const code = values["http.response.status_code"] ?? values["rpc.response.status_code"];
  return `${parentSpanId === undefined ? "-" : `${traceId} ${parentSpanId}`} ${name} ${code}${status?.code === 2 ? " error" : ""}`;
}

/** The spans that a side's log says there are, but of the few that nobody asked for and that succeed. */
function expected(side: "server" | "client"): string[] {
  const lines = readFileSync(join(folder, `${side}.log`), "utf8")
    .trim()
    .split("\n");
  return lines.flatMap((line) => {
    const [traceparent = "", name = "", said = ""] = line.split("|");
    const status = name.startsWith("GET") ? said : (STATUSES[Number(said)] as string);
    const errors = side === "server" ? /^5|INTERNAL|UNAVAILABLE/ : /^[45]|^(?!OK)[A-Z]/;
    const isError = errors.test(status);
    const [, trace, parent, flags] = traceparent.split("-");
    if (flags !== "01" && !isError) return [];
    return [`${traceparent === "-" ? "-" : `${trace} ${parent}`} ${name} ${status}${isError ? " error" : ""}`];
  });
}

test("each request over HTTP/2 and each call that is recorded or fails is a span of its trace, at both ends", async () => {
  if (!existsSync(GRPC)) return console.log("skip: @grpc/grpc-js is missing");
  const spans: Told[] = [];
  const bodies: string[] = [];
  const collector = createServer(async (asked, response) => {
    let text = "";
    for await (const part of asked) text += part;
    if (asked.url === "/v1/traces") {
      bodies.push(text);
      for (const { scopeSpans } of JSON.parse(text).resourceSpans)
        for (const scope of scopeSpans) spans.push(...scope.spans);
    } else bodies.push(text);
    response.end("{}");
  }).listen(0, "127.0.0.1");
  await new Promise((done) => collector.once("listening", done));
  const url = `http://127.0.0.1:${(collector.address() as AddressInfo).port}`;
  const keys = { TYPE: "otlp", URL: url, TRACES: "true", COMPRESS: "false" };
  const env = Object.fromEntries(Object.entries(keys).map(([key, value]) => [`VEDETTE_OUTPUTS_C_${key}`, value]));
  const policies = metersWithSpans(folder, "http-server", "http-client").flatMap((one) => ["--policy", one]);
  const script = `${process.execPath} server.mjs & until [ -e ready ]; do sleep 0.1; done; ${process.execPath} client.mjs; kill $!; wait`;
  const words = [...policies, "--snaplen", "4096", "--", "sh", "-c", script];
  const { child, ended, said } = start([...VEDETTE, "run", ...words], { cwd: folder, env, limitMs: 150_000 });
  try {
    await ended;
  } finally {
    endGroup(child.pid);
    await new Promise((done) => collector.close(done).closeAllConnections());
  }
  for (const [side, kind] of [
    ["server", 2],
    ["client", 3],
  ] as const) {
    const told = spans.filter((one) => one.kind === kind).map(shown);
    // Of what nobody asked for, one in a hundred is taken.
    assert.equal(
      told.filter((one) => !/^- .* (?:200|OK)$/.test(one)).sort(),
      expected(side).sort(),
      `${side}: ${said()}`,
    );
    assert.is(expected(side).length, ROUNDS * 12, `${side}: as many as were asked`);
  }
  assert.is(new Set(spans.map(({ spanId }) => spanId)).size, spans.length, "each has an id of its own");
  const own = spans.filter(({ parentSpanId }) => parentSpanId === undefined);
  assert.is(
    new Set(own.map(({ traceId }) => traceId)).size,
    own.length,
    "what nobody asked for is in no other's trace",
  );
  assert.not.match(bodies.join("\n"), /s3cret|users\/\d|twice|monitor\.unsynced/);
});

test.run();
