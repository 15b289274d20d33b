// SPDX-License-Identifier: Apache-2.0
// Names as numbers, in PostgreSQL: rules, tenants and containers stand in rows by the number of their name.
// Names that nothing has any more go like this, while others write:
//
//   1  all names are marked as doomed
//   2  whoever wrote before that has ended
//   3  doomed names that no row has are deleted
//
// Whoever writes a name that is doomed takes the mark away in his own transaction, for whose end 3 waits.
import { DELETE_AT_ONCE, MINUTES_PER_HOUR, NS_PER_DAY, NS_PER_MINUTE, WORDS_MANY } from "../bounds.js";
import { AGAIN_MAX, type Ask, type Database, isContended } from "./database.js";
import { cleanName } from "./texts.js";

/** Ids of names that are in use, of all but findings; and of findings of some time. */
const USED_WORDS = `
  SELECT tenant AS id FROM tally UNION SELECT tenant FROM incident UNION SELECT tenant FROM audit UNION
  SELECT tenant FROM rollup_minute UNION SELECT tenant FROM rollup_hour UNION SELECT rule FROM rollup_hour UNION
  SELECT container FROM rollup_hour`;
const USED_WORDS_OF_TIME = `
  SELECT DISTINCT u.id FROM finding f,
    LATERAL (VALUES (f.tenant), (f.rule), (f.container), (f.container_id)) AS u(id)
  WHERE f.time >= $1::bigint AND f.time < $2::bigint`;

/** The number of each name, in a transaction that writes; those that are new get one. */
export async function numbersOf(ask: Ask, names: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const words = new Map<string, string>();
  const wanted = [...new Set(names.map(cleanName))].sort();
  for (let again = 0; again <= AGAIN_MAX; again++) {
    const unknown = wanted.filter((name) => !words.has(name));
    if (unknown.length === 0) return words;
    const found = await ask<{ id: string; text: string; is_doomed: boolean }>(
      "SELECT id, text, is_doomed FROM word WHERE text = ANY($1::text[])",
      unknown,
    );
    for (const { id, text, is_doomed: isDoomed } of found) if (!isDoomed) words.set(text, id);
    const doomed = found.filter((word) => word.is_doomed).map(({ id }) => id);
    if (doomed.length > 0) {
      const spared = await ask<{ id: string; text: string }>(
        "UPDATE word SET is_doomed = false WHERE id = ANY($1::bigint[]) RETURNING id, text",
        doomed,
      );
      for (const { id, text } of spared) words.set(text, id);
    }
    const missing = unknown.filter((name) => !words.has(name));
    if (missing.length === 0) continue;
    // What another host adds at this very moment is there when it has ended, and is asked for again.
    const made = await ask<{ id: string; text: string }>(
      "INSERT INTO word(text) SELECT unnest($1::text[]) ON CONFLICT DO NOTHING RETURNING id, text",
      missing,
    );
    for (const { id, text } of made) words.set(text, id);
  }
  throw new Error("names come and go faster than they can be read");
}

/** Names that nothing has. Those of findings are asked for hour by hour, so that no look takes long. */
export async function forgetUnused(database: Database): Promise<void> {
  const tend = <Row extends object>(text: string, ...values: readonly unknown[]): Promise<Row[]> =>
    database.transact("tends", "tend", (ask) => ask<Row>(text, ...values));
  const [held] = await tend<{ n: string }>("SELECT count(*) AS n FROM word");
  if (Number(held?.n) < WORDS_MANY) return;
  await tend("UPDATE word SET is_doomed = true WHERE NOT is_doomed");
  try {
    await database.transact("tends", "change", async () => undefined);
  } catch (error) {
    if (isContended(error)) return; // somebody writes for long: they go an hour later
    throw error;
  }
  const survey = <Row extends object>(text: string, ...values: readonly unknown[]) =>
    database.transact("tends", "survey", (ask) => ask<Row>(text, ...values));
  const free = new Set((await survey<{ id: string }>("SELECT id FROM word WHERE is_doomed")).map(({ id }) => id));
  for (const { id } of await survey<{ id: string }>(USED_WORDS)) free.delete(id);
  for (const { day } of await survey<{ day: string }>("SELECT day FROM day"))
    for (const times of hoursOf(BigInt(day)))
      for (const { id } of await survey<{ id: string }>(USED_WORDS_OF_TIME, ...times)) free.delete(id);
  const ids = [...free];
  for (let from = 0; from < ids.length; from += DELETE_AT_ONCE)
    await tend("DELETE FROM word WHERE id = ANY($1::bigint[]) AND is_doomed", ids.slice(from, from + DELETE_AT_ONCE));
}

/** From when until when each hour of a day lasts, ns since the epoch. */
function hoursOf(day: bigint): (readonly [bigint, bigint])[] {
  const hour = MINUTES_PER_HOUR * NS_PER_MINUTE;
  return Array.from({ length: 24 }, (_, nth) => day * NS_PER_DAY + BigInt(nth) * hour).map((at) => [at, at + hour]);
}
