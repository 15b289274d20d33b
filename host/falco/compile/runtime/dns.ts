// SPDX-License-Identifier: Apache-2.0
// Reads the question of a query that is sent. A part of the run-time (../runtime.ts).
import { readFuncs } from "../text-form.js";
import type { Func } from "../wasm.js";

/** $sent_query, and $put_question and $question_type of what it gives. */
export const DNS_FUNCS: readonly Func[] = readFuncs(`
;; questions of DNS: host/wire/dns.ts is the twin
;; where the question of a query begins in the $whole bytes that a call has sent, of which $l are there; 0: nowhere
(func $sent_query (param $p i32) (param $l i32) (param $whole i64) (param $stream i32) (result i32) (local $n i32) (local $at i32)
  (if (i32.lt_s $l 2) (then (return 0)))
  (if (i64.lt_u $whole (i64.extend_i32_u $l)) (then (set $l (i32.wrap_i64 $whole))))
  (if (i32.and $stream (i32.ge_u $l 2))
    (then
      (set $n (call $big16 $p))
      (if (i64.le_u (i64.extend_i32_u (i32.add $n 2)) $whole)
        (then
          (set $at (call $query (i32.add $p 2) (select (i32.sub $l 2) $n (i32.lt_u (i32.sub $l 2) $n))))
          (if $at (then (return $at)))))))
  (call $query $p $l))

(func $query (param $p i32) (param $l i32) (result i32) (local $at i32) (local $end i32) (local $n i32) (local $class i32)
  (if (i32.lt_u $l 17) (then (return 0)))
  (if (i32.and (i32.load16_u offset=2 $p) 0x4ff8) (then (return 0)))
  (if (i32.ne (i32.load offset=4 $p) 0x0100) (then (return 0)))
  (if (i32.gt_u (call $big16 (i32.add $p 8)) 1) (then (return 0)))
  (if (i32.gt_u (call $big16 (i32.add $p 10)) 3) (then (return 0)))
  (set $end (i32.add $p $l))
  (set $p (i32.add $p 12))
  (set $at $p)
  (loop $label
    (if (i32.ge_u $at $end) (then (return 0)))
    (set $n (i32.load8_u $at))
    (set $at (i32.add $at (i32.add $n 1)))
    (if (i32.or (i32.gt_u $n 63) (i32.gt_u (i32.sub $at $p) 255)) (then (return 0)))
    (br_if $label $n))
  (if (i32.gt_u (i32.add $at 4) $end) (then (return 0)))
  (set $class (call $big16 (i32.add $at 2)))
  (if (i32.or
        (i32.or (i32.eq $class 1) (i32.eq (i32.or $class 1) 255))
        (i32.or (i32.eq $class 3) (i32.eq $class 4)))
    (then (return $p)))
  0)

(func $put_question (param $p i32) (local $n i32)
  (if (i32.eqz (i32.load8_u $p)) (then (call $put_byte 46) (return)))
  (loop $label
    (set $n (i32.load8_u $p))
    (loop $byte
      (set $p (i32.add $p 1))
      (call $put_of_label (call $fold (i32.load8_u $p)))
      (set $n (i32.sub $n 1))
      (br_if $byte $n))
    (set $p (i32.add $p 1))
    (if (i32.load8_u $p) (then (call $put_byte 46) (br $label)))))

(func $put_of_label (param $b i32)
  (if (i32.and
        (i32.lt_u (i32.sub $b 33) 94)
        (i32.and (i32.ne $b 46) (i32.ne $b 92)))
    (then (call $put_byte $b) (return)))
  (call $put_byte 92)
  (call $put_byte (i32.add 48 (i32.div_u $b 100)))
  (call $put_byte (i32.add 48 (i32.rem_u (i32.div_u $b 10) 10)))
  (call $put_byte (i32.add 48 (i32.rem_u $b 10))))

(func $question_type (param $p i32) (result i64) (local $n i32)
  (loop $label
    (set $n (i32.load8_u $p))
    (set $p (i32.add $p (i32.add $n 1)))
    (br_if $label $n))
  (i64.extend_i32_u (call $big16 $p)))
`);
