//! The reasons of the quarantine in words, for people.

use weir_model::QuarantineReason;

/// A sentence without its full stop.
pub(super) const fn of(reason: QuarantineReason) -> &'static str {
    use QuarantineReason as R;
    match reason {
        R::CorruptRecord => "The journal’s record does not match its checksum",
        R::NoRoute => "No route matches the topic",
        R::Empty => "The payload has no bytes",
        R::TooLarge => "The payload is larger than limits.max_payload",
        R::InvalidUtf8 => "The payload is not UTF-8",
        R::InvalidJson => "The payload is not JSON",
        R::TooDeep => "The payload is nested too deeply",
        R::DuplicateKey => "An object has the same member twice",
        R::UnknownForm => "The payload has none of the known forms",
        R::TooManyReadings => "The message has too many readings",
        R::MissingDevice => "Neither topic nor payload names the device",
        R::InvalidDevice => "The device id is not well formed",
        R::DeviceMismatch => "The payload names another device than the topic",
        R::NotAllowed => "The sender may not publish for this device",
        R::MissingSensor => "The reading names no sensor",
        R::InvalidLabel => "A sensor, unit or location is not well formed",
        R::MissingValue => "The reading has no value",
        R::WrongType => "A value or a limit has the wrong type",
        R::NumberOutOfRange => "A number is beyond the range of a double",
        R::InexactInteger => "An integer is too large to be stored exactly",
        R::TextTooLong => "A text value is longer than 256 bytes",
        R::InvalidTime => "The time cannot be read",
        R::TimeTooOld => "The time is before limits.min_time",
        R::TimeInFuture => "The time is further ahead than limits.max_ahead",
        R::TooManySeries => "The device has too many sensors",
        R::StoreRejected => "A store refused the reading",
        R::InvalidLine => "The line is not InfluxDB line protocol",
        R::OutOfRange => "The value is beyond what the sensor can measure",
        R::Jump => "The value moved faster than it can",
        R::Stuck => "The value has not moved for too long",
        R::WrongUnit => "The unit is not the expected one",
        R::NotAllowedValue => "The value is not an allowed one",
        R::ClockSkew => "The time is too far from the time of receipt",
        R::Repeated => "The same value came again too soon",
        R::Unusual => "A detector found the value unusual",
        R::Gap => "The reading came after too long a gap",
        R::ExpressionFailed => "An expression failed on the reading",
        R::MissingTime => "A further reading of a series in one message has no time of its own",
    }
}
