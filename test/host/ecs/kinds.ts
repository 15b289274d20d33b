// SPDX-License-Identifier: Apache-2.0
// Three hundred files by a table: each kind of file that people keep task definitions in, with each thing
// that people have in one. A row of KINDS writes a definition down, a row of FEATURES puts something into it.
import { stringify } from "yaml";
import { type Any, type Plain, raise } from "./plain.js";

/** One file. */
export interface Generated {
  readonly title: string;
  readonly name: string;
  readonly text: string;
}

const LOGS = { logDriver: "awslogs", options: { "awslogs-group": "shop", "awslogs-region": "eu-west-1" } };

/** What each file has: a web server with its own log, and a queue. */
function base(): Plain {
  return {
    family: "shop",
    networkMode: "awsvpc",
    requiresCompatibilities: ["FARGATE"],
    cpu: "512",
    memory: "1024",
    executionRoleArn: "arn:aws:iam::123456789012:role/execution",
    containerDefinitions: [
      {
        name: "web",
        image: "registry.example/web:1",
        essential: true,
        entryPoint: ["/sbin/tini", "--", "/web"],
        command: ["serve", 'a "quoted" word', "ünï"],
        logConfiguration: structuredClone(LOGS),
      },
      {
        name: "queue",
        image: "registry.example/queue:1",
        entryPoint: ["/queue"],
        environment: [{ name: "A", value: "1" }],
      },
    ],
  };
}

const web = (definition: Plain): Plain => definition.containerDefinitions[0];
const add = (definition: Plain, ...more: Plain[]): void => void definition.containerDefinitions.push(...more);
const helper = (name: string, image: string, more: Plain = {}): Plain => ({
  name,
  image,
  entryPoint: [`/${name}`],
  ...more,
});

/** `what` is in the test's title. */
export const FEATURES: Record<string, (definition: Plain) => void> = {
  "nothing more": () => undefined,
  "a user": (one) => Object.assign(web(one), { user: "1000:1000", workingDirectory: "/srv" }),
  "a root that cannot be written": (one) => Object.assign(web(one), { readonlyRootFilesystem: true }),
  "capabilities that are dropped": (one) =>
    Object.assign(web(one), { linuxParameters: { capabilities: { drop: ["ALL"] }, initProcessEnabled: true } }),
  "SYS_PTRACE already": (one) =>
    Object.assign(web(one), { linuxParameters: { capabilities: { add: ["SYS_PTRACE"] } } }),
  secrets: (one) =>
    Object.assign(web(one), { secrets: [{ name: "TOKEN", valueFrom: "arn:aws:ssm:eu-west-1:1:parameter/t" }] }),
  "a chain of dependencies": (one) => {
    add(one, helper("migrate", "registry.example/migrate:1", { essential: false }));
    web(one).dependsOn = [{ containerName: "migrate", condition: "SUCCESS" }];
  },
  "a FireLens router": (one) => {
    add(one, {
      name: "router",
      image: "amazon/aws-for-fluent-bit:stable",
      essential: true,
      firelensConfiguration: { type: "fluentbit", options: { "enable-ecs-log-metadata": "true" } },
    });
    one.containerDefinitions[1].logConfiguration = { logDriver: "awsfirelens", options: { Name: "cloudwatch" } };
  },
  Envoy: (one) =>
    add(
      one,
      helper("envoy", "public.ecr.aws/appmesh/aws-appmesh-envoy:v1.27.0.0-prod", { user: "1337", essential: true }),
    ),
  "the X-Ray daemon": (one) =>
    add(one, helper("xray", "public.ecr.aws/xray/aws-xray-daemon:3.x", { cpu: 32, memoryReservation: 128 })),
  "a helper that is not essential": (one) => add(one, helper("cron", "registry.example/cron:1", { essential: false })),
  "volumes of its own": (one) => {
    one.volumes = [{ name: "data", efsVolumeConfiguration: { fileSystemId: "fs-1", transitEncryption: "ENABLED" } }];
    web(one).mountPoints = [{ sourceVolume: "data", containerPath: "/data", readOnly: false }];
  },
  ARM64: (one) => Object.assign(one, { runtimePlatform: { cpuArchitecture: "ARM64", operatingSystemFamily: "LINUX" } }),
  "a health check": (one) =>
    Object.assign(web(one), {
      healthCheck: { command: ["CMD-SHELL", "curl -f http://localhost/ || exit 1"], interval: 5 },
    }),
  "ports and service connect": (one) =>
    Object.assign(web(one), {
      portMappings: [{ containerPort: 80, name: "http", appProtocol: "http", protocol: "tcp" }],
    }),
  "limits and stopTimeout": (one) =>
    Object.assign(web(one), {
      stopTimeout: 120,
      memory: 512,
      cpu: 128,
      ulimits: [{ name: "nofile", softLimit: 1, hardLimit: 2 }],
    }),
  "labels, tags and hosts": (one) => {
    Object.assign(web(one), {
      dockerLabels: { "a.b": "c", Name: "x" },
      extraHosts: [{ hostname: "db", ipAddress: "10.0.0.1" }],
    });
    one.tags = [{ key: "team", value: "shop" }];
  },
  "empty lists": (one) => {
    Object.assign(web(one), { environment: [], mountPoints: [], dependsOn: [] });
    one.volumes = [];
  },
  "a task's pid namespace": (one) => Object.assign(one, { pidMode: "task", ephemeralStorage: { sizeInGiB: 50 } }),
  "a restart policy and variables": (one) =>
    Object.assign(web(one), {
      restartPolicy: { enabled: true, restartAttemptPeriod: 120 },
      environment: [
        { name: "EMPTY", value: "" },
        { name: "YES", value: "yes" },
        { name: "LINES", value: "a\nb" },
      ],
    }),
};

const resource = (definition: Plain): Plain => ({ Type: "AWS::ECS::TaskDefinition", Properties: raise(definition) });
const template = (definition: Plain, more: Plain = {}): Plain => ({
  AWSTemplateFormatVersion: "2010-09-09",
  ...more,
  Resources: { Cluster: { Type: "AWS::ECS::Cluster" }, Task: resource(definition), ...more.Resources },
});
const yaml = (value: Plain, options: object = {}): string =>
  stringify(value, { lineWidth: 0, blockQuote: false, ...options });

/** How a definition is kept in a file. */
export const KINDS: Record<string, { readonly name: string; readonly write: (definition: Plain) => string }> = {
  "register-task-definition": { name: "task.json", write: (one) => `${JSON.stringify(one, null, 2)}\n` },
  "one line": { name: "task.json", write: (one) => JSON.stringify(one) },
  tabs: { name: "task.json", write: (one) => JSON.stringify(one, null, "\t").replaceAll("\n", "\r\n") },
  "describe-task-definition": {
    name: "task.json",
    write: (one) => {
      const { tags = [], ...taskDefinition } = one;
      return JSON.stringify(
        { taskDefinition: { taskDefinitionArn: "arn:t", revision: 3, status: "ACTIVE", ...taskDefinition }, tags },
        null,
        4,
      );
    },
  },
  "a task definition in YAML": { name: "task.yaml", write: (one) => yaml(one) },
  "Terraform's list": { name: "containers.json", write: (one) => JSON.stringify(one.containerDefinitions) },
  "CloudFormation, JSON": { name: "template.json", write: (one) => JSON.stringify(template(one), null, 2) },
  "CloudFormation, YAML": {
    name: "template.yaml",
    write: (one) => `# kept by the platform team\n${yaml(template(one))}`,
  },
  "CloudFormation, YAML with comments and CRLF": {
    name: "template.yaml",
    write: (one) => {
      const lines = yaml(template(one), { indentSeq: false }).trimEnd().split("\n");
      return lines.map((line, index) => (index % 3 === 0 ? `# comment ${index}: a - b\r\n${line}` : line)).join("\r\n");
    },
  },
  "CloudFormation, flow style": {
    name: "template.yaml",
    write: (one) => yaml(template(one), { collectionStyle: "flow" }),
  },
  SAM: {
    name: "template.yaml",
    write: (one) =>
      yaml(
        template(one, {
          Transform: "AWS::Serverless-2016-10-31",
          Resources: {
            Hook: { Type: "AWS::Serverless::Function", Properties: { Runtime: "nodejs22.x", Handler: "a.b" } },
          },
        }),
        { indent: 4 },
      ),
  },
  "the CDK's": {
    name: "template.json",
    write: (one) => {
      const made = resource(one);
      const [first] = made.Properties.ContainerDefinitions;
      first.Image = {
        "Fn::Join": ["", [{ Ref: "AWS::AccountId" }, ".dkr.ecr.", { Ref: "AWS::Region" }, ".amazonaws.com/web:1"]],
      };
      made.Properties.ExecutionRoleArn = { "Fn::GetAtt": ["TaskRole", "Arn"] };
      made.Metadata = { "aws:cdk:path": "Shop/Task/Resource" };
      const Rules = { CheckBootstrapVersion: { Assertions: [] } };
      return JSON.stringify(
        { Resources: { Shop1A2B: made, CDKMetadata: { Type: "AWS::CDK::Metadata" } }, Rules },
        null,
        1,
      );
    },
  },
  "Copilot's": {
    name: "template.yaml",
    write: (one) => {
      const made = resource(one);
      made.Properties.Family = "FAMILY";
      made.Properties.ContainerDefinitions[0].Image = "IMAGE";
      const text = yaml({ Parameters: { ContainerImage: { Type: "String" } }, Resources: { TaskDefinition: made } });
      return text
        .replace("FAMILY", "!Join ['', [!Ref AppName, '-', !Ref EnvName]]")
        .replace("IMAGE", "!Ref ContainerImage");
    },
  },
  "a container behind a condition": {
    name: "template.json",
    write: (one) => {
      const made = template(one, { Conditions: { Debug: { "Fn::Equals": ["a", "b"] } } });
      const debug = { Name: "debug", Image: "debug:1", Essential: false };
      made.Resources.Task.Properties.ContainerDefinitions.push({ "Fn::If": ["Debug", debug, { Ref: "AWS::NoValue" }] });
      return JSON.stringify(made, null, 2);
    },
  },
  "two definitions": {
    name: "template.yaml",
    write: (one) => {
      const other = structuredClone(one);
      other.family = "other";
      return yaml(template(one, { Resources: { Other: resource(other) } }));
    },
  },
};

/** A file of this kind with all these things in it. */
export function fileOf(kind: string, features: readonly string[]): Generated {
  const { name, write } = KINDS[kind]!;
  const definition: Any = base();
  for (const what of features) FEATURES[what]!(definition);
  return { title: `${kind}, with ${features.join(", ")}`, name, text: write(definition) };
}

/** All of them, always in the same order. */
export function generated(): Generated[] {
  return Object.keys(KINDS).flatMap((kind) => Object.keys(FEATURES).map((what) => fileOf(kind, [what])));
}
