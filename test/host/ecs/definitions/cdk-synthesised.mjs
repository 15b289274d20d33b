// SPDX-License-Identifier: Apache-2.0
// Made cdk-synthesised.json beside it: `npm install aws-cdk-lib@2.276.0 constructs && node cdk-synthesised.mjs > cdk-synthesised.json`, what
// `cdk synth` writes, unchanged. The test needs only the output.
import { App, Duration, SecretValue, Stack, aws_ec2 as ec2, aws_ecr as ecr, aws_ecs as ecs, aws_ecs_patterns as patterns, aws_efs as efs, aws_logs as logs, aws_secretsmanager as secrets, aws_ssm as ssm } from "aws-cdk-lib";

const stack = new Stack(new App(), "Orders");
const vpc = new ec2.Vpc(stack, "Vpc", { maxAzs: 2 });
const cluster = new ecs.Cluster(stack, "Cluster", { vpc });
const images = new ecr.Repository(stack, "Images");
const files = new efs.FileSystem(stack, "Files", { vpc });
const database = new secrets.Secret(stack, "Database", { secretObjectValue: { password: SecretValue.unsafePlainText("x") } });
const level = new ssm.StringParameter(stack, "Level", { stringValue: "info" });

const task = new ecs.FargateTaskDefinition(stack, "Api", {
  cpu: 512,
  memoryLimitMiB: 1024,
  ephemeralStorageGiB: 30,
  runtimePlatform: { cpuArchitecture: ecs.CpuArchitecture.ARM64, operatingSystemFamily: ecs.OperatingSystemFamily.LINUX },
  volumes: [{ name: "files", efsVolumeConfiguration: { fileSystemId: files.fileSystemId, transitEncryption: "ENABLED" } }, { name: "scratch" }],
});
const migrate = task.addContainer("migrate", {
  image: ecs.ContainerImage.fromEcrRepository(images, "migrate"),
  essential: false,
  command: ["npm", "run", "migrate"],
  entryPoint: ["/usr/local/bin/docker-entrypoint.sh"],
  secrets: { DB_PASSWORD: ecs.Secret.fromSecretsManager(database, "password") },
  logging: ecs.LogDrivers.awsLogs({ streamPrefix: "migrate", logRetention: logs.RetentionDays.ONE_WEEK }),
});
const api = task.addContainer("api", {
  image: ecs.ContainerImage.fromEcrRepository(images, "api"),
  entryPoint: ["node", "--enable-source-maps"],
  command: ["dist/server.js", "--region", stack.region],
  environment: { TABLE: `orders-${stack.account}`, ENDPOINT: `https://sqs.${stack.region}.${stack.urlSuffix}` },
  secrets: { DB_PASSWORD: ecs.Secret.fromSecretsManager(database, "password"), LEVEL: ecs.Secret.fromSsmParameter(level) },
  healthCheck: { command: ["CMD-SHELL", "curl -f http://localhost:3000/health || exit 1"], startPeriod: Duration.seconds(20) },
  linuxParameters: new ecs.LinuxParameters(stack, "Linux", { initProcessEnabled: true }),
  readonlyRootFilesystem: true,
  stopTimeout: Duration.seconds(60),
  ulimits: [{ name: ecs.UlimitName.NOFILE, softLimit: 65535, hardLimit: 65535 }],
  portMappings: [{ containerPort: 3000, name: "http" }],
  logging: ecs.LogDrivers.firelens({ options: { Name: "cloudwatch", region: stack.region } }),
  dockerLabels: { team: "orders" },
});
api.addMountPoints({ sourceVolume: "files", containerPath: "/files", readOnly: false }, { sourceVolume: "scratch", containerPath: "/tmp", readOnly: false });
api.addContainerDependencies({ container: migrate, condition: ecs.ContainerDependencyCondition.SUCCESS });
task.addFirelensLogRouter("router", {
  image: ecs.obtainDefaultFluentBitECRImage(task, { logDriver: "awsfirelens" }),
  firelensConfig: { type: ecs.FirelensLogRouterType.FLUENTBIT },
  memoryReservationMiB: 50,
});
new ecs.FargateService(stack, "ApiService", { cluster, taskDefinition: task, enableExecuteCommand: true });

new patterns.ApplicationLoadBalancedFargateService(stack, "Web", {
  cluster,
  taskImageOptions: {
    image: ecs.ContainerImage.fromRegistry("public.ecr.aws/nginx/nginx:1.27"),
    environment: { UPSTREAM: "http://api.local:3000" },
  },
});

const { template } = stack.node.root.synth().getStackByName("Orders");
console.log(JSON.stringify(template, null, 1));
