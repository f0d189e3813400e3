;; A function for Weir, as plain text: a value above a limit.
;;
;;   params = [80.0, 90.0]      the warning limit and the critical one
;;   reasons = ["hot", "far too hot"]
;;
;; The layout of the batch: docs/reference/functions/wasm.md.
(module
  (memory (export "memory") 1)

  ;; Address for the batch: after the first 8 bytes. Grows the memory as needed.
  (func (export "weir_input_1") (param $length i32) (result i32)
    (local $missing i32)
    (local.set $missing
      (i32.sub
        (i32.shr_u (i32.add (local.get $length) (i32.const 65543)) (i32.const 16))
        (memory.size)))
    (if (i32.gt_s (local.get $missing) (i32.const 0))
      (then
        (if (i32.eq (memory.grow (local.get $missing)) (i32.const -1))
          (then (return (i32.const 0))))))
    (i32.const 8))

  (func (export "weir_evaluate_1") (param $batch i32) (param $length i32) (result i32)
    (local $numbers i32) (local $reading i32) (local $end i32)
    (local $value f64) (local $limit f64) (local $level i32)
    ;; An unknown version.
    (if (i32.ne (i32.load (local.get $batch)) (i32.const 1))
      (then (return (i32.const 1))))
    ;; Both limits are required.
    (if (i32.lt_u (i32.load offset=16 (local.get $batch)) (i32.const 2))
      (then (return (i32.const 2))))
    (local.set $numbers
      (i32.add (local.get $batch) (i32.load offset=20 (local.get $batch))))
    (local.set $reading
      (i32.add (local.get $batch) (i32.load offset=24 (local.get $batch))))
    (local.set $end
      (i32.add (local.get $reading)
        (i32.mul (i32.load offset=4 (local.get $batch)) (i32.const 48))))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $reading) (local.get $end)))
        (local.set $value (f64.load offset=8 (local.get $reading)))
        (local.set $level
          (i32.add
            (f64.gt (local.get $value) (f64.load (local.get $numbers)))
            (f64.gt (local.get $value) (f64.load offset=8 (local.get $numbers)))))
        ;; The limit that was crossed, or the first.
        (local.set $limit
          (f64.load
            (i32.add (local.get $numbers)
              (i32.shl (i32.eq (local.get $level) (i32.const 2)) (i32.const 3)))))
        (i32.store8 offset=24 (local.get $reading) (local.get $level))
        ;; One reason per level; 0 without a level.
        (i32.store16 offset=26 (local.get $reading) (local.get $level))
        (f64.store offset=32 (local.get $reading)
          (f64.sub (local.get $value) (local.get $limit)))
        (f64.store offset=40 (local.get $reading) (local.get $limit))
        (local.set $reading (i32.add (local.get $reading) (i32.const 48)))
        (br $next)))
    (i32.const 0)))
