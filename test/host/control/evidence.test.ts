// SPDX-License-Identifier: Apache-2.0
// The evidence of an incident through the control API: which files are whose, and that no name leads
// elsewhere.
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Control } from "../../../host/control/control.js";
import type { EvidenceRow } from "../../../host/control/shapes.js";
import { ask } from "../../ask.js";
import { grouping, newPath, TENANTS, tenantsOf } from "./door.js";

const folder = mkdtempSync(join(tmpdir(), "vedette-evidence-"));
const shelf = join(folder, "evidence");
mkdirSync(shelf, { mode: 0o700 });
writeFileSync(join(folder, "secret"), "SECRET");
const open: Control[] = [];
test.after.each(async () => {
  for (const one of open.splice(0)) await one.close();
});
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

const idOf = (tenant: string | null): string => grouping.open().find(({ view }) => view.tenant === tenant)!.view.id;
function keep(name: string, more: Partial<EvidenceRow>, content = name): void {
  const file = `${name}.vedette`;
  const sha256 = createHash("sha256").update(content).digest("hex");
  const facts = { file, sha256, bytes: content.length, incident: null, findings: [], hostname: "h", container: null };
  const counts = { from: "1", to: "2", batches: 1, events: 5, missed: 0, state: "whole" };
  writeFileSync(join(shelf, `${name}.json`), JSON.stringify({ ...facts, ...counts, ...more }));
  writeFileSync(join(shelf, file), content);
}

async function shown(evidence: string | null): Promise<string> {
  const path = newPath();
  const sources = {
    health: () => ({ isWell: true, json: "{}\n" }),
    metrics: async () => "",
    ...{ policies: () => [], sensors: () => [], incidents: () => grouping.open(), onFault: () => undefined },
    ...{ from: "sensor" as const, ring: null, containerOf: () => null, evidence: () => evidence },
  };
  const control = await Control.open({ control: path }, sources, tenantsOf(TENANTS));
  open.push(control);
  await ask(path, "/api/v1/incidents"); // the store is told of those that are open
  return path;
}

test("an incident has the files that were kept for it or for its findings, and each can be taken along", async () => {
  const path = await shown(shelf);
  const { json: incident } = await ask(path, `/api/v1/incidents/${idOf(null)}`);
  keep("20261127T080000Z-web-1.1", { incident: idOf(null) }, "one");
  keep("20261127T090000Z-web-1.2", { findings: [incident.rows[0].samples[0]] }, "two");
  keep("20261127T100000Z-web-1.3", { incident: "another", findings: ["other"] });
  const { json } = await ask(path, `/api/v1/incidents/${idOf(null)}/evidence`);
  assert.is(json.isKept, true);
  const names = json.items.map(({ file }: EvidenceRow) => file);
  assert.equal(names, ["20261127T090000Z-web-1.2.vedette", "20261127T080000Z-web-1.1.vedette"]);
  const { status, text, headers } = await ask(path, `/api/v1/evidence/${names[0]}`);
  assert.is(status, 200);
  assert.is(text, "two");
  assert.is(createHash("sha256").update(text).digest("hex"), json.items[0].sha256);
  assert.is(headers["content-disposition"], `attachment; filename="${names[0]}"`);
});

test("where nobody keeps evidence that is said, and a folder that is gone is no empty one", async () => {
  const none = await ask(await shown(null), `/api/v1/incidents/${idOf(null)}/evidence`);
  assert.equal(none.json, { isKept: false, items: [] });
  const gone = await ask(await shown(join(folder, "gone")), `/api/v1/incidents/${idOf(null)}/evidence`);
  assert.is(gone.status, 503);
  assert.match(gone.json.title, /cannot be read/);
});

test("a tenant gets no evidence: neither a list, nor a file by its name", async () => {
  const path = await shown(shelf);
  keep("20261127T110000Z-web-1.4", { incident: idOf("a") });
  for (const asked of [`incidents/${idOf("a")}/evidence`, "evidence/20261127T110000Z-web-1.4.vedette"])
    assert.is((await ask(`${path}.a`, `/api/v1/${asked}`)).status, 403, asked);
});

test("no name leads out of the folder, to what no description names, or through a link", async () => {
  const path = await shown(shelf);
  writeFileSync(join(shelf, "20261127T120000Z-web-1.5.vedette.part"), "SECRET");
  keep("20261127T130000Z-web-1.6", { file: "../secret" }, "SECRET");
  keep("20261127T140000Z-web-1.7", { file: "20261127T140000Z-web-1.7-link.vedette" });
  symlinkSync(join(folder, "secret"), join(shelf, "20261127T140000Z-web-1.7-link.vedette"));
  keep("20261127T150000Z-web-1.8", { file: "20261127T150000Z-web-1.8-folder" });
  mkdirSync(join(shelf, "20261127T150000Z-web-1.8-folder"));
  for (const name of [
    ...["../secret", "..%2Fsecret", "%2e%2e%2fsecret", "..%252fsecret", "/etc/passwd", "%2Fetc%2Fpasswd", "lock", "."],
    ...["20261127T120000Z-web-1.5.vedette.part", "20261127T130000Z-web-1.6.vedette", "20261127T130000Z-web-1.6.json"],
    ...["20261127T140000Z-web-1.7-link.vedette", "20261127T150000Z-web-1.8-folder", "%00", "a".repeat(240)],
  ]) {
    const { status, text } = await ask(path, `/api/v1/evidence/${name}`);
    assert.ok(status === 404 || status === 400, `${name}: ${status}`);
    assert.not.match(text, "SECRET");
  }
});

test.run();
