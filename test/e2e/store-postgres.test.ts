// SPDX-License-Identifier: Apache-2.0
//
// A host whose store is a database that is not there yet: it starts, guards and says so; and when the
// database comes, it is used without a restart. Its password is nowhere to be seen.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { ask as askAt } from "../ask.js";
import { missing, PASSWORD, PostgresServer } from "../host/store/postgres-server.js";
import { until } from "../until.js";
import { endGroup, scratch } from "./programs.js";
import { type Host, hostIn } from "./serving.js";

const folder = scratch();
/** Status 0: nobody answers. */
const ask = (socket: string, path: string) =>
  askAt(socket, path).catch(({ message }: Error) => ({ status: 0, text: message }));

if (missing !== null) console.log(`skip: ${missing} is missing (test/e2e/store-postgres.test.ts)`);
else
  test("a host starts without its database, says so, and uses it when it comes", async () => {
    const server = await PostgresServer.start();
    const address = await server.database();
    await server.kill();
    writeFileSync(join(folder, "rules.yaml"), "[]\n");
    const words = ["serve", "--falco-rules", "rules.yaml", "--listen", "unix:host.sock", "--http", "unix:http.sock"];
    const host = hostIn(folder, [...words, "--control", "control.sock"], { env: { VEDETTE_STORE: address } });
    const [http, control] = [join(folder, "http.sock"), join(folder, "control.sock")];
    let shown: Host | null = null;
    let answer = "";
    const tell = (): string => `${answer}; it said: ${host.said()}`;
    try {
      await until(
        "health is red because of the store",
        async () => {
          const { text } = await ask(http, "/api/v1/health");
          answer = text;
          return /"status":"red"/.test(text) && /VEDETTE_STORE_UNWRITABLE/.test(text);
        },
        { tell },
      );
      assert.is(host.child.exitCode, null, "it goes on");
      const { status, text } = await ask(control, "/api/v1/findings");
      assert.is(status, 503, text);
      assert.match((await ask(http, "/metrics")).text, /^vedette_output_healthy\{[^}]*store0[^}]*\} 0$/m);
      await server.resume();
      await until(
        "health is well",
        async () => {
          answer = (await ask(http, "/api/v1/health")).text;
          return /"status":"ok"/.test(answer);
        },
        { tell },
      );
      assert.is((await ask(control, "/api/v1/findings")).status, 200);
      shown = hostIn(folder, ["console", "--store", address, "--at", "127.0.0.1:0"]);
      const { printed } = shown;
      await until("the console shows it", () => /http:\/\/127\.0\.0\.1:\d+\/#t=/.test(printed()), { tell: shown.said });
      const everything = `${[host, shown].map((one) => one.said() + one.printed()).join("")}${(await ask(http, "/metrics")).text}${(await ask(http, "/api/v1/health")).text}`;
      for (const secret of [PASSWORD, encodeURIComponent(PASSWORD)]) assert.not.ok(everything.includes(secret));
      assert.match(everything, /postgres:\/\/vedette@\/store0/);
      assert.not.ok(readFileSync(`/proc/${host.child.pid}/cmdline`, "utf8").includes("postgres:"));
    } finally {
      for (const one of [host, shown]) endGroup(one?.child.pid);
      await server.end();
    }
  });

test.run();
