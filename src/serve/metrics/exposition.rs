//! The counters as text in the Prometheus exposition format, version 0.0.4.

use std::{
    fmt::{Display, Write as _},
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use tonic::Code;

use crate::serve::metrics::{
    counters::{BOUNDS_US, CallCounts, Metrics},
    labels::{CloseReason, RejectReason, ServedMethod, ServedProtocol},
};

/// The name of a status code, as grpc-go has it in its metrics.
pub(crate) fn code_name(number: usize) -> String {
    match Code::from_i32(number as i32) {
        Code::Ok => "OK".to_owned(),
        Code::Cancelled => "Canceled".to_owned(),
        code => format!("{code:?}"),
    }
}

impl Metrics {
    /// The counters as text, with `open` connections at the moment.
    pub(crate) fn render(&self, open: usize) -> String {
        // Every counter is named, so that a new one does not compile until it is written.
        let Self {
            // They are added up by `Self::calls`.
            calls: _,
            connections,
            rejections,
            closes,
            late_requests,
            accept_errors,
            panics,
            log_lines_dropped,
        } = self;
        let mut out = Exposition(String::with_capacity(16 * 1024));
        out.calls(self);
        out.connections(connections, open);
        let name = "labrpc_refusals_total";
        let help = "Connections and requests rejected, by reason.";
        out.reasons(
            name,
            help,
            RejectReason::ALL.map(RejectReason::name),
            rejections,
        );
        let name = "labrpc_connections_closed_by_server_total";
        let help = "Connections that the server closed after serving them, by reason.";
        out.reasons(name, help, CloseReason::ALL.map(CloseReason::name), closes);
        for (name, help, counter) in [
            (
                "labrpc_late_requests_total",
                "Connections that were answered with raw JSON and then sent a gRPC, TLS or HTTP request.",
                late_requests,
            ),
            (
                "labrpc_accept_errors_total",
                "Errors of accept(2).",
                accept_errors,
            ),
            (
                "labrpc_panics_total",
                "Handlers that panicked; each is a defect.",
                panics,
            ),
            (
                "labrpc_log_lines_dropped_total",
                "Log lines dropped because standard error was not read fast enough.",
                log_lines_dropped,
            ),
        ] {
            out.family(name, "counter", help);
            out.sample(name, "", counter.load(Relaxed));
        }
        out.0
    }
}

struct Exposition(String);

impl Exposition {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &str, value: impl Display) {
        let _ = match labels {
            "" => writeln!(self.0, "{name} {value}"),
            labels => writeln!(self.0, "{name}{{{labels}}} {value}"),
        };
    }

    fn calls(&mut self, metrics: &Metrics) {
        let calls = ServedMethod::ALL
            .iter()
            .map(|method| (method.labels(), metrics.calls(*method)));
        let calls: Vec<_> = calls.collect();

        let name = "grpc_server_started_total";
        self.family(name, "counter", "Calls started.");
        for (labels, counts) in &calls {
            self.sample(name, labels, counts.started);
        }
        let name = "grpc_server_handled_total";
        self.family(name, "counter", "Calls completed, by status code.");
        for (labels, counts) in &calls {
            for (number, count) in counts.handled.into_iter().enumerate() {
                let labels = format!("{labels},grpc_code=\"{}\"", code_name(number));
                self.sample(name, &labels, count);
            }
        }
        let name = "grpc_server_handling_seconds";
        let help = "Time from a call's headers to its response.";
        self.family(name, "histogram", help);
        for (labels, counts) in &calls {
            self.histogram(name, labels, counts);
        }
    }

    fn histogram(&mut self, name: &str, labels: &str, counts: &CallCounts<u64>) {
        let mut total = 0;
        let bounds = BOUNDS_US
            .iter()
            .map(|us| Duration::from_micros(*us).as_secs_f64().to_string())
            .chain(["+Inf".to_owned()]);
        for (bound, bucket) in bounds.zip(counts.buckets) {
            total += bucket;
            let labels = format!("{labels},le=\"{bound}\"");
            self.sample(&format!("{name}_bucket"), &labels, total);
        }
        let seconds = Duration::from_nanos(counts.nanoseconds).as_secs_f64();
        self.sample(&format!("{name}_sum"), labels, seconds);
        self.sample(&format!("{name}_count"), labels, total);
    }

    fn connections(&mut self, counters: &[[AtomicU64; 2]], open: usize) {
        let name = "labrpc_connections_total";
        self.family(name, "counter", "Connections served, by protocol.");
        for (protocol, counters) in ServedProtocol::ALL.iter().zip(counters) {
            for (tls, counter) in [false, true].iter().zip(counters) {
                let labels = format!("protocol=\"{}\",tls=\"{tls}\"", protocol.name());
                self.sample(name, &labels, counter.load(Relaxed));
            }
        }
        let name = "labrpc_connections_open";
        self.family(name, "gauge", "Connections open now.");
        self.sample(name, "", open);
    }

    fn reasons<const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        reasons: [&str; N],
        counters: &[AtomicU64; N],
    ) {
        self.family(name, "counter", help);
        for (reason, counter) in reasons.iter().zip(counters) {
            let labels = format!("reason=\"{reason}\"");
            self.sample(name, &labels, counter.load(Relaxed));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_appear_under_the_names_that_dashboards_expect() {
        let metrics = Metrics::default();
        for _ in 0..3 {
            metrics.count_started(ServedMethod::GetProfile);
        }
        metrics.count_handled(
            ServedMethod::GetProfile,
            Code::Ok,
            Duration::from_micros(30),
        );
        metrics.count_handled(
            ServedMethod::GetProfile,
            Code::Internal,
            Duration::from_secs(60),
        );
        metrics.count_connection(ServedProtocol::Grpc, true);
        metrics.count_rejection(RejectReason::UnrecognizedProtocol);
        let text = metrics.render(3);

        let labels = r#"grpc_type="unary",grpc_service="lab.Profile",grpc_method="GetProfile""#;
        for line in [
            // Two of them were answered.
            format!("grpc_server_started_total{{{labels}}} 3"),
            format!(r#"grpc_server_handled_total{{{labels},grpc_code="OK"}} 1"#),
            format!(r#"grpc_server_handled_total{{{labels},grpc_code="Internal"}} 1"#),
            format!(r#"grpc_server_handling_seconds_bucket{{{labels},le="0.000025"}} 0"#),
            format!(r#"grpc_server_handling_seconds_bucket{{{labels},le="0.00005"}} 1"#),
            format!(r#"grpc_server_handling_seconds_bucket{{{labels},le="+Inf"}} 2"#),
            format!("grpc_server_handling_seconds_sum{{{labels}}} 60.00003"),
            format!("grpc_server_handling_seconds_count{{{labels}}} 2"),
            r#"labrpc_connections_total{protocol="grpc",tls="true"} 1"#.into(),
            r#"labrpc_refusals_total{reason="unrecognized_protocol"} 1"#.into(),
            "labrpc_connections_open 3".into(),
        ] {
            assert!(
                text.lines().any(|l| l == line),
                "{line} is missing in\n{text}"
            );
        }
        assert!(text.ends_with('\n'));
    }

    #[test]
    fn every_line_is_a_comment_or_a_sample_of_a_declared_family() {
        let text = Metrics::default().render(0);
        let mut families = Vec::new();
        for line in text.lines() {
            if let Some(declared) = line.strip_prefix("# TYPE ") {
                families.extend(declared.split(' ').next());
            } else if !line.starts_with("# HELP ") {
                let (series, value) = line.rsplit_once(' ').unwrap();
                assert!(value.parse::<f64>().is_ok(), "{line}");
                let name = series.split('{').next().unwrap();
                assert!(
                    families.last().is_some_and(|f| name.starts_with(f)),
                    "{line}"
                );
            }
        }
    }
}
