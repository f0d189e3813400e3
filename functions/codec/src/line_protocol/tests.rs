use super::*;
use crate::Span;

/// The readings of a text as `device/sensor@location [unit]=value`, and faults.
fn decoded(text: &str, names: &LineProtocol) -> Vec<String> {
    let mut decoder = Decoder::default();
    let settings = LineSettings {
        names,
        precision: Precision::Seconds,
        max_readings: 100,
    };
    if let Err(fault) = decoder.decode_lines(text, settings) {
        return vec![format!("all: {:?} {}", fault.reason, fault.detail)];
    }
    let span = |span: Span| decoder.text(text, span);
    let mut shown = Vec::new();
    for event in &decoder.events {
        if let Some(fault) = &event.fault {
            shown.push(format!("{:?} {}", fault.reason, fault.detail));
        }
        for reading in &decoder.readings[event.first..event.end] {
            let value = match (reading.value, reading.fault) {
                (_, Some(fault)) => {
                    let fault = &decoder.faults[fault as usize];
                    format!("{:?} {}", fault.reason, fault.detail)
                }
                (RawValue::Number(value), _) => format!("{value:?}"),
                (RawValue::Text(text), _) => format!("{:?}", span(text)),
                (RawValue::Missing, _) => "nothing".to_owned(),
            };
            let time = match event.time {
                RawTime::Nanos(nanos) => format!(" {nanos}"),
                RawTime::Missing => String::new(),
                other => format!(" {other:?}"),
            };
            shown.push(format!(
                "{}/{}@{}[{}]={value}{time}",
                span(event.device),
                span(reading.sensor),
                span(event.location),
                span(reading.unit)
            ));
        }
    }
    shown
}

#[track_caller]
fn check(text: &str, expect: &[&str]) {
    assert_eq!(decoded(text, &LineProtocol::default()), expect, "{text:?}");
}

#[test]
fn tags_and_fields_become_devices_and_sensors() {
    // Telegraf: tags that are not names tell series apart.
    check(
        "cpu,cpu=cpu0,host=web-1 usage_idle=90.5,usage_user=3i 5",
        &[
            "web-1/cpu_usage_idle{cpu=cpu0}@[]=90.5 5000000000",
            "web-1/cpu_usage_user{cpu=cpu0}@[]=3.0 5000000000",
        ],
    );
    check("mem,host=web-1 used=1", &["web-1/mem_used@[]=1.0"]);
    // The same tags in another order.
    check(
        "m,b=2,a=1,device=d f=1\nm,a=1,device=d,b=2 f=1",
        &["d/m_f{a=1,b=2}@[]=1.0", "d/m_f{a=1,b=2}@[]=1.0"],
    );
    // One field called value.
    check("temperature,device=d value=1", &["d/temperature@[]=1.0"]);
    check("t,device=d,x=y value=1", &["d/t{x=y}@[]=1.0"]);
    // What Weir itself writes to InfluxDB.
    check(
        "readings,device=d,sensor=flow,unit=l/s,location=hall\\ 2 value=1\n\
         readings,device=d,sensor=state text=\"on\"",
        &["d/flow@hall 2[l/s]=1.0", "d/state@[]=\"on\""],
    );
    check("m,device=d,sensor=s f=1", &["d/s_f@[]=1.0"]);
    // Of two that could name the device, the first in the list.
    check("m,host=h,device=d f=t", &["d/m_f@[]=1.0"]);
    check("m f=1", &["/m_f@[]=1.0"]);
}

#[test]
fn what_it_means_is_configurable() {
    let texts = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let template = |text| weir_config::SensorTemplate::parse(text).unwrap();
    let names = LineProtocol {
        device_tags: texts(&["machine"]),
        default_device: Some("plant".to_owned()),
        location_tags: texts(&["site"]),
        ignored_tags: texts(&["host"]),
        sensor: template("{field}"),
        ..LineProtocol::default()
    };
    assert_eq!(
        decoded(
            "m,host=h,site=north,machine=p1 flow=1,value=2\nm flow=3",
            &names
        ),
        [
            "p1/flow@north[]=1.0",
            "p1/value@north[]=2.0",
            "plant/flow@[]=3.0"
        ]
    );
    let names = LineProtocol {
        sensor: template("{field} of {measurement}"),
        ..LineProtocol::default()
    };
    assert_eq!(
        decoded("m,device=d,a=b f=1,value=2", &names),
        ["d/f of m{a=b}@[]=1.0", "d/m{a=b}@[]=2.0"]
    );
}

#[test]
fn bad_lines_and_values_are_refused_alone() {
    let long = "x".repeat(257);
    check(
        &format!(
            "a,device=d f=1\n# a comment\n\nb,device=d f=oops 5\nc,device=d \
             i=9007199254740993i,j=9007199254740994i,u=18446744073709551615u,x=1e999,s=\"{long}\"\n\
             d,device=d,device=e f=1\ne,a=1,device=d,a=2 f=1\nf,device=d f=1"
        ),
        &[
            "d/a_f@[]=1.0",
            "InvalidLine line 4, byte 14: expected a number, a boolean or a text in quotes in \"b,device=d f=oops 5\"",
            "d/c_i@[]=InexactInteger the field \"i\" is 9007199254740993, which a double cannot hold exactly",
            "d/c_j@[]=9007199254740994.0",
            "d/c_u@[]=InexactInteger the field \"u\" is 18446744073709551615, which a double cannot hold exactly",
            "d/c_x@[]=NumberOutOfRange the field \"x\" is beyond the range of a double",
            "d/c_s@[]=TextTooLong the field \"s\" has 257 bytes of text, more than 256",
            "InvalidLine line 6, byte 20: expected each tag's name once in \"d,device=d,device=e f=1\"",
            "InvalidLine line 7, byte 19: expected each tag's name once in \"e,a=1,device=d,a=2 f=1\"",
            "d/f_f@[]=1.0",
        ],
    );
    check("\n# nothing\n", &["all: Empty there is no line in it"]);
    let many = "m,device=d f=1\n".repeat(101);
    check(
        &many,
        &["all: TooManyReadings the message has more than 100 readings"],
    );
    check(
        "m,device=d f=1 9223372036854775807",
        &["d/m_f@[]=1.0 Invalid"],
    );
}

#[test]
fn bodies_are_cut_between_lines() {
    let split = |body: &[u8], bytes| -> Vec<String> {
        let text = |piece: &&[u8]| String::from_utf8_lossy(piece).into_owned();
        split_lines(body, bytes).iter().map(text).collect()
    };
    let body = b"a x=1\nb x=\"two\nlines\"\nc x=3";
    assert_eq!(split(body, 1), ["a x=1\n", "b x=\"two\nlines\"\n", "c x=3"]);
    assert_eq!(split(body, 22), ["a x=1\nb x=\"two\nlines\"\n", "c x=3"]);
    assert_eq!(split(body, 1_000), ["a x=1\nb x=\"two\nlines\"\nc x=3"]);
    // A quote in a name is none, an unclosed one ends with its line.
    assert_eq!(split(b"a,t=\"q x=1\nb x=1", 1), ["a,t=\"q x=1\n", "b x=1"]);
    assert_eq!(split(b"a x=\"q\nb x=1\n", 1), ["a x=\"q\n", "b x=1\n"]);
    // A line that is no text spoils no other.
    assert_eq!(
        split(b"a x=1\nb x=\"\xff\"\nc x=1\n", 1_000),
        ["a x=1\n", "b x=\"\u{fffd}\"\n", "c x=1\n"]
    );
    assert_eq!(split(b"\n  \n", 10), [""; 0]);
    assert_eq!(split(b"", 10), [""; 0]);
}
