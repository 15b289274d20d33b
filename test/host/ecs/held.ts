// SPDX-License-Identifier: Apache-2.0
// Whether an instrumented task definition holds what it held, and what the agents need besides. Keys have a
// small first letter (lower() of plain.ts).
import * as assert from "uvu/assert";
import type { Any, Plain } from "./plain.js";

/** `isWhole`: false where volumes stand elsewhere. */
export function compare(before: Plain, after: Plain, isWhole = true): void {
  const [olds, news] = [flat(before.containerDefinitions), flat(after.containerDefinitions)];
  const sidecar = news.find((one) => one.name === "vedette")!;
  const others = news.filter((one) => one !== sidecar);
  assert.is(others.length, olds.length);
  assert.equal(sidecar.healthCheck.command.slice(0, 1), ["CMD"]);
  if (isWhole) assert.ok(flat(after.volumes).some((volume) => volume.name === "vedette"));
  const watched = others.filter((one, index) => compareContainer(olds[index]!, one));
  assert.ok(watched.length > 0);
  compareSecrets(after, sidecar, watched, isWhole);
  for (const key of Object.keys(before))
    if (!/^(containerDefinitions|volumes)$/.test(key)) assert.equal(after[key], before[key]);
}

/** Each container has a volume with the sidecar that no other has, and the sidecar knows whose it is. */
function compareSecrets(after: Plain, sidecar: Plain, watched: readonly Plain[], isWhole: boolean): void {
  const ofSidecar = sidecar.mountPoints.slice(1);
  assert.equal(
    ofSidecar.map((mount: Plain) => mount.sourceVolume),
    watched.map((_, index) => `vedette-own-${index + 1}`),
  );
  for (const [index, one] of watched.entries()) {
    const [volume, path] = [`vedette-own-${index + 1}`, `/vedette-own/${index + 1}`];
    assert.equal(ofSidecar[index], { sourceVolume: volume, containerPath: path, readOnly: false });
    for (const mounts of choices(one.mountPoints))
      assert.equal(mounts.at(-1), { sourceVolume: volume, containerPath: path, readOnly: true });
    for (const words of choices(one.entryPoint)) assert.is(words[words.indexOf("--secret-file") + 1], `${path}/secret`);
    if (isWhole) assert.is(flat(after.volumes).filter((each) => each.name === volume).length, 1);
    const end = `=${path}/secret`;
    const said = typeof one.name === "string" ? `${one.name}${end}` : { "fn::Join": ["", [one.name, end]] };
    assert.ok(hasPair(sidecar.command, "--container-secret", said), JSON.stringify(sidecar.command));
  }
}

function hasPair(words: Any[], option: string, value: Any): boolean {
  return words.some((word, index) => word === option && JSON.stringify(words[index + 1]) === JSON.stringify(value));
}

/** True when the container was wrapped; one that was not must be as it was. */
function compareContainer(before: Plain, after: Plain): boolean {
  if (!JSON.stringify(after).includes("vedette-capture")) {
    assert.equal(after, before);
    return false;
  }
  for (const entryPoint of choices(after.entryPoint)) assert.is(entryPoint[0], "/vedette/vedette-capture");
  for (const [index, words] of choices(before.entryPoint ?? []).entries()) {
    const now = choices(after.entryPoint)[index]!;
    if (words.length > 0) assert.equal(now.slice(now.indexOf("--") + 1), words);
  }
  for (const key of ["mountPoints", "environment", "dependsOn"]) {
    const [was, is] = [choices(before[key] ?? []), choices(after[key])];
    const more = key === "mountPoints" ? 2 : 1;
    for (const [index, list] of is.entries()) assert.equal(list.slice(0, -more), was[index] ?? []);
    for (const list of is) assert.match(JSON.stringify(list.at(-1)), /vedette/i);
  }
  const capabilities = after.linuxParameters.capabilities;
  assert.ok(capabilities.add.includes("SYS_PTRACE"));
  assert.equal(capabilities.drop, before.linuxParameters?.capabilities?.drop);
  const changed = /^(entryPoint|command|mountPoints|environment|dependsOn|linuxParameters)$/;
  for (const key of Object.keys(before)) if (!changed.test(key)) assert.equal(after[key], before[key]);
  return true;
}

/** The lists that a value may be: itself, or the branches of an Fn::If; nothing for NoValue. */
function choices(value: Any): Any[][] {
  if (Array.isArray(value)) return [value];
  if (value === null || value?.ref === "AWS::NoValue") return [[]];
  return value["fn::If"].slice(1).flatMap(choices);
}

function flat(list: Any): Plain[] {
  const items = choices(list ?? []).flat();
  return items.flatMap((item: Any) =>
    "fn::If" in item ? item["fn::If"].slice(1).filter((one: Any) => one.ref !== "AWS::NoValue") : [item],
  );
}
