// SPDX-License-Identifier: Apache-2.0
// `capture`: evidence of the container, kept at once by whatever keeps it.
import type { Alert } from "../output/alert.js";
import type { HostAnswer, HostDeed } from "./host-deeds.js";

/** What keeps evidence. */
export interface Keeping<P> {
  /** Keeps evidence of what this alert is about; gives the file's name, or null: none can be had. */
  readonly capture: (alert: Alert, peer: P) => string | null;
  /** Whether it would do so now. */
  readonly canCapture: (alert: Alert, peer: P) => boolean;
}

const NO_EVIDENCE = "no evidence is kept here: see --evidence, and its limits";
const done = (why: string): HostAnswer => ({ status: "done", why });
const failed = (why: string): HostAnswer => ({ status: "failed", why });

/** The deed. */
export function capturing<P>({ capture, canCapture }: Keeping<P>): HostDeed<P> {
  return ({ alert, peer, isDry }) => {
    if (isDry && canCapture(alert, peer)) return done("a dry run: it would have kept evidence");
    if (isDry) return failed(`a dry run: ${NO_EVIDENCE}`);
    const file = capture(alert, peer);
    return file === null ? failed(NO_EVIDENCE) : done(`what the container does goes into ${file}`);
  };
}
