//! Credentials: from a profile file such as `~/.aws/credentials`, or from
//! `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`.

use std::env;
use std::fmt;

use thiserror::Error;

/// An access key. `Debug` prints none of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    pub access_key_id: String,
    pub secret_access_key: String,
    /// Of temporary credentials.
    pub session_token: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CredentialsError {
    #[error("no AWS credentials: the file needs aws_access_key_id and aws_secret_access_key")]
    File,
    #[error(
        "no AWS credentials: set credentials_file, or the environment variables \
         AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    )]
    Environment,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials")
    }
}

impl Credentials {
    /// The keys of the first profile in the text of a profile file.
    pub fn from_profile(text: &str) -> Result<Self, CredentialsError> {
        let value = |key: &str| {
            text.lines().find_map(|line| {
                let (name, value) = line.split_once('=')?;
                (name.trim() == key).then(|| value.trim().to_owned())
            })
        };
        let keys = value("aws_access_key_id").zip(value("aws_secret_access_key"));
        let (access_key_id, secret_access_key) = keys.ok_or(CredentialsError::File)?;
        Ok(Self {
            access_key_id,
            secret_access_key,
            session_token: value("aws_session_token"),
        })
    }

    /// The keys in the environment of the process.
    pub fn from_environment() -> Result<Self, CredentialsError> {
        Self::from_variables(|name| env::var(name).ok())
    }

    fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Self, CredentialsError> {
        let value = |name: &str| variable(name).filter(|value| !value.is_empty());
        let keys = value("AWS_ACCESS_KEY_ID").zip(value("AWS_SECRET_ACCESS_KEY"));
        let (access_key_id, secret_access_key) = keys.ok_or(CredentialsError::Environment)?;
        Ok(Self {
            access_key_id,
            secret_access_key,
            session_token: value("AWS_SESSION_TOKEN"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_profile_of_a_file_counts() {
        let file = "[default]\naws_access_key_id = A\naws_secret_access_key=s=1\n\
                    [other]\naws_access_key_id = B\naws_session_token = t\n";
        let found = Credentials::from_profile(file).unwrap();
        assert_eq!(found.access_key_id, "A");
        assert_eq!(found.secret_access_key, "s=1");
        assert_eq!(format!("{found:?}"), "Credentials");
        let error = Credentials::from_profile("[default]\naws_access_key_id = A\n");
        assert_eq!(error, Err(CredentialsError::File));
    }

    #[test]
    fn a_session_token_comes_with_the_environment_and_an_empty_variable_is_unset() {
        let find = |variables: &'static [(&str, &str)]| {
            Credentials::from_variables(|name| {
                let found = variables.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            })
        };
        const KEYS: &[(&str, &str)] = &[
            ("AWS_ACCESS_KEY_ID", "A"),
            ("AWS_SECRET_ACCESS_KEY", "s"),
            ("AWS_SESSION_TOKEN", "t"),
        ];
        let found = find(KEYS).unwrap();
        assert_eq!(found.session_token.as_deref(), Some("t"));
        let error = find(&[("AWS_ACCESS_KEY_ID", "A"), ("AWS_SECRET_ACCESS_KEY", "")]);
        assert_eq!(error, Err(CredentialsError::Environment));
    }
}
