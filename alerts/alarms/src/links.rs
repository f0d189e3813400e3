//! The links in notifications: to the web page, or to the HTTP API when the page is off.

use weir_model::percent_encoded;

/// Makes links below a base such as `https://weir.example`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Links {
    base: String,
    has_page: bool,
}

impl Links {
    /// `has_page`: Weir serves the web page.
    pub fn new(base: impl Into<String>, has_page: bool) -> Self {
        let base = base.into();
        Self { base, has_page }
    }

    /// Weir itself.
    pub fn home(&self) -> String {
        if self.has_page {
            format!("{}/ui/", self.base)
        } else {
            self.base.clone()
        }
    }

    pub fn alarms(&self) -> String {
        let path = if self.has_page {
            "ui/alarms"
        } else {
            "api/v1/alarms?state=open"
        };
        format!("{}/{path}", self.base)
    }

    pub fn alarm(&self, id: &str) -> String {
        let folder = if self.has_page { "ui" } else { "api/v1" };
        format!("{}/{folder}/alarms/{}", self.base, percent_encoded(id))
    }

    pub fn device(&self, id: &str) -> String {
        let folder = if self.has_page { "ui" } else { "api/v1" };
        format!("{}/{folder}/devices/{}", self.base, percent_encoded(id))
    }

    pub fn shadow(&self, id: &str) -> String {
        if self.has_page {
            return format!("{}?tab=shadow", self.device(id));
        }
        format!("{}/things/{}/shadow", self.base, percent_encoded(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_to_the_page_where_it_is_served() {
        let page = Links::new("https://w", true);
        assert_eq!(page.home(), "https://w/ui/");
        assert_eq!(page.alarms(), "https://w/ui/alarms");
        assert_eq!(page.alarm("a/1"), "https://w/ui/alarms/a%2F1");
        assert_eq!(page.device("p 1"), "https://w/ui/devices/p%201");
        assert_eq!(page.shadow("p"), "https://w/ui/devices/p?tab=shadow");
        let api = Links::new("https://w", false);
        assert_eq!(api.home(), "https://w");
        assert_eq!(api.alarms(), "https://w/api/v1/alarms?state=open");
        assert_eq!(api.alarm("a/1"), "https://w/api/v1/alarms/a%2F1");
        assert_eq!(api.device("p 1"), "https://w/api/v1/devices/p%201");
        assert_eq!(api.shadow("p"), "https://w/things/p/shadow");
    }
}
