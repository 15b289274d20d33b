// SPDX-License-Identifier: Apache-2.0
// A task tells each program that it runs and that its image does not hold. Where all tasks' facts meet, the
// same path in several tasks is no accident: somebody brings it.
import { AnyExec, Distinct, fact, FirstSeen, hours, keyOf, keys, meter, param, PathSet, Priority, rule, VedetteFact } from "vedette";

const ALLOWED = new PathSet(param.strings("allow"));
const TASKS_MIN = <u32>param.int("tasks");
const PROGRAM = fact({ name: "unknown program", key: "proc.exepath" });
const RUN = new FirstSeen(hours(1), 1024);
const TASKS = new Distinct(hours(24), 16, 1024);
const TOLD = new FirstSeen(hours(24), 1024);

@meter({ name: "unknown programs of a task" })
export function unknownPrograms(e: AnyExec): void {
  if (e.failed || !(e.proc.is_exe_upper_layer || e.proc.is_exe_from_memfd)) return;
  if (ALLOWED.has(e.proc.exepath)) return;
  if (RUN.isNew(e, keys(keyOf(e.proc.container_id), keyOf(e.proc.exepath)))) PROGRAM.tell(e, e.proc.exepath, e.proc.cmdline);
}

@rule({
  name: "Unknown program in several tasks",
  desc: "The same program, which no image holds, was run in several tasks within a day",
  priority: Priority.Critical,
  tags: ["T1105", "T1570", "TA0008"],
  dedup: ["evt.arg.key"],
  output: "A program that no image holds runs in several tasks | file=%evt.arg.key command=%evt.arg.value family=%evt.arg.family " +
    "process=%proc.name user=%user.name pid=%proc.pid task=%evt.arg.task",
})
export function programInTasks(e: VedetteFact): bool {
  if (e.kind != "unknown program") return false;
  const program = keyOf(e.key);
  return TASKS.add(e, program, keyOf(e.task)) >= TASKS_MIN && TOLD.isNew(e, program);
}
