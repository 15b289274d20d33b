// SPDX-License-Identifier: Apache-2.0
// Whether what a message says of its sender is what its subject says. A server lets each task publish on its
// own subject alone, so the subject is believed, and a message that says something else is another task's, or
// a lie.
import { subjectToken } from "../output/nats-subject.js";
import type { ContainerFacts } from "../wire/container.js";
import { tokensOf } from "./subject.js";

/** What a message says of its sender. */
export interface SaidOrigin {
  readonly sender: { readonly tenant: string; readonly task: string };
  readonly container: ContainerFacts | null;
}

/** Null: they agree. Else what does not, as the end of a sentence. */
export function disagreement(subject: string, { sender, container }: SaidOrigin): string | null {
  const { tenant, task } = tokensOf(subject);
  if (tenant !== subjectToken(sender.tenant)) return "it is of another tenant than its subject";
  if (task !== subjectToken(sender.task)) return "it is of another task than its subject";
  const isOfTask = container === null || container.taskArn === null || container.taskArn === sender.task;
  return isOfTask ? null : "its container is of another task";
}
