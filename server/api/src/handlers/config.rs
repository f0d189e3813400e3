//! `GET /api/v1/config`: the configuration in force, key by key, with the origin of each
//! value. Secrets are masked.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};
use weir_config::{EffectiveKey, KeyOrigin};

use crate::api::Shared;

pub(crate) async fn config(State(api): Shared) -> Json<Value> {
    let file = &api.process.config_file;
    let keys = api.config.keys();
    let keys: Vec<Value> = keys
        .iter()
        .map(|key| {
            json!({
                "key": key.path(),
                "value": key.value,
                "origin": origin(key, file.is_some()),
            })
        })
        .collect();
    Json(json!({"file": file, "keys": keys}))
}

/// Without a file, the text of a configuration is part of the program: the demo's.
fn origin(key: &EffectiveKey, has_file: bool) -> String {
    match key.origin {
        KeyOrigin::Default => "default".to_owned(),
        KeyOrigin::Environment => "environment".to_owned(),
        KeyOrigin::Line(line) if has_file => format!("file:{line}"),
        KeyOrigin::Line(_) => "demo".to_owned(),
    }
}
