//! Secrets and their hashes.
//!
//! ```text
//! sha256:5e88…                     a token: 192 random bits, so one fast hash is safe
//! $argon2id$v=19$m=19456,t=2,p=1$… a password: slow to guess, and to check
//! ```
//!
//! Many devices that reconnect at once should have tokens: ten thousand of them are
//! checked in milliseconds, ten thousand passwords in minutes.

use std::fmt;

use argon2::password_hash::{Output, PasswordHash, PasswordHasher, Salt, SaltString};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use sha2::{Digest, Sha256};
use thiserror::Error;

const TOKEN_PREFIX: &str = "weir_";
const DIGEST_PREFIX: &str = "sha256:";
/// OWASP's password storage cheat sheet: argon2id with 19 MiB, two passes, one lane.
const ARGON2_MEMORY_KIB: u32 = 19 * 1024;
const ARGON2_PASSES: u32 = 2;
/// What a hash in the file may cost per check.
const MAX_ARGON2_MEMORY_KIB: u32 = 256 * 1024;
const MAX_ARGON2_PASSES: u32 = 16;
/// Of a password.
const MIN_PASSWORD_CHARS: usize = 8;
pub(crate) const MAX_PASSWORD_BYTES: usize = 1024;

pub(crate) type TokenDigest = [u8; 32];

/// Why a password was refused.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum InvalidPassword {
    #[error("a password has at least {MIN_PASSWORD_CHARS} characters")]
    TooShort,
    #[error("a password has at most {MAX_PASSWORD_BYTES} bytes")]
    TooLong,
}

/// The hash of a secret, as the access file holds it.
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    Token(TokenDigest),
    Password(String),
}

/// A new token from 24 random bytes.
pub fn generate_token(random: [u8; 24]) -> String {
    format!("{TOKEN_PREFIX}{}", hex::encode(random))
}

impl Secret {
    pub fn of_token(token: &str) -> Self {
        Self::Token(digest(token.as_bytes()))
    }

    /// Hashes a password with a random salt.
    pub fn of_password(password: &[u8], salt: [u8; 16]) -> Result<Self, InvalidPassword> {
        let chars = String::from_utf8_lossy(password).chars().count();
        if chars < MIN_PASSWORD_CHARS {
            return Err(InvalidPassword::TooShort);
        }
        if password.len() > MAX_PASSWORD_BYTES {
            return Err(InvalidPassword::TooLong);
        }
        let params = Params::new(ARGON2_MEMORY_KIB, ARGON2_PASSES, 1, None)
            .expect("the parameters are in argon2's range");
        let salt = SaltString::encode_b64(&salt).expect("16 bytes are a salt");
        let hash = Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password(password, &salt)
            .expect("the password and the salt are in argon2's range");
        Ok(Self::Password(hash.to_string()))
    }

    /// Reads what [`fmt::Display`] writes. The error says what is expected.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        if let Some(digits) = text.strip_prefix(DIGEST_PREFIX) {
            return unhex(digits)
                .map(Self::Token)
                .ok_or("has not the 64 hexadecimal digits of a SHA-256 behind \"sha256:\"");
        }
        let expected = "must be a hash that `weir auth add` or `weir auth hash` makes: \
                        \"sha256:…\" or \"$argon2id$…\"; a secret itself does not belong here";
        let hash = PasswordHash::new(text).map_err(|_| expected)?;
        if hash.algorithm != Algorithm::Argon2id.ident() || hash.hash.is_none() {
            return Err(expected);
        }
        let params = Params::try_from(&hash).map_err(|_| expected)?;
        if params.m_cost() > MAX_ARGON2_MEMORY_KIB || params.t_cost() > MAX_ARGON2_PASSES {
            return Err("asks for more than 256 MiB or 16 passes per check");
        }
        Ok(Self::Password(text.to_owned()))
    }

    /// Whether this is the hash of a token, and of this one.
    pub(crate) fn is_token(&self, secret: &[u8]) -> bool {
        // A comparison of digests leaks nothing by its duration.
        matches!(self, Self::Token(expected) if digest(secret) == *expected)
    }

    /// Whether this is the hash of a password, and of this one. Works in `memory`, which
    /// grows to what the hash needs.
    pub(crate) fn verify_password(&self, secret: &[u8], memory: &mut Vec<Block>) -> bool {
        match self {
            Self::Token(_) => false,
            Self::Password(hash) => {
                secret.len() <= MAX_PASSWORD_BYTES
                    && matches_hash(hash, secret, memory).unwrap_or(false)
            }
        }
    }
}

/// `None`: the hash cannot be computed.
fn matches_hash(hash: &str, secret: &[u8], memory: &mut Vec<Block>) -> Option<bool> {
    let hash = PasswordHash::new(hash).ok()?;
    let params = Params::try_from(&hash).ok()?;
    let version = match hash.version {
        Some(version) => Version::try_from(version).ok()?,
        None => Version::default(),
    };
    let mut salt = [0; Salt::MAX_LENGTH];
    let salt = hash.salt?.decode_b64(&mut salt).ok()?;
    let expected = hash.hash?;
    let blocks = params.block_count();
    if memory.len() < blocks {
        memory.resize(blocks, Block::new());
    }
    let mut found = [0; Output::MAX_LENGTH];
    let found = found.get_mut(..expected.len())?;
    Argon2::new(Algorithm::Argon2id, version, params)
        .hash_password_into_with_memory(secret, salt, found, &mut memory[..blocks])
        .ok()?;
    // Compares in constant time.
    Some(Output::new(found).ok()? == expected)
}

pub(crate) fn digest(secret: &[u8]) -> TokenDigest {
    Sha256::digest(secret).into()
}

fn unhex(digits: &str) -> Option<TokenDigest> {
    let mut bytes = TokenDigest::default();
    hex::decode_to_slice(digits, &mut bytes).ok()?;
    Some(bytes)
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token(digest) => write!(f, "{DIGEST_PREFIX}{}", hex::encode(digest)),
            Self::Password(hash) => f.write_str(hash),
        }
    }
}

/// Without the hash, which does not belong into a log.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Token(_) => "Secret(sha256)",
            Self::Password(_) => "Secret(argon2id)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_round_trip_and_know_their_secret() {
        let token = generate_token([7; 24]);
        assert_eq!(token.len(), 5 + 48);
        let password = b"correct horse";
        for (secret, right) in [
            (Secret::of_token(&token), token.as_bytes()),
            (Secret::of_password(password, [1; 16]).unwrap(), password),
        ] {
            let again = Secret::parse(&secret.to_string()).unwrap();
            assert_eq!(again, secret);
            let mut memory = Vec::new();
            let mut is_correct =
                |given: &[u8]| again.is_token(given) || again.verify_password(given, &mut memory);
            assert!(is_correct(right));
            for wrong in [&b""[..], b"wrong horse", &right[1..], &[0xff; 4096]] {
                assert!(!is_correct(wrong));
            }
            assert!(!format!("{secret:?}").contains(&secret.to_string()));
        }
    }

    #[test]
    fn what_is_no_hash_is_refused() {
        let costly = "$argon2id$v=19$m=4194304,t=2,p=1$AQEBAQEBAQEBAQEBAQEBAQ$\
                      K6gkPBnGv5v7D0qQ3wY0gqXzqTHPqIYxD3vEJkXoZ9s";
        for text in [
            "",
            "secret",
            "sha256:",
            "sha256:12",
            &format!("sha256:{}", "é".repeat(32)),
            "$argon2id$",
            "$2b$12$abcdefghijklmnopqrstuv",
            costly,
        ] {
            assert!(Secret::parse(text).is_err(), "{text}");
        }
        assert_eq!(
            Secret::of_password(b"short", [0; 16]),
            Err(InvalidPassword::TooShort)
        );
    }
}
