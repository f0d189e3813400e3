;; A function for Weir, as plain text: a value that swings up and down from reading
;; to reading, as that of a controller that hunts for its setpoint, or of a burner that
;; starts and stops again and again.
;;
;;   state = 24
;;   params = [2.0, 6.0]        how far a swing goes at least, and how many in a row,
;;                              each back from where the one before went, are a warning
;;   reasons = ["swinging up and down"]
;;
;; docs/reference/functions/wasm.md draws the batch that it works on. A state, all zeroes before
;; the first reading:
;;
;;    0  f64  the last value
;;    8  f64  swings in a row: the score
;;   16  i32  which way the last one went: 1 up, -1 down, 0 it was none
;;   20  i32  1 once there is a last value
(module
  (memory (export "memory") 1)

  ;; Where the batch may go: behind the first 8 bytes, in as many pages as it takes.
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
    (local $numbers i32) (local $reading i32) (local $end i32) (local $state i32)
    (local $value f64) (local $moved f64) (local $least f64) (local $way i32)
    (local $swings f64)
    ;; A version that it does not know.
    (if (i32.ne (i32.load (local.get $batch)) (i32.const 1))
      (then (return (i32.const 1))))
    ;; Without its two numbers and its 24 bytes it can do nothing.
    (if (i32.lt_u (i32.load offset=16 (local.get $batch)) (i32.const 2))
      (then (return (i32.const 2))))
    (if (i32.ne (i32.load offset=12 (local.get $batch)) (i32.const 24))
      (then (return (i32.const 3))))
    (local.set $numbers
      (i32.add (local.get $batch) (i32.load offset=20 (local.get $batch))))
    (local.set $least (f64.load (local.get $numbers)))
    (local.set $reading
      (i32.add (local.get $batch) (i32.load offset=24 (local.get $batch))))
    (local.set $end
      (i32.add (local.get $reading)
        (i32.mul (i32.load offset=4 (local.get $batch)) (i32.const 48))))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $reading) (local.get $end)))
        (local.set $state
          (i32.add
            (i32.add (local.get $batch) (i32.load offset=28 (local.get $batch)))
            (i32.mul (i32.load offset=16 (local.get $reading)) (i32.const 24))))
        (local.set $value (f64.load offset=8 (local.get $reading)))
        (local.set $moved
          (select
            (f64.sub (local.get $value) (f64.load (local.get $state)))
            (f64.const 0)
            (i32.load offset=20 (local.get $state))))
        (local.set $way
          (i32.sub
            (f64.ge (local.get $moved) (local.get $least))
            (f64.le (local.get $moved) (f64.neg (local.get $least)))))
        ;; One more when it went back, the first of its kind when not.
        (local.set $swings
          (if (result f64) (i32.eqz (local.get $way))
            (then (f64.const 0))
            (else
              (f64.add
                (f64.const 1)
                (select
                  (f64.load offset=8 (local.get $state))
                  (f64.const 0)
                  (i32.eqz
                    (i32.add (local.get $way) (i32.load offset=16 (local.get $state)))))))))
        (f64.store (local.get $state) (local.get $value))
        (f64.store offset=8 (local.get $state) (local.get $swings))
        (i32.store offset=16 (local.get $state) (local.get $way))
        (i32.store offset=20 (local.get $state) (i32.const 1))
        ;; No threshold: the value itself crosses none.
        (f64.store offset=32 (local.get $reading) (local.get $swings))
        (i32.store8 offset=24 (local.get $reading)
          (f64.ge (local.get $swings) (f64.load offset=8 (local.get $numbers))))
        (i32.store16 offset=26 (local.get $reading)
          (f64.ge (local.get $swings) (f64.load offset=8 (local.get $numbers))))
        (local.set $reading (i32.add (local.get $reading) (i32.const 48)))
        (br $next)))
    (i32.const 0)))
