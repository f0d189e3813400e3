//! A file that is added to `ui/` is embedded by the next build.

fn main() {
    println!("cargo::rerun-if-changed=ui");
}
