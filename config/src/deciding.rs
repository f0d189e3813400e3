//! Which sections decide what becomes of a message: the one list that the history
//! of configurations is kept by.
//!
//! Every field of [`Config`] is in one of two lists here, `decides` or `others`; a
//! field that is in neither does not compile. So a new section cannot be one that
//! a replay after a restart silently takes from the configuration of today.

use crate::Config;

macro_rules! sections {
    (
        decides: [$($field:ident in $table:literal),* $(,)?],
        others: [$($other:ident),* $(,)?] $(,)?
    ) => {
        /// The tables of the file that hold the deciding sections.
        pub(crate) const DECIDING_TABLES: &[&str] = &[$($table),*];

        impl Config {
            /// This configuration with the deciding sections of `earlier`: what was
            /// in force when messages were decided about by `earlier`.
            #[must_use]
            pub fn with_deciding_sections_of(self, earlier: Self) -> Self {
                // Names every field, so that none is forgotten.
                let Self { $($field,)* $($other: _,)* } = earlier;
                Self { $($field,)* ..self }
            }

            /// Whether both decide about every message in the same way.
            pub fn decides_like(&self, other: &Self) -> bool {
                $(self.$field == other.$field)&&*
            }
        }
    };
}

sections! {
    decides: [
        routes in "route",
        limits in "limits",
        functions in "function",
        line_protocol in "line_protocol",
        shadows in "shadows",
    ],
    others: [
        http, auth, tls, broker, sources, journal, embedded_store, retention, influxdb,
        quarantine, watchdog, query, flight, postgres, reload, lambda, aws, alarms, alarm_meanings,
        channels, notify, maintenance, inhibit,
    ],
}

#[cfg(test)]
mod tests {
    use super::*;

    const EARLIER: &str = "[limits]\nmax_devices = 7\n[line_protocol]\ndevice_tags = [\"id\"]\n\
        [shadows]\nmax_depth = 3\n[[route]]\ntopic = \"a/{device}\"\n\
        [[function]]\nname = \"f\"\nkind = \"threshold\"\nwarning_high = 1\n\
        [query]\nmax_rows = 5\n[http]\nlisten = \"127.0.0.1:1\"\n";

    #[test]
    fn an_earlier_configuration_is_rebuilt_from_all_of_its_deciding_sections() {
        let loaded = Config::from_toml_with_env(EARLIER, std::iter::empty()).unwrap();
        let earlier = loaded.config;
        let kept = Config::from_settings(&loaded.settings, &|_| None).unwrap();
        let rebuilt = Config::default().with_deciding_sections_of(kept);
        assert!(rebuilt.decides_like(&earlier) && !rebuilt.decides_like(&Config::default()));
        assert_eq!(rebuilt.line_protocol.device_tags, ["id"]);
        assert_eq!(rebuilt.http, Config::default().http);
        assert_eq!(rebuilt.query, Config::default().query);
    }

    #[test]
    fn every_deciding_section_is_compared() {
        let earlier = Config::from_toml(EARLIER).unwrap();
        let default = Config::default;
        for one in [
            Config {
                routes: earlier.routes,
                ..default()
            },
            Config {
                limits: earlier.limits,
                ..default()
            },
            Config {
                functions: earlier.functions,
                ..default()
            },
            Config {
                line_protocol: earlier.line_protocol,
                ..default()
            },
            Config {
                shadows: earlier.shadows,
                ..default()
            },
        ] {
            assert!(!one.decides_like(&default()), "{one:?}");
        }
        let other = Config {
            http: earlier.http,
            ..default()
        };
        assert!(other.decides_like(&default()));
    }

    #[test]
    fn the_deciding_tables_exist() {
        for table in DECIDING_TABLES {
            let tables = crate::assemble::schema().tables();
            assert!(tables.iter().any(|known| known.path == *table), "{table}");
        }
    }
}
