// SPDX-License-Identifier: Apache-2.0
//
// A responder with two agents, a clock that stands, and a log of what it asks and tells.
import type { ResponseAnswer, ResponseRequest } from "../../../host/capture/agent.js";
import {
  capturing,
  type HostAnswer,
  type HostOrder,
  Responder,
  type Responding,
  type ResponseRow,
  type ResponseStepNews,
} from "../../../host/response/response.js";
import { START } from "../incident/shared.js";

export const rowOf = (row: Partial<ResponseRow>): ResponseRow => ({
  rules: ["Rule"],
  action: "kill",
  mode: "enforce",
  except: { programs: [], addresses: [] },
  limit: { perMinute: 5, after: "off" },
  for: 600,
  calls: [],
  first_process: false,
  ...row,
});

export const answer = (
  id: number,
  status: ResponseAnswer["status"],
  more: Partial<ResponseAnswer> = {},
): ResponseAnswer => ({ id, step: "acted", status, processes: 1, why: "", ...more });

/** What the host was asked to do, and how a test answers. */
export interface Stop {
  readonly order: HostOrder<Responding>;
  readonly over: AbortSignal;
  readonly answer: (answer: HostAnswer) => void;
}

/** `tenants`: the rows of each, in the container of this name. */
export function stage(
  rows: readonly ResponseRow[],
  tenants: Readonly<Record<string, (container: string) => readonly ResponseRow[]>> = {},
) {
  const clock = { now: START };
  const news: ResponseStepNews[] = [];
  const sent: { peer: Responding; request: ResponseRequest }[] = [];
  const stops: Stop[] = [];
  const responder = new Responder<Responding>(rows, {
    send: (peer, request) => sent.push({ peer, request }) > 0,
    rowsOf: (tenant, peer) => tenants[tenant]?.(peer.name) ?? [],
    deeds: {
      capture: capturing({
        capture: (_alert, peer) => (peer.name === "web" ? "web.vedette" : null),
        canCapture: (_alert, peer) => peer.name === "web",
      }),
      "stop-task": (order, over) => new Promise((answer) => stops.push({ order, over, answer })),
    },
    onStep: (one) => news.push(one),
    now: () => clock.now,
  });
  const [web, db] = ["web", "db"].map((name, i) => ({ number: i + 1, name, hostname: name })) as [
    Responding,
    Responding,
  ];
  const told = (): string[] => news.map(({ status, by }) => `${status} by ${by}`);
  return { responder, clock, news, sent, stops, told, web, db };
}
