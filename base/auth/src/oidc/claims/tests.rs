use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::json;

use super::*;

/// P-256, for these tests only: PKCS #8, and the same key as a JWK.
const PRIVATE: &str = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgkKsNmovXmD/lCkK/8NSSuEuKmXO7YBRwKyVDajD13TihRANCAAQd19t2zMoA7pVxCVojIz8vy3fE9/DcTONoOJX2utFCYzjPd9eT9ci6feeF1XrqvT3qrP+cJc3TVOD3xRUiwENn";
const X: &str = "HdfbdszKAO6VcQlaIyM_L8t3xPfw3EzjaDiV9rrRQmM";
const Y: &str = "OM9315P1yLp954XVeuq9Peqs_5wlzdNU4PfFFSLAQ2c";

fn config() -> Oidc {
    let text = "[auth]\nfile = \"access.toml\"\n[auth.oidc]\nissuer = \"https://id.example\"\n\
        client_id = \"weir\"\nadmins = [\"root\"]\noperators = [\"ops\", \"night\"]\nreaders = [\"*\"]\n";
    let config = weir_config::Config::from_toml(text).unwrap();
    config.auth.unwrap().oidc.unwrap()
}

fn keys(id: &str) -> JwkSet {
    let key = json!({"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": id, "x": X, "y": Y});
    serde_json::from_value(json!({"keys": [key]})).unwrap()
}

fn now() -> i64 {
    Timestamp::now().seconds()
}

fn good() -> Value {
    json!({"iss": "https://id.example", "aud": "weir", "sub": "42", "exp": now() + 600,
        "nonce": "n", "preferred_username": "ana", "groups": ["ops"]})
}

fn signed(claims: &Value) -> String {
    let header = Header {
        kid: Some("k1".to_owned()),
        ..Header::new(Algorithm::ES256)
    };
    let der = base64::Engine::decode(&base64::prelude::BASE64_STANDARD, PRIVATE).unwrap();
    encode(&header, claims, &EncodingKey::from_ec_der(&der)).unwrap()
}

const ID_TOKEN: Expect<'_> = Expect::IdToken { nonce: Some("n") };
const BEARER: Expect<'_> = Expect::Bearer { audiences: &[] };

#[test]
fn a_good_token_says_who_it_is_about() {
    let claims = verify(&signed(&good()), &keys("k1"), &config(), ID_TOKEN).unwrap();
    assert_eq!(
        (claims.subject.as_str(), claims.name.as_str()),
        ("42", "ana")
    );
    assert_eq!(claims.groups, ["ops"]);
    assert_eq!(role_of(&config(), &claims.groups), Some(Role::Operator));
}

#[test]
fn a_token_of_somebody_else_or_of_another_time_is_refused() {
    #[track_caller]
    fn check(change: Value, expect: Expect<'_>, error: TokenError) {
        let mut claims = good();
        let members = claims.as_object_mut().unwrap();
        for (name, value) in change.as_object().unwrap() {
            match value {
                Value::Null => drop(members.remove(name)),
                value => drop(members.insert(name.clone(), value.clone())),
            }
        }
        let found = verify(&signed(&claims), &keys("k1"), &config(), expect);
        assert_eq!(found.err(), Some(error), "{change}");
    }
    check(json!({"aud": "other"}), ID_TOKEN, TokenError::Audience);
    check(
        json!({"aud": ["weir", "b"], "azp": "b"}),
        ID_TOKEN,
        TokenError::Audience,
    );
    check(json!({"aud": null}), ID_TOKEN, TokenError::Audience);
    check(json!({"aud": "other"}), BEARER, TokenError::Audience);
    check(
        json!({"aud": null, "client_id": "other"}),
        BEARER,
        TokenError::Audience,
    );
    check(
        json!({"iss": "https://evil.example"}),
        ID_TOKEN,
        TokenError::Issuer,
    );
    check(json!({"iss": null}), ID_TOKEN, TokenError::Issuer);
    check(json!({"exp": now() - 60}), ID_TOKEN, TokenError::Expired);
    check(
        json!({"exp": null}),
        ID_TOKEN,
        TokenError::Missing("end (exp)"),
    );
    check(json!({"nbf": now() + 600}), ID_TOKEN, TokenError::NotYet);
    check(json!({"nonce": "m"}), ID_TOKEN, TokenError::Nonce);
    check(json!({"nonce": null}), ID_TOKEN, TokenError::Nonce);
    check(
        json!({"sub": null}),
        ID_TOKEN,
        TokenError::Missing("subject (sub)"),
    );
}

#[test]
fn a_bearer_token_may_be_for_another_audience_that_is_configured() {
    let audiences = ["api://weir".to_owned()];
    let expect = Expect::Bearer {
        audiences: &audiences,
    };
    for change in [
        json!({"aud": ["api://weir"]}),
        json!({"aud": null, "client_id": "weir"}),
    ] {
        let mut claims = good();
        let members = claims.as_object_mut().unwrap();
        members.remove("aud");
        members.extend(
            change
                .as_object()
                .unwrap()
                .clone()
                .into_iter()
                .filter(|(_, v)| !v.is_null()),
        );
        verify(&signed(&claims), &keys("k1"), &config(), expect).unwrap();
    }
}

#[test]
fn only_signatures_with_the_keys_of_the_provider_count() {
    let token = signed(&good());
    let check = |token: &str, keys: &JwkSet| verify(token, keys, &config(), ID_TOKEN).err();
    assert_eq!(check(&token, &keys("k2")), Some(TokenError::UnknownKey));
    assert_eq!(
        check(&token, &JwkSet { keys: Vec::new() }),
        Some(TokenError::UnknownKey)
    );
    let parts: Vec<&str> = token.split('.').collect();
    let encode = |value: &Value| {
        base64::Engine::encode(&base64::prelude::BASE64_URL_SAFE_NO_PAD, value.to_string())
    };
    // Another person, under the signature of this token.
    let mut claims = good();
    claims["groups"] = json!(["root"]);
    let forged = format!("{}.{}.{}", parts[0], encode(&claims), parts[2]);
    assert_eq!(check(&forged, &keys("k1")), Some(TokenError::Signature));
    // Not signed at all.
    let header = encode(&json!({"alg": "none", "kid": "k1"}));
    for unsigned in [
        format!("{header}.{}.", parts[1]),
        format!("{header}.{}.{}", parts[1], parts[2]),
    ] {
        assert_eq!(check(&unsigned, &keys("k1")), Some(TokenError::NotSigned));
    }
    // Signed with the public key as a shared secret.
    let header = Header {
        kid: Some("k1".to_owned()),
        ..Header::new(Algorithm::HS256)
    };
    let shared = jsonwebtoken::encode(&header, &good(), &EncodingKey::from_secret(X.as_bytes()));
    assert_eq!(
        check(&shared.unwrap(), &keys("k1")),
        Some(TokenError::Algorithm)
    );
    // A key of another algorithm.
    let header = encode(&json!({"alg": "RS256", "kid": "k1"}));
    let other = format!("{header}.{}.{}", parts[1], parts[2]);
    assert_eq!(check(&other, &keys("k1")), Some(TokenError::UnknownKey));
    for garbage in ["", "a.b.c", "x", &"a".repeat(40_000)] {
        assert_eq!(check(garbage, &keys("k1")), Some(TokenError::NotSigned));
    }
}

#[test]
fn groups_are_found_at_a_path_or_under_a_name_with_dots() {
    let claims = json!({"realm_access": {"roles": ["a"]}, "https://x.example/groups": ["b"], "one": "c", "n": 1});
    let claims = claims.as_object().unwrap();
    for (path, expect) in [
        ("realm_access.roles", vec!["a"]),
        ("https://x.example/groups", vec!["b"]),
        ("one", vec!["c"]),
        ("n", vec![]),
        ("realm_access.none", vec![]),
        ("missing", vec![]),
    ] {
        assert_eq!(groups_of(claims, path), expect, "{path}");
    }
}

#[test]
fn the_highest_role_applies_and_a_name_is_printable() {
    let role = |groups: &[&str]| {
        let groups: Vec<String> = groups.iter().map(|group| (*group).to_owned()).collect();
        role_of(&config(), &groups)
    };
    assert_eq!(role(&["night", "root"]), Some(Role::Admin));
    assert_eq!(role(&[]), Some(Role::Reader));
    let closed = Oidc {
        readers: vec!["staff".to_owned()],
        ..config()
    };
    assert_eq!(role_of(&closed, &["*".to_owned()]), None);
    for (claims, expect) in [
        (json!({"preferred_username": "ana"}), "ana"),
        (
            json!({"preferred_username": "a\nb", "email": "ana@x"}),
            "ana@x",
        ),
        (json!({}), "42"),
    ] {
        assert_eq!(
            name_of(claims.as_object().unwrap(), "preferred_username", "42"),
            expect
        );
    }
}
