// SPDX-License-Identifier: Apache-2.0
// The compiler transform: it makes a policy out of decorated functions. Three steps, at the compiler's three
// hooks:
//   afterParse    find the rules, read their words, write the dispatch (an entry file of its own) and compile that too
//   afterInitialize  make room for what the policy measures
//   (compiling)   lint, where types are known
//   afterCompile  run the file's top level before init, and add the custom section `vedette.policy`
// What it finds wrong is an error with a range in the author's file, drawn like any of the compiler's own.
import { dispatchSource, ENTRY_FILE } from "./dispatch.js";
import { findFacts } from "./facts.js";
import { checkLabels, checkParameters, startLint } from "./lint.js";
import { findInstruments, findMeters, regionSize } from "./meters.js";
import { findRules, importsFrom } from "./rules.js";
import { addSection, metadataOf } from "./section.js";
import { traceTerms } from "./trace.js";

export { ABI_MAJOR } from "./section.js";

const PAGE = 65536;
/** Of what vedette/wire/trace keeps. */
const TRACE_PAGES = 5;

/**
 * @param {import("./types.js").Contract} contract build/generated/as/classes.json
 * @param {import("./types.js").PolicyHead} head what policy.yaml says
 * @param {import("./types.js").Tracing | null} tracing
 */
export function makeTransform(contract, head, tracing = null) {
  /** @type {import("./types.js").FoundRule[]} */
  let rules = [];
  /** @type {import("./types.js").FoundMeasures} */
  let measures = { instruments: [], meters: [], facts: [] };
  const transform = {
    metadata: /** @type {object | null} */ (null),
    /** How many functions see events. */
    judges: 0,
    /** Of a module that says its way to an answer. */
    terms: /** @type {import("./types.js").TracedTerm[]} */ ([]),

    afterParse(parser) {
      rules = findRules(parser, contract);
      measures = {
        instruments: findInstruments(parser),
        meters: findMeters(parser, contract),
        facts: findFacts(parser),
      };
      transform.judges = rules.length + measures.meters.length;
      checkParameters(parser, head.parameters);
      checkLabels(parser);
      if (parser.diagnostics.some((diagnostic) => diagnostic.category === 3)) return;
      startLint(parser);
      if (tracing !== null) transform.terms = traceTerms(parser, tracing === "careful");
      const asksForFacts = importsFrom(parser, "vedette/falco");
      const how = { isTraced: tracing !== null, asksForFacts };
      parser.parseFile(dispatchSource(rules, contract, measures, how), ENTRY_FILE, true);
    },

    // The regions are of the initial memory, beside all else that is.
    afterInitialize(program) {
      if (tracing !== null) program.options.initialMemory += TRACE_PAGES;
      const { instruments } = measures;
      if (instruments.length > 0) program.options.initialMemory += Math.ceil(regionSize(instruments) / PAGE);
    },

    afterCompile(module) {
      runTopLevelInInit(module);
      transform.metadata = metadataOf(rules, contract, head, measures);
      addSection(module, transform.metadata);
    },
  };
  return transform;
}

/**
 * The top level of the author's files runs inside vedette_init, when the settings are there, and not as a
 * start function.
 */
function runTopLevelInInit(module) {
  const entry = ENTRY_FILE.replace(/\.ts$/, "");
  const i32 = 2; // binaryen's type id of i32
  module.removeExport(START_EXPORT);
  module.removeExport("vedette_init");
  const call = module.call(`${entry}/vedette_init`, [module.local.get(0, i32)], i32);
  module.addFunction("vedette_init", i32, i32, [], module.block(null, [module.call("~start", [], 0), call], i32));
  module.addFunctionExport("vedette_init", "vedette_init");
}

/** The name under which asc exports the top level; asconfig.json says the same. */
export const START_EXPORT = "vedette_start";
