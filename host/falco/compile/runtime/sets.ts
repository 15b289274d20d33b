// SPDX-License-Identifier: Apache-2.0
// Whether a value is in a large set: numbers and ranges in order, found by halves, and beginnings of paths in
// a table of words. A part of the run-time (../runtime.ts).
import { STATE } from "../layout.js";
import { readFuncs } from "../text-form.js";
import type { Func } from "../wasm.js";

/** Functions that ask whether a value is in a large set. */
export const SET_FUNCS: readonly Func[] = readFuncs(`
;; whether $v is one of the $n numbers of 8 bytes at $t
(func $int_in (param $v i64) (param $t i32) (param $n i32) (result i32) (local $low i32) (local $mid i32) (local $at i64)
  (loop $next
    (if (i32.ge_u $low $n) (then (return 0)))
    (set $mid (i32.shr_u (i32.add $low $n) 1))
    (set $at (i64.load (i32.add $t (i32.shl $mid 3))))
    (if (i64.eq $at $v) (then (return 1)))
    (if (i64.lt_s $at $v) (then (set $low (i32.add $mid 1))) (else (set $n $mid)))
    (br $next))
  (unreachable))

;; the same of 4 bytes
(func $number_in (param $v i32) (param $t i32) (param $n i32) (result i32) (local $low i32) (local $mid i32) (local $at i32)
  (loop $next
    (if (i32.ge_u $low $n) (then (return 0)))
    (set $mid (i32.shr_u (i32.add $low $n) 1))
    (set $at (i32.load (i32.add $t (i32.shl $mid 2))))
    (if (i32.eq $at $v) (then (return 1)))
    (if (i32.lt_u $at $v) (then (set $low (i32.add $mid 1))) (else (set $n $mid)))
    (br $next))
  (unreachable))

(func $turned (param $x i32) (result i32)
  (i32.or
    (i32.or (i32.shl $x 24) (i32.shl (i32.and $x 0xff00) 8))
    (i32.or (i32.and (i32.shr_u $x 8) 0xff00) (i32.shr_u $x 24))))

(func $turned64 (param $x i64) (result i64)
  (i64.or
    (i64.shl (i64.extend_i32_u (call $turned (i32.wrap_i64 $x))) (i64.const 32))
    (i64.extend_i32_u (call $turned (i32.wrap_i64 (i64.shr_u $x (i64.const 32)))))))

;; whether the address of $l bytes at $p is in a range of net-table.ts
(func $net_in (param $p i32) (param $l i32) (param $t i32) (result i32)
  (if (i32.eq $l 4)
    (then (return (call $net4_in (call $turned (i32.load $p)) (i32.add $t 8) (i32.load $t)))))
  (if (i32.ne $l 16) (then (return 0)))
  (call $net6_in
    (call $turned64 (i64.load $p))
    (call $turned64 (i64.load offset=8 $p))
    (i32.add (i32.add $t 8) (i32.shl (i32.load $t) 3))
    (i32.load offset=4 $t)))

(func $net4_in (param $a i32) (param $t i32) (param $n i32) (result i32) (local $low i32) (local $mid i32) (local $e i32)
  (loop $next
    (if (i32.ge_u $low $n) (then (return 0)))
    (set $mid (i32.shr_u (i32.add $low $n) 1))
    (set $e (i32.add $t (i32.shl $mid 3)))
    (if (i32.lt_u $a (i32.load $e))
      (then (set $n $mid))
      (else
        (if (i32.le_u $a (i32.load offset=4 $e)) (then (return 1)))
        (set $low (i32.add $mid 1))))
    (br $next))
  (unreachable))

(func $below (param $ah i64) (param $al i64) (param $bh i64) (param $bl i64) (result i32)
  (if (result i32) (i64.eq $ah $bh) (then (i64.lt_u $al $bl)) (else (i64.lt_u $ah $bh))))

(func $net6_in (param $h i64) (param $l i64) (param $t i32) (param $n i32) (result i32)
  (local $low i32) (local $mid i32) (local $e i32)
  (loop $next
    (if (i32.ge_u $low $n) (then (return 0)))
    (set $mid (i32.shr_u (i32.add $low $n) 1))
    (set $e (i32.add $t (i32.shl $mid 5)))
    (if (call $below $h $l (i64.load $e) (i64.load offset=8 $e))
      (then (set $n $mid))
      (else
        (if (i32.eqz (call $below (i64.load offset=16 $e) (i64.load offset=24 $e) $h $l)) (then (return 1)))
        (set $low (i32.add $mid 1))))
    (br $next))
  (unreachable))

;; whether a beginning of the path, by whole parts, is a word of the table: with its first slash, or without
(func $path_in (param $p i32) (param $l i32) (param $t i32) (result i32)
  (local $start i32) (local $size i32) (local $i i32) (local $root i32)
  (if (i32.le_s $l 0) (then (return 0)))
  (set $start (i32.load offset=${STATE.arena} 0))
  (set $root (i32.eq (i32.load8_u $p) 0x2f))
  (call $put_path_parts $p $l)
  (set $size (i32.sub (i32.load offset=${STATE.arena} 0) $start))
  (set $i $root)
  (loop $next
    (if (i32.gt_u $i $size) (then (return 0)))
    (if (if (result i32) (i32.eq $i $size) (then 1) (else (i32.eq (i32.load8_u (i32.add $start $i)) 0x2f)))
      (then
        (if (i32.ne (call $dict $start $i $t) 1) (then (return 1)))
        (if $root
          (then (if (i32.ne (call $dict (i32.add $start 1) (i32.sub $i 1) $t) 1) (then (return 1)))))))
    (set $i (i32.add $i 1))
    (br $next))
  (unreachable))

;; the path without empty parts
(func $put_path_parts (param $p i32) (param $l i32) (local $end i32) (local $b i32) (local $before i32)
  (set $end (i32.add $p $l))
  (block $done
    (loop $next
      (br_if $done (i32.ge_u $p $end))
      (set $b (i32.load8_u $p))
      (if (i32.eqz (i32.and (i32.eq $b 0x2f) (i32.eq $before 0x2f))) (then (call $put_byte $b)))
      (set $before $b)
      (set $p (i32.add $p 1))
      (br $next))))
`);
