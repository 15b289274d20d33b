// SPDX-License-Identifier: Apache-2.0
//
// Attacks on responses that deny calls (docs/threat-model.md, A10 and A11): who gets a byte out of an
// isolated tree by the races of its threads, who is denied in another's name, and who asks for too much.
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { stringify } from "yaml";
import { VedetteError } from "../../host/errors.js";
import { deniedOf, readResponseRows } from "../../host/policy/respond.js";
import { readTenants } from "../../host/policy/tenants.js";
import { buildFixture } from "../e2e/fixtures.js";
import { scratch } from "../e2e/programs.js";
import { responded } from "../e2e/responding.js";

const NET = buildFixture("respond_net");

/** What a server on the loopback hears of the fixture, and what that printed. */
async function moved(mode: string, env: Record<string, string>) {
  let heard = "";
  const ended: Promise<unknown>[] = [];
  const server = createServer((socket) => {
    ended.push(once(socket, "close"));
    socket.on("data", (bytes) => {
      heard += String(bytes);
    });
    socket.on("error", () => undefined);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const told = `i=0; until grep -q '"response.status":"done"' alerts.json || [ $i -gt 300 ]; do i=$((i+1)); sleep 0.2; done`;
  const script = `${NET} moves TRIGGER go ${port} >said & ${told}; : > go; wait $!; cat said`;
  const one = await responded({ action: "isolate", mode }, script, { env });
  await Promise.all(ended);
  server.close();
  return { ...one, heard };
}

for (const kernel of [null, "5.10"]) {
  const how = kernel === null ? "" : `, as under Linux ${kernel}`;
  const env: Record<string, string> = kernel === null ? {} : { VEDETTE_ASSUME_KERNEL: kernel };
  test(`A10: no byte leaves an isolated tree by a socket that a thread moves over a pipe's descriptor${how}`, async () => {
    const one = await moved("enforce", env);
    assert.match(one.run.stdout, /^tried enough$/m, one.run.stderr);
    assert.is(one.heard, "before");
    const free = await moved("dry-run", env); // the same race, and nobody in its way
    assert.match(free.heard, /^beforex+$/);
  });
}

test("A11: a tenant isolates nobody whom it does not see, and its denials are in its own name", () => {
  const file = join(scratch(), "tenants.yaml");
  const read = (scope: object, row: object) => {
    writeFileSync(file, stringify({ tenants: { acme: { scope, respond: [{ rules: ["Rule"], ...row }] } } }));
    return readTenants(file).get("acme")!.responses[0]!;
  };
  const deny = { action: "deny", calls: [{ deny: "exec" }] };
  for (const row of [deny, { action: "isolate" }]) {
    for (const scope of [
      { containers: ["acme-*"], uids: [1000] },
      { containers: ["acme-*"], executables: ["/srv/*"] },
      {},
    ]) {
      try {
        read(scope, row);
        assert.unreachable(JSON.stringify([scope, row]));
      } catch (error) {
        assert.ok(error instanceof VedetteError && error.code === "VEDETTE_TENANTS_YAML", String(error));
        assert.match((error as Error).message, /reaches others; use kill|names no containers/);
      }
    }
  }
  const rows = deniedOf(read({ containers: ["acme-*"] }, deny), "acme", "cards");
  assert.equal(
    rows.map(([policy, rule]) => [policy, rule]),
    [["acme/cards", "A response denies exec"]],
  );
});

test("A11: a row that cannot hold is refused with its place, and no row names what the response decides", () => {
  const file = join(scratch(), "respond.yaml");
  const wrong: [row: object, says: RegExp][] = [
    [{ action: "deny" }, /deny needs `calls`/],
    [{ action: "deny", calls: [{ deny: "openat" }] }, /openat cannot be denied: the kernel looks a name up after us/],
    [{ action: "deny", calls: [{ deny: "connect" }] }, /connect needs `to`/],
    [
      { action: "deny", calls: [{ deny: "connect", to: ["/run/docker.sock"] }] },
      /the socket \/run\/docker.sock cannot be denied/,
    ],
    [{ action: "deny", calls: [{ deny: "network" }] }, /"network" is none of exec/],
    [{ action: "deny", calls: [{ deny: "exec", mode: "monitor" }] }, /"mode" is not known here/],
    [{ action: "deny", calls: [{ deny: "exec" }, { deny: "exec" }] }, /two rows have the name/],
    [{ action: "kill", calls: [{ deny: "exec" }] }, /calls means nothing for kill/],
    [{ action: "isolate", except: { addresses: ["db.example"] } }, /names are resolved by the program/],
    [{ action: "deny", calls: [{ deny: "exec" }], except: { addresses: ["10.0.0.1"] } }, /means nothing for deny/],
  ];
  for (const [row, says] of wrong) {
    writeFileSync(file, stringify({ respond: [{ rules: ["Rule"], ...row }] }));
    try {
      readResponseRows(file);
      assert.unreachable(JSON.stringify(row));
    } catch (error) {
      assert.ok(error instanceof VedetteError && error.code === "VEDETTE_RESPOND_FILE", String(error));
      assert.match((error as Error).message, says);
    }
  }
});

test.run();
