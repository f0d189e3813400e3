use insta::assert_snapshot;

use crate::{Config, LoadError};

fn problems(text: &str) -> String {
    match Config::from_toml(text) {
        Ok(_) => "no problems".to_owned(),
        Err(problems) => {
            let path = "weir.toml".into();
            LoadError::Invalid { path, problems }.to_string()
        }
    }
}

const BOTH: &str = "[auth]\nfile = \"access.toml\"\n[tls]\ncert_file = \"c\"\nkey_file = \"k\"\n";

#[test]
fn beyond_this_machine_there_are_authentication_and_tls_or_nothing() {
    let open = "[http]\nlisten = \"0.0.0.0:8080\"\n[broker]\nlisten = \"[::]:1883\"\n\
                websocket_listen = \"10.0.0.1:8083\"\n";
    assert_snapshot!(problems(open));
    let auth_only = format!("{open}[auth]\nfile = \"access.toml\"\n");
    assert_eq!(
        problems(&auth_only)
            .matches("[tls], and there is none")
            .count(),
        3
    );
    let tls_only = format!("{open}[tls]\ncert_file = \"c\"\nkey_file = \"k\"\n");
    assert_eq!(
        problems(&tls_only)
            .matches("[auth], and there is none")
            .count(),
        3
    );
    let config = Config::from_toml(&format!("{open}{BOTH}")).unwrap();
    assert!(config.http.tls && config.broker.unwrap().tls);
}

#[test]
fn on_loopback_tls_is_a_choice() {
    let config = Config::from_toml(BOTH).unwrap();
    assert!(!config.http.tls && !config.broker.unwrap().tls);
    let chosen = format!("[http]\ntls = true\n[broker]\ntls = true\n{BOTH}");
    let config = Config::from_toml(&chosen).unwrap();
    assert!(config.http.tls && config.broker.unwrap().tls);
    assert_eq!(
        problems("[http]\ntls = true\n"),
        "weir.toml:2: http.tls: needs a [tls] section with the certificate"
    );
    let plain = format!("[http]\nlisten = \"0.0.0.0:1\"\ntls = false\n{BOTH}");
    assert!(problems(&plain).contains("weir.toml:3: http.tls: must not be false"));
}

#[test]
fn a_section_says_what_it_lacks() {
    assert_snapshot!(problems("[auth]\n[tls]\nclient_ca_file = \"ca.pem\"\n"));
}
