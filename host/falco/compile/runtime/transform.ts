// SPDX-License-Identifier: Apache-2.0
// Changes texts: small and capital letters, what can be printed, base64. A part of the run-time
// (../runtime.ts).
import { readFuncs } from "../text-form.js";
import type { Func } from "../wasm.js";

/** The run-time of tolower(), toupper(), b64() and basename(). */
export const TRANSFORM_FUNCS: readonly Func[] = readFuncs(`
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
`);
