// SPDX-License-Identifier: Apache-2.0
// Tables of a stream stay as large as whoever reads them takes, whatever a program calls its files.
import type { ServerResponse } from "node:http";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { NO_FACTS, type Table } from "../../../host/activity/activity.js";
import { Tables } from "../../../host/control/tables.js";
import { openBatch } from "../../../host/wire/batch.js";
import { BatchBuilder } from "../../../host/wire/builder.js";

const CHARS_MAX = 2 << 20;

test("a table of names that JSON writes six times as long has fewer rows, and says how many there are", () => {
  const written: string[] = [];
  const response = { writableLength: 0, write: (text: string) => written.push(text) } as unknown as ServerResponse;
  const tables = new Tables(response, { view: "files", interval: 1_000, limit: 1_000 }, NO_FACTS);
  for (let nth = 0; nth < 1_000; nth += 100) {
    const builder = new BatchBuilder({ seq: nth + 1, first: nth + 1 });
    for (let i = nth; i < nth + 100; i++) {
      const name = `/${i}${"\u0001".repeat(1_000)}`;
      const descriptor = builder.descriptor({ type: "f", name, realpath: name });
      builder.record("openat", { descriptor, result: 3, fd: 3, params: { dirfd: -100, name, flags: 0 } });
    }
    const batch = openBatch(builder.bytes());
    tables.add(batch, batch.offsets);
  }
  tables.finish();
  const [, data = ""] = /^event: activity\ndata: (.*)\n\n$/.exec(written.at(-1) ?? "") ?? [];
  assert.ok(data.length <= CHARS_MAX, `${data.length} characters`);
  const { rows, all } = JSON.parse(data) as Table;
  assert.is(all, 1_000);
  assert.ok(rows.length > 100 && rows.length < all, `${rows.length} rows`);
});

test.run();
