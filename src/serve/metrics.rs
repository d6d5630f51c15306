//! What the server counts, and its text in the Prometheus exposition format.
//!
//! Every label is one of a closed set, so all counters exist from the start and counting is one atomic
//! addition; nothing that a peer sends can make a new time series. What is counted with every call is counted
//! apart for each thread: cores that pass one counter to and fro spend more time on that than on the call.

use std::{
    fmt::Write as _,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use tonic::Code;

use crate::{named::named, serve::limiter::Resource};

named! {
    /// A dialect that a connection turned out to speak.
    pub(crate) enum Dialect {
        Grpc => "grpc",
        Http => "http",
        Raw => "raw",
    }
}

named! {
    /// Why a connection was closed without an answer, or a request refused.
    pub(crate) enum Refusal {
        /// `--allow` does not have the address.
        Address => "address",
        /// Too many connections in all.
        Connections => "connections",
        /// Too many connections from one address.
        ConnectionsPerAddress => "connections_per_address",
        /// The peer left before it said anything whole.
        Closed => "closed",
        /// The first bytes are no dialect's.
        Stranger => "stranger",
        /// Nothing, or half a preface, until the deadline.
        Timeout => "timeout",
        /// A dialect that `--accept` leaves out.
        Dialect => "dialect",
        /// Plaintext where only TLS is served.
        Plaintext => "plaintext",
        /// TLS where there is no certificate.
        NoCertificate => "no_certificate",
        /// The TLS handshake failed.
        Tls => "tls",
        /// An HTTP request for another host, or from another site.
        CrossSite => "cross_site",
        /// A call too many.
        Overload => "overload",
    }
}

named! {
    /// Why the server ended a connection that was served.
    pub(crate) enum Cut {
        Idle => "idle",
        Age => "age",
        Drain => "drain",
        /// More control frames, resets or provoked errors than any client needs (GOAWAY ENHANCE_YOUR_CALM).
        EnhanceYourCalm => "enhance_your_calm",
    }
}

named! {
    /// The methods served. `Unknown` stands for every other path, whatever it says.
    pub(crate) enum Method {
        GetProfile => "/lab.Profile/GetProfile",
        HealthCheck => "/grpc.health.v1.Health/Check",
        HealthWatch => "/grpc.health.v1.Health/Watch",
        Reflection => "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        ReflectionAlpha => "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        Unknown => "/unknown/unknown",
    }
}

impl Method {
    /// The method with this path.
    pub(crate) fn of(path: &str) -> Self {
        Self::from_name(path).unwrap_or(Self::Unknown)
    }

    /// What a call of this method takes once it has to wait.
    pub(crate) fn resource(self) -> Resource {
        match self {
            Self::GetProfile | Self::HealthCheck | Self::Unknown => Resource::Call,
            Self::HealthWatch => Resource::Watch,
            Self::Reflection | Self::ReflectionAlpha => Resource::Reflection,
        }
    }

    /// The labels under which gRPC's dashboards look for it.
    fn labels(self) -> String {
        let kind = match self {
            Self::GetProfile | Self::HealthCheck | Self::Unknown => "unary",
            Self::HealthWatch => "server_stream",
            Self::Reflection | Self::ReflectionAlpha => "bidi_stream",
        };
        let (service, method) = self.name()[1..].split_once('/').unwrap_or_default();
        format!("grpc_type=\"{kind}\",grpc_service=\"{service}\",grpc_method=\"{method}\"")
    }
}

/// The status codes by number, as grpc-go names them in its metrics.
const CODES: [&str; 17] = [
    "OK",
    "Canceled",
    "Unknown",
    "InvalidArgument",
    "DeadlineExceeded",
    "NotFound",
    "AlreadyExists",
    "PermissionDenied",
    "ResourceExhausted",
    "FailedPrecondition",
    "Aborted",
    "OutOfRange",
    "Unimplemented",
    "Internal",
    "Unavailable",
    "DataLoss",
    "Unauthenticated",
];

/// Upper bounds of the histogram, in microseconds: GetProfile takes tens of them, a stalled caller seconds.
const BOUNDS_US: [u64; 12] = [
    10, 25, 50, 100, 250, 500, 1_000, 5_000, 25_000, 100_000, 1_000_000, 10_000_000,
];

/// The calls of one method; the same as plain numbers is what is printed.
#[derive(Debug, Default)]
struct Calls<N = AtomicU64> {
    started: N,
    handled: [N; CODES.len()],
    // Not cumulative: summed up when printed.
    buckets: [N; BOUNDS_US.len() + 1],
    nanoseconds: N,
}

/// Threads that count apart; with more of them some share.
const SHARDS: usize = 16;

/// One thread's counts, on cache lines of its own (128 bytes, since lines are fetched in pairs).
#[derive(Debug, Default)]
#[repr(align(128))]
struct Shard([Calls; Method::COUNT]);

/// The shard of the current thread.
fn shard() -> usize {
    static THREADS: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static INDEX: usize = THREADS.fetch_add(1, Relaxed) % SHARDS;
    }
    INDEX.with(|index| *index)
}

/// All counters of one server.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    calls: [Shard; SHARDS],
    connections: [[AtomicU64; 2]; Dialect::COUNT],
    refusals: [AtomicU64; Refusal::COUNT],
    cuts: [AtomicU64; Cut::COUNT],
    late_requests: AtomicU64,
    accept_errors: AtomicU64,
    panics: AtomicU64,
    /// Counted by the log itself, which serves the whole process.
    log_lines_dropped: Arc<AtomicU64>,
}

impl Metrics {
    pub(crate) fn new(log_lines_dropped: Arc<AtomicU64>) -> Self {
        Self {
            log_lines_dropped,
            ..Self::default()
        }
    }

    pub(crate) fn started(&self, method: Method) {
        let calls = &self.calls[shard()].0[method as usize];
        calls.started.fetch_add(1, Relaxed);
    }

    pub(crate) fn handled(&self, method: Method, code: Code, took: Duration) {
        let calls = &self.calls[shard()].0[method as usize];
        calls.handled[code as usize].fetch_add(1, Relaxed);
        let micros = took.as_micros();
        let bucket = BOUNDS_US.partition_point(|bound| u128::from(*bound) < micros);
        calls.buckets[bucket].fetch_add(1, Relaxed);
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        calls.nanoseconds.fetch_add(nanos, Relaxed);
    }

    pub(crate) fn connection(&self, dialect: Dialect, tls: bool) {
        self.connections[dialect as usize][usize::from(tls)].fetch_add(1, Relaxed);
    }

    pub(crate) fn refusal(&self, reason: Refusal) {
        self.refusals[reason as usize].fetch_add(1, Relaxed);
    }

    pub(crate) fn cut(&self, reason: Cut) {
        self.cuts[reason as usize].fetch_add(1, Relaxed);
    }

    pub(crate) fn late_request(&self) {
        self.late_requests.fetch_add(1, Relaxed);
    }

    pub(crate) fn accept_error(&self) {
        self.accept_errors.fetch_add(1, Relaxed);
    }

    pub(crate) fn panic(&self) {
        self.panics.fetch_add(1, Relaxed);
    }

    /// The calls of one method, summed up over the threads.
    fn calls(&self, method: Method) -> Calls<u64> {
        let mut sum = Calls::<u64>::default();
        for shard in &self.calls {
            let calls = &shard.0[method as usize];
            let add = |sums: &mut [u64], counters: &[AtomicU64]| {
                for (sum, counter) in sums.iter_mut().zip(counters) {
                    *sum += counter.load(Relaxed);
                }
            };
            add(&mut sum.handled, &calls.handled);
            add(&mut sum.buckets, &calls.buckets);
            sum.nanoseconds += calls.nanoseconds.load(Relaxed);
        }
        // Last, so that no call appears as handled that does not appear as started.
        for shard in &self.calls {
            sum.started += shard.0[method as usize].started.load(Relaxed);
        }
        sum
    }

    /// The counters as text, with `open` connections at the moment.
    pub(crate) fn render(&self, open: usize) -> String {
        let mut out = String::with_capacity(16 * 1024);
        let mut family = |name: &str, kind: &str, help: &str, samples: Vec<(String, String)>| {
            // Writing to a String cannot fail.
            let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
            for (series, value) in samples {
                let _ = writeln!(out, "{name}{series} {value}");
            }
        };
        let count = |counter: &AtomicU64| counter.load(Relaxed).to_string();
        let calls: Vec<_> = Method::ALL.iter().map(|m| (m, self.calls(*m))).collect();

        family(
            "grpc_server_started_total",
            "counter",
            "Calls started.",
            calls
                .iter()
                .map(|(method, calls)| {
                    (
                        format!("{{{}}}", method.labels()),
                        calls.started.to_string(),
                    )
                })
                .collect(),
        );
        family(
            "grpc_server_handled_total",
            "counter",
            "Calls completed, by status code.",
            calls
                .iter()
                .flat_map(|(method, calls)| {
                    CODES.iter().zip(&calls.handled).map(|(code, count)| {
                        let series = format!("{{{},grpc_code=\"{code}\"}}", method.labels());
                        (series, count.to_string())
                    })
                })
                .collect(),
        );
        family(
            "grpc_server_handling_seconds",
            "histogram",
            "Time from a call's headers to its response.",
            calls
                .iter()
                .flat_map(|(method, calls)| histogram(&method.labels(), calls))
                .collect(),
        );
        family(
            "labrpc_connections_total",
            "counter",
            "Connections served, by what they turned out to speak.",
            Dialect::ALL
                .iter()
                .flat_map(|dialect| {
                    [false, true].map(|tls| {
                        let series = format!("{{dialect=\"{}\",tls=\"{tls}\"}}", dialect.name());
                        let counter = &self.connections[*dialect as usize][usize::from(tls)];
                        (series, count(counter))
                    })
                })
                .collect(),
        );
        family(
            "labrpc_connections_open",
            "gauge",
            "Connections open now.",
            vec![(String::new(), open.to_string())],
        );
        family(
            "labrpc_refusals_total",
            "counter",
            "Connections and requests turned away, by reason.",
            labelled(
                "reason",
                Refusal::ALL.iter().map(|r| r.name()),
                &self.refusals,
            ),
        );
        family(
            "labrpc_connections_ended_total",
            "counter",
            "Connections that the server told to leave, by reason.",
            labelled("reason", Cut::ALL.iter().map(|c| c.name()), &self.cuts),
        );
        family(
            "labrpc_late_requests_total",
            "counter",
            "Connections that were answered with raw JSON and then sent a gRPC, TLS or HTTP request.",
            vec![(String::new(), count(&self.late_requests))],
        );
        family(
            "labrpc_accept_errors_total",
            "counter",
            "Errors of accept(2).",
            vec![(String::new(), count(&self.accept_errors))],
        );
        family(
            "labrpc_panics_total",
            "counter",
            "Handlers that panicked; each is a defect.",
            vec![(String::new(), count(&self.panics))],
        );
        family(
            "labrpc_log_lines_dropped_total",
            "counter",
            "Log lines dropped because standard error was not read fast enough.",
            vec![(String::new(), count(&self.log_lines_dropped))],
        );
        out
    }
}

fn labelled<'a>(
    label: &str,
    values: impl Iterator<Item = &'a str>,
    counters: &[AtomicU64],
) -> Vec<(String, String)> {
    values
        .zip(counters)
        .map(|(value, counter)| {
            let series = format!("{{{label}=\"{value}\"}}");
            (series, counter.load(Relaxed).to_string())
        })
        .collect()
}

/// The series of one histogram, each with the suffix that the format asks for in front of its labels.
fn histogram(labels: &str, calls: &Calls<u64>) -> Vec<(String, String)> {
    let mut total = 0;
    let mut series = Vec::with_capacity(BOUNDS_US.len() + 3);
    let bounds = BOUNDS_US
        .iter()
        .map(|us| (Duration::from_micros(*us).as_secs_f64()).to_string())
        .chain(["+Inf".to_owned()]);
    for (bound, bucket) in bounds.zip(&calls.buckets) {
        total += bucket;
        series.push((
            format!("_bucket{{{labels},le=\"{bound}\"}}"),
            total.to_string(),
        ));
    }
    let seconds = Duration::from_nanos(calls.nanoseconds).as_secs_f64();
    series.push((format!("_sum{{{labels}}}"), seconds.to_string()));
    series.push((format!("_count{{{labels}}}"), total.to_string()));
    series
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_appear_under_the_names_that_dashboards_look_for() {
        let metrics = Metrics::default();
        for _ in 0..3 {
            metrics.started(Method::GetProfile);
        }
        metrics.handled(Method::GetProfile, Code::Ok, Duration::from_micros(30));
        metrics.handled(Method::GetProfile, Code::Internal, Duration::from_secs(60));
        metrics.connection(Dialect::Grpc, true);
        metrics.refusal(Refusal::Stranger);
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
            r#"labrpc_connections_total{dialect="grpc",tls="true"} 1"#.into(),
            r#"labrpc_refusals_total{reason="stranger"} 1"#.into(),
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
