// SPDX-License-Identifier: Apache-2.0
// The answer to `vedette policy status`: each policy, its state, what it did and cost. The operator has one Unix
// socket. Each tenant with an owner has another, which shows that tenant's policies only. The kernel lets a process
// connect that may write to the socket, and for a tenant's socket that is the owner (unix(7)). The server sends one
// line of JSON and closes the connection, whether the line was read or not.
import { chmodSync, chownSync, rmSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import type { SeatStatus } from "../engine/engine.js";
import { VedetteError } from "../errors.js";
import { reasonOf } from "../reason.js";
import { boundVisitors } from "../visitors.js";
import type { Tenant } from "./tenants.js";
import type { WatchEntry } from "./watch.js";

export interface PolicyStatus {
  /** Empty: the operator's own. */
  readonly tenant: string;
  readonly policy: string;
  readonly version: string;
  /** judging; slow: the slow worker judges it; resting: it overran or kept trapping; refused: no version of it ever ran. */
  readonly state: SeatStatus["state"] | "refused";
  readonly rules: number;
  readonly events: number;
  readonly alerts: number;
  readonly suppressed: number;
  readonly nsPerEvent: number;
  readonly memoryBytes: number;
  readonly traps: number;
  /** Calls that agents denied by its rows, and those that they would have denied (docs/prevention.md). */
  readonly denied: number;
  readonly monitored: number;
  readonly lastError: string | null;
}

/** Of all policies: those that sit, and those of policies.d that do not. */
export function policyStatus(seats: readonly SeatStatus[], entries: readonly WatchEntry[]): PolicyStatus[] {
  const errors = new Map(
    entries.flatMap(({ id, error }) => (id !== null && error !== null ? [[id, error.message]] : [])),
  );
  const seated = seats.map(
    ({ id, policy, state, tally, lastError }): PolicyStatus => ({
      tenant: policy.tenancy?.tenant ?? "",
      policy: policy.name,
      version: policy.version,
      state,
      rules: policy.rules.length,
      events: tally.events,
      alerts: tally.alerts,
      suppressed: tally.suppressed,
      nsPerEvent: tally.events === 0 ? 0 : Math.round((tally.ns / tally.events) * 10) / 10,
      memoryBytes: tally.memoryBytes,
      traps: tally.traps,
      denied: tally.denied,
      monitored: tally.monitored,
      lastError: errors.get(id) ?? lastError,
    }),
  );
  const none = {
    version: "",
    rules: 0,
    events: 0,
    alerts: 0,
    suppressed: 0,
    nsPerEvent: 0,
    memoryBytes: 0,
    traps: 0,
    denied: 0,
    monitored: 0,
  };
  const refused = entries
    .filter((entry) => entry.id === null)
    .map(
      ({ tenant, policy, error }): PolicyStatus => ({
        tenant,
        policy,
        ...none,
        state: "refused",
        lastError: error?.message ?? null,
      }),
    );
  return [...seated, ...refused];
}

const VISITORS = { most: 16, ms: 5_000 };

export class StatusServer {
  readonly #servers: Server[] = [];
  readonly #paths: string[] = [];

  /** Answers at `path`, and at `path.TENANT` for each tenant with an owner. */
  static async open(
    path: string,
    tenants: Iterable<Tenant>,
    answer: () => readonly PolicyStatus[],
  ): Promise<StatusServer> {
    const self = new StatusServer();
    try {
      await self.#listen(path, null, answer);
      for (const { name, owner } of tenants) {
        if (owner !== null)
          await self.#listen(`${path}.${name}`, owner, () => answer().filter((one) => one.tenant === name));
      }
      return self;
    } catch (error) {
      self.close();
      throw new VedetteError("VEDETTE_STATUS_SOCKET", { path, reason: reasonOf(error) }, { cause: error });
    }
  }

  close(): void {
    for (const server of this.#servers) server.close();
    for (const path of this.#paths) rmSync(path, { force: true });
  }

  async #listen(path: string, owner: number | null, answer: () => readonly PolicyStatus[]): Promise<void> {
    rmSync(path, { force: true });
    const server = createServer((socket) => {
      socket.on("error", () => undefined);
      socket.end(`${JSON.stringify(answer())}\n`);
    });
    boundVisitors(server, VISITORS);
    const before = process.umask(0o177);
    try {
      await new Promise<void>((resolve, reject) => {
        server.on("error", reject); // also later: a visitor who cannot be taken in (EMFILE) must not end us
        server.listen(path, resolve);
      });
    } finally {
      process.umask(before);
    }
    this.#servers.push(server);
    this.#paths.push(path);
    chmodSync(path, 0o600);
    if (owner !== null) chownSync(path, owner, -1);
    server.unref();
  }
}

const ANSWER_MS = 5000;

/** Asks a running Vedette. */
export function askStatus(path: string): Promise<PolicyStatus[]> {
  return new Promise((resolve, reject) => {
    const refuse = (reason: string): void => reject(new VedetteError("VEDETTE_STATUS_REFUSED", { path, reason }));
    let text = "";
    const socket = connect(path);
    socket.setTimeout(ANSWER_MS, () => {
      socket.destroy();
      refuse("there is no answer");
    });
    socket.on("error", (error) => refuse(reasonOf(error)));
    socket.on("data", (part) => {
      text += part;
    });
    socket.on("end", () => {
      try {
        resolve(JSON.parse(text) as PolicyStatus[]);
      } catch {
        refuse("the answer is cut off");
      }
    });
  });
}
