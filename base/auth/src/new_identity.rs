//! An entry for the access file, as `weir auth add` writes it.

use std::fmt::Write as _;

use crate::{Role, Secret};

/// The content of one `[[identity]]`.
#[derive(Clone, Copy, Debug)]
pub struct NewIdentity<'a> {
    pub name: &'a str,
    pub role: Role,
    pub secret: Option<&'a Secret>,
    /// Globs over the names of the devices that it may act for.
    pub devices: &'a [String],
    pub certificate: bool,
}

impl NewIdentity<'_> {
    /// The text to append to an access file.
    pub fn to_toml(&self) -> String {
        let text = |text: &str| toml::Value::String(text.to_owned()).to_string();
        let mut entry = format!(
            "\n[[identity]]\nname = {}\nrole = \"{}\"\n",
            text(self.name),
            self.role.as_str()
        );
        if let Some(secret) = self.secret {
            let _ = writeln!(entry, "secrets = [\"{secret}\"]");
        }
        if self.certificate {
            entry.push_str("certificate = true\n");
        }
        if !self.devices.is_empty() {
            let globs: Vec<String> = self.devices.iter().map(|glob| text(glob)).collect();
            let _ = writeln!(entry, "devices = [{}]", globs.join(", "));
        }
        entry
    }
}

#[cfg(test)]
mod tests {
    use weir_config::Config;

    use super::*;
    use crate::Access;

    #[test]
    fn an_entry_can_be_read() {
        let secret = Secret::of_token("t");
        let mut file = String::new();
        for (name, role) in [("p", Role::Device), ("a \"b\" \\ c", Role::Reader)] {
            let identity = NewIdentity {
                name,
                role,
                secret: Some(&Secret::of_token(name)),
                devices: &[],
                certificate: false,
            };
            file.push_str(&identity.to_toml());
        }
        let gateway = NewIdentity {
            name: "gateway",
            role: Role::Device,
            secret: Some(&secret),
            devices: &["pump-*".to_owned(), "\"".to_owned()],
            certificate: true,
        };
        file.push_str(&gateway.to_toml());
        let access = Access::from_text(&Config::default(), &file).unwrap();
        assert!(access.named("gateway").unwrap().speaks_for("pump-1"));
        assert_eq!(access.named("a \"b\" \\ c").unwrap().role(), Role::Reader);
    }
}
