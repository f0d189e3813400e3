//! What a message was, beside its readings.

use weir_codec::EventMark;
use weir_model::Message;

use crate::engine::Engine;
use crate::routes::payload_text;

/// What a message was, beside its readings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DecodedMessage<'a> {
    /// The device of its first event.
    pub device: Option<&'a str>,
    /// What a message without readings is: `join`, `command`, …
    pub kind: Option<&'static str>,
    /// Names and values of what describes the device.
    pub attributes: Vec<(&'a str, &'a str)>,
    /// The device's own count of its events.
    pub sequence: Option<u64>,
    /// Values that said nothing.
    pub absent: u64,
    pub is_simulated: bool,
}

impl Engine {
    /// What the last message was: the one that [`Engine::on_message`] took last.
    pub fn last_decoded<'a>(&'a self, message: &'a Message<'_>) -> DecodedMessage<'a> {
        let decoder = &self.decoder;
        let text = payload_text(message.payload).unwrap_or_default();
        let event = decoder.events.first().filter(|event| event.fault.is_none());
        let device = event.and_then(|event| match self.routes.device_of(message) {
            Some(device) => Some(device),
            None if event.device.is_none() => None,
            None => Some(decoder.text(text, event.device)),
        });
        let cleared = decoder.cleared.then(|| self.routes.device_of(message));
        let device = device.or(cleared.flatten());
        let attributes = decoder.attributes.iter().map(|attribute| {
            let name = decoder.text(text, attribute.name);
            (name, decoder.text(text, attribute.value))
        });
        DecodedMessage {
            device,
            kind: decoder.kind.or(decoder.cleared.then_some("cleared")),
            attributes: attributes.collect(),
            sequence: event.and_then(|event| event.sequence),
            absent: decoder.absent,
            is_simulated: event.is_some_and(|event| event.mark == EventMark::Simulated),
        }
    }
}
