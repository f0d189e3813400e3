//! Names that a route makes of the levels of a topic. The texts are kept from message to
//! message: none is allocated for each.

use weir_config::{Captures, TopicNames, TopicTemplate};

/// The names of one message.
#[derive(Debug, Default)]
pub(crate) struct Composed {
    device: String,
    sensor: String,
    location: String,
    unit: String,
}

impl Composed {
    /// The captures of a topic with the names that templates make.
    pub(crate) fn compose<'m>(
        &'m mut self,
        names: &TopicNames,
        topic: &str,
        captures: Captures<'m>,
    ) -> Captures<'m> {
        if names.is_empty() {
            return captures;
        }
        for (template, text) in [
            (&names.device, &mut self.device),
            (&names.sensor, &mut self.sensor),
            (&names.location, &mut self.location),
            (&names.unit, &mut self.unit),
        ] {
            text.clear();
            if let Some(template) = template {
                template.push_to(topic, &captures, text);
            }
        }
        let made = |template: &Option<TopicTemplate>, text: &'m str| {
            (template.is_some() && !text.is_empty()).then_some(text)
        };
        let device = made(&names.device, &self.device);
        Captures {
            composed_device: device.is_some(),
            device: device.or(captures.device),
            sensor: made(&names.sensor, &self.sensor).or(captures.sensor),
            location: made(&names.location, &self.location).or(captures.location),
            unit: made(&names.unit, &self.unit),
        }
    }
}
