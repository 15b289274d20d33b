// SPDX-License-Identifier: Apache-2.0
// What people edit in what `instrument` has put into a task definition: each kind of edit, and whether it is
// still there.
import type { Plain } from "./plain.js";

export interface Edit {
  readonly title: string;
  /** Changes the sidecar, or the whole definition. */
  readonly apply: (sidecar: Plain, definition: Plain) => void;
  /** True where the edit is there. */
  readonly holds: (sidecar: Plain, definition: Plain) => boolean;
}

export const pair = (words: string[], option: string, value: string) =>
  words.some((word, at) => word === option && words[at + 1] === value);
export const web = (definition: Plain): Plain =>
  definition.containerDefinitions.find((one: Plain) => one.name === "web");
export const agentOf = (definition: Plain): string[] =>
  web(definition).entryPoint.slice(0, web(definition).entryPoint.indexOf("--"));
export const named = (list: Plain[], name: string): Plain => list.find((one) => one.name === name)!;

const onSidecar = (definition: Plain): Plain =>
  web(definition).dependsOn.find((one: Plain) => one.containerName === "vedette");

export const EDITS: Edit[] = [
  {
    title: "an option of the host",
    apply: (sidecar) => sidecar.command.push("--workers", "2"),
    holds: ({ command }) => pair(command, "--workers", "2"),
  },
  {
    title: "an option that may be given again, twice",
    apply: (sidecar) => sidecar.command.push("-o", "a=1", "-o", "b=2"),
    holds: ({ command }) => pair(command, "-o", "a=1") && pair(command, "-o", "b=2"),
  },
  {
    title: "another value of an option that was written",
    apply: ({ command }) => command.splice(command.indexOf("--listen") + 1, 1, "abstract:mine"),
    holds: ({ command }) => pair(command, "--listen", "abstract:mine") && !command.includes("unix:/vedette/host.sock"),
  },
  {
    title: "an option in front of the others",
    apply: ({ command }) => command.splice(1, 0, "--alerts-detail"),
    holds: ({ command }) => command.filter((word: string) => word === "--alerts-detail").length === 1,
  },
  { title: "memory", apply: (one) => (one.memory = 300), holds: (one) => one.memory === 300 },
  {
    title: "another memory reservation",
    apply: (one) => (one.memoryReservation = 200),
    holds: (one) => one.memoryReservation === 200,
  },
  { title: "CPU", apply: (one) => (one.cpu = 64), holds: (one) => one.cpu === 64 },
  {
    title: "another log group",
    apply: (one) => (one.logConfiguration.options["awslogs-group"] = "mine"),
    holds: (one) => one.logConfiguration.options["awslogs-group"] === "mine",
  },
  {
    title: "another log driver altogether",
    apply: (one) => (one.logConfiguration = { logDriver: "splunk", options: { "splunk-url": "https://s" } }),
    holds: (one) =>
      JSON.stringify(one.logConfiguration) === '{"logDriver":"splunk","options":{"splunk-url":"https://s"}}',
  },
  {
    title: "a variable",
    apply: (one) => (one.environment = [{ name: "TZ", value: "UTC" }]),
    holds: (one) => one.environment[0].value === "UTC",
  },
  {
    title: "a secret",
    apply: (one) => (one.secrets = [{ name: "TOKEN", valueFrom: "arn:aws:ssm:x" }]),
    holds: (one) => one.secrets[0].valueFrom === "arn:aws:ssm:x",
  },
  {
    title: "another interval of the health check",
    apply: (one) => (one.healthCheck.interval = 30),
    holds: (one) => one.healthCheck.interval === 30 && one.healthCheck.retries === 3,
  },
  {
    title: "another command of the health check",
    apply: (one) => one.healthCheck.command.push("--http", "127.0.0.1:9"),
    holds: (one) => pair(one.healthCheck.command, "--http", "127.0.0.1:9"),
  },
  { title: "no health check", apply: (one) => delete one.healthCheck, holds: (one) => !("healthCheck" in one) },
  { title: "essential", apply: (one) => (one.essential = true), holds: (one) => one.essential === true },
  { title: "stopTimeout", apply: (one) => (one.stopTimeout = 90), holds: (one) => one.stopTimeout === 90 },
  {
    title: "no restart policy",
    apply: (one) => (one.restartPolicy = { enabled: false }),
    holds: (one) => one.restartPolicy.enabled === false,
  },
  {
    title: "a volume of one's own",
    apply: (one, all) => {
      one.mountPoints.push({ sourceVolume: "rules", containerPath: "/rules", readOnly: true });
      all.volumes.push({ name: "rules" });
    },
    holds: (one, all) => one.mountPoints.at(-1).containerPath === "/rules" && named(all.volumes, "rules") !== undefined,
  },
  { title: "a user", apply: (one) => (one.user = "1000"), holds: (one) => one.user === "1000" },
  {
    title: "a label",
    apply: (one) => (one.dockerLabels = { owner: "team", ...one.dockerLabels }),
    holds: (one) => one.dockerLabels.owner === "team",
  },
  {
    title: "a dependency",
    apply: (one) => (one.dependsOn = [{ containerName: "queue", condition: "START" }]),
    holds: (one) => one.dependsOn[0].containerName === "queue",
  },
  {
    title: "credentials for the image's registry",
    apply: (one) => (one.repositoryCredentials = { credentialsParameter: "arn:x" }),
    holds: (one) => one.repositoryCredentials.credentialsParameter === "arn:x",
  },
  {
    title: "ulimits",
    apply: (one) => (one.ulimits = [{ name: "nofile", softLimit: 9000, hardLimit: 9000 }]),
    holds: (one) => one.ulimits[0].softLimit === 9000,
  },
  {
    title: "an option of an agent",
    apply: (_, all) => web(all).entryPoint.splice(1, 0, "--snaplen", "200"),
    holds: (_, all) => pair(agentOf(all), "--snaplen", "200") && web(all).entryPoint.at(-1) === "/web",
  },
  {
    title: "another value of an agent's option",
    apply: (_, all) => {
      const words = web(all).entryPoint;
      words[words.indexOf("--on-overload") + 1] = "block";
    },
    holds: (_, all) => pair(agentOf(all), "--on-overload", "block"),
  },
  {
    title: "a workload that waits until the sidecar is healthy",
    apply: (_, all) => (onSidecar(all).condition = "HEALTHY"),
    holds: (_, all) => onSidecar(all).condition === "HEALTHY",
  },
];

export const sidecarOf = (definition: Plain): Plain => named(definition.containerDefinitions, "vedette");
