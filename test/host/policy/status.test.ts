// SPDX-License-Identifier: Apache-2.0
// Who may ask for status, and what they are told.
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { VedetteError } from "../../../host/errors.js";
import { askStatus, type PolicyStatus, StatusServer } from "../../../host/policy/status.js";
import { readTenants } from "../../../host/policy/tenants.js";

const scratch = mkdtempSync(join(tmpdir(), "vedette-status-"));
const row = (tenant: string): PolicyStatus => ({
  tenant,
  policy: "p",
  version: "1",
  state: "judging",
  rules: 1,
  events: 5,
  alerts: 1,
  suppressed: 0,
  nsPerEvent: 12.5,
  memoryBytes: 65536,
  traps: 0,
  denied: 0,
  monitored: 0,
  lastError: null,
});

test("the operator sees all, a tenant's owner what is the tenant's", async () => {
  writeFileSync(join(scratch, "tenants.yaml"), "tenants:\n  a: {owner: 1234}\n  b: {owner: 4321}\n  c: {}\n");
  const tenants = readTenants(join(scratch, "tenants.yaml"));
  if (process.getuid?.() !== 0) return; // chown is root's
  const path = join(scratch, "status.sock");
  const server = await StatusServer.open(path, tenants.values(), () => [row(""), row("a"), row("b")]);
  assert.equal(
    (await askStatus(path)).map((one) => one.tenant),
    ["", "a", "b"],
  );
  assert.equal(await askStatus(`${path}.a`), [row("a")]);
  assert.equal(await askStatus(`${path}.b`), [row("b")]);
  const mode = (name: string) => [statSync(name).mode & 0o777, statSync(name).uid];
  assert.equal(mode(path), [0o600, 0]);
  assert.equal(mode(`${path}.a`), [0o600, 1234]);
  server.close();
  assert.throws(() => statSync(path));
});

test("nobody there, and an answer that is cut off, are told", async () => {
  const refusal = async (path: string): Promise<VedetteError> =>
    askStatus(path).then(
      () => assert.unreachable(),
      (error) => error,
    ) as Promise<VedetteError>;
  assert.is((await refusal(join(scratch, "nothing.sock"))).code, "VEDETTE_STATUS_REFUSED");
  const path = join(scratch, "half.sock");
  const server = createServer((socket) => socket.end('[{"tenant":'));
  await new Promise<void>((resolve) => server.listen(path, resolve));
  assert.match((await refusal(path)).message, /cut off/);
  server.close();
});

test("a place where no socket can be is told", async () => {
  try {
    await StatusServer.open(join(scratch, "no/such/status.sock"), [], () => []);
    assert.unreachable();
  } catch (error) {
    assert.is((error as VedetteError).code, "VEDETTE_STATUS_SOCKET");
  }
});

test.after(() => rmSync(scratch, { recursive: true, force: true }));
test.run();
