// SPDX-License-Identifier: Apache-2.0
// Which alerts have evidence: by their rule, by their priority, and where somebody asks. The thread is real.
import { mkdtempSync, readdirSync, rmSync, truncateSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Capture } from "../../../host/capture/agent.js";
import { Evidence, type EvidenceSettings, USUAL_EVIDENCE } from "../../../host/evidence/evidence.js";
import { EVIDENCE_BOUNDS } from "../../../host/evidence/parts.js";
import { alertOf } from "../incident/shared.js";

const scratch = mkdtempSync(join(tmpdir(), "vedette-test-"));
const capture = new Capture({ ringBytes: 1 << 20 });
test.after(() => {
  capture.close();
  rmSync(scratch, { recursive: true });
});
const peer = (number: number, name: string) => ({ number, hostname: "box", facts: { id: name, name } as never });
const slight = alertOf({ file: 1 }, { priority: "Debug" });
const grave = alertOf({ file: 2 }, { priority: "Critical" });
let folders = 0;

function evidenceOf(settings: Partial<EvidenceSettings>): { evidence: Evidence; folder: string; kept: () => string[] } {
  const folder = join(scratch, `${folders++}`);
  const bounds = { ...EVIDENCE_BOUNDS, filesAnHour: 2 };
  const onFault = (error: Error): never => {
    throw error;
  };
  const options = { ...USUAL_EVIDENCE, ...settings, folder, bounds, ring: capture.ring };
  const evidence = Evidence.open({ ...options, onAlert: () => undefined, onFault });
  return { evidence, folder, kept: () => readdirSync(folder).filter((name) => name.endsWith(".vedette")) };
}

test("somebody who asks has evidence of any alert, also where rules alone have it", async () => {
  for (const which of ["asked", "notice"] as const) {
    const { evidence, kept } = evidenceOf({ which });
    assert.is(evidence.mark(slight, peer(1, "web")).evidence, undefined);
    if (which === "asked") assert.is(evidence.mark(grave, peer(1, "web")).evidence, undefined);
    const names = [slight, grave].map((alert, i) => evidence.mark(alert, peer(i, `asked-${i}`), true).evidence);
    await evidence.close();
    assert.equal(kept().sort(), names.sort(), which);
  }
});

test("whether somebody who asks would have it is told, and uses up nothing", async () => {
  const { evidence, kept } = evidenceOf({ which: "asked" });
  for (let i = 0; i < 10; i++) assert.ok(evidence.canMark(slight, peer(i, "web")));
  for (const i of [1, 2]) assert.ok(evidence.mark(slight, peer(i, "web"), true).evidence !== undefined);
  assert.not.ok(evidence.canMark(slight, peer(3, "web")), "its container has enough files");
  assert.is(evidence.mark(slight, peer(3, "web"), true).evidence, undefined);
  assert.ok(evidence.canMark(slight, peer(2, "web")), "one is open");
  assert.ok(evidence.canMark(grave, peer(3, "web")), "grave ones have files of their own");
  assert.ok(evidence.canMark(slight, peer(4, "db")));
  await evidence.close();
  assert.not.ok(evidence.canMark(slight, peer(4, "db")), "it has ended");
  assert.is(kept().length, 2);
});

test("an operator's bounds of the folder hold: the oldest make room, but none that is younger than he says", async () => {
  const day = 86_400_000;
  const [oldest, old] = ["oldest.vedette", "old.vedette"] as const;
  const held = async (settings: Partial<EvidenceSettings>): Promise<string[]> => {
    const { evidence, kept, folder } = evidenceOf(settings);
    for (const [name, days] of [[oldest, 3] as const, [old, 2] as const]) {
      writeFileSync(join(folder, name), "");
      truncateSync(join(folder, name), 40 << 20);
      utimesSync(join(folder, name), new Date(), new Date(Date.now() - days * day));
    }
    const { evidence: named } = evidence.mark(grave, peer(1, "web"));
    await evidence.close();
    return kept()
      .map((name) => (name === named ? "new" : name))
      .sort();
  };
  const folderBytes = 100 << 20;
  assert.equal(await held({}), ["new", old, oldest]);
  assert.equal(await held({ folderBytes }), ["new", old]);
  assert.equal(await held({ folderBytes, youngMs: 10 * day }), [old, oldest]);
});

test.run();
