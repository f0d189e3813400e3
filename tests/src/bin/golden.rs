//! Makes the golden data folder of this version: see `tests/src/golden.rs`.
//!
//! `cargo run -p weir-tests --bin golden -- v1`

use std::fs;

use weir_tests::{Weir, golden_dir, golden_spec, make_golden, pack_golden};

fn main() {
    let version = std::env::args().nth(1).expect("the version's name, as v1");
    let number = version.strip_prefix('v').unwrap_or_default();
    assert!(number.parse::<u32>().is_ok(), "{version} is not as v1");
    let archive = golden_dir().join(format!("{version}.tar.gz"));
    assert!(
        !archive.exists(),
        "{} is there: golden folders never change",
        archive.display()
    );
    let mut weir = Weir::start(golden_spec("50ms"));
    let held = make_golden(&mut weir);
    pack_golden(&weir.data_dir(), &archive);
    let text = serde_json::to_string_pretty(&held).expect("it was JSON");
    fs::write(
        archive.with_extension("").with_extension("json"),
        text + "\n",
    )
    .expect("the folder is writable");
}
