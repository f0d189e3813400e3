//! Modules that do what they must not: refused when the configuration is read, or
//! stopped in the call, with a sentence that says why; and the series goes on.

use super::*;

/// What is said of a module when the configuration is read.
#[track_caller]
fn refused(settings: Wasm, expect: &str) {
    let problems = crate::check(&config(vec![settings]));
    let [problem] = &problems[..] else {
        panic!("{problems:?}")
    };
    assert_eq!((problem.line, &*problem.key), (7, "function.module"));
    assert!(problem.reason.contains(expect), "{}", problem.reason);
    assert!(problem.reason.len() < 600, "{}", problem.reason);
}

/// What becomes of a module that loads: it fails at each reading, trips at the
/// third, and is not called again; a restart knows of it.
#[track_caller]
fn fails(settings: Wasm, kind: &str, expect: &str) {
    let config = config(vec![settings]);
    assert_eq!(crate::check(&config), []);
    let mut engine = Engine::new(&config);
    for nth in 1..=3 {
        assert_eq!(tripped(&engine), None);
        assert_eq!(one(&mut engine, nth, 1.0), []);
        let report = engine.modules().next().unwrap();
        assert_eq!(report.failures, [(kind, nth as u64)]);
        let last = report.last.unwrap();
        assert_eq!(last.position, Position(nth as u64));
        assert!(last.reason.contains(expect), "{}", last.reason);
    }
    let reason = tripped(&engine).unwrap();
    assert!(reason.contains(expect), "{reason}");
    assert_eq!(one(&mut engine, 4, 1.0), []);
    assert_eq!(engine.modules().next().unwrap().calls, 3);

    let mut restored = Engine::restore(&config, &engine.snapshot()).unwrap();
    assert_eq!(tripped(&restored), Some(reason));
    assert_eq!(one(&mut restored, 5, 1.0), []);
    assert_eq!(restored.modules().next().unwrap().calls, 0);
    // Changed, it has another try, now and after a restart.
    let mut changed = config.clone();
    let FunctionKind::Wasm(settings) = &mut changed.functions[0].kind else {
        panic!()
    };
    settings.max_failures = 4;
    engine.reconfigure(&changed);
    assert_eq!(tripped(&engine), None);
    let restored = Engine::restore(&changed, &restored.snapshot()).unwrap();
    assert_eq!(tripped(&restored), None);
}

/// Only with readings: an empty batch is tried when the configuration is read.
fn with_readings(instructions: &str) -> String {
    format!("(if (i32.load offset=4 (local.get $batch)) (then {instructions}))")
}

#[test]
fn what_is_no_module_or_not_of_this_interface_is_refused() {
    refused(wasm(""), "");
    refused(wasm("\0asm\u{1}\0\0\0garbage"), "");
    refused(wasm("(module (func (export"), "");
    refused(wasm("(module)"), "it exports no memory as \"memory\"");
    refused(
        wasm("(module (memory (export \"memory\") 1))"),
        "it exports no function weir_input_1",
    );
    refused(
        wasm(body("", "").replace("weir_evaluate_1", "weir_evaluate_2")),
        "it exports no function weir_evaluate_1",
    );
    refused(
        wasm(body("", "").replace(
            "(func (export \"weir_input_1\") (param i32) (result i32) (i32.const 1024))",
            "(func (export \"weir_input_1\") (param i64) (result i32) (i32.const 1024))",
        )),
        "its function weir_input_1 must be (i32) -> (i32), not",
    );
}

#[test]
fn an_import_is_refused_by_its_name() {
    let import = "(import \"wasi_snapshot_preview1\" \"clock_time_get\" \
                  (func (param i32 i64 i32) (result i32)))";
    let text = body("", "").replacen("(module", &format!("(module {import}"), 1);
    refused(
        wasm(text),
        "it imports \"clock_time_get\" from \"wasi_snapshot_preview1\"",
    );
}

#[test]
fn what_could_differ_from_machine_to_machine_is_refused() {
    let relaxed = "(func (param v128 v128) (result v128)
        (i32x4.relaxed_trunc_f32x4_s (local.get 0)) (drop) (local.get 1))";
    refused(wasm(body("", relaxed)), "relaxed SIMD");
    let shared = body("", "").replace("\"memory\") 4", "\"memory\") 4 4 shared");
    refused(wasm(shared), "threads");
    let wide = body("", "").replace(
        "(memory (export \"memory\") 4)",
        "(memory (export \"memory\") i64 4)",
    );
    refused(wasm(wide), "memory64");
}

#[test]
fn too_much_memory_or_too_large_a_table_at_the_start_is_refused() {
    let large = body("", "").replace("\"memory\") 4", "\"memory\") 65536");
    refused(wasm(large), "memory");
    refused(wasm(body("", "(table 10000000 funcref)")), "table");
}

#[test]
fn a_start_function_that_does_not_end_is_refused() {
    let start = "(func $spin (loop $l (br $l))) (start $spin)";
    refused(wasm(body("", start)), "it ran out of fuel");
    let start = "(func $no unreachable) (start $no)";
    refused(wasm(body("", start)), "unreachable");
}

#[test]
fn a_loop_without_end_runs_out_of_fuel() {
    let spin = with_readings("(loop $l (br $l))");
    fails(wasm(body(&spin, "")), "fuel", "it ran out of fuel");
}

#[test]
fn filling_memory_over_and_over_costs_fuel_as_well() {
    let fill = with_readings(
        "(loop $l (memory.fill (i32.const 0) (i32.const 1) (i32.const 200000)) (br $l))",
    );
    fails(wasm(body(&fill, "")), "fuel", "it ran out of fuel");
}

#[test]
fn recursion_without_end_is_stopped() {
    let more = "(func $deep (param i32) (result i32)
        (i32.add (local.get 0) (call $deep (i32.add (local.get 0) (i32.const 1)))))";
    let deep = with_readings("(drop (call $deep (i32.const 0)))");
    let settings = Wasm {
        fuel: 100_000_000,
        ..wasm(body(&deep, more))
    };
    fails(settings, "trap", "call stack exhausted");
}

#[test]
fn growing_without_end_is_stopped() {
    let grow = with_readings(
        "(loop $l (br_if $l (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) unreachable",
    );
    fails(
        wasm(body(&grow, "")),
        "memory",
        "it wanted more memory than it may have",
    );
    let grow = with_readings(
        "(loop $l (br_if $l (i32.ne (table.grow $t (ref.null func) (i32.const 20000))
           (i32.const -1)))) unreachable",
    );
    fails(
        wasm(body(&grow, "(table $t 1 funcref)")),
        "memory",
        "it wanted more memory than it may have",
    );
}

#[test]
fn a_clock_stops_what_fuel_lets_run() {
    let spin = with_readings("(loop $l (br $l))");
    // As much fuel as there can be: the clock comes first. Its time is long enough
    // for the call with an empty batch, which does not spin, on a busy machine.
    let settings = Wasm {
        fuel: u64::MAX / 2,
        timeout: Duration::from_millis(500),
        ..wasm(body(&spin, ""))
    };
    fails(settings, "timeout", "it took longer than its timeout");
}

#[test]
fn traps_and_statuses_are_reported() {
    let divide = with_readings("(drop (i32.div_u (i32.const 1) (i32.const 0)))");
    fails(wasm(body(&divide, "")), "trap", "integer divide by zero");
    let beyond = with_readings("(drop (i32.load (i32.const 0x7fffffff)))");
    fails(
        wasm(body(&beyond, "")),
        "trap",
        "out of bounds memory access",
    );
    let status = with_readings("(return (i32.const 42))");
    fails(wasm(body(&status, "")), "status", "it gave the status 42");
}

#[test]
fn addresses_outside_of_its_memory_are_refused() {
    let at = |address: &str| body("", "").replace("(i32.const 1024)", address);
    let reported = "weir_input_1 gave address";
    refused(wasm(at("(i32.const -8)")), reported);
    refused(wasm(at("(i32.const 262136)")), reported);
    refused(wasm(at("(i32.const 1028)")), reported);
    refused(
        wasm(at("(i32.const 0)")),
        "weir_input_1 has no room for 32 bytes",
    );
    // Not every batch has the same room.
    let late = "(select (i32.const 1024) (i32.const 0x7ffffff8)
        (i32.eq (local.get 0) (i32.const 32)))";
    fails(wasm(at(late)), "interface", reported);
}

#[test]
fn verdicts_that_mean_nothing_are_refused() {
    let check = |instructions: &str, expect: &str| {
        fails(
            wasm(body(&with_readings(instructions), "")),
            "interface",
            expect,
        );
    };
    check(
        "(i32.store8 offset=24 (local.get $r) (i32.const 3))",
        "reading 0 has level 3",
    );
    check(
        "(i32.store8 offset=25 (local.get $r) (i32.const 9))",
        "reading 0 has side 9",
    );
    check(
        "(i32.store16 offset=26 (local.get $r) (i32.const 1))",
        "reading 0 has reason 1, and the configuration has 0",
    );
    check(
        "(f64.store offset=32 (local.get $r) (f64.const inf))",
        "an infinite score",
    );
}

#[test]
fn a_call_that_fails_takes_no_state_and_a_success_forgives() {
    // Adds to the state, and traps behind it when the value is above 100.
    let text = String::from_utf8(sums().module.content.bytes().to_vec()).unwrap();
    let trap = "(if (f64.gt (f64.load offset=8 (local.get $r)) (f64.const 100)) (then unreachable))
        (local.set $r (i32.add (local.get $r) (i32.const 48)))";
    let text = text.replace(
        "(local.set $r (i32.add (local.get $r) (i32.const 48)))",
        trap,
    );
    let mut engine = engine(Wasm {
        state: 8,
        ..wasm(text.replace("\"memory\") 6", "\"memory\") 4"))
    });
    let mut time = 0;
    for _ in 0..4 {
        for value in [101.0, 102.0] {
            time += 1;
            assert_eq!(one(&mut engine, time, value), []);
        }
        time += 1;
        one(&mut engine, time, 1.0);
    }
    time += 1;
    assert_eq!(one(&mut engine, time, 0.0)[0].score, 4.0);
    assert_eq!(tripped(&engine), None);
    let report = engine.modules().next().unwrap();
    assert_eq!((report.failing, report.failures), (0, &[("trap", 8)][..]));
}

#[test]
fn one_that_cannot_be_used_is_called_no_second_time() {
    let mut engine = engine(wasm("no module at all"));
    assert_eq!(one(&mut engine, 1, 1.0), []);
    let reason = tripped(&engine).unwrap();
    assert!(reason.starts_with("the module cannot be used"), "{reason}");
}
