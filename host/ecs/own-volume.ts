// SPDX-License-Identifier: Apache-2.0
// A volume that one watched container shares with the sidecar alone. The sidecar makes a secret in it when
// the task starts; who knows it can only be of this container, so it proves the container's name. The
// template holds no secret, and no two tasks have the same.
//
//   container:  mountPoints     vedette-own-1 at /vedette-own/1, read-only      agent: --secret-file
// /vedette-own/1/secret
//   sidecar:    mountPoints     vedette-own-1 at /vedette-own/1                 serve: --container-secret
// app=/vedette-own/1/secret
//
// Volumes are numbered, because a container's name may be a function that only CloudFormation can read; so
// may that word then be: {"Fn::Join": ["", [{"Ref": "Name"}, "=/vedette-own/1/secret"]]}
import type { Container } from "./containers.js";
import type { Definition } from "./definition.js";
import { branchesOf } from "./intrinsic.js";
import { CONTAINER_VARIABLE, OWN_PATH, OWN_VOLUME } from "./layout.js";
import { type Node, textOf } from "./node.js";
import { nameOf } from "./path.js";
import { copyOf, type Value, type ValueMap } from "./value.js";

/** The volume of one watched container, and the words for both ends. */
export class OwnVolume {
  readonly name: string;
  readonly #path: string;

  /** `number`: of the container among those that are watched, from 1. */
  constructor(number: number) {
    this.name = `${OWN_VOLUME}-${number}`;
    this.#path = `${OWN_PATH}/${number}`;
  }

  static isName(name: string): boolean {
    return name.startsWith(`${OWN_VOLUME}-`) && /^\d+$/.test(name.slice(OWN_VOLUME.length + 1));
  }

  get secret(): string {
    return `${this.#path}/secret`;
  }

  mountPoint(readOnly: boolean): ValueMap {
    return { sourceVolume: this.name, containerPath: this.#path, readOnly };
  }

  /**
   * What the sidecar is told: whose it is. A definition may give the agent another name than the container's.
   */
  words(definition: Definition, { node }: Container): Value[] {
    const names = [definition.get(node, "name")!, ...namesSaid(definition, definition.get(node, "environment"))];
    return names.flatMap((name) => ["--container-secret", this.#word(definition, name)]);
  }

  #word({ document }: Definition, name: Node): Value {
    const end = `=${this.secret}`;
    const text = textOf(name);
    return text === undefined ? { "Fn::Join": ["", [copyOf(document, name), end]] } : text + end;
  }
}

/** In all branches of an `Fn::If`. */
function namesSaid(definition: Definition, environment: Node | undefined): Node[] {
  if (environment === undefined) return [];
  const branches = branchesOf(environment)?.branches;
  if (branches !== undefined) return branches.flatMap((branch) => namesSaid(definition, branch));
  if (environment.kind === "list") return environment.items.flatMap((item) => namesSaid(definition, item));
  const value = nameOf(environment) === CONTAINER_VARIABLE ? definition.get(environment, "value") : undefined;
  return value === undefined ? [] : [value];
}
