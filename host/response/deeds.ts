// SPDX-License-Identifier: Apache-2.0
// What each action is, as far as asking for it goes. A new one is a row here.
import type { ResponseAction } from "../capture/agent.js";
import type { ResponseRow, RowAction } from "../policy/respond.js";

/** One action. */
export interface Deed {
  /** Who does it. */
  readonly by: "agent" | "host";
  /**
   * To whom: the alert's process, all that descends from it, too, the container, or all containers of the
   * task.
   */
  readonly to: "process" | "tree" | "container" | "task";
  /** Who it was done to does nothing any more, says its agent. */
  readonly kills: boolean;
  /** When it ends: it is over at once, holds for the row's `for`, or holds for good. */
  readonly holds: "not" | "for" | "for good";
  /** What an agent is asked for, where that has another name. */
  readonly asks?: ResponseAction;
  /** What holds as long as it does, in words; none: nothing. */
  readonly meanwhile?: string;
}

/** Actions of the host. */
export type HostAction = "capture" | "stop-task";

/** All of them. */
export const DEEDS: Readonly<Record<RowAction, Deed>> = {
  kill: { by: "agent", to: "process", kills: true, holds: "not" },
  "kill-tree": { by: "agent", to: "tree", kills: true, holds: "not" },
  freeze: { by: "agent", to: "tree", kills: false, holds: "for", meanwhile: "the tree stands still" },
  deny: { by: "agent", to: "tree", kills: false, holds: "for", meanwhile: "the tree's calls are denied" },
  isolate: {
    ...{ by: "agent", to: "tree", kills: false, holds: "for", asks: "deny" },
    meanwhile: "the tree is isolated",
  },
  tighten: { by: "agent", to: "tree", kills: false, holds: "for good" },
  capture: { by: "host", to: "container", kills: false, holds: "not" },
  "stop-task": { by: "host", to: "task", kills: false, holds: "for good" },
};

/** Whether the host does it itself. */
export function isOfHost(action: RowAction): action is HostAction {
  return DEEDS[action].by === "host";
}

/** When what a row asks for ends: without a time, what is denied is denied until the tree ends. */
export function holdOf({ action, for: seconds }: ResponseRow): Deed["holds"] {
  const { holds } = DEEDS[action];
  return holds === "for" && seconds === 0 ? "for good" : holds;
}
