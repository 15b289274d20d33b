// SPDX-License-Identifier: Apache-2.0
// Credentials of a task's role are temporary, and of that task alone: ECS gives each task an id under which
// it asks for them, and STS a key whose name begins with ASIA. A task tells those that its programs have in
// their environment or their arguments. Where all tasks' facts meet, two tasks that have the same are one
// task and somebody who took its credentials elsewhere.
import { AnyExec, Distinct, fact, FirstSeen, hours, keyOf, keys, meter, param, Priority, rule, Str, StrList, VedetteFact } from "vedette";

const TASKS_MIN = <u32>param.int("tasks");
const CREDENTIALS = fact({ name: "credentials", key: "aws.credentials" });
const HAD = new FirstSeen(hours(12), 1024);
const TASKS = new Distinct(hours(24), 16, 1024);
const TOLD = new FirstSeen(hours(24), 1024);
const KEY = "AWS_ACCESS_KEY_ID=";
const TEMPORARY = "ASIA";
const KEY_SIZE: u32 = 20;
const ID = "/v2/credentials/";
const ID_SIZE: u32 = 36;
const TEXTS_MAX = 256;

@meter({ name: "credentials of a task" })
export function credentialsOfTask(e: AnyExec): void {
  if (e.failed) return;
  tellThoseIn(e, e.proc.env);
  tellThoseIn(e, e.proc.args);
}

@rule({
  name: "Credentials of one task in several",
  desc: "Temporary credentials, which belong to one task, are in the hands of programs of several tasks",
  priority: Priority.Critical,
  tags: ["T1550.001", "T1528", "TA0006", "TA0008"],
  dedup: ["evt.arg.key"],
  output: "Several tasks have the credentials of one | credentials=%evt.arg.key exe=%evt.arg.value family=%evt.arg.family " +
    "process=%proc.name user=%user.name pid=%proc.pid task=%evt.arg.task",
})
export function sharedCredentials(e: VedetteFact): bool {
  if (e.kind != "credentials") return false;
  const credentials = keyOf(e.key);
  return TASKS.add(e, credentials, keyOf(e.task)) >= TASKS_MIN && TOLD.isNew(e, credentials);
}

function tellThoseIn(e: AnyExec, texts: StrList): void {
  for (let i = 0, count = min(texts.length, TEXTS_MAX); i < count; i++) {
    const text = texts.at(i);
    const key = after(text, KEY, KEY_SIZE);
    if (key.startsWith(TEMPORARY)) tell(e, key);
    const id = after(text, ID, ID_SIZE);
    if (!id.isEmpty) tell(e, id);
  }
}

/** Once for each container. */
function tell(e: AnyExec, what: Str): void {
  if (HAD.isNew(e, keys(keyOf(e.proc.container_id), keyOf(what)))) CREDENTIALS.tell(e, what, e.proc.exepath);
}

/** The `size` bytes behind `mark`; empty where there are not as many. */
function after(text: Str, mark: string, size: u32): Str {
  const begin = text.indexOf(mark);
  const none = text.slice(text.size);
  if (begin < 0) return none;
  const found = text.slice(<u32>begin + <u32>mark.length, <u32>begin + <u32>mark.length + size);
  return found.size == size ? found : none;
}
