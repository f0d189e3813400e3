//! The codecs: their names, and the topics on which their formats are usual.

/// How payloads are encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteCodec {
    Json,
    /// InfluxDB's line protocol, as `[line_protocol]` maps it.
    LineProtocol,
    /// One bare scalar; the topic names the sensor.
    Value,
    Cbor,
    MsgPack,
    /// Sensor Measurement Lists, JSON or CBOR.
    SenMl,
    Zigbee2Mqtt,
    Tasmota,
    Shelly,
    EspHome,
    OwnTracks,
    Ruuvi,
    /// OpenMQTTGateway and Theengs.
    Ble,
    /// The Things Stack v3.
    Tts,
    /// ChirpStack v4.
    ChirpStack,
    AwsShadow,
    Azure,
}

impl RouteCodec {
    pub const ALL: [Self; 17] = [
        Self::Json,
        Self::LineProtocol,
        Self::Value,
        Self::Cbor,
        Self::MsgPack,
        Self::SenMl,
        Self::Zigbee2Mqtt,
        Self::Tasmota,
        Self::Shelly,
        Self::EspHome,
        Self::OwnTracks,
        Self::Ruuvi,
        Self::Ble,
        Self::Tts,
        Self::ChirpStack,
        Self::AwsShadow,
        Self::Azure,
    ];

    /// The name in the configuration and in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::LineProtocol => "line-protocol",
            Self::Value => "value",
            Self::Cbor => "cbor",
            Self::MsgPack => "msgpack",
            Self::SenMl => "senml",
            Self::Zigbee2Mqtt => "zigbee2mqtt",
            Self::Tasmota => "tasmota",
            Self::Shelly => "shelly",
            Self::EspHome => "esphome",
            Self::OwnTracks => "owntracks",
            Self::Ruuvi => "ruuvi",
            Self::Ble => "ble",
            Self::Tts => "tts",
            Self::ChirpStack => "chirpstack",
            Self::AwsShadow => "aws-shadow",
            Self::Azure => "azure",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|codec| codec.as_str() == name)
    }

    pub const fn index(self) -> usize {
        self as usize
    }

    /// What it decodes, in a few words.
    pub const fn about(self) -> &'static str {
        match self {
            Self::Json => "reference events and flat maps, JSON",
            Self::LineProtocol => "InfluxDB line protocol",
            Self::Value => "one bare value per message",
            Self::Cbor => "reference events and flat maps, CBOR",
            Self::MsgPack => "reference events and flat maps, MessagePack",
            Self::SenMl => "Sensor Measurement Lists (RFC 8428), JSON or CBOR",
            Self::Zigbee2Mqtt => "Zigbee2MQTT",
            Self::Tasmota => "Tasmota",
            Self::Shelly => "Shelly, generation 1 and later",
            Self::EspHome => "ESPHome",
            Self::OwnTracks => "OwnTracks",
            Self::Ruuvi => "Ruuvi Gateway",
            Self::Ble => "OpenMQTTGateway and Theengs Gateway",
            Self::Tts => "The Things Stack v3, JSON",
            Self::ChirpStack => "ChirpStack v4, JSON or Protobuf",
            Self::AwsShadow => "AWS IoT device shadows",
            Self::Azure => "Azure IoT Hub and IoT Central",
        }
    }

    /// The patterns of a route of this codec that gives no topic.
    pub const fn usual_topics(self) -> &'static [&'static str] {
        match self {
            Self::Json | Self::LineProtocol | Self::Value | Self::Cbor | Self::MsgPack => &[],
            Self::SenMl => &["senml/#"],
            Self::Zigbee2Mqtt => &["zigbee2mqtt/#"],
            Self::Tasmota => &["tele/#", "stat/#", "tasmota/discovery/#"],
            // MQTT has no wildcard for the levels of a prefix.
            Self::Shelly => &[
                "shellies/#",
                "+/events/rpc",
                "+/+/events/rpc",
                "+/+/+/events/rpc",
                "+/status/+",
                "+/+/status/+",
                "+/+/+/status/+",
                "+/online",
                "+/+/online",
                "+/+/+/online",
            ],
            Self::EspHome => &["+/+/+/state", "+/status"],
            Self::OwnTracks => &["owntracks/#"],
            Self::Ruuvi => &["ruuvi/#"],
            Self::Ble => &["home/+/BTtoMQTT/#", "home/+/LWT"],
            Self::Tts => &["v3/+/devices/+/#"],
            Self::ChirpStack => &["application/+/device/+/event/+"],
            Self::AwsShadow => &["$aws/things/+/shadow/#"],
            Self::Azure => &["devices/+/messages/events/#"],
        }
    }

    /// The topic's names are captured for the codec, which makes device ids of them.
    pub const fn names_devices(self) -> bool {
        !matches!(
            self,
            Self::Json | Self::LineProtocol | Self::Value | Self::Cbor | Self::MsgPack
        )
    }
}
