// SPDX-License-Identifier: Apache-2.0
// An aspect of the AWS CDK that puts Vedette into each Fargate task definition of its scope. It needs
// `vedette` where the app runs. Copy this file into your app.
//
//   Aspects.of(stack).add(new Vedette({ image: "REGISTRY/vedette:0.2.0", logGroup: "/vedette" }));
//
// The task definition is given to `vedette instrument` when the template is written, because only then are
// references between stacks known. So what comes out is what `instrument` makes of the template.
import { spawnSync } from "node:child_process";
import { aws_ecs as ecs, type IAspect, type IResolveContext, Lazy } from "aws-cdk-lib";
import type { IConstruct } from "constructs";

/** Options of `vedette instrument`. */
export interface VedetteProps {
  /** The sidecar's image, in your registry. */
  readonly image: string;
  /** Containers that are watched, and no others. */
  readonly containers?: readonly string[];
  readonly start?: "availability" | "security";
  readonly onOverload?: "shed" | "block";
  /** Where the sidecar logs: a group of CloudWatch Logs. */
  readonly logGroup?: string;
  readonly logRegion?: string;
  readonly alertsTo?: readonly string[];
  /** By container (`NAME` or `TASK/NAME`) without entryPoint: a file that says what its image runs. */
  readonly imageConfigs?: Readonly<Record<string, string>>;
  /** Ask the images' registries for that. */
  readonly registry?: boolean;
  /** A YAML file of the sidecar's settings. */
  readonly config?: string;
  /** The same, one by one. */
  readonly set?: Readonly<Record<string, string>>;
  /** How `vedette` is called. */
  readonly command?: readonly string[];
}

/** What the CDK calls to write an element of a template. */
interface Element {
  _toCloudFormation(): object;
}

/** Its constructor checks nothing: `instrument` does, and its error ends the synthesis. */
export class Vedette implements IAspect {
  readonly #command: readonly string[];
  /** By task definition as it is without Vedette: the CDK asks more than once. */
  readonly #made = new Map<string, object>();

  constructor(props: VedetteProps) {
    this.#command = [...(props.command ?? ["vedette"]), "instrument", "-", ...wordsOf(props)];
  }

  visit(node: IConstruct): void {
    if (!(node instanceof ecs.CfnTaskDefinition) || !node.requiresCompatibilities?.includes("FARGATE")) return;
    const element = node as unknown as Element;
    const plain = element._toCloudFormation.bind(element);
    const produce = (context: IResolveContext): object => {
      const template = context.resolve(plain()) as object;
      return context.preparing ? template : this.#instrumented(template); // while preparing, references are sought
    };
    element._toCloudFormation = () => Lazy.uncachedAny({ produce });
  }

  #instrumented(template: object): object {
    const input = JSON.stringify(template);
    const known = this.#made.get(input);
    if (known !== undefined) return known;
    const [program = "", ...words] = this.#command;
    const { status, stdout, stderr, error } = spawnSync(program, words, { input, encoding: "utf8" });
    if (error !== undefined) throw error;
    if (status !== 0) throw new Error(stderr.trim());
    process.stderr.write(stderr);
    const made = JSON.parse(stdout) as object;
    this.#made.set(input, made);
    return made;
  }
}

function wordsOf(props: VedetteProps): string[] {
  const one = (option: string, value: string | undefined) => (value === undefined ? [] : [option, value]);
  const pairs = (option: string, values: Readonly<Record<string, string>> = {}) =>
    Object.entries(values).flatMap(([key, value]) => [option, `${key}=${value}`]);
  return [
    ...one("--image", props.image),
    ...(props.containers ?? []).flatMap((name) => ["--container", name]),
    ...one("--start", props.start),
    ...one("--on-overload", props.onOverload),
    ...one("--log-group", props.logGroup),
    ...one("--log-region", props.logRegion),
    ...(props.alertsTo ?? []).flatMap((to) => ["--alerts-to", to]),
    ...pairs("--image-config", props.imageConfigs),
    ...(props.registry ? ["--registry"] : []),
    ...one("--config", props.config),
    ...pairs("--set", props.set),
  ];
}
