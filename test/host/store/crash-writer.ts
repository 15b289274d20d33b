// SPDX-License-Identifier: Apache-2.0
//
// Writes findings into the store at the place it is given, from a number on, and says after each batch how
// many are acknowledged. It ends when somebody kills it (crash.test.ts, postgres-crash.test.ts).
import { writeSync } from "node:fs";
import { openStore } from "../../../host/store/open.js";
import { incident, told } from "./store-suite.js";

const [place = "", from = "0"] = process.argv.slice(2);
const store = await openStore({ place, onFault: (error) => writeSync(2, `${error.message}\n`) });
for (let i = Number(from); ; i++) {
  store.append(told(0, { rule: `rule ${i}`, pid: i }));
  if (i % 50 === 0) store.keep(incident(`incident ${i}`));
  if (i % 100 !== 99) continue;
  await store.flush();
  const { queued, dropped } = store.stats();
  if (queued === 0 && dropped.full === 0) writeSync(1, `${i}\n`);
}
