// SPDX-License-Identifier: Apache-2.0
// What other rooms may use of Falco's rules: rule files as a policy, one condition as a filter, and the table
// of fields. The compiler and the readers behind it stay in this room.
export { PRIORITIES } from "../finding/priority.js";
export { type Example, type ToldRule, tellRule } from "./author/author.js";
export { CONFIG_PLACE, type ConfigFile, readConfigFile } from "./config-file.js";
export { FIELDS, type FieldInfo } from "./fields.js";
export { type CompiledFilter, Filter } from "./filter.js";
export type { FalcoFlags } from "./flags.js";
export { type CaptureOptions, type FalcoOptions, optionsIn, SETTINGS } from "./options.js";
export { checkedPolicy, enabledRules, type FalcoPolicy, falcoPolicy, refuseDead, refuseUnreadable } from "./policy.js";
export { readRuleFiles } from "./rule-files.js";
export { RuleTerms, type Term, type Verdict } from "./terms.js";
export { ENGINE_VERSION, versionText } from "./version.js";
