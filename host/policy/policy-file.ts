// SPDX-License-Identifier: Apache-2.0
// policy.yaml: what a policy is called, which parameters it has, and what whoever runs it wants changed in
// its rules.
//
//   name: sensitive-file-read            version: 1.0.0           sdk: "0.1"           description: ...
//   parameters:
//     allow: {type: strings, default: [sshd], description: programs that may read them}
//   rules:
//     Read sensitive file: {enabled: true, priority: Error, exceptions: [{name: backup, fields: [proc.name], values: [[borg]]}]}
import * as z from "zod";
import type { PolicyHead } from "../../rules-wasm/transform/types.js";
import { COMPARISONS } from "../engine/exceptions.js";
import { VedetteError } from "../errors.js";
import { PRIORITIES } from "../finding/priority.js";
import { VERSION } from "../version.js";
import type { ParameterKind, ParameterValue } from "../wasm/metadata.js";
import { kindOf } from "../wasm/settings.js";
import { fieldValue } from "../wire/fields.js";
import { type Bundle, placeOf } from "./bundle.js";
import type { YamlPath } from "./issue.js";
import { PreventSection, preventRowsOf } from "./prevent.js";
import { offersSdk, SDK_VERSION } from "./sdk.js";
import { parseYaml, YAML_BYTES_MAX, type YamlFile } from "./yaml.js";

/** What a policy is called: a folder can have this name. */
export const PolicyName = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9._-]{0,98}[a-z0-9])?$/, "small letters, digits, dots and dashes");
const Value = z.union([z.boolean(), z.number().int(), z.string(), z.array(z.string())]);
const Parameter = z.strictObject({
  type: z.enum(["bool", "int", "string", "strings"]),
  default: Value,
  description: z.string().default(""),
  // The kernel reports every open of these paths to the agent, whichever process makes it.
  sensitive: z.boolean().default(false),
});
/** As of what a module says of its rules (wasm/metadata.ts): each alert has them. */
const MOST = { output: 4_000, tag: 100, tags: 50, exceptions: 100, fields: 20, values: 10_000 };
const Text = z.union([z.string(), z.number().transform(String)]);
const Exception = z.strictObject({
  name: z.string().min(1),
  fields: z.array(z.string()).min(1).max(MOST.fields),
  comps: z.array(z.enum(COMPARISONS)).max(MOST.fields).optional(),
  values: z.array(z.array(z.union([Text, z.array(Text)]))).max(MOST.values),
});
const RuleChange = z.strictObject({
  enabled: z.boolean().optional(),
  priority: z.enum(PRIORITIES).optional(),
  output: z.string().min(1).max(MOST.output).optional(),
  tags: z.array(z.string().max(MOST.tag)).max(MOST.tags).optional(),
  exceptions: z.array(Exception).max(MOST.exceptions).optional(),
});
/** The schema of the whole file. */
export const PolicyFile = z.strictObject({
  name: PolicyName,
  version: z.string().default("0.0.0"),
  description: z.string().default(""),
  // The oldest version of Vedette's that has all that the sources import.
  sdk: z.string().regex(SDK_VERSION, 'a version in quotes: "0.1"').optional(),
  parameters: z
    .record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_-]*$/, "a name of letters, digits, _ and -"), Parameter)
    .default({}),
  rules: z.record(z.string(), RuleChange).default({}),
  // What its state means: a new version of the same word goes on with the old one's state.
  state: z.string().max(100).default(""),
  prevent: PreventSection,
});

/** What policy.yaml changes in one rule. */
export type RuleChange = z.infer<typeof RuleChange>;
/** The whole file, with defaults filled in. */
export type PolicyFile = z.infer<typeof PolicyFile>;

/** Name of the file in a policy's folder. */
export const POLICY_FILE = "policy.yaml";

/** Reads policy.yaml. */
export function readPolicyFile(bundle: Bundle): YamlFile<PolicyFile> {
  if (!bundle.has(POLICY_FILE)) throw new VedetteError("VEDETTE_POLICY_NONE", { path: bundle.origin.place });
  const file = parseYaml(
    placeOf(bundle, POLICY_FILE),
    () => bundle.read(POLICY_FILE, YAML_BYTES_MAX),
    PolicyFile as z.ZodType<PolicyFile>,
    "VEDETTE_POLICY_YAML",
  );
  for (const [name, parameter] of Object.entries(file.value.parameters)) {
    if (kindOf(asKind(parameter.type, parameter.default)) !== parameter.type)
      throw file.wrong(["parameters", name, "default"], `the default of ${name} is not of type ${parameter.type}`);
  }
  for (const [rule, { exceptions = [] }] of Object.entries(file.value.rules)) {
    for (const [i, exception] of exceptions.entries())
      checkException(exception, ["rules", rule, "exceptions", i], file);
  }
  preventRowsOf(file.value.prevent, file);
  const { sdk } = file.value;
  if (sdk !== undefined && !offersSdk(sdk))
    throw file.wrong(["sdk"], `this policy wants the SDK ${sdk}, and this Vedette has ${VERSION}`);
  return file;
}

/** The same; null for a module that says all of itself. */
export function policyFileOf(bundle: Bundle): PolicyFile | null {
  return bundle.origin.kind === "module" ? null : readPolicyFile(bundle).value;
}

/** Fields that there are, and as many comparisons and values as fields. */
function checkException(
  { fields, comps, values }: z.infer<typeof Exception>,
  path: YamlPath,
  file: YamlFile<unknown>,
): void {
  const unknown = fields.findIndex((field) => fieldValue(field) === undefined);
  if (unknown >= 0) throw file.wrong([...path, "fields", unknown], `there is no field ${fields[unknown]}`);
  if (comps !== undefined && comps.length !== fields.length)
    throw file.wrong([...path, "comps"], `${comps.length} comparisons for ${fields.length} fields`);
  for (const [i, tuple] of values.entries()) {
    if (tuple.length !== fields.length)
      throw file.wrong([...path, "values", i], `${tuple.length} values for ${fields.length} fields`);
  }
}

/** What a compiled module says of itself by policy.yaml. */
export function headOf(file: PolicyFile): PolicyHead {
  return { name: file.name, version: file.version, parameters: parametersOf(file) };
}

/** The parameters as the compiler and the module's metadata have them, in order of name. */
export function parametersOf(file: PolicyFile): { name: string; kind: ParameterKind; default: ParameterValue }[] {
  return Object.entries(file.parameters)
    .map(([name, parameter]) => ({ name, kind: parameter.type, default: asKind(parameter.type, parameter.default) }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** `default: 443` for a parameter of texts is what was written, not a number. */
function asKind(kind: ParameterKind, value: ParameterValue): ParameterValue {
  return kind === "string" && typeof value === "number" ? String(value) : value;
}
