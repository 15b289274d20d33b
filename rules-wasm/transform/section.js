// SPDX-License-Identifier: Apache-2.0
// The custom section `vedette.policy`: what the host wants to know of a module before it runs any of it
// (docs/abi/v1.md).

export const ABI_MAJOR = 1;
export const SECTION = "vedette.policy";

/**
 * What a host of an older ABI does not know is only there where the policy has it.
 *
 * @param {import("./types.js").FoundRule[]} rules
 * @param {import("./types.js").Contract} contract
 * @param {import("./types.js").PolicyHead} head
 * @param {import("./types.js").FoundMeasures} measures
 */
export function metadataOf(rules, contract, head, { instruments, meters, facts }) {
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
    ...(instruments.length === 0 ? {} : { metrics: instruments }),
    ...(meters.length === 0 ? {} : { meters: meters.map(({ name, events }) => ({ name, events })) }),
    ...(facts.length === 0 ? {} : { facts }),
  };
}

export function addSection(module, metadata) {
  module.addCustomSection(SECTION, new TextEncoder().encode(JSON.stringify(metadata)));
}
