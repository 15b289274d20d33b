// SPDX-License-Identifier: Apache-2.0
// Options of a command line, as getopt finds them. A part of the run-time (../runtime.ts).
import { readFuncs } from "../text-form.js";
import type { Func } from "../wasm.js";

/** The run-time of getopt(). */
export const OPTION_FUNCS: readonly Func[] = readFuncs(`
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
