// SPDX-License-Identifier: Apache-2.0
// Comparisons of bytes: equal, within, by hash, by automaton. A part of the run-time (../runtime.ts).
import { readFuncs } from "../text-form.js";
import type { Func } from "../wasm.js";

/** $eq, $starts, $ends and the look-ups of dictionaries and automata. */
export const COMPARE_FUNCS: readonly Func[] = readFuncs(`
(func $eq (param $p i32) (param $l i32) (param $q i32) (param $m i32) (result i32) (local $end i32)
  (if (i32.ne $l $m) (then (return 0)))
  (set $end (i32.add $p $l))
  (block $tail
    (loop $next
      (br_if $tail (i32.gt_u (i32.add $p 8) $end))
      (if (i64.ne (i64.load $p) (i64.load $q)) (then (return 0)))
      (set $p (i32.add $p 8))
      (set $q (i32.add $q 8))
      (br $next)))
  (loop $byte
    (if (i32.ge_u $p $end) (then (return 1)))
    (if (i32.ne (i32.load8_u $p) (i32.load8_u $q)) (then (return 0)))
    (set $p (i32.add $p 1))
    (set $q (i32.add $q 1))
    (br $byte))
  (unreachable))

(func $starts (param $p i32) (param $l i32) (param $q i32) (param $m i32) (result i32)
  (if (i32.or (i32.lt_s $l $m) (i32.lt_s $l 0)) (then (return 0)))
  (call $eq $p $m $q $m))

(func $ends (param $p i32) (param $l i32) (param $q i32) (param $m i32) (result i32)
  (if (i32.or (i32.lt_s $l $m) (i32.lt_s $l 0)) (then (return 0)))
  (call $eq (i32.add $p (i32.sub $l $m)) $m $q $m))

;; The places where the first and the last byte fit are found 16 at a time.
(func $contains (param $p i32) (param $l i32) (param $q i32) (param $m i32) (result i32)
  (local $end i32) (local $at i32) (local $some i32) (local $first v128) (local $last v128)
  (if (i32.or (i32.lt_s $l $m) (i32.lt_s $l 0)) (then (return 0)))
  (if (i32.eqz $m) (then (return 1)))
  (set $end (i32.add $p (i32.sub $l $m)))
  (set $first (i8x16.splat (i32.load8_u $q)))
  (set $m (i32.sub $m 1))
  (set $last (i8x16.splat (i32.load8_u (i32.add $q $m))))
  (loop $next
    (set $some (i8x16.bitmask (v128.and
      (i8x16.eq (v128.load $p) $first)
      (i8x16.eq (v128.load (i32.add $p $m)) $last))))
    (block $none
      (loop $candidate
        (br_if $none (i32.eqz $some))
        (set $at (i32.add $p (i32.ctz $some)))
        (if (i32.gt_u $at $end) (then (return 0)))
        (if (call $eq $at (i32.add $m 1) $q (i32.add $m 1)) (then (return 1)))
        (set $some (i32.and $some (i32.sub $some 1)))
        (br $candidate)))
    (set $p (i32.add $p 16))
    (br_if $next (i32.le_u $p $end)))
  0)

(func $fold (param $b i32) (result i32)
  (i32.or $b (i32.shl (i32.lt_u (i32.sub $b 65) 26) 5)))

(func $ieq (param $p i32) (param $q i32) (param $m i32) (result i32) (local $end i32)
  (set $end (i32.add $p $m))
  (loop $byte
    (if (i32.ge_u $p $end) (then (return 1)))
    (if (i32.ne (call $fold (i32.load8_u $p)) (call $fold (i32.load8_u $q))) (then (return 0)))
    (set $p (i32.add $p 1))
    (set $q (i32.add $q 1))
    (br $byte))
  (unreachable))

;; As $contains. Bit 5 makes letters small; what else it makes equal, $ieq tells apart.
(func $icontains (param $p i32) (param $l i32) (param $q i32) (param $m i32) (result i32)
  (local $end i32) (local $at i32) (local $some i32) (local $first v128) (local $last v128) (local $fold v128)
  (if (i32.or (i32.lt_s $l $m) (i32.lt_s $l 0)) (then (return 0)))
  (if (i32.eqz $m) (then (return 1)))
  (set $fold (i8x16.splat 32))
  (set $end (i32.add $p (i32.sub $l $m)))
  (set $first (i8x16.splat (i32.or (i32.load8_u $q) 32)))
  (set $m (i32.sub $m 1))
  (set $last (i8x16.splat (i32.or (i32.load8_u (i32.add $q $m)) 32)))
  (loop $next
    (set $some (i8x16.bitmask (v128.and
      (i8x16.eq (v128.or (v128.load $p) $fold) $first)
      (i8x16.eq (v128.or (v128.load (i32.add $p $m)) $fold) $last))))
    (block $none
      (loop $candidate
        (br_if $none (i32.eqz $some))
        (set $at (i32.add $p (i32.ctz $some)))
        (if (i32.gt_u $at $end) (then (return 0)))
        (if (call $ieq $at $q (i32.add $m 1)) (then (return 1)))
        (set $some (i32.and $some (i32.sub $some 1)))
        (br $candidate)))
    (set $p (i32.add $p 16))
    (br_if $next (i32.le_u $p $end)))
  0)

;; strcmp: below 0, 0, above 0
(func $cmp (param $p i32) (param $l i32) (param $q i32) (param $m i32) (result i32) (local $i i32) (local $n i32) (local $d i32)
  (set $n (select $l $m (i32.lt_s $l $m)))
  (block $done
    (loop $byte
      (br_if $done (i32.ge_s $i $n))
      (set $d (i32.sub (i32.load8_u (i32.add $p $i)) (i32.load8_u (i32.add $q $i))))
      (if $d (then (return $d)))
      (set $i (i32.add $i 1))
      (br $byte)))
  (i32.sub $l $m))

;; dictionary.ts says what is hashed and how a table is laid out
(func $dict (param $p i32) (param $l i32) (param $t i32) (result i32)
  (local $a i64) (local $b i64) (local $h i32) (local $mask i32) (local $s i32)
  (if (i32.lt_s $l 0) (then (return 1)))
  (set $a (i64.load $p))
  (if (i32.lt_u $l 8)
    (then (set $a (i64.and $a (i64.sub (i64.shl (i64.const 1) (i64.extend_i32_u (i32.shl $l 3))) (i64.const 1)))))
    (else (set $b (i64.load (i32.sub (i32.add $p $l) 8)))))
  (set $h (i32.xor
    (i32.xor
      (i32.xor (i32.mul (i32.wrap_i64 $a) 0x85ebca6b) (i32.mul (i32.wrap_i64 (i64.shr_u $a (i64.const 32))) 0xc2b2ae35))
      (i32.xor (i32.mul (i32.wrap_i64 $b) 0x27d4eb2f) (i32.mul (i32.wrap_i64 (i64.shr_u $b (i64.const 32))) 0x165667b1)))
    $l))
  (set $h (i32.mul (i32.xor $h (i32.shr_u $h 15)) (i32.load offset=4 $t)))
  (set $h (i32.xor $h (i32.shr_u $h 16)))
  (set $mask (i32.load $t))
  (set $s (i32.and $h $mask))
  (set $t (i32.add $t 8))
  (loop $next
    (if (i32.eq (i32.load offset=8 (i32.add $t (i32.shl $s 4))) -1) (then (return 1)))
    (if (i32.and (i32.eq (i32.load (i32.add $t (i32.shl $s 4))) $h)
                 (i32.eq (i32.load offset=8 (i32.add $t (i32.shl $s 4))) $l))
      (then (if (call $eq $p $l (i32.load offset=4 (i32.add $t (i32.shl $s 4))) $l)
        (then (return (i32.load offset=12 (i32.add $t (i32.shl $s 4))))))))
    (set $s (i32.and (i32.add $s 1) $mask))
    (br $next))
  (unreachable))

;; automaton.ts: whether the whole text is accepted
(func $match (param $p i32) (param $l i32) (param $t i32) (result i32) (local $end i32) (local $s i32) (local $n i32) (local $steps i32)
  (if (i32.lt_s $l 0) (then (return 0)))
  (set $end (i32.add $p $l))
  (set $n (i32.load $t))
  (set $s (i32.load offset=4 $t))
  (set $steps (i32.add $t 272))
  (block $done
    (loop $byte
      (br_if $done (i32.ge_u $p $end))
      (set $s (i32.load16_u (i32.add $steps
        (i32.shl (i32.add (i32.mul $s $n) (i32.load8_u offset=16 (i32.add $t (i32.load8_u $p)))) 1))))
      (if (i32.eqz $s) (then (return 0)))
      (set $p (i32.add $p 1))
      (br $byte)))
  (i32.ge_u $s (i32.load offset=8 $t)))

;; automaton.ts: the set of texts that occur
(func $search (param $p i32) (param $l i32) (param $t i32) (result i64)
  (local $end i32) (local $s i32) (local $n i32) (local $steps i32) (local $found i64)
  (if (i32.le_s $l 0) (then (return (i64.const 0))))
  (set $end (i32.add $p $l))
  (set $n (i32.load $t))
  (set $steps (i32.add $t (i32.load offset=4 $t)))
  (loop $byte
    (set $s (i32.load16_u (i32.add $steps
      (i32.shl (i32.add (i32.mul $s $n) (i32.load8_u offset=8 (i32.add $t (i32.load8_u $p)))) 1))))
    (set $found (i64.or $found (i64.load offset=264 (i32.add $t (i32.shl $s 3)))))
    (set $p (i32.add $p 1))
    (br_if $byte (i32.lt_u $p $end)))
  $found)
`);
