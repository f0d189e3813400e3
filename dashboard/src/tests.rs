use std::io::Read;

use flate2::read::GzDecoder;

use super::*;

fn is_document(path: &str) -> bool {
    asset(path, "").is_some_and(|asset| asset.content_type.starts_with("text/html"))
}

#[test]
fn files_are_sent_with_their_type() {
    for (path, expect) in [
        ("index.html", "text/html; charset=utf-8"),
        ("js/main.js", "text/javascript; charset=utf-8"),
        ("vendor/preact.mjs", "text/javascript; charset=utf-8"),
        ("css/tokens.css", "text/css; charset=utf-8"),
        ("weir.svg", "image/svg+xml"),
        ("vendor/LICENSE.preact", "text/plain; charset=utf-8"),
    ] {
        let found = asset(path, "").map(|asset| asset.content_type);
        assert_eq!(found, Some(expect), "{path}");
    }
}

#[test]
fn routes_of_the_page_are_the_document() {
    for path in [
        "",
        "alarms",
        "devices/pump-1",
        "devices/pump.js",
        "devices/..",
        "alarms/%2e%2e",
        "no-such-view/x",
    ] {
        assert!(is_document(path), "{path:?}");
    }
}

#[test]
fn missing_files_are_not_the_document() {
    for path in [
        "js/missing.js",
        "css/missing.css",
        "vendor/missing.mjs",
        "main.js",
        "vendor/preact.d.mts",
        "vendor/README.md",
        "js/../Cargo.toml",
        "js//main.js",
        "js/",
    ] {
        let found = asset(path, "").map(|asset| asset.content_type);
        assert_eq!(found, None, "{path}");
    }
}

#[test]
fn a_compressed_file_has_the_same_content_and_another_etag() {
    let plain = asset("js/main.js", "").expect("a file");
    let small = asset("js/main.js", "br;q=1.0, gzip;q=0.8").expect("a file");
    let mut text = Vec::new();
    GzDecoder::new(&*small.bytes)
        .read_to_end(&mut text)
        .expect("gzip");
    assert_eq!(text, plain.bytes);
    assert_eq!((plain.encoding, small.encoding), (None, Some("gzip")));
    assert_ne!(plain.etag, small.etag);
    let again = asset("js/main.js", "gzip").expect("a file");
    assert_eq!(
        again.bytes.as_ptr(),
        small.bytes.as_ptr(),
        "compressed once"
    );
}

#[test]
fn accepted_encodings_have_weights() {
    for (accepted, expect) in [
        ("", false),
        ("gzip", true),
        ("GZIP", true),
        ("deflate, gzip;q=1.0, *;q=0.5", true),
        ("gzip;q=0", false),
        ("gzip;q=0, *", false),
        ("*", true),
        ("*;q=0", false),
        ("identity", false),
        ("gzip;q=x", false),
        ("notgzip", false),
    ] {
        assert_eq!(accepts_gzip(accepted), expect, "{accepted:?}");
    }
}

#[test]
fn the_document_has_a_policy_without_exceptions() {
    let policy = CONTENT_SECURITY_POLICY;
    assert!(!policy.contains("unsafe"), "{policy}");
    assert!(policy.contains("connect-src 'self';"), "{policy}");
    let names: Vec<_> = headers("text/html; charset=utf-8")
        .iter()
        .map(|(name, _)| *name)
        .collect();
    assert!(names.contains(&"Referrer-Policy") && names.contains(&"X-Content-Type-Options"));
    assert_eq!(headers("text/css").len(), 2);
}

#[test]
fn the_document_has_nothing_inline() {
    let document = Files::get(DOCUMENT).expect("the document");
    let text = std::str::from_utf8(&document.data).expect("UTF-8");
    for tag in text.split('<').filter(|tag| tag.starts_with("script")) {
        assert!(tag.contains("src="), "{tag}");
    }
    assert!(!text.contains("<style") && !text.contains(" style=") && !text.contains("<base"));
}

/// Markup is never built from strings.
#[test]
fn no_file_writes_markup() {
    for path in Files::iter().filter(|path| path.starts_with("js/")) {
        let file = Files::get(&path).expect("it was listed");
        let text = std::str::from_utf8(&file.data).expect("UTF-8");
        for word in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "dangerouslySetInnerHTML",
            "document.write",
            "eval(",
            "new Function",
        ] {
            assert!(!text.contains(word), "{path} has {word}");
        }
        assert!(text.starts_with("//"), "{path} opens with what it is for");
    }
}

/// The simulated server of the journeys sends the same policy.
#[test]
fn journeys_run_under_this_policy() {
    let server = include_str!("../tests/support/files.mjs");
    assert!(server.contains(CONTENT_SECURITY_POLICY));
}

/// Third-party code is what its README says it is.
#[test]
fn vendored_files_have_their_recorded_hashes() {
    let readme = Files::get("vendor/README.md").expect("the README");
    let text = std::str::from_utf8(&readme.data).expect("UTF-8");
    let recorded: HashMap<&str, &str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("    ")?.split_once("  "))
        .map(|(hash, name)| (name, hash))
        .collect();
    let vendored = Files::iter().filter(|path| {
        path.starts_with("vendor/") && (path.ends_with(".mjs") || path.ends_with(".css"))
    });
    let mut count = 0;
    for path in vendored {
        let file = Files::get(&path).expect("it was listed");
        let hash: String = file
            .metadata
            .sha256_hash()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let name = path.trim_start_matches("vendor/");
        assert_eq!(recorded.get(name), Some(&hash.as_str()), "{path}");
        count += 1;
    }
    assert_eq!(count, recorded.len());
}
