// SPDX-License-Identifier: Apache-2.0
// Tactics of MITRE ATT&CK, by which an incident says how far somebody has come. Rules name them in their
// tags: ours as TA0006, Falco's as mitre_credential_access.

/** By id, in the order in which attacks mostly go. */
export const TACTICS: ReadonlyMap<string, string> = new Map([
  ["TA0043", "Reconnaissance"],
  ["TA0042", "Resource Development"],
  ["TA0001", "Initial Access"],
  ["TA0002", "Execution"],
  ["TA0003", "Persistence"],
  ["TA0004", "Privilege Escalation"],
  ["TA0005", "Defense Evasion"],
  ["TA0006", "Credential Access"],
  ["TA0007", "Discovery"],
  ["TA0008", "Lateral Movement"],
  ["TA0009", "Collection"],
  ["TA0011", "Command and Control"],
  ["TA0010", "Exfiltration"],
  ["TA0040", "Impact"],
]);
const OF_FALCO: ReadonlyMap<string, string> = new Map(
  [...TACTICS].map(([id, name]) => [`mitre_${name.toLowerCase().replaceAll(" ", "_")}`, id]),
);

/** The ids of the tactics that these tags name. */
export function tacticsOf(tags: readonly string[]): string[] {
  return tags.flatMap((tag) => {
    const id = TACTICS.has(tag) ? tag : OF_FALCO.get(tag);
    return id === undefined ? [] : [id];
  });
}
