// SPDX-License-Identifier: Apache-2.0
// The name alone would blame `npm start` and `pip --version`: an argument must say that something is
// installed.
import { AnyExec, param, Priority, rule, StringSet } from "vedette";

const MANAGERS = new StringSet(param.strings("managers"));
const ACTIONS = new StringSet(param.strings("actions"));

@rule({
  name: "Package installed at run time",
  desc: "A package manager was started to install something in a running container",
  priority: Priority.Error,
  tags: ["T1072", "T1105", "TA0002"],
  output: "A package manager installs something | process=%proc.name exe=%proc.exepath " +
    "command=%proc.cmdline parent=%proc.pname user=%user.name pid=%proc.pid container=%container.id",
})
export function packageInstalled(e: AnyExec): bool {
  return !e.failed && MANAGERS.has(e.proc.name) && e.proc.args.hasAny(ACTIONS);
}
