// SPDX-License-Identifier: Apache-2.0
// Makes texts of addresses of sockets. A part of the run-time (../runtime.ts).

import { readFuncs } from "../text-form.js";
import type { Func } from "../wasm.js";

/** $put_v4, $put_v6, $put_sockaddr and what they call. */
export const ADDRESS_FUNCS: readonly Func[] = readFuncs(`
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
(func $put_unix (param $p i32) (param $l i32)
  (if (i32.eqz $l) (then (return)))
  (if (i32.and (i32.eqz (i32.load8_u $p)) (i32.gt_u $l 1))
    (then (call $put_for_nul $p $l 64))
    (else (call $put $p (i32.sub (call $entry_end $p (i32.add $p $l)) $p)))))
`);
