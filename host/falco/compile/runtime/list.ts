// SPDX-License-Identifier: Apache-2.0
// Lists of texts: how many, how long, a variable of an environment. A part of the run-time (../runtime.ts).
import { readFuncs } from "../text-form.js";
import type { Func } from "../wasm.js";

/** Functions over a strlist: texts one after another, each ended by NUL. */
export const LIST_FUNCS: readonly Func[] = readFuncs(`
;; how many texts a strlist has
(func $count_list (param $p i32) (param $l i32) (result i32) (local $end i32) (local $n i32)
  (if (i32.le_s $l 0) (then (return 0)))
  (set $end (i32.add $p $l))
  (loop $byte
    (set $n (i32.add $n (i32.eqz (i32.load8_u $p))))
    (set $p (i32.add $p 1))
    (br_if $byte (i32.lt_u $p $end)))
  (i32.add $n (i32.ne (i32.load8_u (i32.sub $end 1)) 0)))

;; characters, as wc -m counts them
(func $count_chars (param $p i32) (param $l i32) (result i32) (local $end i32) (local $n i32)
  (set $end (i32.add $p $l))
  (block $done
    (loop $byte
      (br_if $done (i32.ge_u $p $end))
      (set $n (i32.add $n (i32.ne (i32.and (i32.load8_u $p) 0xc0) 0x80)))
      (set $p (i32.add $p 1))
      (br $byte)))
  $n)

;; the end of the text that begins at $p in a strlist that ends at $end
(func $entry_end (param $p i32) (param $end i32) (result i32)
  (loop $byte
    (if (i32.ge_u $p $end) (then (return $end)))
    (if (i32.eqz (i32.load8_u $p)) (then (return $p)))
    (set $p (i32.add $p 1))
    (br $byte))
  (unreachable))

;; where byte $b first stands, the text's end for nowhere
(func $first_of (param $p i32) (param $l i32) (param $b i32) (result i32) (local $end i32)
  (set $end (i32.add $p $l))
  (loop $byte
    (if (i32.ge_u $p $end) (then (return $end)))
    (if (i32.eq (i32.load8_u $p) $b) (then (return $p)))
    (set $p (i32.add $p 1))
    (br $byte))
  (unreachable))

;; where the value of variable q begins in an environment, 0 for none ($q ends with =)
(func $variable (param $p i32) (param $l i32) (param $q i32) (param $m i32) (result i32) (local $end i32) (local $e i32)
  (if (i32.le_s $l 0) (then (return 0)))
  (set $end (i32.add $p $l))
  (loop $next
    (if (i32.ge_u $p $end) (then (return 0)))
    (set $e (call $entry_end $p $end))
    (if (call $starts $p (i32.sub $e $p) $q $m) (then (return (i32.add $p $m))))
    (set $p (i32.add $e 1))
    (br $next))
  (unreachable))
`);
