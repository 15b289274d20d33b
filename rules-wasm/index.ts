// SPDX-License-Identifier: Apache-2.0
// What a policy imports: `import { rule, Execve, StringSet } from "vedette"`. docs/write-a-policy.md shows
// how.
export { rule, Rule, Priority } from "./rule";
export { meter, Meter } from "./meter";
export { counter, CounterInstrument } from "./metric/counter";
export { gauge, GaugeInstrument } from "./metric/gauge";
export { histogram, HistogramInstrument } from "./metric/histogram";
export { exponential, ExponentialInstrument } from "./metric/exponential";
export { Event } from "./event";
export { Process } from "./process";
export { Descriptor } from "./descriptor";
export { Addr } from "./addr";
export { Sockaddr } from "./sockaddr";
export { Str } from "./str";
export { StrList } from "./str-list";
export { StringSet } from "./string-set";
export { PathSet, PrefixSet } from "./path-set";
export { ProgramSet } from "./program-set";
export { Glob } from "./glob";
export { Regex } from "./regex";
export { isJson, JsonPath } from "./json";
export { Cidr, CidrSet } from "./cidr";
export { bit, has, hasAny, holds, isOpenRead, isOpenWrite } from "./flag";
export { hourOf, minuteOf, weekdayOf } from "./clock";
export { hours, milliseconds, minutes, seconds } from "./duration";
export { Counter } from "./state/counter";
export { FirstSeen } from "./state/first-seen";
export { Marks } from "./state/marks";
export { Memo } from "./state/memo";
export { SelfCopies } from "./state/self-copies";
export { Sequence } from "./state/sequence";
export { keyOf, keyOfAddr, keys } from "./state/key";
export { param } from "./param";
export { note } from "./wire/alert";
export { log } from "./log";
export { batchClock, batchLost, batchSource } from "./wire/frame";
export * from "./generated/events";
export * from "./generated/flags";
