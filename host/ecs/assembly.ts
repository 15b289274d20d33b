// SPDX-License-Identifier: Apache-2.0
// A cloud assembly: the folder (cdk.out) that `cdk synth` writes and `cdk deploy` reads. In it are the
// templates of stacks, of nested stacks, and of stages in folders of their own. CDK uploads a template under
// the digest of what it synthesised, and uploads nothing where that name exists. So a template that is
// changed gets a new digest, here and wherever the old one stands: in the list of assets, in the manifest,
// and in the template of the stack around a nested one, which therefore comes after it.
//
//   manifest.json        "stackTemplateAssetObjectUrl": "s3://.../3e68....json"
//   Orders.assets.json   "files": {"3e68...": {"source": {"path": "Orders.template.json"}, ... "objectKey": "3e68....json"}}
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { VedetteError } from "../errors.js";
import { reasonOf } from "../reason.js";
import { findDefinitions } from "./definition.js";
import type { ImageConfigs } from "./image-config.js";
import { instrument } from "./instrument.js";
import type { Document } from "./node.js";
import type { RunOptions } from "./options.js";
import { parseDocument } from "./read.js";

/** A file of the assembly, and what is to stand there. */
export interface AssemblyFile {
  readonly path: string;
  readonly before: string;
  readonly after: string;
}

interface Assets {
  readonly files?: Readonly<Record<string, { readonly source?: { readonly path?: string } }>>;
}

/** All files that change, and what a person should know. */
export interface AssemblyChange {
  readonly files: readonly AssemblyFile[];
  readonly remarks: readonly string[];
  readonly advice: readonly string[];
}

const MANIFEST = "manifest.json";
const RESOURCE = '"AWS::ECS::TaskDefinition"';

/** True for a folder that `cdk synth` wrote. */
export function isAssembly(path: string): boolean {
  return existsSync(join(path, MANIFEST));
}

/** Puts Vedette into all templates of the assembly, and writes nothing. Throws as `instrument` does. */
export async function instrumentAssembly(
  folder: string,
  wanted: RunOptions,
  images: (document: Document) => Promise<ImageConfigs>,
): Promise<AssemblyChange> {
  const changes = await Promise.all(foldersIn(folder).map((one) => changeOf(one, wanted, images)));
  if (!changes.some(({ count }) => count > 0)) {
    const reason = "none of its templates has a task definition that is asked for";
    throw new VedetteError("VEDETTE_DEFINITION_NONE", { path: folder, reason });
  }
  return {
    files: changes.flatMap(({ files }) => files),
    remarks: changes.flatMap(({ remarks }) => remarks),
    advice: changes.flatMap(({ advice }) => advice),
  };
}

/** The assembly's own, and those of its stages. */
function foldersIn(folder: string): string[] {
  const inner = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const stages = inner.map(({ name }) => join(folder, name)).filter(isAssembly);
  return [folder, ...stages.flatMap(foldersIn)];
}

async function changeOf(
  folder: string,
  wanted: RunOptions,
  images: (document: Document) => Promise<ImageConfigs>,
): Promise<AssemblyChange & { readonly count: number }> {
  const names = readdirSync(folder).filter((name) => name === MANIFEST || /\.(assets|template)\.json$/.test(name));
  const before = new Map(names.map((name) => [name, read(join(folder, name))]));
  const after = new Map(before);
  const said = { remarks: [] as string[], advice: [] as string[], count: 0 };
  for (const [name, digest] of inOrder(before)) {
    const given = parseDocument(join(folder, name), after.get(name)!);
    const ids = idsIn(given, wanted);
    if (ids.length > 0) {
      const done = instrument(given, { ...wanted, taskDefinition: ids }, await images(given));
      after.set(name, done.text);
      said.remarks.push(...done.remarks);
      said.advice.push(...done.advice);
      said.count++;
    }
    const text = after.get(name)!;
    if (digest !== undefined && text !== before.get(name)) rename(after, digest, digestOf(text));
  }
  const files = names.map((name) => ({
    path: join(folder, name),
    before: before.get(name)!,
    after: after.get(name)!,
  }));
  return { ...said, files: files.filter((file) => file.after !== file.before) };
}

/** Of the task definitions in it, those that are asked for. */
function idsIn(document: Document, { taskDefinition = [] }: RunOptions): string[] {
  if (!document.text.includes(RESOURCE)) return [];
  const ids = findDefinitions(document).map(({ id }) => id);
  return taskDefinition.length === 0 ? ids : ids.filter((id) => taskDefinition.includes(id));
}

/** The templates and their digests, where they have one: a template before that which names its digest. */
function inOrder(files: ReadonlyMap<string, string>): [name: string, digest: string | undefined][] {
  const digests = new Map<string, string>();
  for (const [name, text] of files)
    if (name.endsWith(".assets.json")) for (const [path, digest] of templatesIn(text)) digests.set(path, digest);
  const left = new Set([...files.keys()].filter((name) => name.endsWith(".template.json")));
  const ordered: [string, string | undefined][] = [];
  while (left.size > 0) {
    const names = (name: string, other: string) =>
      other !== name && digests.has(other) && files.get(name)!.includes(digests.get(other)!);
    // Stacks that name each other cannot be: each digest is of a text that holds the other one.
    const next = [...left].find((name) => ![...left].some((other) => names(name, other)))!;
    left.delete(next);
    ordered.push([next, digests.get(next)]);
  }
  return ordered;
}

function templatesIn(assets: string): [path: string, digest: string][] {
  const { files = {} } = JSON.parse(assets) as Assets;
  return Object.entries(files).flatMap(([digest, { source }]): [string, string][] =>
    source?.path?.endsWith(".template.json") ? [[source.path, digest]] : [],
  );
}

function rename(files: Map<string, string>, from: string, to: string): void {
  for (const [name, text] of files) files.set(name, text.replaceAll(from, to));
}

function digestOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new VedetteError("VEDETTE_DEFINITION_UNREADABLE", { path, reason: reasonOf(cause) }, { cause });
  }
}
