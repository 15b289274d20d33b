// SPDX-License-Identifier: Apache-2.0
// As much of AWS as the commands of our pages ask: ECS, which describes a task definition and takes another,
// and ECR, which gives a password. AWS's own command line talks to it, and checks what it sends by AWS's
// model.
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

type Answer = (request: Record<string, unknown>) => object;

export const PASSWORD = "of-ecr";

export class Aws {
  /** What was registered. */
  readonly registered: Record<string, unknown>[] = [];
  readonly #server: Server;

  /** `described`: what describe-task-definition prints, by the family. */
  constructor(described: Readonly<Record<string, object>>) {
    const answers: Record<string, Answer> = {
      DescribeTaskDefinition: ({ taskDefinition }) => described[String(taskDefinition)]!,
      RegisterTaskDefinition: (request) => {
        this.registered.push(request);
        return { taskDefinition: { ...request, revision: this.registered.length, status: "ACTIVE" } };
      },
      GetAuthorizationToken: () => ({
        authorizationData: [{ authorizationToken: Buffer.from(`AWS:${PASSWORD}`).toString("base64") }],
      }),
    };
    this.#server = createServer(async (request, response) => {
      const parts: Buffer[] = [];
      for await (const part of request) parts.push(part as Buffer);
      const call = String(request.headers["x-amz-target"]).split(".").at(-1)!;
      response.setHeader("content-type", "application/x-amz-json-1.1");
      response.end(JSON.stringify(answers[call]!(JSON.parse(Buffer.concat(parts).toString()))));
    });
  }

  /** Gives the variables by which AWS's command line finds it. */
  async open(): Promise<Record<string, string>> {
    await new Promise<void>((done) => this.#server.listen(0, "127.0.0.1", done));
    return {
      AWS_ENDPOINT_URL: `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`,
      AWS_ACCESS_KEY_ID: "AKIDONE",
      AWS_SECRET_ACCESS_KEY: "secret",
      AWS_DEFAULT_REGION: "eu-west-1",
      AWS_PAGER: "",
      AWS_EC2_METADATA_DISABLED: "true",
    };
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}
