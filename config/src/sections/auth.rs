//! `[auth]`: authentication and authorisation; `[auth.oidc]`: sign-in of people at an
//! identity provider.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::file::address::parse_http_url;
use crate::file::raw::{Raw, Refused};
use crate::file::reader::Reader;
use crate::file::values::{HOUR, MINUTE, duration, label, texts};

/// `[auth]`
#[derive(Clone, Debug, PartialEq)]
pub struct Auth {
    /// The access file: identities, hashes of their secrets, rules.
    pub file: PathBuf,
    /// Sign-in at an identity provider; `None`: off.
    pub oidc: Option<Oidc>,
}

/// `[auth.oidc]`: OpenID Connect.
#[derive(Clone, Debug, PartialEq)]
pub struct Oidc {
    /// As the provider writes it in its tokens. HTTPS, or HTTP on this machine.
    pub issuer: String,
    pub client_id: String,
    /// `None`: a public client.
    pub client_secret_file: Option<PathBuf>,
    /// Always with `openid`.
    pub scopes: Vec<String>,
    /// Further audiences of bearer tokens, besides the client id.
    pub audiences: Vec<String>,
    /// The claim that names a person in the audit.
    pub name_claim: String,
    /// The claim with a person's groups; levels are separated by dots.
    pub groups_claim: String,
    /// Groups of each role; the highest that fits applies. `*` is everybody.
    pub admins: Vec<String>,
    pub operators: Vec<String>,
    pub readers: Vec<String>,
    /// How long a session lasts without a renewal at the provider. 1 min to 24 h.
    pub session: Duration,
    /// The provider may be at a loopback, private or link-local address.
    pub allow_private: bool,
    /// PEM: the only authorities that TLS trusts; `None`: the system's.
    pub ca_file: Option<PathBuf>,
}

pub(crate) fn auth(reader: &mut Reader<'_>) -> Option<Auth> {
    let oidc = oidc(reader);
    let mut section = reader.section("auth");
    if (section.is_given() || oidc.is_some()) && !section.has("file") {
        section.note("file", "is missing: `weir auth add` makes such a file");
    }
    section.file("file").map(|file| Auth { file, oidc })
}

fn oidc(reader: &mut Reader<'_>) -> Option<Oidc> {
    let mut section = reader.section("auth.oidc");
    let is_given = section.is_given();
    if is_given {
        for key in ["issuer", "client_id"] {
            if !section.has(key) {
                section.note(key, "is missing");
            }
        }
    }
    let issuer = section.optional("issuer", issuer);
    let client_id = section.optional("client_id", label(256));
    let scopes = ["openid", "profile", "email"].map(str::to_owned).to_vec();
    let mut oidc = Oidc {
        issuer: issuer.unwrap_or_default(),
        client_id: client_id.unwrap_or_default(),
        client_secret_file: section.file("client_secret_file"),
        scopes: section.value("scopes", scopes, texts),
        audiences: section.value("audiences", Vec::new(), texts),
        name_claim: section.value("name_claim", "preferred_username".to_owned(), label(256)),
        groups_claim: section.value("groups_claim", "groups".to_owned(), label(256)),
        admins: section.value("admins", Vec::new(), texts),
        operators: section.value("operators", Vec::new(), texts),
        readers: section.value("readers", Vec::new(), texts),
        session: section.value("session", 15 * MINUTE, duration(MINUTE..=24 * HOUR)),
        allow_private: section.value("allow_private", false, |raw| raw.boolean()),
        ca_file: section.file("ca_file"),
    };
    if !is_given {
        return None;
    }
    if [&oidc.admins, &oidc.operators, &oidc.readers]
        .iter()
        .all(|groups| groups.is_empty())
    {
        section.note_table(
            "gives nobody a role: name groups in readers, operators or admins (\"*\": everybody)",
        );
    }
    if oidc.admins.iter().any(|group| group == "*") {
        section.note("admins", "must not be \"*\": that makes everybody an admin");
    }
    if !oidc.scopes.iter().any(|scope| scope == "openid") {
        oidc.scopes.insert(0, "openid".to_owned());
    }
    Some(oidc)
}

/// Kept to the letter: tokens repeat it.
fn issuer(raw: Raw<'_>) -> Result<String, Refused> {
    let text = raw.text()?;
    let url = parse_http_url(text)?;
    if let Some(rest) = url.strip_prefix("http://") {
        let host = rest.split('/').next().unwrap_or_default();
        let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
        let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
        if host != "localhost" && !address.is_ok_and(|address| address.is_loopback()) {
            return Err(
                "must begin with https:// (http:// only for a provider on this machine)".into(),
            );
        }
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use crate::Config;

    const OIDC: &str = "[auth]\nfile = \"access.toml\"\n[auth.oidc]\nclient_id = \"weir\"\n";

    #[track_caller]
    fn problems(text: &str) -> Vec<(usize, String, String)> {
        let problems = Config::from_toml(text).err().unwrap_or_default();
        let problems = problems.into_iter();
        problems.map(|p| (p.line, p.key, p.reason)).collect()
    }

    #[test]
    fn a_provider_is_read_with_its_defaults() {
        let text = format!(
            "{OIDC}issuer = \"https://id.example/\"\nreaders = [\"*\"]\nscopes = [\"email\"]\n"
        );
        let oidc = Config::from_toml(&text)
            .unwrap()
            .auth
            .unwrap()
            .oidc
            .unwrap();
        assert_eq!(oidc.issuer, "https://id.example/");
        assert_eq!(oidc.scopes, ["openid", "email"]);
        assert_eq!(
            (oidc.groups_claim.as_str(), oidc.session.as_secs()),
            ("groups", 900)
        );
        let without = Config::from_toml("[auth]\nfile = \"access.toml\"\n").unwrap();
        assert_eq!(without.auth.unwrap().oidc, None);
    }

    #[test]
    fn wrong_settings_are_named() {
        #[track_caller]
        fn check(settings: &str, key: &str, reason: &str) {
            let found = problems(&format!("{OIDC}{settings}"));
            let named = |(_, at, why): &(usize, String, String)| at == key && why.contains(reason);
            assert!(found.iter().any(named), "{found:#?}");
        }
        let issuer = "issuer = \"https://id.example\"\n";
        check("readers = [\"*\"]\n", "auth.oidc.issuer", "is missing");
        check(issuer, "auth.oidc", "gives nobody a role");
        check(
            &format!("{issuer}admins = [\"*\"]\n"),
            "auth.oidc.admins",
            "everybody",
        );
        check(
            "issuer = \"http://id.example\"\n",
            "auth.oidc.issuer",
            "https://",
        );
        check(
            "issuer = \"id.example\"\n",
            "auth.oidc.issuer",
            "must begin",
        );
        check(
            &format!("{issuer}reader = [\"a\"]\n"),
            "auth.oidc.reader",
            "unknown key",
        );
        check(
            &format!("{issuer}session = \"1s\"\n"),
            "auth.oidc.session",
            "",
        );
        let local = format!("{OIDC}issuer = \"http://127.0.0.1:9/a\"\nreaders = [\"a\"]\n");
        assert_eq!(problems(&local), []);
    }
}
