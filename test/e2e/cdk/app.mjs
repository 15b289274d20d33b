// SPDX-License-Identifier: Apache-2.0
// What cdk.test.ts synthesizes, with the aspect of docs/cdk and without it (ASPECT: its options as JSON). PLAYED:
// what the application of one task starts. It runs in a folder that has aws-cdk-lib and a copy of the aspect.
import { App, Aspects, Duration, NestedStack, Stack, Stage, aws_ec2 as ec2, aws_ecs as ecs, aws_logs as logs, aws_secretsmanager as secrets, aws_sqs as sqs, aws_ssm as ssm } from "aws-cdk-lib";
import { Vedette } from "./vedette.ts";

const image = (name) => ecs.ContainerImage.fromRegistry(`registry.example/${name}:1`);
const task = (scope, id, more = {}) => new ecs.FargateTaskDefinition(scope, id, { cpu: 512, memoryLimitMiB: 1024, ...more });

const app = new App();
const shared = new Stack(app, "Shared");
const queue = new sqs.Queue(shared, "Queue");

const several = new Stack(app, "Several");
const shop = task(several, "Shop", { runtimePlatform: { cpuArchitecture: ecs.CpuArchitecture.ARM64, operatingSystemFamily: ecs.OperatingSystemFamily.LINUX } });
const secret = new secrets.Secret(several, "Password");
const web = shop.addContainer("web", {
  image: image("web"),
  entryPoint: ["/web"],
  command: ["--queue", queue.queueUrl],
  environment: { QUEUE: queue.queueArn, PORT: "8080" },
  secrets: { PASSWORD: ecs.Secret.fromSecretsManager(secret), TOKEN: ecs.Secret.fromSsmParameter(ssm.StringParameter.fromStringParameterName(several, "Token", "token")) },
  healthCheck: { command: ["CMD-SHELL", "exit 0"], interval: Duration.seconds(10), startPeriod: Duration.seconds(5) },
  logging: ecs.LogDrivers.awsLogs({ streamPrefix: "web", logGroup: new logs.LogGroup(several, "Logs") }),
  portMappings: [{ containerPort: 8080 }],
  readonlyRootFilesystem: true,
});
const migrate = shop.addContainer("migrate", { image: image("migrate"), entryPoint: ["/migrate"], essential: false });
web.addContainerDependencies({ container: migrate, condition: ecs.ContainerDependencyCondition.SUCCESS });
shop.addContainer("worker", { image: image("worker"), entryPoint: ["sh", "-c"], command: ["exec worker"], linuxParameters: new ecs.LinuxParameters(several, "Linux", { initProcessEnabled: true }) });
shop.addVolume({ name: "scratch" });
web.addMountPoints({ sourceVolume: "scratch", containerPath: "/scratch", readOnly: false });
shop.node.defaultChild.addPropertyOverride("ContainerDefinitions.1.StopTimeout", 7);
new ecs.FargateService(several, "Service", { cluster: new ecs.Cluster(several, "Cluster", { vpc: new ec2.Vpc(several, "Vpc", { maxAzs: 1, natGateways: 0 }) }), taskDefinition: shop, assignPublicIp: true });

const routed = new Stack(app, "Routed");
const fire = task(routed, "Fire");
fire.addFirelensLogRouter("router", { image: image("fluent-bit"), firelensConfig: { type: ecs.FirelensLogRouterType.FLUENTBIT } });
fire.addContainer("app", { image: image("app"), entryPoint: ["/app"], logging: ecs.LogDrivers.firelens({ options: { Name: "stdout" } }) });

const inner = task(new NestedStack(routed, "Inner"), "Task");
inner.addContainer("app", { image: image("bare"), command: ["serve"] }); // its image says the entry point

const stage = new Stage(app, "Prod");
task(new Stack(stage, "Payments"), "Task").addContainer("app", { image: image("app"), entryPoint: ["/app"] });

task(new Stack(app, "Played"), "Task").addContainer("app", { image: image("app"), ...JSON.parse(process.env.PLAYED) });

const others = new Stack(app, "Others");
new ecs.Ec2TaskDefinition(others, "Task").addContainer("app", { image: image("app"), entryPoint: ["/app"], memoryLimitMiB: 64 });

if (process.env.ASPECT !== undefined) {
  const aspect = new Vedette(JSON.parse(process.env.ASPECT));
  for (const scope of [app, stage]) Aspects.of(scope).add(aspect);
}
app.synth();
