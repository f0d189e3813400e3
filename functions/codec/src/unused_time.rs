//! Members that look like the time of a message which has none: the sender meant them,
//! and the route does not.

use crate::json_decoding::Decoding;
use crate::json_members::Scalar;
use weir_model::Timestamp;

/// What senders call the time, in lower case.
const NAMES: [&str; 18] = [
    "at",
    "created_at",
    "createdat",
    "date",
    "datetime",
    "epoch",
    "last_seen",
    "measured_at",
    "recorded_at",
    "sampled_at",
    "t",
    "time",
    "time_stamp",
    "timestamp",
    "tm",
    "ts",
    "tst",
    "utc",
];
/// 2001 to 2100 in seconds.
const SECONDS: std::ops::Range<f64> = 978_307_200.0..4_102_444_800.0;

impl Decoding<'_, '_> {
    /// Notes the first such member of the flat map that was read last.
    pub(crate) fn find_unused_time(&mut self) {
        let found = self.flat.iter().find(|(key, scalar)| {
            let name = self.scanner.resolve(*key);
            let named = NAMES.iter().any(|known| known.eq_ignore_ascii_case(name));
            named && self.is_time(*scalar)
        });
        if let Some((key, _)) = found {
            *self.unused_time = *key;
        }
    }

    fn is_time(&self, scalar: Scalar) -> bool {
        let number = match scalar {
            Scalar::Number(number) => Some(number.to_f64(self.scanner.source())),
            Scalar::Text(text) => {
                let text = self.scanner.resolve(text).trim();
                if Timestamp::parse_rfc3339(text).is_some() || looks_like_a_date(text) {
                    return true;
                }
                text.parse().ok()
            }
            _ => None,
        };
        number.is_some_and(|number| {
            [1.0, 1e3, 1e6, 1e9]
                .into_iter()
                .any(|scale| SECONDS.contains(&(number / scale)))
        })
    }
}

/// `2026-11-30 15:07:22`, without a zone.
fn looks_like_a_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() >= 16
        && bytes[..4].iter().all(u8::is_ascii_digit)
        && bytes[4] == b'-'
        && bytes[7] == b'-'
        && bytes[13] == b':'
}
