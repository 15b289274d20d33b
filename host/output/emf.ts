// SPDX-License-Identifier: Apache-2.0
// Alerts and incidents as lines of CloudWatch's embedded metric format: a log line from which CloudWatch
// makes metrics. Dimensions are what has few values: the task's family and the rule. Everything else is a
// member that makes no metric, so no name that a program chose costs money.
import type { Alert } from "./alert.js";
import { alertId } from "./alert.js";
import { type IncidentNews, incidentSentence } from "./incident-news.js";

const MS_NS = 1_000_000n;

/** An alert's line: the metric `findings` is 1. */
export function emfAlert(alert: Alert, namespace: string): string {
  const { rule, priority, output, time, tags, tenant, policy, finding, incident } = alert;
  return line(namespace, time, "findings", given({ family: finding?.task?.family, rule }), {
    priority,
    policy,
    tenant,
    tags,
    id: alertId(alert),
    container: finding?.container?.name ?? finding?.container?.id,
    incident: incident?.id,
    message: output,
  });
}

/** What became of an incident: the metric `incidents` is 1, by activity. */
export function emfIncident(news: IncidentNews, namespace: string): string {
  const { activity, incident, into } = news;
  const { id, severity, title, count, tactics, container, tenant, last } = incident;
  return line(
    namespace,
    last,
    "incidents",
    { activity },
    {
      incident: id,
      into,
      priority: severity,
      title,
      count,
      tactics,
      tenant,
      container: container?.name ?? container?.id,
      message: incidentSentence(news),
    },
  );
}

function line(namespace: string, time: bigint, metric: string, dimensions: object, more: object): string {
  const metrics = [{ Name: metric, Unit: "Count" }];
  const CloudWatchMetrics = [{ Namespace: namespace, Dimensions: [Object.keys(dimensions)], Metrics: metrics }];
  const _aws = { Timestamp: Number(time / MS_NS), CloudWatchMetrics };
  return JSON.stringify({ _aws, [metric]: 1, ...dimensions, ...given(more) });
}

function given(members: object): object {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== null && value !== undefined));
}
