//! The pictures in `docs/reference/functions/` are what the functions say today.

use std::path::Path;

use weir_detector_benches::plots::{picture, pictures};

/// What a page may weigh.
const MAX_BYTES: usize = 40_000;

#[test]
fn the_pictures_in_the_documents_are_those_of_the_functions() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/functions");
    for (kind, strips) in pictures().expect("the plots' configurations are sound") {
        assert!(!strips[0].found.is_empty(), "{kind} finds nothing");
        let svg = picture(&strips);
        assert!(svg.len() < MAX_BYTES, "{kind}: {} bytes", svg.len());
        let path = folder.join(format!("{kind}.svg"));
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            svg == kept,
            "{kind}.svg shows what {kind} did once; `cargo xtask bench plots` draws it again"
        );
        let page = std::fs::read_to_string(folder.join(format!("{kind}.md")))
            .expect("every kind has a page");
        assert!(
            page.contains(&format!("({kind}.svg)")),
            "{kind}.md shows no picture"
        );
    }
}
