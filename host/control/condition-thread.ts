// SPDX-License-Identifier: Apache-2.0
// The thread that compiles conditions, one at a time. Whoever asks decides how much work that is, so it is
// done apart from the host's first thread, which ends this one where it takes too long.
import { parentPort } from "node:worker_threads";
import { VedetteError } from "../errors.js";
import { Filter } from "../falco/filter.js"; // the readers of rule files would be half as much again
import type { CompilerAnswer, CompilerQuestion } from "./condition-compiler.js";

async function answerTo({ condition, answered }: CompilerQuestion): Promise<CompilerAnswer> {
  try {
    const { admitted, ...compiled } = await Filter.compile(condition, answered);
    // Its bytes are for processes that compile again.
    return { ...compiled, admitted: admitted === null ? null : { ...admitted, bytes: new Uint8Array() } };
  } catch (error) {
    if (!(error instanceof VedetteError)) throw error;
    const { message, code, hint } = error;
    return { message, code, hint };
  }
}

parentPort!.on("message", (asked: CompilerQuestion) => {
  void answerTo(asked).then((answer) => parentPort!.postMessage(answer));
});
parentPort!.postMessage("ready");
