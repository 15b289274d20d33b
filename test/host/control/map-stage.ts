// SPDX-License-Identifier: Apache-2.0
// Maps of services for tests: containers, the two ends of a connection, and the map in words.
import { ServiceMaps } from "../../../host/control/service-map.js";
import { ServiceMap } from "../../../host/control/shapes.js";
import { OPERATOR, type Viewer } from "../../../host/control/viewer.js";
import { Totals } from "../../../host/metric/totals.js";
import { ShortEvents } from "../../../host/policy/short-event.js";
import { type Batch, openBatch } from "../../../host/wire/batch.js";
import type { ContainerFacts } from "../../../host/wire/container.js";

type Short = readonly [type: string, written: Readonly<Record<string, unknown>>];
type Side = (type: string, written?: Readonly<Record<string, unknown>>) => Short;

export const containerOf = (name: string, taskArn = "arn:task/1") =>
  ({
    ...{ id: `id-of-${name}`, name, taskArn, image: null, imageRepository: null, taskFamily: null },
  }) as ContainerFacts;
export const [FRONT, BACK] = [containerOf("front"), containerOf("back")];
export const programOf = (name: string) => ({ name, exepath: `/usr/bin/${name}`, pid: 41 });

/** What the client's process does on a connection, and the server's. */
export const ends = (of: { client?: string; server?: string; from?: string; to?: string } = {}): [Side, Side] => {
  const { client = "web", server = "api", from = "127.0.0.1:40000", to = "127.0.0.1:80" } = of;
  const fd = `tcp ${from}->${to}`;
  const [cip, cport] = from.split(":");
  const [sip, sport] = to.split(":");
  const served = {
    type: "4",
    socktype: 1,
    l4proto: 6,
    flags: 2 | 8,
    sip,
    sport: Number(sport),
    cip,
    cport: Number(cport),
  };
  return [
    (type, written = {}) => [type, { proc: programOf(client), fd, res: 0, ...written }],
    (type, written = {}) => [type, { proc: programOf(server), fd: served, res: 5, ...written }],
  ];
};

export function opened() {
  let now = 1_800_000_000;
  const totals = new Totals();
  const measures = () => ({ present: totals.present(), scopes: totals.scopes() });
  const maps = new ServiceMaps(measures, () => now);
  return {
    totals,
    maps,
    add: (container: ContainerFacts | null, ...shorts: readonly Short[]): void => {
      const events = new ShortEvents();
      for (const [type, written] of shorts) events.add(type, written);
      const batch: Batch = openBatch(events.bytes());
      batch.container = container;
      maps.add(batch);
    },
    pass: (seconds: number): void => {
      now += seconds;
      maps.look();
    },
    view: (viewer: Viewer = OPERATOR, minutes = 60, limit = 100): ServiceMap =>
      ServiceMap.parse(JSON.parse(JSON.stringify(maps.view(viewer, { minutes, limit })))),
  };
}

type Map = ReturnType<typeof opened>;

export const nameOf = (end: ServiceMap["items"][number]["from"]): string =>
  end === null ? "outside" : `${end.program}@${end.container?.name ?? ""}`;
export const told = ({ items }: ServiceMap): string[] =>
  items.map(
    ({ from, to, addresses, port, connections, failed, bytes_to, bytes_from }) =>
      `${nameOf(from)} -> ${nameOf(to)} ${addresses}:${port} ${connections}/${failed} ${bytes_to}>${bytes_from}`,
  );

export function clientDoes({ add }: Map, [client]: [Side, Side] = ends()): void {
  add(FRONT, client("connect"), client("write", { res: 100 }), client("read", { res: 900 }), client("close"));
}
export function serverDoes({ add }: Map, [, server]: [Side, Side] = ends(), of = BACK): void {
  add(of, server("accept4"), server("read", { res: 100 }), server("write", { res: 900 }), server("close", { res: 0 }));
}
