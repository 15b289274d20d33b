// SPDX-License-Identifier: Apache-2.0
// The custom section `vedette.policy`: what the host wants to know of a module before it runs any of it
// (docs/abi/v1.md).

export const ABI_MAJOR = 1;
export const SECTION = "vedette.policy";

/**
 * @param {import("./types.js").FoundRule[]} rules
 * @param {import("./types.js").Contract} contract
 * @param {import("./types.js").PolicyHead} head
 */
export function metadataOf(rules, contract, head) {
  return {
    abi: ABI_MAJOR,
    schema: contract.schema,
    minor: contract.minor,
    name: head.name,
    version: head.version,
    rules: rules.map(({ name, desc, priority, output, tags, events, grouping }) => ({
      ...{ name, desc, priority, output, tags, events },
      ...(grouping === undefined ? {} : { grouping }),
    })),
    parameters: head.parameters,
    state: "",
  };
}

export function addSection(module, metadata) {
  module.addCustomSection(SECTION, new TextEncoder().encode(JSON.stringify(metadata)));
}
