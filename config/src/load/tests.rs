use std::fs;
use std::time::Duration;

use insta::assert_snapshot;
use proptest::prelude::*;

use super::*;
use crate::file::schema::Table;
use crate::reference::uncommented;
use crate::{FunctionKind, InfluxDb, Source, SourceTls};

const DEFAULT: &str = include_str!("../../default.toml");

/// The problems as `weir check` shows them.
fn problems(text: &str) -> String {
    with_env(text, &[])
}

fn with_env(text: &str, vars: &[(&str, &str)]) -> String {
    match Config::from_toml_with_env(text, owned(vars)) {
        Ok(_) => "no problems".to_owned(),
        Err(problems) => LoadError::Invalid {
            path: "weir.toml".into(),
            problems,
        }
        .to_string(),
    }
}

fn owned(vars: &[(&str, &str)]) -> impl Iterator<Item = (String, String)> {
    let vars: Vec<_> = vars
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_string()))
        .collect();
    vars.into_iter()
}

#[track_caller]
fn parse(text: &str) -> Config {
    Config::from_toml(text).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

#[test]
fn an_empty_file_is_the_default() {
    assert_eq!(parse(""), Config::default());
}

#[test]
fn default_toml_is_the_default() {
    // Its [broker] is given, which changes nothing without a [[source]].
    assert_eq!(parse(DEFAULT), Config::default());
}

#[test]
fn optional_keys_of_default_toml_show_their_defaults() {
    let config = parse(&uncommented());
    let source = Source {
        tls: Some(SourceTls {
            ca_file: Some("ca.pem".into()),
            cert_file: Some("client.pem".into()),
            key_file: Some("client.key".into()),
        }),
        username: Some("weir".to_owned()),
        password_file: Some("mqtt.password".into()),
        ..Source::default()
    };
    assert_eq!(config.sources, [source]);
    let influxdb = InfluxDb {
        token_file: Some("influx.token".into()),
        ..InfluxDb::default()
    };
    assert_eq!(config.influxdb, Some(influxdb));
    assert_eq!(
        config.broker.unwrap().websocket_listen,
        Some(([127, 0, 0, 1], 8083).into())
    );
    let function = &config.functions[0];
    assert_eq!(function.name, "overheat");
    assert_eq!(function.on_delay, Duration::from_secs(10));
    let FunctionKind::Threshold(limits) = &function.kind else {
        panic!("{function:?}")
    };
    assert_eq!(
        (limits.warning_high, limits.critical_low),
        (Some(80.0), Some(0.0))
    );
}

#[test]
fn default_toml_documents_every_key() {
    let text = uncommented();
    let document = DeTable::parse(&text).unwrap();
    for table in schema().tables() {
        let steps = table.path.split('.').filter(|step| !step.is_empty());
        let mut tables = vec![document.get_ref()];
        for step in steps {
            let inner = tables.iter().flat_map(|table| {
                let (_, value) = table
                    .iter()
                    .find(|(name, _)| *name.get_ref() == step)
                    .unwrap();
                match value.get_ref() {
                    toml::de::DeValue::Array(array) => array.iter().collect::<Vec<_>>(),
                    _ => vec![value],
                }
            });
            tables = inner
                .map(|value| value.get_ref().as_table().unwrap())
                .collect();
        }
        for key in &table.keys {
            let documented = tables
                .iter()
                .any(|at| at.keys().any(|name| name.get_ref() == key));
            assert!(documented, "{}.{key}", table.path);
        }
    }
}

#[test]
fn the_examples_are_sound() {
    let external = parse(include_str!("../../examples/external-broker.toml"));
    assert_eq!(external.broker, None);
    assert_eq!(external.routes.len(), 2);
    let influxdb = parse(include_str!("../../examples/influxdb.toml"));
    assert!(influxdb.broker.is_some() && influxdb.influxdb.is_some());
    let rules = parse(include_str!("../../examples/rules.toml"));
    assert_eq!(rules.functions.len(), 3);
}

#[test]
fn a_wrong_key_fails_with_its_line_and_the_nearest_key() {
    let text = "[http]\n\nlisen = \"127.0.0.1:1\"\n";
    let found = Config::from_toml(text).unwrap_err();
    let expected = Problem {
        line: 3,
        key: "http.lisen".to_owned(),
        reason: "unknown key".to_owned(),
        nearest: Some("http.listen".to_owned()),
    };
    assert_eq!(found, [expected]);
    assert_eq!(
        problems(text),
        "weir.toml:3: http.lisen: unknown key; did you mean http.listen?"
    );
}

#[test]
fn every_problem_is_reported_with_its_line() {
    assert_snapshot!(problems(include_str!("tests/wrong.toml")));
}

#[test]
fn every_problem_of_sources_and_rules_is_reported() {
    assert_snapshot!(problems(include_str!("tests/wrong-lists.toml")));
}

#[test]
fn sections_of_the_wrong_shape() {
    assert_snapshot!(problems(include_str!("tests/wrong-shapes.toml")));
}

#[test]
fn mistakes_in_the_syntax_are_reported_by_line() {
    assert_snapshot!(problems(
        "[http]\nlisten = \n[journal]\nmax_size = \"8GiB\n[http]\n"
    ));
}

#[test]
fn problems_are_json_objects() {
    let found = Config::from_toml("[http]\nlisen = 1").unwrap_err();
    assert_eq!(
        serde_json::to_string(&found).unwrap(),
        r#"[{"line":2,"key":"http.lisen","reason":"unknown key","nearest":"http.listen"}]"#
    );
}

#[test]
fn a_source_turns_the_embedded_broker_off_unless_it_is_given() {
    let source = "[[source]]\nurl = \"mqtt://127.0.0.1\"\n";
    assert!(parse("").broker.is_some());
    assert!(parse(source).broker.is_none());
    assert!(parse(&format!("[broker]\n{source}")).broker.is_some());
}

#[test]
fn given_routes_take_the_place_of_the_default_one() {
    let config = parse("[[route]]\ntopic = \"plant/{location}/{device}/#\"\n");
    let topics: Vec<_> = config
        .routes
        .iter()
        .map(|route| route.topic.as_str())
        .collect();
    assert_eq!(topics, ["plant/{location}/{device}/#"]);
}

#[test]
fn a_route_says_how_its_payloads_are_written() {
    let config = parse(
        "[[route]]\ntopic = \"rtl/{device}\"\ntime = \"time\"\ntime_unit = \"s\"\n\
         numbers_in_text = true\ndecimal = \",\"\nsensor = \"{topic.0}\"\n",
    );
    let options = &config.routes[0].options;
    let payload = &options.payload;
    assert_eq!(
        (payload.time_member(), payload.time_unit),
        ("time", crate::TimeUnit::Seconds)
    );
    assert!(payload.numbers_in_text && payload.decimal_comma);
    assert!(options.sensor.is_some());
    for (option, expect) in [
        (
            "codec = \"value\"\nsensor = \"x\"\ntime_unit = \"s\"",
            "codec \"value\" has no such option",
        ),
        (
            "codec = \"line-protocol\"\ndecimal = \",\"",
            "codec \"line-protocol\" has no such option",
        ),
        (
            "codec = \"json\"\ntime = \"deviceId\"",
            "cannot be the member",
        ),
        (
            "codec = \"json\"\ntime_unit = \"min\"",
            "must be s, ms, us or ns",
        ),
    ] {
        let text = format!("[[route]]\ntopic = \"rtl/{{device}}\"\n{option}\n");
        let found = problems(&text);
        let line = text.lines().count();
        assert!(found.contains(expect), "{option}: {found}");
        assert!(
            found.contains(&format!("weir.toml:{line}:")),
            "{option}: {found}"
        );
    }
}

#[test]
fn a_route_that_takes_our_own_alerts_is_refused() {
    for topic in [
        "alerts/#",
        "alerts/+/{device}",
        "alerts/{location}/{device}",
    ] {
        let problems = Config::from_toml(&format!("[[route]]\ntopic = \"{topic}\"\n")).unwrap_err();
        assert_eq!(
            (problems[0].line, &*problems[0].key),
            (2, "route.topic"),
            "{topic}"
        );
    }
}

#[test]
fn inline_tables_and_dotted_keys_are_read_alike() {
    let expected = parse("[store.embedded]\nretention = \"1d\"\n");
    assert_eq!(parse("store.embedded.retention = \"1d\""), expected);
    assert_eq!(
        parse("store = { embedded = { retention = \"24h\" } }"),
        expected
    );
}

#[test]
fn an_instant_is_read_with_and_without_quotes() {
    let plain = parse("[limits]\nmin_time = 2020-01-01T00:00:00+01:00\n");
    assert_eq!(
        plain,
        parse("[limits]\nmin_time = \"2019-12-31T23:00:00Z\"\n")
    );
    assert_eq!(plain.limits.min_time_ns, 1_577_833_200_000_000_000);
}

#[test]
fn variables_go_before_the_file() {
    let text = "[http]\nlisten = \"127.0.0.1:1\"\n[limits]\nmax_devices = 5\n";
    let vars = [
        ("WEIR_HTTP_LISTEN", "127.0.0.1:2"),
        ("WEIR_LIMITS_MAX_DEVICES", "7"),
        ("WEIR_STORE_EMBEDDED_RETENTION", "2d"),
        ("WEIR_STORE_INFLUXDB_ORG", "plant"),
        ("WEIR_LOG", "debug"),
        ("WEIR_HTTP_LISEN", "x"),
        ("HOME", "/root"),
    ];
    let loaded = Config::from_toml_with_env(text, owned(&vars)).unwrap();
    assert_eq!(loaded.config.http.listen.port(), 2);
    assert_eq!(loaded.config.limits.max_devices, 7);
    assert_eq!(
        loaded.config.embedded_store.retention,
        Duration::from_secs(2 * 86_400)
    );
    assert_eq!(loaded.config.influxdb.unwrap().org, "plant");
    assert_eq!(loaded.unknown_variables, ["WEIR_HTTP_LISEN", "WEIR_LOG"]);
}

#[test]
fn a_variable_that_is_wrong_is_reported_by_its_name() {
    let vars = [
        ("WEIR_HTTP_LISTEN", "0.0.0.0:1"),
        ("WEIR_LIMITS_MAX_DEVICES", "many"),
    ];
    assert_snapshot!(with_env("[http]\nlisten = \"127.0.0.1:1\"\n", &vars));
}

#[test]
fn files_are_sought_beside_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weir.toml");
    let absolute = folder.path().join("token");
    let text = format!(
        "[[source]]\nurl = \"mqtt://b\"\nusername = \"u\"\npassword_file = \"secret/password\"\n\
         [store.influxdb]\ntoken_file = {:?}\n",
        absolute.to_str().unwrap()
    );
    fs::write(&path, &text).unwrap();
    let error = Config::load(&path).unwrap_err().to_string();
    assert_eq!(error.lines().count(), 2, "{error}");
    assert!(
        error.contains("weir.toml:4: source.password_file: "),
        "{error}"
    );
    assert!(
        error.contains("weir.toml:6: store.influxdb.token_file: "),
        "{error}"
    );

    fs::create_dir(folder.path().join("secret")).unwrap();
    fs::write(folder.path().join("secret/password"), "x").unwrap();
    fs::write(&absolute, "x").unwrap();
    let config = Config::load(&path).unwrap();
    let password_file = folder.path().join("secret/password");
    assert_eq!(
        config.sources[0].password_file.as_deref(),
        Some(&*password_file)
    );
    assert_eq!(config.influxdb.unwrap().token_file, Some(absolute));
}

#[test]
fn a_file_that_cannot_be_read_is_no_file_with_problems() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("none.toml");
    assert!(matches!(
        Config::load(&missing),
        Err(LoadError::Read { .. })
    ));
    fs::write(&missing, b"\xff\xfe").unwrap();
    assert!(matches!(
        Config::load(&missing),
        Err(LoadError::Read { .. })
    ));
}

#[test]
fn a_file_that_is_too_long_or_too_deep_is_refused() {
    let long = "# x\n".repeat(MAX_BYTES / 4 + 1);
    assert!(problems(&long).contains("more than"), "{}", problems(&long));
    for text in [
        format!("x = {}", "[".repeat(MAX_BYTES - 4)),
        format!("{}x = 1", "a.".repeat(MAX_BYTES / 2 - 5)),
        format!("[{}x]", "a.".repeat(MAX_BYTES / 2 - 5)),
        format!("x = {}", "{a=".repeat(MAX_BYTES / 3 - 5)),
    ] {
        assert!(Config::from_toml(&text).is_err());
    }
}

/// Text that looks like a configuration and is not quite one.
fn almost_toml() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        proptest::sample::select(
            schema()
                .tables()
                .iter()
                .flat_map(|t| &t.keys)
                .copied()
                .collect::<Vec<_>>()
        )
        .prop_map(str::to_owned),
        proptest::sample::select(vec![
            "[",
            "]",
            "[[",
            "]]",
            "{",
            "}",
            "=",
            " = ",
            ".",
            "\n",
            "\"",
            "'''",
            "#",
            ",",
            "\"10s\"",
            "\"64MiB\"",
            "1e400",
            "nan",
            "-1",
            "0x7f",
            "99999999999999999999",
            "1979-05-27",
            "true",
            "[[source]]\n",
            "[[function]]\n",
            "\"mqtt://[::1\"",
            "\"{device}/+\"",
            "\u{0}",
            "é",
        ])
        .prop_map(str::to_owned),
        "\\PC{0,4}",
    ];
    proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn arbitrary_text_is_refused_and_never_panics(text in "(?s).{0,400}") {
        let _ = Config::from_toml(&text);
    }

    #[test]
    fn almost_a_configuration_never_panics_and_names_lines_of_it(text in almost_toml()) {
        if let Err(problems) = Config::from_toml(&text) {
            prop_assert!(!problems.is_empty());
            let lines = text.split('\n').count();
            prop_assert!(problems.iter().all(|p| (1..=lines).contains(&p.line)), "{:?}", problems);
        }
    }

    #[test]
    fn a_value_of_the_wrong_type_is_reported_at_its_line(
        table in proptest::sample::select(schema().scalar_tables().collect::<Vec<&'static Table>>()),
        pick in any::<proptest::sample::Index>(),
        above in 0_usize..5,
    ) {
        let path = table.path;
        let key = pick.get(&table.keys);
        let text = format!("{}[{path}]\n{key} = [1]\n", "\n".repeat(above));
        let problems = Config::from_toml(&text).unwrap_err();
        // A section may lack other keys besides.
        let expect = (above + 2, format!("{path}.{key}"));
        let reported = problems.iter().filter(|p| (p.line, p.key.as_str()) == (expect.0, &expect.1));
        prop_assert_eq!(reported.count(), 1, "{:?}", problems);
    }
}

#[test]
fn what_decides_about_messages_is_kept_and_read_again() {
    let text = "[http]\nlisten = \"127.0.0.1:0\"\n\n# a comment\n[limits]\nmax_devices = 7\n\n\
        [[route]]\ntopic = \"a/{device}\"\n\n[[function]]\nname = \"f\"\nkind = \"threshold\"\n\
        warning_high = 1e-300\non_delay = \"3s\"\n\n[store.influxdb]\norg = \"x\"\n";
    let vars = [
        ("WEIR_LIMITS_MAX_PAYLOAD", "9KiB"),
        ("WEIR_HTTP_LISTEN", "127.0.0.1:9"),
    ];
    let vars = || {
        vars.iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
    };
    let loaded = Config::from_toml_with_env(text, vars()).unwrap();
    let settings = &loaded.settings;
    assert!(
        !settings.toml.contains("http") && !settings.toml.contains("influx"),
        "{settings:?}"
    );
    assert_eq!(settings.variables.len(), 1);
    let expect = Config {
        routes: loaded.config.routes.clone(),
        limits: loaded.config.limits.clone(),
        functions: loaded.config.functions.clone(),
        ..Config::default()
    };
    assert_eq!(expect.limits.max_payload, 9 * 1024);
    assert_eq!(Config::from_settings(settings, &|_| None).unwrap(), expect);
    assert_eq!(
        Config::from_settings(&Settings::default(), &|_| None).unwrap(),
        Config::default()
    );
}
