//! Properties of MQTT 5 that the broker hands on.

use weir_mqtt_codec::{Property, PropertyBuffer, Version};

use crate::support::Server;

#[test]
fn a_senders_properties_arrive_unaltered_and_in_order() {
    let server = Server::start();
    let mut client = server.client(Version::V5, "c");
    client.subscribe("t", 1);
    let sent = [
        Property::UserProperty(("z", "1")),
        Property::PayloadFormatIndicator(1),
        Property::UserProperty(("x-mqtt-client-id", "mine")),
        Property::ResponseTopic("answers/é"),
        Property::CorrelationData(&[0, 1, 255]),
        Property::ContentType("text/plain"),
        Property::UserProperty(("a", "")),
        Property::UserProperty(("z", "1")),
    ];
    let mut properties = PropertyBuffer::new();
    for property in sent {
        properties.push(property).unwrap();
    }
    for retain in [false, true] {
        let id = client.put_with("t", b"x", 1, retain, properties.as_properties());
        client.finish(id, 1);
        let message = client.expect("t", "x");
        assert_eq!(message.properties().collect::<Vec<_>>(), sent);
    }
    client.subscribe("t", 1);
    let message = client.expect("t", "x");
    assert!(message.retain);
    assert_eq!(message.properties().collect::<Vec<_>>(), sent);
}

#[test]
fn older_clients_get_the_message_without_them() {
    let server = Server::start();
    let mut old = server.client(Version::V311, "old");
    old.subscribe("t", 1);
    let mut client = server.client(Version::V5, "c");
    let mut properties = PropertyBuffer::new();
    properties.push(Property::ContentType("text")).unwrap();
    let id = client.put_with("t", b"x", 1, false, properties.as_properties());
    client.finish(id, 1);
    old.expect("t", "x");
    old.publish("t", "y", 1);
    old.expect("t", "y");
}

#[test]
fn requests_are_answered() {
    let server = Server::start();
    let mut asking = server.client(Version::V5, "asking");
    let mut answering = server.client(Version::V5, "answering");
    asking.subscribe("answers/asking", 1);
    answering.subscribe("questions", 1);
    let mut properties = PropertyBuffer::new();
    properties
        .push(Property::ResponseTopic("answers/asking"))
        .unwrap();
    properties.push(Property::CorrelationData(b"42")).unwrap();
    let id = asking.put_with("questions", b"?", 1, false, properties.as_properties());
    asking.finish(id, 1);
    let question = answering.expect("questions", "?");
    let mut to = None;
    let mut answer = PropertyBuffer::new();
    for property in question.properties() {
        match property {
            Property::ResponseTopic(topic) => to = Some(topic.to_owned()),
            Property::CorrelationData(_) => answer.push(property).unwrap(),
            _ => {}
        }
    }
    let id = answering.put_with(&to.unwrap(), b"!", 1, false, answer.as_properties());
    answering.finish(id, 1);
    let message = asking.expect("answers/asking", "!");
    let data: Vec<_> = message.properties().collect();
    assert_eq!(data, [Property::CorrelationData(b"42")]);
}
