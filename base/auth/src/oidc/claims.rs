//! Verifies tokens of the provider, and reads who they are about.
//!
//! Only signatures with public keys count: `none` and shared secrets are refused before
//! anything else is looked at. The issuer, the audience and the times must fit.

use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::{Map, Value};
use thiserror::Error;
use weir_config::Oidc;
use weir_model::Timestamp;

use crate::role::Role;

/// Longest token that is looked at, in bytes.
const MAX_TOKEN_BYTES: usize = 32 * 1024;
/// Of the clocks of the provider and of this machine, in seconds.
const LEEWAY: u64 = 30;
const MAX_NAME_CHARS: usize = 128;
const MAX_GROUPS: usize = 1_000;

const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

/// Why a token is refused.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum TokenError {
    #[error("it is not a signed token (JWT)")]
    NotSigned,
    #[error("its algorithm is not one of public keys")]
    Algorithm,
    #[error("its key is not one of the provider's")]
    UnknownKey,
    #[error("its signature is wrong")]
    Signature,
    #[error("it is of another issuer")]
    Issuer,
    #[error("it is for another client")]
    Audience,
    #[error("it has expired")]
    Expired,
    #[error("it is not valid yet")]
    NotYet,
    #[error("it belongs to another sign-in")]
    Nonce,
    #[error("it is about another person")]
    OtherSubject,
    #[error("it has no {0}")]
    Missing(&'static str),
}

/// What a token is used for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Expect<'a> {
    IdToken {
        /// Of the sign-in that asked for it.
        nonce: Option<&'a str>,
    },
    Bearer {
        /// Besides the client id.
        audiences: &'a [String],
    },
}

/// Who a verified token is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Claims {
    pub(super) subject: String,
    pub(super) name: String,
    pub(super) groups: Vec<String>,
    pub(super) expires: Timestamp,
}

pub(super) fn verify(
    token: &str,
    keys: &JwkSet,
    config: &Oidc,
    expect: Expect<'_>,
) -> Result<Claims, TokenError> {
    if token.len() > MAX_TOKEN_BYTES {
        return Err(TokenError::NotSigned);
    }
    // A header with `none` or an unknown algorithm is not read at all.
    let header = decode_header(token).map_err(|_| TokenError::NotSigned)?;
    if !ALGORITHMS.contains(&header.alg) {
        return Err(TokenError::Algorithm);
    }
    let key = key_of(keys, header.kid.as_deref(), header.alg).ok_or(TokenError::UnknownKey)?;
    let key = DecodingKey::from_jwk(key).map_err(|_| TokenError::UnknownKey)?;
    let mut validation = Validation::new(header.alg);
    validation.leeway = LEEWAY;
    validation.validate_nbf = true;
    validation.set_issuer(&[&config.issuer]);
    validation.set_required_spec_claims(&["exp", "iss"]);
    // Some providers have no audience in access tokens: see `fits_audience`.
    validation.validate_aud = false;
    let claims = decode::<Map<String, Value>>(token, &key, &validation).map_err(refusal)?;
    let claims = claims.claims;
    if !fits_audience(&claims, &config.client_id, expect) {
        return Err(TokenError::Audience);
    }
    if let Expect::IdToken { nonce: Some(nonce) } = expect
        && text(&claims, "nonce") != Some(nonce)
    {
        return Err(TokenError::Nonce);
    }
    let subject = text(&claims, "sub").ok_or(TokenError::Missing("subject (sub)"))?;
    let expires = claims.get("exp").and_then(Value::as_f64);
    let expires = expires.ok_or(TokenError::Missing("end (exp)"))?;
    Ok(Claims {
        subject: subject.to_owned(),
        name: name_of(&claims, &config.name_claim, subject),
        groups: groups_of(&claims, &config.groups_claim),
        expires: Timestamp::from_millis((expires * 1e3) as i64).unwrap_or_default(),
    })
}

/// The key that the header names; without a name, the only key that fits.
fn key_of<'k>(keys: &'k JwkSet, id: Option<&str>, algorithm: Algorithm) -> Option<&'k Jwk> {
    let fits = |key: &&Jwk| {
        let common = &key.common;
        let named = common.key_algorithm.map(|algorithm| algorithm.to_string());
        let is_for_signatures =
            matches!(common.public_key_use, None | Some(PublicKeyUse::Signature));
        is_for_signatures && named.is_none_or(|named| named == format!("{algorithm:?}"))
    };
    let mut fitting = keys.keys.iter().filter(fits);
    match id {
        Some(id) => fitting.find(|key| key.common.key_id.as_deref() == Some(id)),
        None => {
            let only = fitting.next()?;
            fitting.next().is_none().then_some(only)
        }
    }
}

fn refusal(error: jsonwebtoken::errors::Error) -> TokenError {
    use jsonwebtoken::errors::ErrorKind;
    match error.kind() {
        ErrorKind::ExpiredSignature => TokenError::Expired,
        ErrorKind::ImmatureSignature => TokenError::NotYet,
        ErrorKind::InvalidIssuer => TokenError::Issuer,
        ErrorKind::MissingRequiredClaim(claim) if claim == "iss" => TokenError::Issuer,
        ErrorKind::MissingRequiredClaim(_) => TokenError::Missing("end (exp)"),
        ErrorKind::InvalidAlgorithm => TokenError::Algorithm,
        _ => TokenError::Signature,
    }
}

fn fits_audience(claims: &Map<String, Value>, client: &str, expect: Expect<'_>) -> bool {
    let audience: Vec<&str> = match claims.get("aud") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    match expect {
        Expect::IdToken { .. } => {
            let party = text(claims, "azp");
            audience.contains(&client) && party.is_none_or(|party| party == client)
        }
        // Cognito's access tokens name the client, and have no audience.
        Expect::Bearer { .. } if audience.is_empty() => text(claims, "client_id") == Some(client),
        Expect::Bearer { audiences } => audience
            .iter()
            .any(|one| *one == client || audiences.iter().any(|known| known == one)),
    }
}

fn text<'c>(claims: &'c Map<String, Value>, name: &str) -> Option<&'c str> {
    claims.get(name)?.as_str().filter(|text| !text.is_empty())
}

/// The claim of a path; a claim that has the whole path as its name goes first.
fn at<'c>(claims: &'c Map<String, Value>, path: &str) -> Option<&'c Value> {
    if let Some(found) = claims.get(path) {
        return Some(found);
    }
    let mut levels = path.split('.');
    let first = claims.get(levels.next()?)?;
    levels.try_fold(first, |value, level| value.get(level))
}

/// For the audit and the page: printable, and not too long.
fn name_of(claims: &Map<String, Value>, claim: &str, subject: &str) -> String {
    let is_name = |name: &&str| {
        let name = name.trim();
        !name.is_empty()
            && name.chars().count() <= MAX_NAME_CHARS
            && !name.chars().any(char::is_control)
    };
    let named = at(claims, claim).and_then(Value::as_str).filter(is_name);
    let name = named.or_else(|| text(claims, "email").filter(is_name));
    let name = name.unwrap_or(subject).trim();
    name.chars()
        .filter(|c| !c.is_control())
        .take(MAX_NAME_CHARS)
        .collect()
}

fn groups_of(claims: &Map<String, Value>, claim: &str) -> Vec<String> {
    match at(claims, claim) {
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(several)) => {
            let groups = several.iter().filter_map(Value::as_str).take(MAX_GROUPS);
            groups.map(str::to_owned).collect()
        }
        _ => Vec::new(),
    }
}

/// The highest role of these groups.
pub(super) fn role_of(config: &Oidc, groups: &[String]) -> Option<Role> {
    let roles = [
        (Role::Admin, &config.admins),
        (Role::Operator, &config.operators),
        (Role::Reader, &config.readers),
    ];
    let is_in = |wanted: &[String]| {
        wanted
            .iter()
            .any(|group| group == "*" || groups.contains(group))
    };
    roles
        .into_iter()
        .find(|(_, wanted)| is_in(wanted))
        .map(|(role, _)| role)
}

#[cfg(test)]
mod tests;
