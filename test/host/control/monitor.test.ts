// SPDX-License-Identifier: Apache-2.0
// What the API says of requests: to the operator all, and to a tenant its own.
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Monitor } from "../../../host/control/shapes.js";
import { Monitor as Shape } from "../../../host/control/shapes.js";
import { Totals } from "../../../host/metric/totals.js";
import { ask } from "../../ask.js";
import { histogram, one, owner } from "../metric/shared.js";
import { closeAll, newPath, opened, TENANTS, tenantsOf } from "./door.js";

test.after.each(closeAll);

const HTTP = histogram("http.server.request.duration", [1], { unit: "s", labels: ["http.route"] });

test("the operator sees each owner's requests, a tenant its own, whatever row it asks for", async () => {
  const totals = new Totals();
  const owners = [owner("m"), owner("m", "a"), owner("m", "b")];
  totals.keep(owners.map((of) => ({ owner: of, instruments: [HTTP] })));
  for (const of of owners) totals.add(of, [HTTP], one(1, ["/x"], [1, 0]));
  const path = newPath();
  const measures = () => ({ present: totals.present(), scopes: totals.scopes() });
  await opened({ control: path }, tenantsOf(TENANTS), { measures });
  const seen = async (socket: string, query = ""): Promise<Monitor> => {
    const { status, json } = await ask(socket, `/api/v1/monitor${query}`);
    assert.is(status, 200, JSON.stringify(json));
    return Shape.parse(json);
  };
  const all = await seen(path);
  assert.equal([all.meters, all.items.map(({ tenant }) => tenant)], [3, [null, "a", "b"]]);
  const own = await seen(`${path}.a`);
  assert.equal([own.meters, own.items.map(({ tenant }) => tenant)], [1, ["a"]]);
  for (const { id, tenant } of all.items)
    assert.is((await seen(`${path}.a`, `?row=${id}`)).over_time?.id, tenant === "a" ? id : undefined);
  assert.equal([(await seen(path, "?limit=1")).items.length, (await seen(path, "?limit=1")).more], [1, 2]);
  for (const query of ["?minutes=61", "?minutes=x", "?limit=0", "?row=-1", "?tenant=b"])
    assert.is((await ask(`${path}.a`, `/api/v1/monitor${query}`)).status, 400, query);
});

test("where nothing can measure, no meter is loaded", async () => {
  const path = newPath();
  await opened({ control: path });
  const { json } = await ask(path, "/api/v1/monitor");
  assert.equal([json.meters, json.items, json.over_time], [0, [], null]);
});

test.run();
