// SPDX-License-Identifier: Apache-2.0
//
// docs/write-a-meter.md, as a tenant walks it: its files, its test, its bench, and a true nginx whose
// requests it counts by a header. What the page says that is printed, is printed.
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { until } from "../until.js";
import { endGroup, hasCommand, ROOT, run, scratch, start, VEDETTE } from "./programs.js";

const PAGE = readFileSync(join(ROOT, "docs/write-a-meter.md"), "utf8");
const NGINX = "/usr/sbin/nginx";
const folder = scratch();
const meter = join(folder, "customers");

/** The page's code blocks in this language, in order. */
const blocks = (language: string): string[] =>
  [...PAGE.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)]
    .filter((one) => one[1] === language)
    .map((one) => one[2] as string);

mkdirSync(meter);
const [policy = "", tests = ""] = blocks("yaml");
writeFileSync(join(meter, "policy.yaml"), policy);
writeFileSync(join(meter, "tests.yaml"), tests);
writeFileSync(join(meter, "index.ts"), blocks("ts")[0] ?? "");

test("its test passes, and prints what the page says", async () => {
  const { status, stdout } = await run([...VEDETTE, "policy", "test", "customers"], { cwd: folder });
  assert.is(status, 0);
  const said = /policy test customers\n([\s\S]*?)\n\$/.exec(blocks("")[0] ?? "")?.[1] ?? "the page says nothing";
  assert.is(stdout.trim(), said);
});

test("its check finds nothing missing, and its bench says what it costs", async () => {
  const checked = await run([...VEDETTE, "policy", "check", "customers"], { cwd: folder });
  assert.equal([checked.status, checked.stdout, checked.stderr], [0, "customers: 1 meter, nothing wrong\n", ""]);
  const { status, stdout } = await run([...VEDETTE, "policy", "bench", "customers"], { cwd: folder });
  assert.is(status, 0);
  assert.match(stdout, /recvfrom/);
});

test("a sensor counts a true server's requests by the header, under the tenant's name", async () => {
  if (!hasCommand(NGINX) || !hasCommand("curl")) {
    console.log("skip: the meter of a true server: nginx or curl is missing");
    return;
  }
  mkdirSync(join(folder, "policies.d/shop"), { recursive: true });
  cpSync(meter, join(folder, "policies.d/shop/customers"), { recursive: true });
  writeFileSync(
    join(folder, "nginx.conf"),
    `user root; daemon off; pid nginx.pid; error_log error.log; events {}
http { access_log off; client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
  server { listen unix:${folder}/n.sock; location / { return 200 hello; } } }\n`,
  );
  const nginx = [NGINX, "-p", folder, "-c", "nginx.conf"];
  const control = ["--policies-d", "policies.d", "--control", "vedette.sock"];
  const { child, ended, said } = start([...VEDETTE, "run", "--snaplen", "256", ...control, "--", ...nginx], {
    cwd: folder,
  });
  try {
    const curl = (...words: string[]): string =>
      spawnSync("curl", ["-s", "--max-time", "5", ...words], { cwd: folder, encoding: "utf8" }).stdout;
    const isUp = (): boolean => curl("--unix-socket", "n.sock", "http://localhost/") === "hello";
    await until("nginx answers", isUp, { tell: said });
    await until("the policy is loaded", () => /shop\/customers loaded/.test(said()), { tell: said });
    for (const customer of ["gold", "gold", "who-knows", "silver"])
      assert.is(curl("--unix-socket", "n.sock", "-H", `X-Customer: ${customer}`, "http://localhost/"), "hello");
    const shop = (): string[] =>
      curl("--unix-socket", "vedette.sock", "http://localhost/api/v1/metrics")
        .split("\n")
        .filter((line) => line.startsWith("shop_"));
    const onPage =
      blocks("")
        .at(-1)
        ?.split("\n")
        .find((line) => line.startsWith("shop_")) ?? "the page says nothing";
    const isSaid = (): boolean => shop().includes(onPage) && shop().some((line) => line.includes('"silver"} 1'));
    await until("what the page says", isSaid, { tell: () => shop().join("\n") });
    assert.ok(shop().some((line) => line.includes('shop_customer="other"')));
    assert.ok(!shop().some((line) => line.includes("who-knows")));
    child.kill("SIGTERM");
    await ended;
  } finally {
    endGroup(child.pid);
  }
});

test.run();
