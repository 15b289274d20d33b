// SPDX-License-Identifier: Apache-2.0
// What compiled rules call: comparisons of bytes, look-ups, and the making of texts. Text form: see text-form.ts.
//
// A text is an address and a size; a size below 0 means that there is none. Texts that are not in the frame as they are get built
// at the end of the arena: $begin, then $put... as often as needed, then $finish gives the size. What does not fit is cut off.
import { PROCESS_SIZE } from "../../../build/generated/events.js";
import { PROCESS_AT } from "../../wire/layout.js";
import { kAncestorsMax, kState } from "./layout.js";
import { kAbsent } from "./source.js";
import { readFuncs } from "./text-form.js";
import type { Func } from "./wasm.js";

const kParent = PROCESS_AT.parent!;

export const kRuntime: readonly Func[] = readFuncs(`
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

(func $parent (param $a i32) (result i32) (local $i i32)
  (set $i (i32.load offset=${kParent} $a))
  (if (i32.or (i32.eq $i -1) (i32.ge_u $i (i32.load offset=${kState.processCount} 0))) (then (return (sym NULL_PROCESS))))
  (i32.add (i32.load offset=${kState.processes} 0) (i32.mul $i ${PROCESS_SIZE})))

(func $ancestor (param $a i32) (param $n i32) (result i32)
  (loop $next
    (if (i32.eqz $n) (then (return $a)))
    (set $a (call $parent $a))
    (set $n (i32.sub $n 1))
    (br $next))
  (unreachable))

;; the process with that pid: $a itself or an ancestor
(func $leader (param $a i32) (param $pid i64) (result i32) (local $left i32)
  (if (i64.eq $pid (i64.const ${kAbsent})) (then (return (sym NULL_PROCESS))))
  (set $left ${kAncestorsMax + 1})
  (loop $next
    (if (i64.eq (i64.load offset=${PROCESS_AT.pid} $a) $pid) (then (return $a)))
    (set $a (call $parent $a))
    (if (i32.eq $a (sym NULL_PROCESS)) (then (return $a)))
    (set $left (i32.sub $left 1))
    (br_if $next $left))
  (sym NULL_PROCESS))

;; what is kept about the process at $a
(func $cache (param $a i32) (result i32)
  (if (i32.eq $a (sym NULL_PROCESS)) (then (return (sym NULL_CACHE))))
  (i32.add (sym PROCESS_CACHE)
    (i32.mul (i32.div_u (i32.sub $a (i32.load offset=${kState.processes} 0)) ${PROCESS_SIZE}) (sym STRIDE))))

(func $begin (result i32) (i32.load offset=${kState.arena} 0))

;; the size of what was put since $start
(func $finish (param $start i32) (result i32) (i32.sub (i32.load offset=${kState.arena} 0) $start))

(func $put (param $p i32) (param $l i32) (local $to i32)
  (set $to (i32.load offset=${kState.arena} 0))
  (if (i32.gt_u $l (i32.sub (sym ARENA_END) $to)) (then (set $l (i32.sub (sym ARENA_END) $to))))
  (memory.copy $to $p $l)
  (i32.store offset=${kState.arena} 0 (i32.add $to $l)))

(func $put_byte (param $b i32) (local $to i32)
  (set $to (i32.load offset=${kState.arena} 0))
  (if (i32.ge_u $to (sym ARENA_END)) (then (return)))
  (i32.store8 $to $b)
  (i32.store offset=${kState.arena} 0 (i32.add $to 1)))

;; a strlist with blanks between
(func $put_list (param $p i32) (param $l i32) (local $to i32) (local $end i32)
  (if (i32.le_s $l 0) (then (return)))
  (if (i32.eqz (i32.load8_u (i32.sub (i32.add $p $l) 1))) (then (set $l (i32.sub $l 1))))
  (set $to (i32.load offset=${kState.arena} 0))
  (call $put $p $l)
  (set $end (i32.load offset=${kState.arena} 0))
  (block $done
    (loop $byte
      (br_if $done (i32.ge_u $to $end))
      (if (i32.eqz (i32.load8_u $to)) (then (i32.store8 $to 32)))
      (set $to (i32.add $to 1))
      (br $byte))))

(func $put_decimal (param $v i64) (local $digits i32) (local $w i64)
  (if (i64.lt_s $v (i64.const 0)) (then (call $put_byte 45) (set $v (i64.sub (i64.const 0) $v))))
  (call $put_unsigned $v (i64.const 10)))

(func $put_unsigned (param $v i64) (param $base i64) (local $w i64) (local $d i32)
  (set $w (i64.const 1))
  (block $sized
    (loop $next
      (br_if $sized (i64.lt_u (i64.div_u $v $w) $base))
      (set $w (i64.mul $w $base))
      (br $next)))
  (loop $digit
    (set $d (i32.wrap_i64 (i64.div_u $v $w)))
    (call $put_byte (i32.add $d (select 87 48 (i32.gt_u $d 9))))
    (set $v (i64.rem_u $v $w))
    (set $w (i64.div_u $w $base))
    (br_if $digit (i64.ne $w (i64.const 0)))))

;; data.ts lays out a table of names; the entry of a value, or 0
(func $name_of (param $v i64) (param $t i32) (result i32) (local $end i32)
  (set $end (i32.add (i32.add $t 8) (i32.mul (i32.load $t) 24)))
  (set $t (i32.add $t 8))
  (loop $next
    (if (i32.ge_u $t $end) (then (return 0)))
    (if (i64.eq (i64.load offset=8 $t) $v) (then (return $t)))
    (set $t (i32.add $t 24))
    (br $next))
  (unreachable))

(func $put_name (param $v i64) (param $t i32) (local $e i32)
  (set $e (call $name_of $v $t))
  (if $e
    (then (call $put (i32.load offset=16 $e) (i32.load offset=20 $e)))
    (else (call $put_decimal $v))))

;; the names of set bits with $between between; the number when there is none
(func $put_names (param $v i64) (param $t i32) (param $between i32) (local $end i32) (local $n i32)
  (set $end (i32.add (i32.add $t 8) (i32.mul (i32.load $t) 24)))
  (set $t (i32.add $t 8))
  (block $done
    (loop $next
      (br_if $done (i32.ge_u $t $end))
      (if (i64.eq (i64.and $v (i64.load $t)) (i64.load offset=8 $t))
        (then
          (if $n (then (call $put_byte $between)))
          (set $n 1)
          (call $put (i32.load offset=16 $t) (i32.load offset=20 $t))))
      (set $t (i32.add $t 24))
      (br $next)))
  (if (i32.eqz $n) (then (call $put_decimal $v))))

;; base/path without empty parts, . and ..
(func $put_joined (param $b i32) (param $m i32) (param $p i32) (param $l i32) (local $start i32)
  (set $start (i32.load offset=${kState.arena} 0))
  (call $put_parts $start $b $m)
  (call $put_parts $start $p $l)
  (if (i32.eq $start (i32.load offset=${kState.arena} 0)) (then (call $put_byte 47))))

(func $put_parts (param $start i32) (param $p i32) (param $l i32) (local $end i32) (local $q i32) (local $n i32) (local $to i32)
  (set $end (i32.add $p $l))
  (loop $part
    (if (i32.ge_u $p $end) (then (return)))
    (set $q $p)
    (block $slash
      (loop $byte
        (br_if $slash (i32.ge_u $q $end))
        (br_if $slash (i32.eq (i32.load8_u $q) 47))
        (set $q (i32.add $q 1))
        (br $byte)))
    (set $n (i32.sub $q $p))
    (if (i32.and (i32.eq $n 2) (i32.eq (i32.load16_u $p) 0x2e2e))
      (then
        (set $to (i32.load offset=${kState.arena} 0))
        (block $up
          (loop $back
            (br_if $up (i32.le_u $to $start))
            (set $to (i32.sub $to 1))
            (br_if $back (i32.ne (i32.load8_u $to) 47))))
        (i32.store offset=${kState.arena} 0 $to))
      (else (if (i32.and (i32.ne $n 0) (i32.eqz (i32.and (i32.eq $n 1) (i32.eq (i32.load8_u $p) 46))))
        (then (call $put_byte 47) (call $put $p $n)))))
    (set $p (i32.add $q 1))
    (br $part)))

;; addresses: host/wire/address.ts is the twin
(func $put_v4 (param $p i32)
  (call $put_unsigned (i64.load8_u $p) (i64.const 10)) (call $put_byte 46)
  (call $put_unsigned (i64.load8_u offset=1 $p) (i64.const 10)) (call $put_byte 46)
  (call $put_unsigned (i64.load8_u offset=2 $p) (i64.const 10)) (call $put_byte 46)
  (call $put_unsigned (i64.load8_u offset=3 $p) (i64.const 10)))

(func $big16 (param $p i32) (result i32)
  (i32.or (i32.shl (i32.load8_u $p) 8) (i32.load8_u offset=1 $p)))

(func $put_v6 (param $p i32) (local $i i32) (local $j i32) (local $best i32) (local $length i32)
  (if (i32.and (i64.eqz (i64.load $p)) (i32.eq (i32.load offset=8 $p) 0xffff0000))
    (then
      (call $put_byte 58) (call $put_byte 58)
      (call $put_unsigned (i64.const 0xffff) (i64.const 16))
      (call $put_byte 58)
      (call $put_v4 (i32.add $p 12))
      (return)))
  (loop $run
    (set $j $i)
    (block $over
      (loop $zero
        (br_if $over (i32.ge_u $j 8))
        (br_if $over (i32.load16_u (i32.add $p (i32.shl $j 1))))
        (set $j (i32.add $j 1))
        (br $zero)))
    (if (i32.gt_u (i32.sub $j $i) $length) (then (set $best $i) (set $length (i32.sub $j $i))))
    (set $i (i32.add $j (i32.eq $i $j)))
    (br_if $run (i32.lt_u $i 8)))
  (if (i32.lt_u $length 2) (then (set $best 9) (set $length 0)))
  (set $i 0)
  (loop $group
    (if (i32.eq $i $best)
      (then (call $put_byte 58) (call $put_byte 58) (set $i (i32.add $i $length)))
      (else
        (if (i32.and (i32.ne $i 0) (i32.ne $i (i32.add $best $length))) (then (call $put_byte 58)))
        (call $put_unsigned (i64.extend_i32_u (call $big16 (i32.add $p (i32.shl $i 1)))) (i64.const 16))
        (set $i (i32.add $i 1))))
    (br_if $group (i32.lt_u $i 8))))

(func $put_address (param $p i32) (param $l i32)
  (if (i32.eq $l 4) (then (call $put_v4 $p)))
  (if (i32.eq $l 16) (then (call $put_v6 $p))))

(func $put_port (param $p i32)
  (call $put_byte 58)
  (call $put_unsigned (i64.extend_i32_u (call $big16 (i32.add $p 2))) (i64.const 10)))

(func $put_sockaddr (param $p i32) (param $l i32) (local $family i32)
  (if (i32.ge_u $l 2) (then (set $family (i32.load16_u $p))))
  (if (i32.eq $family 1) (then (call $put_unix (i32.add $p 2) (i32.sub $l 2)) (return)))
  (if (i32.and (i32.eq $family 2) (i32.ge_u $l 8)) (then (call $put_v4 (i32.add $p 4)) (call $put_port $p) (return)))
  (if (i32.and (i32.eq $family 10) (i32.ge_u $l 24)) (then (call $put_v6 (i32.add $p 8)) (call $put_port $p) (return)))
  (call $put (sym FAMILY) 7)
  (call $put_unsigned (i64.extend_i32_u $family) (i64.const 10)))

;; an abstract name begins with a NUL, which is written @
(func $put_unix (param $p i32) (param $l i32) (local $to i32) (local $end i32)
  (if (i32.eqz $l) (then (return)))
  (if (i32.and (i32.eqz (i32.load8_u $p)) (i32.gt_u $l 1))
    (then
      (set $to (i32.load offset=${kState.arena} 0))
      (call $put $p $l)
      (set $end (i32.load offset=${kState.arena} 0))
      (block $done
        (loop $byte
          (br_if $done (i32.ge_u $to $end))
          (if (i32.eqz (i32.load8_u $to)) (then (i32.store8 $to 64)))
          (set $to (i32.add $to 1))
          (br $byte))))
    (else (call $put $p (i32.sub (call $entry_end $p (i32.add $p $l)) $p)))))

;; the place of the last slash, -1 for none
(func $last_slash (param $p i32) (param $l i32) (result i32)
  (loop $byte
    (if (i32.le_s $l 0) (then (return -1)))
    (set $l (i32.sub $l 1))
    (br_if $byte (i32.ne (i32.load8_u (i32.add $p $l)) 47)))
  $l)

(func $put_lower (param $p i32) (param $l i32) (local $end i32)
  (set $end (i32.add $p $l))
  (loop $byte
    (if (i32.ge_u $p $end) (then (return)))
    (call $put_byte (call $fold (i32.load8_u $p)))
    (set $p (i32.add $p 1))
    (br $byte)))

(func $put_upper (param $p i32) (param $l i32) (local $end i32) (local $b i32)
  (set $end (i32.add $p $l))
  (loop $byte
    (if (i32.ge_u $p $end) (then (return)))
    (set $b (i32.load8_u $p))
    (call $put_byte (i32.sub $b (i32.shl (i32.lt_u (i32.sub $b 97) 26) 5)))
    (set $p (i32.add $p 1))
    (br $byte)))

(func $put_printable (param $p i32) (param $l i32) (local $end i32) (local $b i32)
  (set $end (i32.add $p $l))
  (loop $byte
    (if (i32.ge_u $p $end) (then (return)))
    (set $b (i32.load8_u $p))
    (call $put_byte (select $b 46 (i32.lt_u (i32.sub $b 32) 95)))
    (set $p (i32.add $p 1))
    (br $byte)))

(func $sextet (param $b i32) (result i32)
  (if (i32.lt_u (i32.sub $b 65) 26) (then (return (i32.sub $b 65))))
  (if (i32.lt_u (i32.sub $b 97) 26) (then (return (i32.sub $b 71))))
  (if (i32.lt_u (i32.sub $b 48) 10) (then (return (i32.add $b 4))))
  (if (i32.eq $b 43) (then (return 62)))
  (if (i32.eq $b 47) (then (return 63)))
  -1)

;; decodes base64, padded or not; 0 when it is none
(func $put_base64 (param $p i32) (param $l i32) (result i32) (local $end i32) (local $v i32) (local $bits i32) (local $s i32)
  (set $end (i32.add $p $l))
  (block $pad
    (loop $cut
      (br_if $pad (i32.le_u $end $p))
      (br_if $pad (i32.ne (i32.load8_u (i32.sub $end 1)) 61))
      (set $end (i32.sub $end 1))
      (br $cut)))
  (if (i32.eq (i32.and (i32.sub $end $p) 3) 1) (then (return 0)))
  (loop $byte
    (if (i32.ge_u $p $end) (then (return 1)))
    (set $s (call $sextet (i32.load8_u $p)))
    (if (i32.lt_s $s 0) (then (return 0)))
    (set $v (i32.or (i32.shl $v 6) $s))
    (set $bits (i32.add $bits 6))
    (if (i32.ge_u $bits 8)
      (then
        (set $bits (i32.sub $bits 8))
        (call $put_byte (i32.and (i32.shr_u $v $bits) 255))))
    (set $p (i32.add $p 1))
    (br $byte))
  (unreachable))

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

;; getopt(3): what the option string says of option c: 0 nothing, 1 an option, 2 an option with a value
(func $option_kind (param $q i32) (param $m i32) (param $c i32) (result i32) (local $end i32)
  (set $end (i32.add $q $m))
  (if (i32.eq $c 58) (then (return 0)))
  (loop $next
    (if (i32.ge_u $q $end) (then (return 0)))
    (if (i32.eq (i32.load8_u $q) $c)
      (then (return (i32.add 1 (i32.and (i32.lt_u (i32.add $q 1) $end) (i32.eq (i32.load8_u offset=1 $q) 58))))))
    (set $q (i32.add $q 1))
    (br $next))
  (unreachable))

(func $put_option (param $c i32) (param $p i32) (param $l i32)
  (call $put_byte $c) (call $put_byte 0)
  (if (i32.ge_s $l 0) (then (call $put $p $l) (call $put_byte 0))))

;; walks a strlist; puts all options and values as a strlist
(func $put_options (param $p i32) (param $l i32) (param $q i32) (param $m i32)
  (drop (call $walk_options $p $l $q $m 0)))

;; the size of the last value of option c, or of the option where it takes none, -1 for none; its address at OPTION + 4
(func $option (param $p i32) (param $l i32) (param $q i32) (param $m i32) (param $c i32) (result i32)
  (call $walk_options $p $l $q $m $c))

(func $walk_options (param $p i32) (param $l i32) (param $q i32) (param $m i32) (param $wanted i32) (result i32)
  (local $end i32) (local $e i32) (local $c i32) (local $kind i32) (local $found i32) (local $v i32) (local $n i32)
  (set $end (i32.add $p $l))
  (set $found -1)
  (block $done
    (loop $token
      (br_if $done (i32.ge_u $p $end))
      (set $e (call $entry_end $p $end))
      (br_if $done (i32.lt_u (i32.sub $e $p) 2))
      (br_if $done (i32.ne (i32.load8_u $p) 45))
      (set $p (i32.add $p 1))
      (if (i32.eq (i32.load8_u $p) 45)
        (then
          (br_if $done (i32.eq (i32.add $p 1) $e))
          (set $p (i32.add $e 1))
          (br $token)))
      (block $over
        (loop $letter
          (br_if $over (i32.ge_u $p $e))
          (set $c (i32.load8_u $p))
          (set $p (i32.add $p 1))
          (set $kind (call $option_kind $q $m $c))
          (set $n -1)
          (if (i32.eq $kind 2)
            (then
              (set $v $p)
              (if (i32.eq $p $e)
                (then
                  (set $v (i32.add $e 1))
                  (if (i32.ge_u $v $end)
                    (then (set $kind 0))
                    (else (set $e (call $entry_end $v $end))))))
              (set $n (i32.sub $e $v))
              (set $p $e)))
          (if (i32.eqz $wanted)
            (then
              (if $kind
                (then (call $put_option $c $v $n))
                (else (call $put_option (select 58 63 (i32.and (i32.ge_s $n -1) (i32.and (i32.gt_u $m 0) (i32.eq (i32.load8_u $q) 58)))) 0 -1))))
            (else (if (i32.and (i32.eq $c $wanted) (i32.ne $kind 0))
              (then
                (if (i32.eq $kind 2)
                  (then (i32.store offset=4 (sym OPTION) $v) (set $found $n))
                  (else
                    (i32.store8 (sym OPTION) $c)
                    (i32.store offset=4 (sym OPTION) (sym OPTION))
                    (set $found 1)))))))
          (br $letter)))
      (set $p (i32.add $e 1))
      (br $token)))
  $found)

;; whether all texts of a strlist (or any of them) are in a list
(func $list_in (param $p i32) (param $l i32) (param $table i32) (param $bits i32) (param $all i32) (result i32)
  (local $end i32) (local $e i32) (local $n i32) (local $is i32)
  (if (i32.le_s $l 0) (then (return 0)))
  (set $end (i32.add $p $l))
  (loop $next
    (if (i32.ge_u $p $end) (then (return $all)))
    (set $e (call $entry_end $p $end))
    (set $n (call $dict $p (i32.sub $e $p) $table))
    (set $is (i32.and (i32.shr_u (i32.load8_u (i32.add $bits (i32.shr_u $n 3))) (i32.and $n 7)) 1))
    (if (i32.ne $is $all) (then (return $is)))
    (set $p (i32.add $e 1))
    (br $next))
  (unreachable))
`);
