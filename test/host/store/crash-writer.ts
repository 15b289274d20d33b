// SPDX-License-Identifier: Apache-2.0
//
// Writes findings into the store at the folder it is given, from a number on, and says after each batch how
// many are acknowledged. It ends when somebody kills it (crash.test.ts).
import { writeSync } from "node:fs";
import { SqliteStore } from "../../../host/store/threaded.js";
import { incident, told } from "./store-suite.js";

const [folder = "", from = "0"] = process.argv.slice(2);
const store = await SqliteStore.open({ folder, onFault: (error) => writeSync(2, `${error.message}\n`) });
for (let i = Number(from); ; i++) {
  store.append(told(0, { rule: `rule ${i}`, pid: i }));
  if (i % 50 === 0) store.keep(incident(`incident ${i}`));
  if (i % 100 !== 99) continue;
  await store.flush();
  const { queued } = store.stats();
  if (queued === 0) writeSync(1, `${i}\n`);
}
