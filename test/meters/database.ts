// SPDX-License-Identifier: Apache-2.0
// A meter of a database on conversations: what its servers tell, and what its clients.
import { Meter } from "./conversation.js";

/** By the metrics that OpenTelemetry has for databases. */
export class DatabaseMeter extends Meter {
  /** As `LPOP WRONGTYPE`, once for each request, sorted. */
  get told(): string[] {
    return this.#told("db.server.operation.duration");
  }

  /** Likewise, with the server's address and port, as clients tell of them. */
  get asked(): string[] {
    return this.#told("db.client.operation.duration");
  }

  #told(name: string): string[] {
    return this.series(name)
      .flatMap(({ labels, buckets }) => {
        const [, , ...shown] = labels ?? [];
        return new Array<string>(buckets.reduce((sum, one) => sum + one, 0)).fill(
          shown.slice(0, -1).join(" ").trim().replace(/ +/g, " "),
        );
      })
      .sort();
  }

  /** Seconds of requests of this kind, all together. */
  seconds(operation: string): number {
    const all = ["server", "client"].flatMap((side) => this.series(`db.${side}.operation.duration`));
    return all.filter(({ labels }) => labels?.[2] === operation).reduce((sum, { value }) => sum + value, 0);
  }
}
