// SPDX-License-Identifier: Apache-2.0
// Ways through the process table: parents, ancestors, leaders, and what is kept of each process. A part of
// the run-time (../runtime.ts).

import { PROCESS_SIZE } from "../../../../build/generated/events.js";
import { PROCESS_AT } from "../../../wire/layout.js";
import { ANCESTORS_MAX, STATE } from "../layout.js";
import { ABSENT } from "../source.js";
import { readFuncs } from "../text-form.js";
import type { Func } from "../wasm.js";

const PARENT = PROCESS_AT.parent!;
const NAME = PROCESS_AT.name!;

/** Walks over the process table, each bounded, because a damaged table could make a ring. */
export const PROCESS_FUNCS: readonly Func[] = readFuncs(`
(func $parent (param $a i32) (result i32) (local $i i32)
  (set $i (i32.load offset=${PARENT} $a))
  (if (i32.or (i32.eq $i -1) (i32.ge_u $i (i32.load offset=${STATE.processCount} 0))) (then (return (sym NULL_PROCESS))))
  (i32.add (i32.load offset=${STATE.processes} 0) (i32.mul $i ${PROCESS_SIZE})))

(func $ancestor (param $a i32) (param $n i32) (result i32)
  (loop $next
    (if (i32.eqz $n) (then (return $a)))
    (set $a (call $parent $a))
    (set $n (i32.sub $n 1))
    (br $next))
  (unreachable))

;; the process with that pid: $a itself or an ancestor
(func $leader (param $a i32) (param $pid i64) (result i32) (local $left i32)
  (if (i64.eq $pid (i64.const ${ABSENT})) (then (return (sym NULL_PROCESS))))
  (set $left ${ANCESTORS_MAX + 1})
  (loop $next
    (if (i64.eq (i64.load offset=${PROCESS_AT.pid} $a) $pid) (then (return $a)))
    (set $a (call $parent $a))
    (if (i32.eq $a (sym NULL_PROCESS)) (then (return $a)))
    (set $left (i32.sub $left 1))
    (br_if $next $left))
  (sym NULL_PROCESS))

;; the pid of the furthest of $a and its ancestors whose name ends in sh
(func $login_shell (param $a i32) (result i64) (local $left i32) (local $l i32) (local $found i64)
  (set $found (i64.const ${ABSENT}))
  (set $left ${ANCESTORS_MAX + 1})
  (block $done
    (loop $next
      (br_if $done (i32.eq $a (sym NULL_PROCESS)))
      (set $l (i32.load offset=${NAME + 4} $a))
      (if (i32.and (i32.ne (i32.load offset=${NAME} $a) -1) (i32.ge_s $l 2))
        (then
          (if (i32.eq (i32.load16_u (i32.sub (i32.add (i32.add (i32.load offset=${STATE.strings} 0) (i32.load offset=${NAME} $a)) $l) 2)) 0x6873)
            (then (set $found (i64.load offset=${PROCESS_AT.pid} $a))))))
      (set $a (call $parent $a))
      (set $left (i32.sub $left 1))
      (br_if $next $left)))
  $found)

;; what is kept about the process at $a
(func $cache (param $a i32) (result i32)
  (if (i32.eq $a (sym NULL_PROCESS)) (then (return (sym NULL_CACHE))))
  (i32.add (sym PROCESS_CACHE)
    (i32.mul (i32.div_u (i32.sub $a (i32.load offset=${STATE.processes} 0)) ${PROCESS_SIZE}) (sym STRIDE))))
`);
