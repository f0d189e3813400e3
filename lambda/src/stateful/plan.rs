//! Which devices run together.
//!
//! Devices run in one pipeline if each message that is of one of them has still to be
//! run for all of its devices. A device that shares a message with one that has
//! it already runs by itself. So does every device while a function waits for
//! silence: time is then each device's own.

use std::collections::{BTreeMap, BTreeSet};

/// The messages that each device has to run, ascending.
pub(super) type Todo = BTreeMap<String, Vec<usize>>;

/// The devices of one pipeline, and the messages that go through it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) devices: BTreeSet<String>,
    pub(super) messages: Vec<usize>,
}

/// `devices`: those of each message. `bare`: messages without a device, which still
/// have a reason for the quarantine.
pub(super) fn plan(
    todo: &Todo,
    devices: &[Vec<String>],
    bare: &[usize],
    each_alone: bool,
) -> Vec<Group> {
    let has_to_run = |device: &String, message: usize| {
        todo.get(device)
            .is_some_and(|messages| messages.binary_search(&message).is_ok())
    };
    let runs_alone = |messages: &[usize]| {
        each_alone
            || messages.iter().any(|message| {
                let of = &devices[*message];
                of.iter().any(|device| !has_to_run(device, *message))
            })
    };
    let mut groups = Vec::new();
    let mut joint = Group::default();
    let mut joint_messages: BTreeSet<usize> = bare.iter().copied().collect();
    for (device, messages) in todo {
        if runs_alone(messages) {
            groups.push(alone(device, messages));
        } else {
            joint.devices.insert(device.clone());
            joint_messages.extend(messages);
        }
    }
    if !joint_messages.is_empty() {
        joint.messages = joint_messages.into_iter().collect();
        groups.push(joint);
    }
    groups
}

/// A device by itself.
pub(super) fn alone(device: &str, messages: &[usize]) -> Group {
    Group {
        devices: [device.to_owned()].into(),
        messages: messages.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_run_together_unless_a_message_is_half_done() {
        let names = |names: &[&str]| -> Vec<String> {
            names.iter().map(|name| (*name).to_owned()).collect()
        };
        let devices = [names(&["a"]), names(&["b", "c"]), names(&["c"]), names(&[])];
        let todo = |of: &[(&str, &[usize])]| -> Todo {
            of.iter()
                .map(|(device, messages)| ((*device).to_owned(), messages.to_vec()))
                .collect()
        };
        let all = todo(&[("a", &[0]), ("b", &[1]), ("c", &[1, 2])]);
        let groups = plan(&all, &devices, &[3], false);
        let expect = Group {
            devices: ["a", "b", "c"].map(str::to_owned).into(),
            messages: vec![0, 1, 2, 3],
        };
        assert_eq!(groups, [expect]);
        // `b` has message 1 already.
        let half = todo(&[("a", &[0]), ("c", &[1, 2])]);
        let groups = plan(&half, &devices, &[], false);
        let together = Group {
            devices: ["a".to_owned()].into(),
            messages: vec![0],
        };
        assert_eq!(groups, [alone("c", &[1, 2]), together]);
        let groups = plan(&all, &devices, &[], true);
        assert_eq!(
            groups,
            [alone("a", &[0]), alone("b", &[1]), alone("c", &[1, 2])]
        );
    }
}
