//! The values of the labels.

use crate::{named::named, serve::limiter::Resource};

named! {
    /// A protocol that a connection was served in.
    pub(crate) enum ServedProtocol {
        Grpc => "grpc",
        Http => "http",
        Raw => "raw",
    }
}

named! {
    /// Why a connection was closed without an answer, or a request rejected.
    pub(crate) enum RejectReason {
        /// `--allow` does not contain the address.
        NotAllowed => "not_allowed",
        /// Too many connections in all.
        Connections => "connections",
        /// Too many connections from one address.
        ConnectionsPerAddress => "connections_per_address",
        /// The peer closed before its protocol was clear.
        Closed => "closed",
        /// The first bytes are not those of a supported protocol.
        UnrecognizedProtocol => "unrecognized_protocol",
        /// Nothing, or an incomplete preface, until the deadline.
        Timeout => "timeout",
        /// A protocol that `--protocols` excludes.
        ProtocolNotAccepted => "protocol_not_accepted",
        /// Plaintext where only TLS is served.
        Plaintext => "plaintext",
        /// TLS without a certificate on this server.
        NoCertificate => "no_certificate",
        /// The TLS handshake failed.
        Tls => "tls",
        /// An HTTP request for another host, or from another site.
        CrossSite => "cross_site",
        /// A call beyond the limits.
        Overload => "overload",
    }
}

named! {
    /// Why the server closed a connection that it had served.
    pub(crate) enum CloseReason {
        Idle => "idle",
        Age => "age",
        Drain => "drain",
        /// More control frames, resets or provoked errors than any client needs (GOAWAY ENHANCE_YOUR_CALM).
        EnhanceYourCalm => "enhance_your_calm",
    }
}

named! {
    /// The methods that are served. `Unknown` stands for every other path.
    pub(crate) enum ServedMethod {
        GetProfile => "/lab.Profile/GetProfile",
        HealthCheck => "/grpc.health.v1.Health/Check",
        HealthWatch => "/grpc.health.v1.Health/Watch",
        Reflection => "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        ReflectionAlpha => "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        Unknown => "/unknown/unknown",
    }
}

impl ServedMethod {
    /// The method with this path.
    pub(crate) fn of(path: &str) -> Self {
        Self::from_name(path).unwrap_or(Self::Unknown)
    }

    /// The resource that a pending call of this method uses.
    pub(crate) fn resource(self) -> Resource {
        match self {
            Self::GetProfile | Self::HealthCheck | Self::Unknown => Resource::Call,
            Self::HealthWatch => Resource::Watch,
            Self::Reflection | Self::ReflectionAlpha => Resource::Reflection,
        }
    }

    /// The labels that gRPC dashboards expect.
    pub(crate) fn labels(self) -> String {
        let kind = match self.resource() {
            Resource::Watch => "server_stream",
            Resource::Reflection => "bidi_stream",
            Resource::Call | Resource::Connection => "unary",
        };
        let (service, method) = self.name()[1..].split_once('/').unwrap_or_default();
        format!("grpc_type=\"{kind}\",grpc_service=\"{service}\",grpc_method=\"{method}\"")
    }
}
