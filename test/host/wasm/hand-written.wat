;; SPDX-License-Identifier: Apache-2.0
;; A policy in WebAssembly text, by docs/abi/v1.md alone: it raises an alert for each openat (type 41) that failed, with the
;; text "hand-written". Frame at 1024, its records at the offset that stands in bytes 8..11 of the frame.
(module
  (import "env" "memory" (memory 18 64))
  (import "vedette" "alert" (func $alert (param i32 i32 i32 i32)))
  (global (export "vedette_abi") i32 (i32.const 1))
  (global (export "vedette_frame") i32 (i32.const 1024))
  (global (export "vedette_frame_size") i32 (i32.const 1052672))
  (data (i32.const 1114112) "hand-written")
  (func (export "vedette_init") (param i32) (result i32)
    (i32.const 0))
  (func (export "vedette_on_batch") (param i32) (result i32)
    (local $at i32) (local $left i32) (local $raised i32)
    (local.set $at (i32.add (i32.const 1024) (i32.load (i32.const 1032))))
    (local.set $left (i32.load (i32.const 1028)))
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $left)))
        (if (i32.and (i32.eq (i32.load16_u (local.get $at)) (i32.const 41))
                     (i64.lt_s (i64.load offset=24 (local.get $at)) (i64.const 0)))
          (then
            (call $alert (i32.const 0) (local.get $at) (i32.const 1114112) (i32.const 12))
            (local.set $raised (i32.add (local.get $raised) (i32.const 1)))))
        (local.set $at (i32.add (local.get $at) (i32.load offset=4 (local.get $at))))
        (local.set $left (i32.sub (local.get $left) (i32.const 1)))
        (br $next)))
    (local.get $raised)))
