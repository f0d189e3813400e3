//! What mqtt5 calls: CONNECT, PUBLISH, SUBSCRIBE, and the end of a connection.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;

use mqtt5::QoS;
use mqtt5::broker::{
    AuthProvider, AuthResult, BrokerEventHandler, ClientConnectEvent, ClientDisconnectEvent,
    ClientPublishEvent, PublishAction,
};
use mqtt5::packet::connect::ConnectPacket;
use mqtt5::types::ReasonCode;
use weir_auth::Identity;
use weir_model::Timestamp;

use super::{BoxFuture, Connection};
use crate::broker::ack_gate::PendingPublish;

impl AuthProvider for Connection {
    fn authenticate<'a>(
        &'a self,
        connect: &'a ConnectPacket,
        _peer: SocketAddr,
    ) -> BoxFuture<'a, mqtt5::Result<AuthResult>> {
        self.is_mqtt5
            .store(connect.protocol_version == 5, Ordering::Relaxed);
        Box::pin(async move {
            if let Some(will) = &connect.will
                && will.retain
                && !self.may_retain(&will.topic, will.payload.len()).await
            {
                return Ok(AuthResult::fail(ReasonCode::QuotaExceeded));
            }
            let outlives = match connect.protocol_version {
                5 => {
                    connect
                        .properties
                        .get_session_expiry_interval()
                        .unwrap_or(0)
                        > 0
                }
                _ => !connect.clean_start,
            };
            if outlives && !self.shared.has_room_for_session(&connect.client_id).await {
                return Ok(AuthResult::fail(ReasonCode::QuotaExceeded));
            }
            if let Err(refusal) = self.login(connect).await {
                return Ok(refusal);
            }
            Ok(match self.identity().map(Identity::name) {
                None | Some("") => AuthResult::success(),
                Some(name) => AuthResult::success_with_user(name),
            })
        })
    }

    fn authorize_publish<'a>(
        &'a self,
        client_id: &str,
        _user_id: Option<&'a str>,
        topic: &'a str,
    ) -> BoxFuture<'a, bool> {
        let allowed = self.may_publish(topic);
        if !allowed {
            self.refuse_publish(client_id, topic);
        }
        Box::pin(std::future::ready(allowed))
    }

    fn authorize_subscribe<'a>(
        &'a self,
        client_id: &str,
        _user_id: Option<&'a str>,
        filter: &'a str,
    ) -> BoxFuture<'a, bool> {
        let allowed = self.may_subscribe(filter);
        if allowed {
            self.shared.telemetry_subscribers.note(client_id, filter);
        } else {
            self.refuse_subscribe(client_id, filter);
        }
        Box::pin(std::future::ready(allowed))
    }
}

impl BrokerEventHandler for Connection {
    fn on_client_connect<'a>(&'a self, event: ClientConnectEvent) -> BoxFuture<'a, ()> {
        self.is_established.store(true, Ordering::Relaxed);
        let topics = &self.shared.topics;
        if let (Some(topic), Some(payload)) = (event.will_topic, event.will_payload)
            && topics.accepts(&topic)
            && self.may_publish(&topic)
        {
            let qos = event.will_qos.unwrap_or(QoS::AtMostOnce) as u8;
            self.state.lock().will = Some(PendingPublish {
                received: Timestamp::now(),
                topic,
                payload,
                qos,
                is_resent: false,
            });
        }
        Box::pin(std::future::ready(()))
    }

    fn on_client_publish<'a>(&'a self, event: ClientPublishEvent) -> BoxFuture<'a, PublishAction> {
        Box::pin(self.publish(event))
    }

    fn on_client_disconnect<'a>(&'a self, event: ClientDisconnectEvent) -> BoxFuture<'a, ()> {
        let will = self.state.lock().will.take();
        // The end of the broker is not the end of its devices.
        if let Some(will) = will
            && event.unexpected
            && !self.shared.closing.is_cancelled()
            && self.may_publish(&will.topic)
        {
            self.state.lock().acks.push(PendingPublish {
                received: Timestamp::now(),
                ..will
            });
        }
        Box::pin(std::future::ready(()))
    }
}
