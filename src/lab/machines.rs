//! Synthetic machines of a fleet: all report the same, except for their host name and uptime, and for their fault.
//!
//! The status of a machine is not kept: it follows from the seed and the seat.

use fastrand::Rng;
use prost::Message as _;
use prost_types::{Any, Duration, FileDescriptorSet, Timestamp};

use crate::pb::fleet::{
    FILE_DESCRIPTOR_SET, GetStatusResponse, KernelInfo, Limits, State, StatusView,
};

/// How a machine differs from the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MachineFault {
    Drift,
    OldSchema,
    UnknownField,
    NotServing,
    EscapeLabel,
    Large,
}

/// The first field of a status that a server with the fault `old-schema` does not have.
const FIRST_NEW_FIELD: i32 = 11;

const LABELS: [(&str, &str); 4] = [
    ("region", "eu-west"),
    ("role", "frontend"),
    ("stage", "production"),
    ("team", "search"),
];

/// What the generated code does not write: the entries of the map in an order of choice, and a field that the schema
/// does not have. On the wire a map is a list of messages.
#[derive(Clone, PartialEq, prost::Message)]
struct RawFields {
    #[prost(message, repeated, tag = "4")]
    labels: Vec<LabelEntry>,
    #[prost(string, optional, tag = "99")]
    unknown: Option<String>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct LabelEntry {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(string, tag = "2")]
    value: String,
}

/// The encoded status of the machine at a seat. The order of its labels differs from seat to seat.
pub(crate) fn status(
    seed: u64,
    seat: usize,
    fault: Option<MachineFault>,
    view: StatusView,
) -> Vec<u8> {
    // An odd multiplier keeps the seeds of the seats distinct.
    let mut rng = Rng::with_seed(seed ^ (seat as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mut status = healthy();
    status.host_name = format!("machine-{seat:05}");
    status.uptime = Some(Duration {
        seconds: rng.i64(3_600..8_640_000),
        nanos: 0,
    });
    let mut raw = RawFields {
        labels: LABELS.map(|(key, value)| label(key, value)).into(),
        unknown: None,
    };
    rng.shuffle(&mut raw.labels);
    if let Some(fault) = fault {
        apply(fault, &mut status, &mut raw);
    }
    if view == StatusView::Basic {
        status.extension = None;
        raw.labels.clear();
    }
    let mut bytes = status.encode_to_vec();
    bytes.extend(raw.encode_to_vec());
    bytes
}

fn apply(fault: MachineFault, status: &mut GetStatusResponse, raw: &mut RawFields) {
    match fault {
        MachineFault::Drift => {
            status.version = "1.8.1".to_owned();
            status.revision = "4391".to_owned();
            if let Some(limits) = &mut status.limits {
                limits.max_qps = None;
                limits.max_cpu_share = 0.5;
            }
        }
        MachineFault::OldSchema => {
            status.version = "1.7.9".to_owned();
            status.features.clear();
            status.reload_interval = None;
        }
        MachineFault::UnknownField => raw.unknown = Some("from a newer version".to_owned()),
        MachineFault::EscapeLabel => raw.labels.push(label("note", "\x1b[2J\u{202e}=1+1")),
        MachineFault::Large => status.features.push("x".repeat(1 << 20)),
        // Only its health differs.
        MachineFault::NotServing => {}
    }
}

/// What all machines have in common, without their labels.
fn healthy() -> GetStatusResponse {
    let kernel = KernelInfo {
        release: "6.12.9".to_owned(),
        modules: ["tcp_bbr", "nvme", "tls"].map(str::to_owned).into(),
    };
    GetStatusResponse {
        version: "1.8.2".to_owned(),
        revision: "4411".to_owned(),
        limits: Some(Limits {
            max_qps: Some(500),
            max_memory_bytes: 8 << 30,
            max_cpu_share: 0.75,
        }),
        extension: Some(Any {
            type_url: "type.googleapis.com/fleet.v1.KernelInfo".to_owned(),
            value: kernel.encode_to_vec(),
        }),
        state: State::Active.into(),
        // 2026-01-15T08:30:00.250Z
        build_time: Some(Timestamp {
            seconds: 1_768_465_800,
            nanos: 250_000_000,
        }),
        // The first whole number that a double cannot hold.
        config_generation: (1 << 53) + 1,
        features: ["hedging", "zstd"].map(str::to_owned).into(),
        reload_interval: Some(Duration {
            seconds: 2,
            nanos: 500_000_000,
        }),
        ..GetStatusResponse::default()
    }
}

fn label(key: &str, value: &str) -> LabelEntry {
    LabelEntry {
        key: key.to_owned(),
        value: value.to_owned(),
    }
}

/// The descriptors of a server that was built before the latest fields of a status were added.
pub(crate) fn old_descriptors() -> Vec<u8> {
    let mut set = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET)
        .expect("the descriptor set was compiled with the program");
    for file in &mut set.file {
        for message in &mut file.message_type {
            if message.name() == "GetStatusResponse" {
                message
                    .field
                    .retain(|field| field.number() < FIRST_NEW_FIELD);
                // Its positions are those of the full file.
                file.source_code_info = None;
            }
        }
    }
    set.encode_to_vec()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn decoded(bytes: &[u8]) -> GetStatusResponse {
        GetStatusResponse::decode(bytes).unwrap()
    }

    #[test]
    fn healthy_machines_differ_in_host_name_uptime_and_order_of_labels_only() {
        let mut messages = Vec::new();
        let mut wires = HashSet::new();
        for seat in 0..50 {
            let bytes = status(7, seat, None, StatusView::Full);
            assert_eq!(bytes, status(7, seat, None, StatusView::Full));
            let mut message = decoded(&bytes);
            assert_eq!(message.host_name, format!("machine-{seat:05}"));
            assert_eq!(message.labels.len(), LABELS.len());
            (message.host_name, message.uptime) = Default::default();
            // Where the map begins, behind the fields that are equal in length.
            wires.insert(bytes[bytes.len() - 90..].to_vec());
            messages.push(message);
        }
        messages.dedup();
        assert_eq!(messages.len(), 1);
        assert!(wires.len() > 10, "{}", wires.len());
    }

    #[test]
    fn seed_changes_the_machines() {
        let full = StatusView::Full;
        assert_ne!(status(1, 0, None, full), status(2, 0, None, full));
    }

    #[test]
    fn basic_view_has_neither_labels_nor_extension() {
        let message = decoded(&status(7, 0, None, StatusView::Basic));
        assert_eq!((message.labels.len(), message.extension), (0, None));
        assert_eq!(message.version, "1.8.2");
    }

    /// A field that is added to the schema must be decided on: is it one that an old server lacks?
    #[test]
    fn old_schema_has_no_field_from_the_first_new_one_on_and_its_answers_have_none_either() {
        let set = FileDescriptorSet::decode(&old_descriptors()[..]).unwrap();
        let file = set.file.iter().find(|file| file.package() == "fleet.v1");
        let mut messages = file.unwrap().message_type.iter();
        let message = messages.find(|message| message.name() == "GetStatusResponse");
        let numbers: Vec<_> = message.unwrap().field.iter().map(|f| f.number()).collect();
        assert_eq!(numbers, (1..FIRST_NEW_FIELD).collect::<Vec<_>>());

        let old = Some(MachineFault::OldSchema);
        let message = decoded(&status(7, 0, old, StatusView::Full));
        assert_eq!((message.features.len(), message.reload_interval), (0, None));
    }
}
