// SPDX-License-Identifier: Apache-2.0
// `vedette outputs test NAME`, and `vedette config`: what they say of outputs that are right, wrong or away.
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { KEYS, OUTPUT_TYPES } from "../../../host/config/config.js";
import { scratch } from "../../e2e/programs.js";
import { typed } from "./typed.js";

const folder = scratch();
const file = (name: string): string => join(folder, name);
function configured(name: string, text: string): string {
  writeFileSync(file(name), text);
  return file(name);
}

async function withServer(status: number, use: (url: string) => Promise<void>): Promise<string[]> {
  const bodies: string[] = [];
  const server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (part: string) => {
      body += part;
    });
    request.on("end", () => {
      bodies.push(body);
      response.writeHead(status).end();
    });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  try {
    await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
  return bodies;
}

test("an output that takes the alert is told with its time; priority and a queue on disk do not hold it back", async () => {
  const config = configured(
    "kept.yaml",
    `outputs: {kept: {type: file, path: ${file("alerts")}, format: json, priority: Critical}}\n`,
  );
  const { status, stdout, stderr } = await typed("outputs", "test", "kept", "--config", config);
  assert.is(status, 0, stderr);
  assert.match(stdout, /^kept took the alert after \d+ ms$/m);
  assert.match(readFileSync(file("alerts"), "utf8"), /"rule":"Test of an output"/);
});

test("a receiver gets one alert; one that refuses is told with its answer and without a secret", async () => {
  const SECRET = "hunter2-and-more";
  const text = (url: string): string =>
    `outputs: {siem: {type: http, url: "${url}?key=${SECRET}", headers: {authorization: ${SECRET}}}}\n`;
  const taken = await withServer(200, async (url) => {
    const { status, stderr } = await typed("outputs", "test", "siem", "--config", configured("siem.yaml", text(url)));
    assert.is(status, 0, stderr);
  });
  assert.is(taken.length, 1);
  await withServer(403, async (url) => {
    const { status, stderr } = await typed("outputs", "test", "siem", "--config", configured("siem.yaml", text(url)));
    assert.is(status, 1);
    assert.match(stderr, /siem.*403.*VEDETTE_OUTPUT_UNDELIVERED/);
    assert.not.match(stderr, SECRET);
  });
});

test("the configuration of the environment is read, and a name that is none is told with those that there are", async () => {
  process.env.VEDETTE_CONFIG = configured(
    "two.yaml",
    "outputs: {one: {type: file, path: /a}, two: {type: file, path: /b}}\n",
  );
  try {
    const { status, stderr } = await typed("outputs", "test", "three");
    assert.is(status, 2);
    assert.match(stderr, /three.*one, two.*VEDETTE_OUTPUT_UNKNOWN/);
  } finally {
    delete process.env.VEDETTE_CONFIG;
  }
  const none = await typed("outputs", "test", "three");
  assert.match(none.stderr, /none.*VEDETTE_OUTPUT_UNKNOWN/);
});

test("config check counts and names the outputs of a file that is right, and gives the place of a mistake", async () => {
  const { status, stdout } = await typed("config", "check", file("two.yaml"));
  assert.equal([status, stdout], [0, `${file("two.yaml")} is right: 2 outputs (one, two)\n`]);
  const empty = await typed("config", "check", configured("empty.yaml", "quiet: true\n"));
  assert.match(empty.stdout, /is right: 0 outputs$/m);
  const wrong = await typed("config", "check", configured("wrong.yaml", "quiet: true\nalrets: /x\n"));
  assert.is(wrong.status, 2);
  assert.match(wrong.stderr, /wrong\.yaml:2:1: "alrets" is not known here.*\n.*"alerts"/);
});

test("config keys has a row for each key and each key of an output; config schema knows them, too", async () => {
  const { stdout } = await typed("config", "keys");
  for (const key of Object.keys(KEYS))
    assert.match(stdout, new RegExp(`^\\| \`${key.replaceAll(".", "\\.")}\` \\| .*VEDETTE_`, "m"), key);
  const schema = JSON.parse((await typed("config", "schema")).stdout);
  for (const type of Object.keys(OUTPUT_TYPES)) {
    assert.ok(stdout.includes(`| key of \`type: ${type}\` |`), type);
    assert.ok(JSON.stringify(schema).includes(JSON.stringify(type)), type);
  }
});

test.run();
