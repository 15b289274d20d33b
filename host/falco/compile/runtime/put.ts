// SPDX-License-Identifier: Apache-2.0
// Makes texts: numbers, names of flags, joined paths. A part of the run-time (../runtime.ts).

import { DURATION_UNITS } from "../../../wire/time.js";
import { STATE } from "../layout.js";
import { readFuncs } from "../text-form.js";
import type { Func } from "../wasm.js";

/** $begin, $put..., $finish: how a text is made in the arena. */
export const PUT_FUNCS: readonly Func[] = readFuncs(`
(func $begin (result i32) (i32.load offset=${STATE.arena} 0))

;; the size of what was put since $start
(func $finish (param $start i32) (result i32) (i32.sub (i32.load offset=${STATE.arena} 0) $start))

(func $put (param $p i32) (param $l i32) (local $to i32)
  (set $to (i32.load offset=${STATE.arena} 0))
  (if (i32.gt_u $l (i32.sub (sym ARENA_END) $to)) (then (set $l (i32.sub (sym ARENA_END) $to))))
  (memory.copy $to $p $l)
  (i32.store offset=${STATE.arena} 0 (i32.add $to $l)))

(func $put_byte (param $b i32) (local $to i32)
  (set $to (i32.load offset=${STATE.arena} 0))
  (if (i32.ge_u $to (sym ARENA_END)) (then (return)))
  (i32.store8 $to $b)
  (i32.store offset=${STATE.arena} 0 (i32.add $to 1)))

;; a strlist with blanks between
(func $put_list (param $p i32) (param $l i32)
  (if (i32.le_s $l 0) (then (return)))
  (if (i32.eqz (i32.load8_u (i32.sub (i32.add $p $l) 1))) (then (set $l (i32.sub $l 1))))
  (call $put_for_nul $p $l 32))

;; with $byte in each NUL's place
(func $put_for_nul (param $p i32) (param $l i32) (param $byte i32) (local $to i32) (local $end i32)
  (set $to (i32.load offset=${STATE.arena} 0))
  (call $put $p $l)
  (set $end (i32.load offset=${STATE.arena} 0))
  (block $done
    (loop $next
      (br_if $done (i32.ge_u $to $end))
      (if (i32.eqz (i32.load8_u $to)) (then (i32.store8 $to $byte)))
      (set $to (i32.add $to 1))
      (br $next))))

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

;; a latency with its unit, two digits behind the point below ten of a unit and for seconds
(func $put_duration (param $ns i64)
${DURATION_UNITS.map(
  ({ unit, size }) => `  (if (i64.ge_u $ns (i64.const ${size})) (then
    (call $put_unsigned (i64.div_u $ns (i64.const ${size})) (i64.const 10))
    ${unit === "s" ? "" : `(if (i64.lt_u $ns (i64.const ${size * 10})) (then`}
      (call $put_hundredths (i64.div_u (i64.rem_u $ns (i64.const ${size})) (i64.const ${size / 100})))
    ${unit === "s" ? "" : "))"}
    ${[...unit].map((char) => `(call $put_byte ${char.charCodeAt(0)})`).join(" ")}
    (return)))`,
).join("\n")}
  (call $put_unsigned $ns (i64.const 10))
  (call $put_byte 110)
  (call $put_byte 115))

(func $put_hundredths (param $n i64)
  (call $put_byte 46)
  (if (i64.lt_u $n (i64.const 10)) (then (call $put_byte 48)))
  (call $put_unsigned $n (i64.const 10)))

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
  (set $start (i32.load offset=${STATE.arena} 0))
  (call $put_parts $start $b $m)
  (call $put_parts $start $p $l)
  (if (i32.eq $start (i32.load offset=${STATE.arena} 0)) (then (call $put_byte 47))))

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
        (set $to (i32.load offset=${STATE.arena} 0))
        (block $up
          (loop $back
            (br_if $up (i32.le_u $to $start))
            (set $to (i32.sub $to 1))
            (br_if $back (i32.ne (i32.load8_u $to) 47))))
        (i32.store offset=${STATE.arena} 0 $to))
      (else (if (i32.and (i32.ne $n 0) (i32.eqz (i32.and (i32.eq $n 1) (i32.eq (i32.load8_u $p) 46))))
        (then (call $put_byte 47) (call $put $p $n)))))
    (set $p (i32.add $q 1))
    (br $part)))
`);
