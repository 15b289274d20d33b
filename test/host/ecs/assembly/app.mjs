// SPDX-License-Identifier: Apache-2.0
// Made the folder cdk beside it: `npm install aws-cdk-lib@2.276.0 constructs && CDK_OUTDIR=cdk node app.mjs`; of its manifests, the reports
// on flags and the trees of constructs are left out. The test needs only the output.
import { App, NestedStack, Stack, Stage, aws_ec2 as ec2, aws_ecs as ecs, aws_logs as logs } from "aws-cdk-lib";
function task(scope, id) {
  const t = new ecs.FargateTaskDefinition(scope, id, { cpu: 256, memoryLimitMiB: 512 });
  t.addContainer("web", { image: ecs.ContainerImage.fromRegistry("registry.example/web:1"), entryPoint: ["/web"], logging: ecs.LogDrivers.awsLogs({ streamPrefix: "web" }) });
  return t;
}
const app = new App();
const orders = new Stack(app, "Orders");
task(orders, "Task");
task(new NestedStack(orders, "Inner"), "Task");
new Stack(app, "Empty").exportValue("nothing", { name: "Nothing" });
const stage = new Stage(app, "Prod");
task(new Stack(stage, "Payments"), "Task");
app.synth();
