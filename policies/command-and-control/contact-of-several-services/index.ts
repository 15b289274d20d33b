// SPDX-License-Identifier: Apache-2.0
// A task tells each public address when it connects there for the first time. Where all tasks' facts meet, an
// address counts as new for a time after anybody's first contact: several services that come to it within
// that time have something in common that their images do not say. The meter and the rule sit in two places,
// and each remembers by itself.
import {
  Addr, CidrSet, Connect, Distinct, Errno, fact, FirstSeen, hours, keyOf, keyOfAddr, keys, Memo, meter, minutes, param, Priority, ProgramSet, rule,
  VedetteFact,
} from "vedette";

const INTERNAL = new CidrSet(param.strings("internal"));
const ALLOWED = new ProgramSet(param.strings("allow"));
const SERVICES_MIN = <u32>param.int("services");
const WINDOW = minutes(<u64>param.int("window_minutes"));
const LEARNING = minutes(<u64>param.int("learn_minutes"));
const CONTACT = fact({ name: "contact", key: "fd.sip" });

const PLACES = new FirstSeen(hours(24), 4096);
const FIRST = new Memo(hours(24 * 7), 8192);
const SERVICES = new Distinct(hours(1), 16, 4096);
const TOLD = new FirstSeen(hours(24 * 7), 1024);
const BEGUN: u64 = 1;

@meter({ name: "contacts of a task" })
export function contacts(e: Connect): void {
  if (e.failed && !e.failedWith(Errno.EINPROGRESS)) return;
  const ip: Addr = e.addr.ip;
  if (!ip.exists || INTERNAL.has(ip) || ALLOWED.has(e.proc)) return;
  if (PLACES.isNew(e, keys(keyOf(e.proc.container_id), keyOfAddr(ip)))) CONTACT.tell(e, ip, e.proc.exepath);
}

@rule({
  name: "Several services contact one new address",
  desc: "Services that have no address in common came to the same public one within minutes of anybody's first contact",
  priority: Priority.Warning,
  tags: ["T1071", "T1571", "TA0011"],
  dedup: ["evt.arg.key"],
  output: "Several services contact an address that nobody knew | address=%evt.arg.key service=%evt.arg.service " +
    "family=%evt.arg.family exe=%evt.arg.value process=%proc.name command=%proc.cmdline task=%evt.arg.task",
})
export function sharedContact(e: VedetteFact): bool {
  if (e.kind != "contact") return false;
  const address = keyOf(e.key);
  const begun = firstTime(e, BEGUN);
  const first = firstTime(e, address);
  const isNew = first - begun >= LEARNING && e.time - min(first, e.time) <= WINDOW;
  return isNew && SERVICES.add(e, address, serviceOf(e)) >= SERVICES_MIN && TOLD.isNew(e, address);
}

/** When this was seen first, ns: facts do not come in the order of their times. */
function firstTime(e: VedetteFact, key: u64): u64 {
  if (!FIRST.has(e, key) || e.time < <u64>FIRST.get(e, key)) FIRST.set(e, key, <i64>e.time);
  return <u64>FIRST.get(e, key);
}

/** What all copies of a task have in common. */
function serviceOf(e: VedetteFact): u64 {
  if (!e.service.isEmpty) return keyOf(e.service);
  return keyOf(e.family.isEmpty ? e.task : e.family);
}
