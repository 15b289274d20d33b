// SPDX-License-Identifier: Apache-2.0
// Finds the kinds of facts that a policy tells (`const CONTACT = fact({ name: "contact", key: "fd.rip" })` at
// the top of a file). They are constants, so the host knows them before the module runs.
import { NodeKind } from "assemblyscript";
import { fail, importedNames, isObject, readText, readWords, userSources } from "./rules.js";

const WORDS = { name: readText, key: readText };
const KINDS_MAX = 32;
const NAME_MAX = 64;

/** @returns {import("./types.js").FoundFact[]} */
export function findFacts(parser) {
  const facts = [];
  for (const source of userSources(parser)) {
    const imported = importedNames(source);
    for (const statement of source.statements) {
      if (statement.kind !== NodeKind.Variable) continue;
      for (const { initializer } of statement.declarations) {
        const found = initializer === null ? null : readFact(parser, initializer, imported);
        if (found === null) continue;
        if (facts.some(({ name }) => name === found.name))
          fail(parser, initializer.range, `There are two kinds of facts of the name "${found.name}".`);
        facts.push(found);
        if (facts.length > KINDS_MAX) fail(parser, initializer.range, `A policy has at most ${KINDS_MAX} kinds of facts.`);
      }
    }
  }
  return facts;
}

function readFact(parser, call, imported) {
  if (call.kind !== NodeKind.Call || imported.get(call.expression.text) !== "fact") return null;
  const spec = call.args[0];
  if (call.args.length !== 1 || !isObject(spec))
    return fail(parser, call.range, 'fact() takes one object, as in fact({ name: "contact", key: "fd.rip" }).');
  const words = readWords(parser, spec, "fact()", WORDS);
  if (words === null) return null;
  for (const word of ["name", "key"]) {
    const size = Buffer.byteLength(words[word] ?? "");
    if (size === 0) return fail(parser, spec.range, `A kind of facts needs a ${word}: add \`${word}: "..."\`.`);
    if (size > NAME_MAX) return fail(parser, spec.range, `"${word}" has at most ${NAME_MAX} bytes.`);
  }
  return { name: words.name, key: words.key };
}
