//! What is read from files, and how it fails.

use std::fs;

use rumqttc::Login;

use super::*;

const IDENTITY: fn() -> Identity = || Identity {
    client_id: "weir".to_owned(),
    clean_session: false,
};

fn with_password(dir: &Path, password: &[u8]) -> Source {
    let file = dir.join("broker.password");
    fs::write(&file, password).unwrap();
    Source {
        username: Some("user".to_owned()),
        password_file: Some(file),
        ..Source::default()
    }
}

#[test]
fn a_password_loses_its_newline_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    for (file, password) in [
        ("s3cret\n", "s3cret"),
        ("s3cret\r\n", "s3cret"),
        (" a \n\n", " a \n"),
        ("", ""),
    ] {
        let config = with_password(dir.path(), file.as_bytes());
        let options = mqtt_options(&config, &IDENTITY()).unwrap();
        assert_eq!(
            options.credentials(),
            Some(Login::new("user", password)),
            "{file:?}"
        );
    }
}

#[test]
fn every_failure_names_its_key_and_file_and_no_secret() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &str| {
        let path = dir.path().join(name);
        fs::write(&path, content).unwrap();
        path
    };
    let (absent, garbage) = (
        dir.path().join("absent.pem"),
        write("garbage.pem", "hunter2"),
    );
    let identity = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let cert = write("cert.pem", &identity.cert.pem());
    let other_key = write("other.key", &other.signing_key.serialize_pem());
    let tls = |ca: Option<&Path>, cert: Option<&Path>, key: Option<&Path>| Source {
        tls: Some(SourceTls {
            ca_file: ca.map(Path::to_owned),
            cert_file: cert.map(Path::to_owned),
            key_file: key.map(Path::to_owned),
        }),
        ..Source::default()
    };
    let with = |password_file: &Path| Source {
        username: Some("user".to_owned()),
        password_file: Some(password_file.to_owned()),
        ..Source::default()
    };
    let cases = [
        (with(&absent), "password_file", "absent.pem"),
        (tls(Some(&absent), None, None), "ca_file", "absent.pem"),
        (tls(Some(&garbage), None, None), "ca_file", "garbage.pem"),
        (
            tls(Some(&cert), Some(&garbage), Some(&other_key)),
            "cert_file",
            "garbage.pem",
        ),
        (
            tls(Some(&cert), Some(&cert), Some(&garbage)),
            "key_file",
            "garbage.pem",
        ),
        (
            tls(Some(&cert), Some(&cert), Some(&other_key)),
            "key_file",
            "other.key",
        ),
        (
            tls(Some(&cert), Some(&cert), None),
            "key_file",
            "go together",
        ),
        (
            Source {
                password_file: Some(garbage.clone()),
                ..Source::default()
            },
            "username",
            "",
        ),
    ];
    for (config, key, file) in cases {
        let error = mqtt_options(&config, &IDENTITY())
            .map(|_| ())
            .unwrap_err()
            .to_string();
        assert!(
            error.contains(key) && error.contains(file),
            "{key} {file}: {error}"
        );
        assert!(!error.contains("hunter2"), "{error}");
    }
}

#[test]
fn an_empty_client_id_is_refused_where_rumqttc_would_panic() {
    let identity = Identity {
        client_id: String::new(),
        clean_session: false,
    };
    assert!(matches!(
        mqtt_options(&Source::default(), &identity),
        Err(SourceError::EmptyClientId)
    ));
}

#[test]
fn packets_are_limited_by_the_protocol_only() {
    let options = mqtt_options(&Source::default(), &IDENTITY()).unwrap();
    assert_eq!(options.max_packet_size(), 268_435_455);
    assert!(!options.clean_session() && options.manual_acks());
}
