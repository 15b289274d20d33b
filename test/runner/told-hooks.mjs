// SPDX-License-Identifier: Apache-2.0
//
// Imported before a test file that the runner runs. Where a hook of a suite (before, after ...) throws, uvu
// leaves out the tests behind it, says nothing of why, and ends with status 0. Here that is told as a failed
// test is.
import { registerHooks } from "node:module";

const MODULE = /\/node_modules\/uvu\/dist\/index\.mjs$/;
/** Where all of a suite's hooks and tests have run, or one hook has thrown. */
const [ENDS, FAILS] = [
  "\t} finally {\n\t\tstate.__test__ = '';\n\t\tfor (hook of after) await hook(state);\n",
  `\t} catch (err) {
\t\terrors += format('a hook of the suite', err, name);
\t\twrite(FAIL);
\t} finally {
\t\tstate.__test__ = '';
\t\ttry {
\t\t\tfor (hook of after) await hook(state);
\t\t} catch (err) {
\t\t\terrors += format('a hook behind the suite', err, name);
\t\t\twrite(FAIL);
\t\t}
`,
];

registerHooks({
  load(url, context, next) {
    const loaded = next(url, context);
    if (!MODULE.test(url)) return loaded;
    const source = String(loaded.source);
    if (!source.includes(ENDS)) throw new Error(`${url} is another than told-hooks.mjs knows`);
    return { ...loaded, source: source.replace(ENDS, () => FAILS) };
  },
});
