// SPDX-License-Identifier: Apache-2.0
//
// The meters of HTTP on gRPC: a true server and a true client, and both must have counted what the meters
// tell, by method and status. Calls are unary and streams, many at once, with every status.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { until } from "../until.js";
import { freePort } from "./free-port.js";
import { add, type Counts, scraped, seriesOf, sorted } from "./measured.js";
import { endGroup, hasCommand, ROOT, scratch, start, VEDETTE } from "./programs.js";

const folder = scratch();
const socket = join(folder, "c.sock");
const port = await freePort();
const GRPC = join(ROOT, "node_modules/@grpc/grpc-js/build/src/index.js");
const STATUSES =
  "OK CANCELLED UNKNOWN INVALID_ARGUMENT DEADLINE_EXCEEDED NOT_FOUND ALREADY_EXISTS PERMISSION_DENIED RESOURCE_EXHAUSTED FAILED_PRECONDITION ABORTED OUT_OF_RANGE UNIMPLEMENTED INTERNAL UNAVAILABLE DATA_LOSS UNAUTHENTICATED".split(
    " ",
  );

const METHODS = `import grpc from ${JSON.stringify(GRPC)};
import { appendFileSync } from "node:fs";
const same = (bytes) => bytes;
const kind = (name, requestStream, responseStream) => ({ path: "/shop.Orders/" + name, requestStream, responseStream, requestSerialize: same, requestDeserialize: same, responseSerialize: same, responseDeserialize: same });
const methods = { Place: kind("Place", false, false), Watch: kind("Watch", false, true), Upload: kind("Upload", true, false), Chat: kind("Chat", true, true) };
`;
writeFileSync(
  join(folder, "server.mjs"),
  `${METHODS}const log = (name, code) => appendFileSync("server.log", name + " " + code + "\\n");
const server = new grpc.Server();
server.addService(methods, {
  Place: (call, done) => {
    const code = call.request[0] ?? 0;
    log("Place", code);
    if (code === 0) done(null, call.request);
    else done({ code, details: "as asked" });
  },
  Watch: (call) => {
    for (let i = 0; i < 10; i++) call.write(Buffer.from([i]));
    log("Watch", 0);
    call.end();
  },
  Upload: (call, done) => call.on("data", () => {}).on("end", () => {
    log("Upload", 0);
    done(null, Buffer.from("y"));
  }),
  Chat: (call) => call.on("data", (bytes) => call.write(bytes)).on("end", () => {
    log("Chat", 0);
    call.end();
  }),
});
server.bindAsync("127.0.0.1:${port}", grpc.ServerCredentials.createInsecure(), () => {});
`,
);
writeFileSync(
  join(folder, "client.mjs"),
  `${METHODS}const client = new grpc.Client("127.0.0.1:${port}", grpc.credentials.createInsecure());
const log = (name, code) => appendFileSync("client.log", name + " " + code + "\\n");
const unary = (name, bytes) => new Promise((done) => client.makeUnaryRequest("/shop.Orders/" + name, same, same, Buffer.from(bytes), (error) => done(log(name, error?.code ?? 0))));
const watch = () => new Promise((done) => client.makeServerStreamRequest(methods.Watch.path, same, same, Buffer.from("x")).on("data", () => {}).on("status", ({ code }) => done(log("Watch", code))));
const upload = () => new Promise((done) => {
  const call = client.makeClientStreamRequest(methods.Upload.path, same, same, (error) => done(log("Upload", error?.code ?? 0)));
  for (let i = 0; i < 5; i++) call.write(Buffer.from("part"));
  call.end();
});
const chat = () => new Promise((done) => {
  const call = client.makeBidiStreamRequest(methods.Chat.path, same, same);
  let heard = 0;
  call.on("data", () => (++heard < 5 ? call.write(Buffer.from("more")) : call.end())).on("status", ({ code }) => done(log("Chat", code)));
  call.write(Buffer.from("first"));
});
await new Promise((done, fail) => client.waitForReady(Date.now() + 60_000, (error) => (error ? fail(error) : done())));
await unary("Place", [0]); // a method is known from its first success on
for (let i = 0; i < 20; i++) {
  for (let code = 0; code <= 16; code++) await unary("Place", [code]);
  await Promise.all([watch(), upload(), chat(), chat(), unary("Place", [0]), unary("Place", [5]), unary("Missing", [0])]);
}
client.close();
`,
);

function countsOf(lines: readonly string[]): Counts {
  const counts: Counts = {};
  for (const line of lines) add(counts, line, 1);
  return sorted(counts);
}
/** Of a log, as the meters name it: a method that never succeeds is none. */
const logged = (file: string): string[] =>
  readFileSync(join(folder, file), "utf8")
    .trim()
    .split("\n")
    .map((line) => line.split(" "))
    .map(([name, code]) => `${name === "Missing" ? "_OTHER" : `shop.Orders/${name}`} ${STATUSES[Number(code)]}`);

test("what the meters tell of calls is what the client was told and the server has answered", async () => {
  const missing = !hasCommand("curl") ? "curl" : existsSync(GRPC) ? null : "@grpc/grpc-js";
  if (missing !== null) return console.log(`skip: ${missing} is missing`);
  const script = `${process.execPath} server.mjs & ${process.execPath} client.mjs; touch done; until [ -e over ]; do sleep 0.1; done; kill $!`;
  const words = ["--policy", "meters/http-server", "--policy", "meters/http-client", "--snaplen", "4096"];
  const { child, ended, said } = start([...VEDETTE, "run", ...words, "--control", socket, "--", "sh", "-c", script], {
    cwd: folder,
    limitMs: 150_000,
  });
  const counted = (side: string): Counts => {
    const counts: Counts = {};
    for (const { of, value } of seriesOf(socket, `rpc_${side}_call_duration_seconds_count`)) {
      assert.is(of("rpc_system_name"), "grpc");
      add(counts, `${of("rpc_method")} ${of("rpc_response_status_code")}`, value);
    }
    return sorted(counts);
  };
  try {
    await until("the client is done", () => existsSync(join(folder, "done")), { ms: 120_000, tell: said });
    const right = countsOf(logged("client.log"));
    const unknown = logged("client.log").filter((one) => one.startsWith("_OTHER"));
    assert.equal(countsOf([...logged("server.log"), ...unknown]), right, "the two agree");
    for (const side of ["server", "client"])
      await until(`the same counts of the ${side}`, () => JSON.stringify(counted(side)) === JSON.stringify(right), {
        ms: 20_000,
        tell: () => `${JSON.stringify(counted(side))}; the client was told ${JSON.stringify(right)}`,
      });
    assert.not.match(scraped(socket), /^(?:vedette_monitor_unsynced_total|http_server_request)/m);
    writeFileSync(join(folder, "over"), "");
    await ended;
  } finally {
    endGroup(child.pid);
  }
});

test.run();
