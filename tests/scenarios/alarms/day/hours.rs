//! What happens in the day, hour by hour.

use std::time::Instant;

use weir_tests::{DEADLINE, wait_until};

use super::{Day, EVERY, PART, VALVES};

/// 01:00 to 02:40: chatter that the deadband and the on-delay take, and some that
/// nothing takes; acknowledged, escalated, delivered twice and late.
pub(super) fn chatter(day: &mut Day) {
    day.at(66);
    let swing = |nth: i64| {
        let value = if nth % 2 == 0 { 81.0 } else { 78.0 };
        ("pump-1", "hall-1", 60 + nth, value)
    };
    let swings: Vec<_> = (0..20).map(swing).collect();
    day.send("temperature", &swings);
    day.expect(1);
    day.check_same(2);
    day.operator(&["ack", &day.open_alarm("pump-1")]);
    day.at(90);
    day.send("temperature", &swings[..10]);
    day.send("temperature", &[("pump-1", "hall-1", 30, 99.0)]);
    day.expect(0);
    day.send("temperature", &[("pump-1", "hall-1", 90, 50.0)]);
    day.expect(1);
    day.check_same(1);

    // A door bangs: four times in forty seconds.
    day.at(120);
    let bang = |nth: i64| ("door-1", "hall-2", 7_200 + 5 * nth, f64::from(nth % 2 == 0));
    day.send_seconds("contact", &(0..8).map(bang).collect::<Vec<_>>());
    day.expect(8);
    day.check_same(1);

    // From warning to critical is another alert there.
    let hot = |minute: i64, value: f64| ("pump-2", "hall-1", minute, value);
    day.at(152);
    day.send("temperature", &[hot(150, 85.0), hot(152, 85.0)]);
    day.expect(1);
    day.check_same(2);
    day.send("temperature", &[hot(153, 95.0), hot(155, 95.0)]);
    day.expect(1);
    day.check_same(2);
    day.at(162);
    day.operator(&["ack", &day.open_alarm("pump-2")]);
    day.send("temperature", &[hot(163, 20.0)]);
    day.expect(1);
    day.check_same(1);
}

/// 03:00: a gateway is down and so are its devices: one notification.
pub(super) fn gateway(day: &mut Day) {
    day.at(180);
    day.send("down", &[("gateway-1", "hall-3", 180, 1.0)]);
    day.expect(1);
    let devices: Vec<String> = (0..20).map(|n| format!("tank-{n}")).collect();
    let all = |minute: i64, value: f64| -> Vec<(&str, &str, i64, f64)> {
        let devices = devices.iter();
        devices
            .map(|d| (d.as_str(), "hall-3", minute, value))
            .collect()
    };
    day.send("pressure", &all(181, 25.0));
    day.expect(20);
    day.check_same(2);
    day.at(200);
    day.send("pressure", &all(200, 5.0));
    day.send("down", &[("gateway-1", "hall-3", 201, 0.0)]);
    day.expect(21);
    day.check_same(1);
}

/// 04:00: shelved in Weir for an hour, then silenced in Alertmanager.
pub(super) fn shelved_and_silenced(day: &mut Day) {
    day.at(240);
    day.send("pressure", &[("press-2", "hall-4", 240, 25.0)]);
    day.expect(1);
    day.check_same(2);
    day.operator(&["shelve", &day.open_alarm("press-2"), "--duration", "1h"]);
    day.check_same(1);
    day.at(301);
    day.check_same(2);
    day.alertmanager.silence("press-2");
    wait_until("it is silenced there", DEADLINE, || {
        day.alertmanager.state("press-2").as_deref() == Some("suppressed")
    });
    day.check_same(2);
    day.send("pressure", &[("press-2", "hall-4", 310, 5.0)]);
    day.expect(1);
    day.check_same(1);
}

/// 06:00: all channels are down for hours, and Weir is killed meanwhile: after the
/// decision, and while a delivery is under way.
pub(super) fn channels_down(day: &mut Day) {
    day.at(360);
    day.hook.answer(503);
    day.alertmanager.kill9();
    day.send("pressure", &[("press-1", "hall-4", 360, 25.0)]);
    day.expect(1);
    day.weir.kill9();
    day.weir.restart_unready();
    wait_until("both channels are said to be down", DEADLINE, || {
        let text = day.weir.http().get("/readyz").text();
        text.contains("channel hook") && text.contains("channel am")
    });
    day.hook.hang();
    day.at(420);
    day.send("pressure", &[("press-1", "hall-4", 420, 5.0)]);
    day.expect(1);
    let hung = day.hook.hooked().len();
    day.hook.wait(hung + 1);
    day.weir.kill9();
    day.hook.answer(200);
    day.alertmanager.resume();
    day.weir.restart();
    day.check_same(1);
}

/// 08:00: Weir's clock is an hour ahead, then an hour behind; then a device's is two
/// hours ahead, and set right.
pub(super) fn clocks_jump(day: &mut Day) {
    day.at(540);
    day.send("pressure", &[("press-4", "hall-4", 480, 25.0)]);
    day.expect(1);
    day.check_same(2);
    day.at(420);
    day.check_same(2);
    day.send("pressure", &[("press-5", "hall-4", 481, 25.0)]);
    day.expect(1);
    day.check_same(3);
    day.weir.kill9();
    day.weir.restart();
    day.check_same(3);
    day.send("pressure", &[("press-4", "hall-4", 485, 5.0)]);
    day.at(490);
    day.send("pressure", &[("press-5", "hall-4", 490, 5.0)]);
    day.expect(2);
    day.check_same(1);

    let hot = |minute: i64, value: f64| ("pump-5", "hall-1", minute, value);
    day.send("temperature", &[hot(620, 85.0), hot(622, 85.0)]);
    day.expect(1);
    day.check_same(2);
    day.send("temperature", &[hot(625, 20.0)]);
    day.expect(1);
    // What it says until it is as late again was before: it is stored, and no alarm.
    day.send(
        "temperature",
        &[hot(510, 85.0), hot(512, 85.0), hot(513, 20.0)],
    );
    // A reading too far ahead is refused, and clears nothing.
    day.send("temperature", &[hot(515 + 48 * 60, 20.0)]);
    day.expect(0);
    day.check_same(1);
    day.at(630);
    day.send("temperature", &[hot(630, 85.0), hot(632, 85.0)]);
    day.expect(1);
    day.check_same(2);
    day.send("temperature", &[hot(640, 20.0)]);
    day.expect(1);
    day.check_same(1);
}

/// 12:00: 5,000 alarms in a minute, a hundred of them critical; an hour later they
/// are over.
pub(super) fn flood(day: &mut Day) {
    let valves: Vec<String> = (0..VALVES).map(|n| format!("valve-{n}")).collect();
    for minute in [720, 780] {
        day.at(minute);
        for (part, valves) in valves.chunks(PART).enumerate() {
            let reading = |(nth, valve)| {
                let second = 60 * minute + (60 * (PART * part + nth) / VALVES) as i64;
                let value = match (minute, nth % EVERY) {
                    (720, 0) => 25.0,
                    (720, _) => 11.0,
                    _ => 5.0,
                };
                (valve, "hall-5", second, value)
            };
            let valves = valves.iter().map(String::as_str).enumerate();
            let readings: Vec<_> = valves.map(reading).collect();
            if minute == 720 {
                day.flooded.push(Instant::now());
            }
            day.send_seconds("pressure", &readings);
        }
        day.expect(VALVES as u64);
        day.check_same(if minute == 720 { VALVES + 1 } else { 1 });
    }
}
